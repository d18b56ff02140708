use std::time::Duration;

use sflow_metrics::Timestamp;

use super::cluster::Cluster;
use super::packets::Packet;
use super::random::Random;
use super::reading::PacketReading;
use super::scenario::AgentSpec;

/// Chooses packets on the bridge of a host.
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
    /// The number, from then on, of the packet that is taken next.
    next: u64,
    sequence: u32,
    drops: u32,
    /// Samples taken in this second of uptime.
    taken: (u64, u32),
}

impl Sampler {
    pub(super) fn new(host: usize, spec: &AgentSpec, random: Random) -> Self {
        Self {
            host,
            rate: spec.sampling,
            most: spec.most_samples,
            random,
            base: 0,
            next: 0,
            sequence: 0,
            drops: 0,
            taken: (0, 0),
        }
    }

    /// From now on, counts the packets that pass.
    pub(super) fn start(&mut self, cluster: &Cluster) {
        self.base = self.passed(cluster);
        self.next = self.skip();
    }

    /// Samples the packets that have passed since the last call.
    pub(super) fn take(
        &mut self,
        cluster: &Cluster,
        now: Timestamp,
        uptime: Duration,
    ) -> Vec<PacketReading> {
        let mut taken = Vec::new();
        if self.rate == 0 {
            return taken;
        }
        let passed = self.passed(cluster).saturating_sub(self.base);
        while self.next <= passed {
            let pool = self.next as u32;
            self.next += self.skip();
            let Some(packet) = self.draw(cluster, uptime) else {
                self.drops = self.drops.wrapping_add(1);
                continue;
            };
            self.sequence = self.sequence.wrapping_add(1);
            taken.push(PacketReading {
                sequence: self.sequence,
                rate: self.rate,
                pool,
                drops: self.drops,
                at: now,
                packet,
            });
        }
        taken
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
