use sflow_metrics::{Config, Registry};

use super::{Agent, Container, ask, host};

pub(crate) const CORES: &str = "avg:vir_cpu_cores{container=web.*}";
pub(crate) const BYTES: &str = "avg:vir_bytes_in+vir_bytes_out{container=web.*}";

/// A host with one container that uses half a processor and receives 1 MB/s.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) agent: Agent,
    pub(crate) web: Container<'static>,
    pub(crate) sequence: u32,
    pub(crate) now: f64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::after(0)
    }

    /// A world in which `sequence` datagrams and samples have been sent.
    pub(crate) fn after(sequence: u32) -> Self {
        Self::beginning(0.0, sequence)
    }

    /// A world at second `now` in which `sequence` datagrams and samples have been sent.
    pub(crate) fn beginning(now: f64, sequence: u32) -> Self {
        let mut world = Self {
            registry: Registry::new(Config::default()),
            agent: Agent {
                sequence,
                started: now - 100.0,
                ..Agent::new(1)
            },
            web: Container::new("web.1", 1),
            sequence,
            now,
        };
        let host = host("node1", 1, 4, 0, 0);
        world.agent.report(&mut world.registry, now, &[host]);
        world
    }

    pub(crate) fn work(&mut self, seconds: f64) {
        self.now += seconds;
        self.web.work(seconds, 0.5, 1e6);
    }

    /// The datagram with the next sample, not delivered.
    pub(crate) fn send(&mut self) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.agent.send(self.now, &[self.web.sample(self.sequence)])
    }

    pub(crate) fn deliver(&mut self, bytes: &[u8]) {
        self.agent.deliver(&mut self.registry, self.now, bytes);
    }

    pub(crate) fn poll(&mut self) {
        self.work(10.0);
        let bytes = self.send();
        self.deliver(&bytes);
    }

    pub(crate) fn cores(&self) -> Option<f64> {
        ask(&self.registry, self.now, CORES).value
    }

    pub(crate) fn bytes(&self) -> Option<f64> {
        ask(&self.registry, self.now, BYTES).value
    }

    #[track_caller]
    pub(crate) fn assert_rates(&self) {
        assert_eq!(self.cores(), Some(0.5));
        assert_eq!(self.bytes(), Some(3e6));
    }
}
