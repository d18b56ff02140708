use std::time::Duration;

use sflow_metrics::Timestamp;
use sflow_v5::{Address, EncodeError, Encoder, Header};

use super::cluster::{Change, Cluster};
use super::random::Random;
use super::reading::{ContainerReading, HostReading, Port, Reading};
use super::sampler::Sampler;
use super::scenario::AgentSpec;
use super::task::{Ending, Task};

/// Host sFlow with its docker module, on one host: reads counters by its own timetable, samples
/// packets, and sends what it has in datagrams.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    host: usize,
    address: Address,
    spec: AgentSpec,
    random: Random,
    /// Since when it runs, or when it will.
    started: Timestamp,
    running: bool,
    is_gone: bool,
    /// Of the last datagram.
    sequence: u32,
    sources: Vec<Source>,
    sampler: Sampler,
    /// What has been read and not been sent.
    pending: Vec<Reading>,
    flush_at: Option<Timestamp>,
    buffer: Vec<u8>,
}

/// Packet samples and counters go under this number.
const SUB_AGENT: u32 = 100_000;

/// Something whose counters are read again and again.
#[derive(Clone, Copy, Debug)]
struct Source {
    what: What,
    /// Of its last sample.
    sequence: u32,
    /// When it is read.
    due: Timestamp,
    /// When it should be read after that.
    planned: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Host,
    Port(Port),
    /// The container of the task with this key, and the index of its data source.
    Container(u64, u32),
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
        Self {
            host,
            address,
            spec,
            started: now,
            running: false,
            is_gone: false,
            sequence: 0,
            sources: Vec::new(),
            sampler: Sampler::new(host, &spec, random.fork(0)),
            pending: Vec::new(),
            flush_at: None,
            buffer: vec![0; spec.datagram],
            random,
        }
    }

    /// Ends it, and lets it start anew after a while. What it has not sent is lost.
    pub(super) fn restart(&mut self, now: Timestamp, down: Duration) {
        let random = self.random.fork(1);
        *self = Self::new(self.host, self.address, self.spec, random, now + down);
    }

    /// Ends it for good, with its host.
    pub(super) fn end(&mut self) {
        self.is_gone = true;
        self.running = false;
        self.pending.clear();
    }

    /// When it has something to do.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.is_gone {
            return None;
        }
        if !self.running {
            return Some(self.started);
        }
        self.sources
            .iter()
            .map(|source| source.due)
            .chain(self.flush_at)
            .min()
    }

    /// Takes notice of a container's start or end.
    pub(super) fn notice(&mut self, change: &Change, cluster: &Cluster, now: Timestamp) {
        if !self.running {
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

    /// Does what is due: reads and sends.
    pub(super) fn work(&mut self, cluster: &Cluster, now: Timestamp, send: &mut dyn FnMut(&[u8])) {
        if !self.running {
            if now < self.started || self.is_gone {
                return;
            }
            self.start(cluster, now);
        }
        for position in 0..self.sources.len() {
            while self.sources[position].due <= now {
                self.read(position, cluster, now);
            }
        }
        if self.flush_at.is_some_and(|flush_at| flush_at <= now) {
            self.flush(now, send);
        }
    }

    fn start(&mut self, cluster: &Cluster, now: Timestamp) {
        self.running = true;
        for what in [What::Host].into_iter().chain(Port::ALL.map(What::Port)) {
            let first = now + self.random.between(Duration::ZERO, self.spec.polling);
            self.sources.push(Source {
                what,
                sequence: 0,
                due: first,
                planned: first + self.spec.polling,
            });
        }
        for task in cluster.containers(self.host) {
            self.watch_container(task, now);
        }
        self.sampler.start(cluster);
    }

    /// From now on, reads a container: soon for the first time, then by a timetable of its own.
    fn watch_container(&mut self, task: &Task, now: Timestamp) {
        const SOON: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(150)];
        let due = now + self.random.between(SOON[0], SOON[1]);
        let planned = now + self.random.between(SOON[1], self.spec.polling);
        let what = What::Container(task.key, self.free_index(&task.uuid));
        self.sources.push(Source {
            what,
            sequence: 0,
            due,
            planned,
        });
    }

    /// An index for a container, by its id; the next free one if that is taken.
    fn free_index(&self, uuid: &[u8; 16]) -> u32 {
        const FIRST: u32 = 100_000;
        const SPACE: u32 = 50_000;
        let hash = uuid.iter().fold(2_166_136_261_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(16_777_619)
        });
        let taken = |index| {
            self.sources
                .iter()
                .any(|source| matches!(source.what, What::Container(_, other) if other == index))
        };
        let places = (0..SPACE).map(|step| FIRST + (hash % SPACE + step) % SPACE);
        places
            .into_iter()
            .find(|index| !taken(*index))
            .unwrap_or(FIRST)
    }

    /// The last sample of a container: its sequence goes on if it was stopped, and begins again
    /// if it was killed.
    fn ended(&mut self, task: &Task, ending: Ending, cluster: &Cluster, now: Timestamp) {
        let is_it =
            |source: &Source| matches!(source.what, What::Container(key, _) if key == task.key);
        let Some(position) = self.sources.iter().position(is_it) else {
            return;
        };
        let source = self.sources.remove(position);
        let (What::Container(_, index), Some(pool), Some(host)) = (
            source.what,
            cluster.pools.get(task.service),
            cluster.hosts.get(self.host),
        ) else {
            return;
        };
        let reading = ContainerReading::take(task, &pool.spec, host, index).ended(ending);
        let sequence = match ending {
            Ending::Stopped => source.sequence + 1,
            Ending::Killed => 1,
        };
        self.keep(Reading::Container(sequence, Box::new(reading)), now);
    }

    fn read(&mut self, position: usize, cluster: &Cluster, now: Timestamp) {
        let Some(source) = self.sources.get_mut(position) else {
            return;
        };
        source.sequence += 1;
        let jitter = self.random.between(Duration::ZERO, self.spec.jitter);
        source.due = (source.planned + jitter).max(now + Duration::from_nanos(1));
        source.planned = source.planned + self.spec.polling;
        let (what, sequence) = (source.what, source.sequence);
        let Some(host) = cluster.hosts.get(self.host) else {
            return;
        };
        let reading = match what {
            What::Host => HostReading::take(cluster, self.host, self.sequence)
                .map(|reading| Reading::Host(sequence, Box::new(reading))),
            What::Port(port) => Some(Reading::Port(sequence, port, port.counters(host))),
            What::Container(key, index) => cluster.find(key).and_then(|task| {
                let pool = cluster.pools.get(task.service)?;
                let reading = ContainerReading::take(task, &pool.spec, host, index);
                Some(Reading::Container(sequence, Box::new(reading)))
            }),
        };
        if let Some(reading) = reading {
            self.keep(reading, now);
        }
    }

    /// Samples the packets that have passed since it last looked, while those are still there
    /// that sent them.
    pub(super) fn sample(&mut self, cluster: &Cluster, now: Timestamp) {
        if self.running {
            for reading in self.sampler.take(cluster, now, now - self.started) {
                self.keep(Reading::Packet(reading), now);
            }
        }
    }

    fn keep(&mut self, reading: Reading, now: Timestamp) {
        self.pending.push(reading);
        self.flush_at.get_or_insert(now + self.spec.flush);
    }

    /// Sends what is pending, in as many datagrams as it takes.
    fn flush(&mut self, now: Timestamp, send: &mut dyn FnMut(&[u8])) {
        self.flush_at = None;
        let mut rest = self.pending.as_slice();
        while !rest.is_empty() {
            self.sequence = self.sequence.wrapping_add(1);
            let header = Header {
                agent_address: self.address,
                sub_agent_id: SUB_AGENT,
                sequence_number: self.sequence,
                uptime: (now - self.started).as_millis() as u32,
            };
            let Ok((bytes, taken)) = fill(&mut self.buffer, &header, rest) else {
                break;
            };
            send(bytes);
            // A sample that does not fit into an empty datagram cannot be sent at all.
            rest = rest.get(taken.max(1)..).unwrap_or(&[]);
        }
        self.pending.clear();
    }
}

/// A datagram with as many of the readings as fit.
fn fill<'b>(
    buffer: &'b mut [u8],
    header: &Header,
    readings: &[Reading],
) -> Result<(&'b [u8], usize), EncodeError> {
    let mut encoder = Encoder::new(buffer, header)?;
    let taken = readings
        .iter()
        .take_while(|reading| reading.push(&mut encoder).is_ok())
        .count();
    Ok((encoder.finish(), taken))
}
