use std::time::Duration;

use crate::random::Random;
use crate::spec::ServiceSpec;

/// State of a service, apart from its tasks.
#[derive(Clone, Debug)]
pub(crate) struct ServiceState {
    pub(crate) spec: ServiceSpec,
    pub(crate) id: String,
    /// Index of the last change of the specification in the orchestrator's log.
    pub(crate) version: u64,
    pub(crate) replicas: u32,
    crash_loops: Vec<CrashLoop>,
    pub(crate) rates: ServiceRates,
    /// Task seconds with more requests than the task could serve.
    pub(crate) overload_seconds: f64,
    /// Requests that were not served.
    pub(crate) unserved_requests: f64,
}

/// What all tasks of a service do at present.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceRates {
    /// Requests per second that arrive.
    pub(crate) offered: f64,
    /// Requests per second that are served.
    pub(crate) served: f64,
    pub(crate) cores: f64,
    /// Number of running tasks.
    pub(crate) running: u32,
}

/// A slot in which every task crashes.
#[derive(Clone, Copy, Debug)]
struct CrashLoop {
    slot: u32,
    after: Duration,
    until: Duration,
}

impl ServiceState {
    pub(crate) fn new(spec: &ServiceSpec, id: String, version: u64) -> Self {
        Self {
            spec: spec.clone(),
            id,
            version,
            replicas: spec.replicas,
            crash_loops: Vec::new(),
            rates: ServiceRates::default(),
            overload_seconds: 0.0,
            unserved_requests: 0.0,
        }
    }

    /// From now on, every task that starts in this slot crashes `after` its start.
    pub(crate) fn add_crash_loop(&mut self, slot: u32, after: Duration, until: Duration) {
        self.crash_loops.push(CrashLoop { slot, after, until });
    }

    /// Time from the start of a task to its crash; `None` if it does not crash.
    pub(crate) fn lifetime(
        &self,
        slot: u32,
        at: Duration,
        random: &mut Random,
    ) -> Option<Duration> {
        let own = self.spec.mean_lifetime.map(|mean| random.exponential(mean));
        let loops = self
            .crash_loops
            .iter()
            .filter(|crash_loop| crash_loop.slot == slot && at < crash_loop.until);
        loops.map(|crash_loop| crash_loop.after).chain(own).min()
    }
}
