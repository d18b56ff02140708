use std::time::Duration;

use super::cluster::Cluster;
use super::packets::Packet;
use super::random::Random;
use super::scenario::AgentSpec;

/// Selects packets on the bridge of a host.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    host: usize,
    /// One packet of so many; 0 for none.
    rate: u32,
    /// Samples per second at most.
    most: u32,
    random: Random,
    /// Packets that had passed when the agent started.
    base: u64,
    /// The number, from then on, of the packet that was selected last.
    last: u64,
    /// The number of the packet that is selected next.
    next: u64,
    /// Samples taken in this second of uptime.
    taken: (u64, u32),
}

/// A packet that was selected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selected {
    /// Packets that have passed since the one before, with this one.
    pub(super) passed: u32,
    /// `None` if it was dropped: too many were selected in this second.
    pub(super) packet: Option<Packet>,
}

impl Sampler {
    pub(super) fn new(host: usize, spec: &AgentSpec, random: Random) -> Self {
        Self {
            host,
            rate: spec.sampling,
            most: spec.most_samples,
            random,
            base: 0,
            last: 0,
            next: 0,
            taken: (0, 0),
        }
    }

    /// From now on, counts the packets that pass.
    pub(super) fn start(&mut self, cluster: &Cluster) {
        self.base = self.passed(cluster);
        self.next = self.skip();
    }

    /// Selects from the packets that have passed since the last call.
    pub(super) fn select(&mut self, cluster: &Cluster, uptime: Duration) -> Vec<Selected> {
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

    /// One of the packets that pass now, unless there were too many already.
    fn draw(&mut self, cluster: &Cluster, uptime: Duration) -> Option<Packet> {
        let second = uptime.as_secs();
        if self.taken.0 != second {
            self.taken = (second, 0);
        }
        if self.taken.1 >= self.most {
            return None;
        }
        self.taken.1 += 1;
        let flows = cluster.containers(self.host).filter_map(|task| {
            let spec = &cluster.pools.get(task.service)?.spec;
            let rate = task.rates.served * (spec.work.rx_packets + spec.work.tx_packets);
            (rate > 0.0).then_some((task, spec, rate))
        });
        let mut place = self.random.unit() * flows.clone().map(|(_, _, rate)| rate).sum::<f64>();
        let chosen = flows.clone().find(|(_, _, rate)| {
            place -= rate;
            place < 0.0
        });
        let (task, spec, _) = chosen.or_else(|| flows.last())?;
        Some(Packet::draw(task, spec, &mut self.random))
    }

    /// Packets from one sample to the next: any number between one and nearly twice the rate.
    fn skip(&mut self) -> u64 {
        1 + self.random.below(2 * u64::from(self.rate).max(1) - 1)
    }

    fn passed(&self, cluster: &Cluster) -> u64 {
        let host = cluster.hosts.get(self.host);
        host.map_or(0, |host| host.bridge.packets() as u64)
    }
}
