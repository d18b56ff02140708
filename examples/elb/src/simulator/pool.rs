use std::time::Duration;

use sflow_metrics::Timestamp;

use super::random::Random;
use super::scenario::ServiceSpec;

/// A service: what it is, what is wanted of it, and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) spec: ServiceSpec,
    pub(super) id: String,
    /// Position of its last change in the cluster's log.
    pub(super) version: u64,
    pub(super) replicas: u32,
    loops: Vec<CrashLoop>,
    pub(super) now: Now,
    /// Task seconds in which more was asked than the task could do.
    pub(super) overload: f64,
    /// Requests that nobody served.
    pub(super) unserved: f64,
}

/// What a service does at present, all tasks together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Now {
    pub(super) demand: f64,
    pub(super) served: f64,
    pub(super) cores: f64,
    pub(super) running: u32,
}

/// A slot in which every task crashes.
#[derive(Clone, Copy, Debug)]
struct CrashLoop {
    slot: u32,
    after: Duration,
    until: Timestamp,
}

impl Pool {
    pub(super) fn new(spec: &ServiceSpec, id: String, version: u64) -> Self {
        Self {
            spec: spec.clone(),
            id,
            version,
            replicas: spec.replicas,
            loops: Vec::new(),
            now: Now::default(),
            overload: 0.0,
            unserved: 0.0,
        }
    }

    /// From now on, every task that starts in this slot crashes after a while.
    pub(super) fn crash_loop(&mut self, slot: u32, after: Duration, until: Timestamp) {
        self.loops.push(CrashLoop { slot, after, until });
    }

    /// How long a task that starts now runs until it crashes, if it does.
    pub(super) fn life(&self, slot: u32, at: Timestamp, random: &mut Random) -> Option<Duration> {
        let own = self.spec.mean_life.map(|mean| random.exponential(mean));
        let loops = self
            .loops
            .iter()
            .filter(|bad| bad.slot == slot && at < bad.until);
        loops.map(|bad| bad.after).chain(own).min()
    }
}
