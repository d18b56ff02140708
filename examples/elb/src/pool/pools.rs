//! The pools of the configuration, whose orders hooks carry out.

use std::collections::BTreeMap;
use std::time::Duration;

use sflow_autoscale::controller::ManagedService;
use sflow_autoscale::node_pools::{self, NodePools, PoolRound, PoolSettings, Reconciler};
use sflow_autoscale::observe::TelemetryAccess;
use sflow_autoscale::orchestrator::Orchestrator;
use sflow_autoscale::policy::Mode;
use sflow_metrics::{Timestamp, query};

use super::hook::{HookSettings, Order};
use super::provider::{Background, Provider};
use crate::config::Pool;

/// All pools and their hooks.
#[derive(Debug)]
pub struct Pools(NodePools<Hooks>);

impl Pools {
    /// These pools, whose hooks are called in the background. `instance` is a key of this run:
    /// [`node_pools::instance`].
    ///
    /// # Errors
    ///
    /// If a metric of a policy is unknown.
    pub fn new(instance: String, pools: &[Pool]) -> Result<Self, query::Error> {
        let hooks = Hooks {
            hooks: hooks(pools),
            provider: Box::<Background>::default(),
        };
        Ok(Self(NodePools::new(instance, &settings(pools), hooks)?))
    }

    /// Calls hooks by another provider.
    pub fn provide(&mut self, provider: Box<dyn Provider>) {
        self.0.provider_mut().provider = provider;
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
        self.0.provider_mut().hooks = hooks(pools);
        Ok(())
    }

    /// One round of all pools, if it is due: [`NodePools::round`].
    pub async fn round<O: Orchestrator>(
        &mut self,
        now: Timestamp,
        most: Mode,
        orchestrator: &mut O,
        managed: &[ManagedService],
        telemetry: &mut impl TelemetryAccess,
    ) -> Option<PoolRound> {
        let pools = &mut self.0;
        pools
            .round(now, most, orchestrator, managed, telemetry)
            .await
    }

    /// Waits for hooks that run, at most for this time. Returns whether all have ended.
    pub async fn finish(&mut self, timeout: Duration) -> bool {
        const STEP: Duration = Duration::from_millis(50);
        let provider = &mut self.0.provider_mut().provider;
        let finished = async {
            while provider.is_busy() {
                tokio::time::sleep(STEP).await;
            }
        };
        tokio::time::timeout(timeout, finished).await.is_ok()
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

/// The hooks by the name of their pool.
#[derive(Debug)]
struct Hooks {
    hooks: BTreeMap<String, HookSettings>,
    provider: Box<dyn Provider>,
}

impl node_pools::Provider for Hooks {
    fn submit(&mut self, order: Order, within: Duration) {
        if let Some(hook) = self.hooks.get(&order.pool) {
            self.provider.give(hook, order, within);
        }
    }

    fn answers(&mut self) -> Vec<node_pools::Answer> {
        let answers = self.provider.answers().into_iter();
        let answers = answers.map(|answer| node_pools::Answer {
            order: answer.order,
            promise: answer.promise.map_err(|error| error.to_string()),
        });
        answers.collect()
    }
}
