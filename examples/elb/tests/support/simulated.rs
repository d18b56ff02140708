//! The machines of a simulated cluster as a pool with a hook.

use std::path::PathBuf;
use std::time::Duration;

use elb::config::Pool;
use elb::pool::hook::{Call, HookError, HookSettings, Order};
use elb::pool::provider::{Answer, Provider};
use sflow_autoscale::node_pools::{self, Provider as _};
use sflow_simulator::experiment::{Scenario, SimulatedCluster};

/// The pool of a scenario, in mode `act`.
pub(crate) fn pool(scenario: &Scenario) -> Option<Pool> {
    let pool = scenario.pool()?;
    let hook = HookSettings {
        call: Call::Program {
            program: PathBuf::from("/simulated"),
            arguments: Vec::new(),
        },
        timeout: Duration::from_secs(60),
        tries: 3,
        pause: Duration::from_secs(5),
    };
    Some(Pool {
        name: pool.name,
        nodes: pool.nodes,
        settings: pool.settings,
        hook: Some(hook),
        machines: pool.machines,
        peers: pool.peers,
        replace: pool.replace,
    })
}

/// Carries out orders in the simulated cluster, whatever the hook.
#[derive(Debug)]
pub(crate) struct Machines(pub(crate) SimulatedCluster);

impl Provider for Machines {
    fn give(&mut self, _: &HookSettings, order: Order, within: Duration) {
        self.0.submit(order, within);
    }

    fn answers(&mut self) -> Vec<Answer> {
        let answers = self.0.answers().into_iter();
        let answers = answers.map(|node_pools::Answer { order, promise }| Answer {
            order,
            promise: promise.map_err(|why| HookError::Refused {
                call: "simulated".to_owned(),
                why,
            }),
        });
        answers.collect()
    }
}
