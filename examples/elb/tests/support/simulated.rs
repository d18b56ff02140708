//! The machines of a simulated cluster as a pool with a hook.

use std::path::PathBuf;
use std::time::Duration;

use elb::config::Pool;
use elb::hooks::{Call, HookSettings};
use sflow_simulator::experiment::Scenario;

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
