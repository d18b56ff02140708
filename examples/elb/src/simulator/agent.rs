use std::collections::BTreeMap;
use std::time::Duration;

use sflow_agent::Config;
use sflow_metrics::Timestamp;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Uuid;
use sflow_v5::{Address, CounterRecord, DataSource, EncodeError};

use super::cluster::{Change, Cluster};
use super::random::Random;
use super::reading::{ContainerReading, HOST, HostReading, PacketReading, Port};
use super::sampler::{Sampler, Selected};
use super::scenario::AgentSpec;
use super::task::{Ending, Task};

/// Host sFlow with its docker module on one host. Its readings are random in time, as on a real
/// host.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    host: usize,
    spec: AgentSpec,
    random: Random,
    /// When it started, or will start.
    started: Timestamp,
    is_running: bool,
    is_gone: bool,
    core: sflow_agent::Agent<Key>,
    /// For each source, when it is to be read after the next reading, apart from jitter.
    planned: BTreeMap<Key, Timestamp>,
    sampler: Sampler,
    flush_at: Option<Timestamp>,
}

/// A source of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Host,
    Port(Port),
    /// The container of the task with this key.
    Container(u64),
}

impl Agent {
    /// An agent that starts at `now`.
    pub(super) fn new(
        host: usize,
        address: Address,
        spec: AgentSpec,
        random: Random,
        now: Timestamp,
    ) -> Self {
        /// That of Host sFlow.
        const SUB_AGENT: u32 = 100_000;
        let mut config = Config::new(address);
        config.sub_agent_id = SUB_AGENT;
        config.max_datagram = spec.datagram;
        Self {
            host,
            spec,
            started: now,
            is_running: false,
            is_gone: false,
            core: sflow_agent::Agent::new(config, Duration::ZERO),
            planned: BTreeMap::new(),
            sampler: Sampler::new(host, &spec, random.fork(0)),
            flush_at: None,
            random,
        }
    }

    /// Stops it, and starts it again after `down`. Samples that wait are lost.
    pub(super) fn restart(&mut self, now: Timestamp, down: Duration) {
        let random = self.random.fork(1);
        let address = self.core.config().address;
        *self = Self::new(self.host, address, self.spec, random, now + down);
    }

    /// Stops it for ever, with its host.
    pub(super) fn end(&mut self) {
        self.is_gone = true;
        self.is_running = false;
    }

    /// When it has something to do.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.is_gone {
            return None;
        }
        if !self.is_running {
            return Some(self.started);
        }
        let source = self.core.next_source_due().map(|due| self.started + due);
        source.into_iter().chain(self.flush_at).min()
    }

    /// Handles the start or end of a container.
    pub(super) fn notice(&mut self, change: &Change, cluster: &Cluster, now: Timestamp) {
        if !self.is_running {
            return;
        }
        match change {
            Change::Started(key) => {
                if let Some(task) = cluster.find(*key).filter(|task| task.host == self.host) {
                    self.watch_container(task, now);
                }
            }
            Change::Ended(task, ending) => self.ended(task, *ending, cluster, now),
        }
    }

    /// Reads and sends what is due.
    pub(super) fn work(&mut self, cluster: &Cluster, now: Timestamp, send: &mut dyn FnMut(&[u8])) {
        if !self.is_running {
            if now < self.started || self.is_gone {
                return;
            }
            self.start(cluster, now);
        }
        while let Some(key) = self.core.next_source(now - self.started) {
            self.read(key, cluster, now);
        }
        if self.flush_at.is_some_and(|flush_at| flush_at <= now) {
            self.flush(now, send);
        }
    }

    fn start(&mut self, cluster: &Cluster, now: Timestamp) {
        self.is_running = true;
        let ports = Port::ALL.map(|port| (Key::Port(port), port.source()));
        for (key, source) in [(Key::Host, HOST)].into_iter().chain(ports) {
            let first = now + self.random.between(Duration::ZERO, self.spec.polling);
            self.add(key, source, first, first + self.spec.polling);
        }
        for task in cluster.containers(self.host) {
            self.watch_container(task, now);
        }
        self.sampler.start(cluster);
    }

    fn add(&mut self, key: Key, source: DataSource, due: Timestamp, planned: Timestamp) {
        // Neither key nor source is in use.
        let _ = self.core.add_unscheduled(key, source);
        let _ = self.core.schedule(&key, due - self.started);
        self.planned.insert(key, planned);
    }

    /// Reads a container soon for the first time, and then at times of its own.
    fn watch_container(&mut self, task: &Task, now: Timestamp) {
        const SOON: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(150)];
        let due = now + self.random.between(SOON[0], SOON[1]);
        let planned = now + self.random.between(SOON[1], self.spec.polling);
        let source = self.core.container_source(Uuid(task.uuid));
        self.add(Key::Container(task.key), source, due, planned);
    }

    /// Adds the last sample of a container: its sequence continues if it was stopped, and begins
    /// again if it was killed.
    fn ended(&mut self, task: &Task, ending: Ending, cluster: &Cluster, now: Timestamp) {
        let key = Key::Container(task.key);
        self.planned.remove(&key);
        let Some(source) = self.core.source(&key).copied() else {
            return;
        };
        if ending == Ending::Killed {
            self.core.remove(&key);
            let _ = self.core.add_unscheduled(key, source.id);
        }
        if let (Some(pool), Some(host)) = (
            cluster.pools.get(task.service),
            cluster.hosts.get(self.host),
        ) {
            let reading = ContainerReading::new(task, &pool.spec, host).ended(ending);
            self.add_counters(key, now, |records| reading.encode(records));
        }
        self.core.remove(&key);
    }

    fn read(&mut self, key: Key, cluster: &Cluster, now: Timestamp) {
        let jitter = self.random.between(Duration::ZERO, self.spec.jitter);
        let Some(planned) = self.planned.get_mut(&key) else {
            return;
        };
        let due = (*planned + jitter).max(now + Duration::from_nanos(1));
        *planned = *planned + self.spec.polling;
        let _ = self.core.schedule(&key, due - self.started);
        let Some(host) = cluster.hosts.get(self.host) else {
            return;
        };
        match key {
            Key::Host => {
                let sent = self.core.stats().datagrams as u32;
                if let Some(reading) = HostReading::new(cluster, self.host, sent) {
                    self.add_counters(key, now, |records| reading.encode(records));
                }
            }
            Key::Port(port) => {
                let counters = port.counters(host);
                self.add_counters(key, now, |records| port.encode(&counters, records));
            }
            Key::Container(task) => {
                let task = cluster.find(task);
                let pool = task.and_then(|task| cluster.pools.get(task.service));
                if let (Some(task), Some(pool)) = (task, pool) {
                    let reading = ContainerReading::new(task, &pool.spec, host);
                    self.add_counters(key, now, |records| reading.encode(records));
                }
            }
        }
    }

    fn add_counters<F>(&mut self, key: Key, now: Timestamp, records: F)
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, CounterRecord<'_>>) -> Result<(), EncodeError>,
    {
        // Samples that do not fit into a datagram are counted by the core.
        let _ = self.core.counters_sample(&key, now - self.started, records);
        self.flush_at.get_or_insert(now + self.spec.flush);
    }

    /// Samples the packets that have passed since the last call, while their senders still
    /// exist.
    pub(super) fn sample(&mut self, cluster: &Cluster, now: Timestamp) {
        if !self.is_running {
            return;
        }
        let uptime = now - self.started;
        let key = Key::Port(Port::Bridge);
        for Selected { passed, packet } in self.sampler.select(cluster, uptime) {
            let _ = self.core.add_to_pool(&key, passed);
            let Some(packet) = packet else {
                let _ = self.core.add_drops(&key, 1);
                continue;
            };
            let reading = PacketReading { at: now, packet };
            let sample = reading.flow_sample(self.spec.sampling);
            let _ = self
                .core
                .flow_sample(&key, uptime, &sample, |records| reading.encode(records));
            self.flush_at.get_or_insert(now + self.spec.flush);
        }
    }

    /// Sends what waits. Full datagrams wait as well, so that all samples of an agent are equally
    /// late.
    fn flush(&mut self, now: Timestamp, send: &mut dyn FnMut(&[u8])) {
        self.flush_at = None;
        self.core.flush();
        while let Some(datagram) = self.core.next_datagram(now - self.started) {
            send(datagram);
        }
    }
}
