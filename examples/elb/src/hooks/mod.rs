//! Hooks that add and remove the machines of node pools: programs and HTTP requests.
//!
//! A hook may hang, fail, return invalid answers or break its promise. Therefore each order has a
//! key that stays the same when it is repeated, a time limit and a number of tries, and a
//! successful answer is only a promise. Whether a machine has joined or left is read from the
//! cluster.

mod call;
mod request;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sflow_autoscale::node_pools::{Answer, NodePools, Order, PoolSettings, Provider};
use sflow_metrics::query;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use self::call::without_query;
pub use self::call::{Call, HookSettings};
pub(crate) use self::request::{check_ca, check_url};
use crate::config::Pool;
use crate::leader::LeaderPermit;

/// Node pools whose machines are added and removed by hooks.
pub type Pools = NodePools<Hooks>;

/// The node pools of a configuration. `instance` is a key of this run:
/// [`sflow_autoscale::node_pools::instance`].
///
/// # Errors
///
/// If a metric of a policy is unknown.
pub fn pools(instance: String, pools: &[Pool]) -> Result<Pools, query::Error> {
    let provider = Hooks {
        settings: hooks(pools),
        ..Hooks::default()
    };
    NodePools::new(instance, &settings(pools), provider)
}

/// Replaces the pools and their hooks. Pools that remain keep their state.
///
/// # Errors
///
/// If a metric of a policy is unknown; then nothing has changed.
pub fn configure(known: &mut Pools, pools: &[Pool]) -> Result<(), query::Error> {
    known.configure(&settings(pools))?;
    known.provider_mut().settings = hooks(pools);
    Ok(())
}

fn settings(pools: &[Pool]) -> Vec<PoolSettings> {
    pools.iter().map(Pool::without_hook).collect()
}

fn hooks(pools: &[Pool]) -> BTreeMap<String, HookSettings> {
    let hooks = pools
        .iter()
        .filter_map(|pool| Some((pool.name.clone(), pool.hook.clone()?)));
    hooks.collect()
}

/// Calls each hook in a separate task of the current runtime. When it is dropped, running programs
/// are killed.
#[derive(Default)]
pub struct Hooks {
    /// By the name of the pool.
    settings: BTreeMap<String, HookSettings>,
    running: JoinSet<Answer>,
    /// Answers that have not been returned yet.
    answers: Vec<Answer>,
    /// Whether a try may start.
    permit: LeaderPermit,
    /// Receives the orders instead of the hooks.
    substitute: Option<Box<dyn Provider + Send>>,
}

impl Hooks {
    /// Passes orders to `provider` instead of the hooks.
    pub fn substitute(&mut self, provider: Box<dyn Provider + Send>) {
        self.substitute = Some(provider);
    }

    /// Calls hooks only while this permits it.
    pub fn set_permit(&mut self, permit: LeaderPermit) {
        self.permit = permit;
    }

    /// Waits for hooks that run, at most for this time. Returns whether all have ended.
    pub async fn finish(&mut self, limit: Duration) -> bool {
        let finished = async {
            while let Some(ended) = self.running.join_next().await {
                self.answers.extend(ended);
            }
        };
        timeout(limit, finished).await.is_ok()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.settings).finish()
    }
}

impl Provider for Hooks {
    fn submit(&mut self, order: Order, within: Duration) {
        if let Some(substitute) = &mut self.substitute {
            substitute.submit(order, within);
        } else if let Some(hook) = self.settings.get(&order.pool).cloned() {
            let permit = self.permit.clone();
            self.running.spawn(async move {
                let given = timeout(within, hook.give(&order, &permit)).await;
                let promise = given.unwrap_or_else(|_| {
                    let call = &hook.call;
                    Err(format!(
                        "{call} did not answer within {within:?} in all tries"
                    ))
                });
                Answer { order, promise }
            });
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        if let Some(substitute) = &mut self.substitute {
            return substitute.answers();
        }
        while let Some(ended) = self.running.try_join_next() {
            // A task that panicked has no answer; its order then times out.
            self.answers.extend(ended);
        }
        std::mem::take(&mut self.answers)
    }
}
