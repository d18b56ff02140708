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

use sflow_autoscale::controller::ManagedService;
use sflow_autoscale::leader::Permit;
use sflow_autoscale::node_pools::{Answer, NodePools, Order, PoolRound, PoolSettings};
use sflow_autoscale::node_pools::{Provider, Reconciler};
use sflow_autoscale::observe::TelemetryAccess;
use sflow_autoscale::orchestrator::Orchestrator;
use sflow_autoscale::policy::Mode;
use sflow_metrics::{Timestamp, query};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use self::call::without_query;
pub use self::call::{Call, HookError, HookSettings};
pub(crate) use self::request::{check_ca, check_url};
use crate::config::Pool;

/// The node pools of a configuration and their hooks.
#[derive(Debug)]
pub struct Pools(NodePools<Hooks>);

impl Pools {
    /// These pools, whose hooks are called in the background. `instance` is a key of this run:
    /// [`sflow_autoscale::node_pools::instance`].
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown.
    pub fn new(instance: String, pools: &[Pool]) -> Result<Self, query::Error> {
        let hooks = Hooks {
            settings: hooks(pools),
            ..Hooks::default()
        };
        Ok(Self(NodePools::new(instance, &settings(pools), hooks)?))
    }

    /// Passes orders to `provider` instead of the hooks.
    pub fn provide(&mut self, provider: Box<dyn Provider + Send>) {
        self.0.provider_mut().substitute = Some(provider);
    }

    /// The pools.
    pub fn reconcilers(&self) -> &[Reconciler] {
        self.0.reconcilers()
    }

    /// Sets the mode of a pool; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If it has no hook and the mode is `act`.
    pub fn set_mode(&mut self, pool: &str, mode: Mode) -> Option<Result<(), String>> {
        self.0.set_mode(pool, mode)
    }

    /// Replaces the pools. Pools that remain keep their state.
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown; then nothing has changed.
    pub fn configure(&mut self, pools: &[Pool]) -> Result<(), query::Error> {
        self.0.configure(&settings(pools))?;
        self.0.provider_mut().settings = hooks(pools);
        Ok(())
    }

    /// One round of all pools, if it is due: [`NodePools::round`].
    pub async fn round<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        (most, permit): (Mode, &impl Permit),
        orchestrator: &mut O,
        managed: &[ManagedService],
        telemetry: &mut impl TelemetryAccess,
    ) -> Option<PoolRound> {
        let pools = &mut self.0;
        pools
            .round(now, (most, permit), orchestrator, managed, telemetry)
            .await
    }

    /// Waits for hooks that run, at most for this time. Returns whether all have ended.
    pub async fn finish(&mut self, limit: Duration) -> bool {
        let hooks = self.0.provider_mut();
        let finished = async {
            while let Some(ended) = hooks.running.join_next().await {
                hooks.answers.extend(ended);
            }
        };
        timeout(limit, finished).await.is_ok()
    }
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
struct Hooks {
    /// By the name of the pool.
    settings: BTreeMap<String, HookSettings>,
    running: JoinSet<Answer>,
    /// Answers that have not been returned yet.
    answers: Vec<Answer>,
    /// Receives the orders instead of the hooks.
    substitute: Option<Box<dyn Provider + Send>>,
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
            self.running.spawn(async move {
                let given = timeout(within, hook.give(&order)).await;
                let promise = given.unwrap_or_else(|_| {
                    let call = hook.call.to_string();
                    Err(HookError::TooLate { call, within })
                });
                let promise = promise.map_err(|error| error.to_string());
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
