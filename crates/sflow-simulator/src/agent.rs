use std::collections::BTreeMap;
use std::time::Duration;

use sflow_agent::Config;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Uuid;
use sflow_v5::{Address, CounterRecord, DataSource, EncodeError};

use crate::cluster::{Change, Cluster};
use crate::random::Random;
use crate::records::{ContainerReading, HOST, HostInterface, HostReading, PacketReading};
use crate::sampler::{Sampler, Selected};
use crate::spec::AgentSpec;
use crate::task::{Ending, Task};

/// The agent of a host, which reports as Host sFlow with its container module does. The times of
/// its readings are random, as on a real host.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    host: usize,
    spec: AgentSpec,
    random: Random,
    /// Time of the last or next start.
    started: Duration,
    /// Start of the simulation, since the Unix epoch.
    epoch: Duration,
    is_running: bool,
    has_left: bool,
    core: sflow_agent::Agent<Key>,
    /// For each source, the time of the reading after the next, without jitter.
    planned: BTreeMap<Key, Duration>,
    sampler: Sampler,
    flush_at: Option<Duration>,
}

/// A source of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Host,
    HostInterface(HostInterface),
    /// The container of the task with this key.
    Container(u64),
}

impl Agent {
    /// An agent that starts at `now`.
    pub(crate) fn new(
        host: usize,
        address: Address,
        spec: AgentSpec,
        random: Random,
        now: Duration,
        epoch: Duration,
    ) -> Self {
        /// The sub-agent of Host sFlow.
        const SUB_AGENT: u32 = 100_000;
        let mut config = Config::new(address);
        config.sub_agent_id = SUB_AGENT;
        config.max_datagram = spec.max_datagram;
        Self {
            host,
            spec,
            started: now,
            epoch,
            is_running: false,
            has_left: false,
            core: sflow_agent::Agent::new(config, Duration::ZERO),
            planned: BTreeMap::new(),
            sampler: Sampler::new(host, &spec, random.fork(0)),
            flush_at: None,
            random,
        }
    }

    /// Stops the agent, and starts it again after `downtime`. Samples that wait are lost.
    pub(crate) fn restart(&mut self, now: Duration, downtime: Duration) {
        let random = self.random.fork(1);
        let address = self.core.config().address;
        let start = now.saturating_add(downtime);
        *self = Self::new(self.host, address, self.spec, random, start, self.epoch);
    }

    /// Stops the agent for good.
    pub(crate) fn stop(&mut self) {
        self.has_left = true;
        self.is_running = false;
    }

    /// When a reading, a datagram or the start is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        if self.has_left {
            return None;
        }
        if !self.is_running {
            return Some(self.started);
        }
        let source = self.core.next_source_due().map(|due| self.started + due);
        source.into_iter().chain(self.flush_at).min()
    }

    /// Handles the start or end of a container.
    pub(crate) fn notice(&mut self, change: &Change, cluster: &Cluster, now: Duration) {
        if !self.is_running {
            return;
        }
        match change {
            Change::Started(key) => {
                if let Some(task) = cluster.find(*key).filter(|task| task.host == self.host) {
                    self.watch_container(task, now);
                }
            }
            Change::Ended(task, ending) => self.add_last_sample(task, *ending, cluster, now),
        }
    }

    /// Reads counters and sends datagrams that are due.
    pub(crate) fn work(&mut self, cluster: &Cluster, now: Duration, send: &mut dyn FnMut(&[u8])) {
        if !self.is_running {
            if now < self.started || self.has_left {
                return;
            }
            self.start(cluster, now);
        }
        while let Some(key) = self.core.next_source(self.uptime(now)) {
            self.read(key, cluster, now);
        }
        if self.flush_at.is_some_and(|flush_at| flush_at <= now) {
            self.flush(now, send);
        }
    }

    fn start(&mut self, cluster: &Cluster, now: Duration) {
        self.is_running = true;
        let interfaces =
            HostInterface::ALL.map(|interface| (Key::HostInterface(interface), interface.source()));
        for (key, source) in [(Key::Host, HOST)].into_iter().chain(interfaces) {
            let first = now + self.random.between(Duration::ZERO, self.spec.polling);
            self.add(key, source, first, first.saturating_add(self.spec.polling));
        }
        for task in cluster.containers(self.host) {
            self.watch_container(task, now);
        }
        self.sampler.start(cluster);
    }

    fn add(&mut self, key: Key, source: DataSource, due: Duration, planned: Duration) {
        // Cannot fail: neither key nor source is in use.
        let _ = self.core.add_unscheduled(key, source);
        let _ = self.core.schedule(&key, due.saturating_sub(self.started));
        self.planned.insert(key, planned);
    }

    /// Adds a container: its first reading follows soon, the others with a phase of their own.
    fn watch_container(&mut self, task: &Task, now: Duration) {
        const SOON: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(150)];
        let due = now + self.random.between(SOON[0], SOON[1]);
        let planned = now + self.random.between(SOON[1], self.spec.polling);
        let source = self.core.container_source(Uuid(task.uuid));
        self.add(Key::Container(task.key), source, due, planned);
    }

    /// Adds the last sample of a container. Its sequence number continues if the container was
    /// stopped, and begins again if it was killed.
    fn add_last_sample(&mut self, task: &Task, ending: Ending, cluster: &Cluster, now: Duration) {
        let key = Key::Container(task.key);
        self.planned.remove(&key);
        let Some(source) = self.core.source(&key).copied() else {
            return;
        };
        if ending == Ending::Killed {
            self.core.remove(&key);
            let _ = self.core.add_unscheduled(key, source.id);
        }
        if let (Some(service), Some(host)) = (
            cluster.services.get(task.service),
            cluster.hosts.get(self.host),
        ) {
            let reading = ContainerReading::new(task, &service.spec, host).ended(ending);
            self.add_counters(key, now, |records| reading.encode(records));
        }
        self.core.remove(&key);
    }

    fn read(&mut self, key: Key, cluster: &Cluster, now: Duration) {
        let jitter = self.random.between(Duration::ZERO, self.spec.jitter);
        let Some(planned) = self.planned.get_mut(&key) else {
            return;
        };
        let due = (*planned + jitter).max(now + Duration::from_nanos(1));
        *planned = planned.saturating_add(self.spec.polling);
        let _ = self.core.schedule(&key, due.saturating_sub(self.started));
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
            Key::HostInterface(interface) => {
                let counters = interface.counters(host);
                self.add_counters(key, now, |records| interface.encode(&counters, records));
            }
            Key::Container(task) => {
                let task = cluster.find(task);
                let service = task.and_then(|task| cluster.services.get(task.service));
                if let (Some(task), Some(service)) = (task, service) {
                    let reading = ContainerReading::new(task, &service.spec, host);
                    self.add_counters(key, now, |records| reading.encode(records));
                }
            }
        }
    }

    fn uptime(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started)
    }

    fn add_counters<F>(&mut self, key: Key, now: Duration, records: F)
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, CounterRecord<'_>>) -> Result<(), EncodeError>,
    {
        // Cannot fail: `ClusterSpec::check` bounds the names, so that samples fit.
        let _ = self.core.counters_sample(&key, self.uptime(now), records);
        self.flush_at
            .get_or_insert(now.saturating_add(self.spec.max_delay));
    }

    /// Samples the packets since the last call, before their containers can end.
    pub(crate) fn sample(&mut self, cluster: &Cluster, now: Duration) {
        if !self.is_running {
            return;
        }
        let uptime = self.uptime(now);
        let key = Key::HostInterface(HostInterface::Bridge);
        for Selected { passed, packet } in self.sampler.select(cluster, uptime) {
            let _ = self.core.add_to_pool(&key, passed);
            let Some(packet) = packet else {
                let _ = self.core.add_drops(&key, 1);
                continue;
            };
            let reading = PacketReading {
                at: self.epoch.saturating_add(now),
                packet,
            };
            let sample = reading.flow_sample(self.spec.sampling);
            let _ = self
                .core
                .flow_sample(&key, uptime, &sample, |records| reading.encode(records));
            self.flush_at
                .get_or_insert(now.saturating_add(self.spec.max_delay));
        }
    }

    /// Sends the samples that wait. Full datagrams wait as well, so that all samples of an agent
    /// have the same delay.
    fn flush(&mut self, now: Duration, send: &mut dyn FnMut(&[u8])) {
        self.flush_at = None;
        self.core.flush();
        while let Some(datagram) = self.core.next_datagram(self.uptime(now)) {
            send(datagram);
        }
    }
}
