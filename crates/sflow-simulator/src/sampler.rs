use std::time::Duration;

use crate::cluster::Cluster;
use crate::packet::Packet;
use crate::random::Random;
use crate::spec::AgentSpec;

/// Selects packets on the bridge of a host.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    host: usize,
    /// One of this many packets is selected on average; 0 for none.
    rate: u32,
    /// Samples per second at most.
    max: u32,
    random: Random,
    /// Packets on the bridge before the agent started.
    base: u64,
    /// Number of the packet that was selected last.
    last: u64,
    /// Number of the packet that is selected next.
    next: u64,
    /// Second of uptime, and number of samples in it.
    taken: (u64, u32),
}

/// A selected packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selected {
    /// Packets since the last selected one, including this one.
    pub(crate) passed: u32,
    /// `None` if it was dropped because of the limit per second.
    pub(crate) packet: Option<Packet>,
}

impl Sampler {
    pub(crate) fn new(host: usize, spec: &AgentSpec, random: Random) -> Self {
        Self {
            host,
            rate: spec.sampling,
            max: spec.max_samples,
            random,
            base: 0,
            last: 0,
            next: 0,
            taken: (0, 0),
        }
    }

    /// Counts packets from now on.
    pub(crate) fn start(&mut self, cluster: &Cluster) {
        self.base = self.passed(cluster);
        self.next = self.skip();
    }

    /// Selects from the packets since the last call.
    pub(crate) fn select(&mut self, cluster: &Cluster, uptime: Duration) -> Vec<Selected> {
        let mut selected = Vec::new();
        if self.rate == 0 {
            return selected;
        }
        let passed = self.passed(cluster).saturating_sub(self.base);
        while self.next <= passed {
            let since = self.next - self.last;
            self.last = self.next;
            self.next += self.skip();
            selected.push(Selected {
                passed: since as u32,
                packet: self.draw(cluster, uptime),
            });
        }
        selected
    }

    /// A random packet of the containers' present traffic; `None` above the limit per second.
    fn draw(&mut self, cluster: &Cluster, uptime: Duration) -> Option<Packet> {
        let second = uptime.as_secs();
        if self.taken.0 != second {
            self.taken = (second, 0);
        }
        if self.taken.1 >= self.max {
            return None;
        }
        self.taken.1 += 1;
        let flows = cluster.containers(self.host).filter_map(|task| {
            let spec = &cluster.services.get(task.service)?.spec;
            let rate = task.rates.served * (spec.request.rx_packets + spec.request.tx_packets);
            (rate > 0.0).then_some((task, spec, rate))
        });
        let mut position = self.random.unit() * flows.clone().map(|(_, _, rate)| rate).sum::<f64>();
        let chosen = flows.clone().find(|(_, _, rate)| {
            position -= rate;
            position < 0.0
        });
        let (task, spec, _) = chosen.or_else(|| flows.last())?;
        Some(Packet::draw(task, spec, &mut self.random))
    }

    /// Packets until the next sample: uniform from 1 to twice the sampling rate, less 1.
    fn skip(&mut self) -> u64 {
        1 + self.random.below(2 * u64::from(self.rate).max(1) - 1)
    }

    fn passed(&self, cluster: &Cluster) -> u64 {
        let host = cluster.hosts.get(self.host);
        host.map_or(0, |host| host.bridge.packets() as u64)
    }
}
