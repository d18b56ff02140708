use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sflow_v5::enums::DataSourceKind;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Uuid;
use sflow_v5::{
    CounterRecord, CountersSample, DataSource, EncodeError, Encoder, FlowRecord, FlowSample, Header,
};

use crate::config::Config;
use crate::error::Error;
use crate::pending::Pending;
use crate::schedule::Schedule;
use crate::source::Source;

/// An sFlow agent, without sockets and without a clock.
///
/// The caller adds sources under keys of its own type (`Clone + Ord`), gives samples of them to the agent when
/// they are due, and sends the datagrams that the agent returns. Every `now` is the time since
/// the same moment, such as the start of the program, and must not decrease.
///
/// ```
/// use std::net::IpAddr;
/// use std::time::Duration;
///
/// use sflow_agent::{Agent, Config};
/// use sflow_v5::counter::VirtNode;
/// use sflow_v5::enums::DataSourceKind;
/// use sflow_v5::{DataSource, Datagram};
///
/// let config = Config::new(IpAddr::from([10, 0, 0, 1]));
/// let mut agent = Agent::new(config, Duration::ZERO);
/// agent.add("host", DataSource::new(DataSourceKind::PHYSICAL, 1), Duration::ZERO)?;
///
/// // Counters of a new source are due at once.
/// let now = Duration::ZERO;
/// while let Some(key) = agent.next_source(now) {
///     let counters = VirtNode { mhz: 2_600.into(), cpus: 8.into(), ..VirtNode::default() };
///     agent.counters_sample(&key, now, |records| records.push(&counters))?;
/// }
///
/// // The sample waits for others until `Config::max_delay` has passed.
/// assert_eq!(agent.next_datagram(now), None);
/// let now = agent.next_datagram_due().ok_or("a sample waits")?;
/// while let Some(bytes) = agent.next_datagram(now) {
///     // Send `bytes` to each collector.
///     let datagram = Datagram::parse(bytes)?;
///     assert_eq!((datagram.header.sequence_number, datagram.header.uptime), (1, 100));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Agent<K> {
    config: Config,
    started: Duration,
    /// Of the last datagram.
    sequence_number: u32,
    sources: BTreeMap<K, Source>,
    data_sources: BTreeSet<DataSource>,
    schedule: Schedule<K>,
    pending: Pending,
    buffer: Vec<u8>,
    /// Bytes of a datagram without samples.
    header_length: usize,
    stats: Stats,
}

/// What an [`Agent`] has sent, and what it could not send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that were returned to be sent.
    pub datagrams: u64,
    /// Samples in those datagrams.
    pub samples: u64,
    /// Samples that did not fit into a datagram of their own.
    pub oversized: u64,
    /// Samples that waited and were not sent: more than [`Config::max_pending`] bytes waited, or
    /// the agent was restarted.
    pub discarded: u64,
}

impl<K: Clone + Ord> Agent<K> {
    /// An agent without sources that starts at `now`.
    pub fn new(mut config: Config, now: Duration) -> Self {
        const LONGEST: usize = 65_507;
        config.max_datagram = config.max_datagram.min(LONGEST);
        let header = Header {
            agent_address: config.address,
            ..Header::default()
        };
        let header_length =
            Encoder::new(&mut [0; 64], &header).map_or(0, |encoder| encoder.finish().len());
        Self {
            config,
            started: now,
            sequence_number: config.sequence_number,
            sources: BTreeMap::new(),
            data_sources: BTreeSet::new(),
            schedule: Schedule::new(config.polling),
            pending: Pending::default(),
            buffer: vec![0; config.max_datagram],
            header_length,
            stats: Stats::default(),
        }
    }

    /// Adds a source whose counters are read periodically. The first reading is due at `now`,
    /// the second after 0.25 to 1.25 polling intervals, so that sources that are added together
    /// are spread over the interval, and the others after one interval each.
    ///
    /// # Errors
    ///
    /// If the key or the data source is in use. Nothing is then changed.
    pub fn add(&mut self, key: K, source: impl Into<Source>, now: Duration) -> Result<(), Error> {
        self.add_unscheduled(key.clone(), source)?;
        self.schedule.add(key, now);
        Ok(())
    }

    /// Adds a source that [`next_source`](Self::next_source) does not return: one of which
    /// only packets are sampled, or whose times the caller sets by
    /// [`schedule`](Self::schedule).
    ///
    /// # Errors
    ///
    /// If the key or the data source is in use. Nothing is then changed.
    pub fn add_unscheduled(&mut self, key: K, source: impl Into<Source>) -> Result<(), Error> {
        let source = source.into();
        if self.sources.contains_key(&key) {
            return Err(Error::DuplicateKey);
        }
        if !self.data_sources.insert(source.id) {
            return Err(Error::DuplicateDataSource(source.id));
        }
        self.sources.insert(key, source);
        Ok(())
    }

    /// Sets when the counters of a source are read next. Readings after that follow at the
    /// polling interval.
    ///
    /// # Errors
    ///
    /// If no source has this key.
    pub fn schedule(&mut self, key: &K, due: Duration) -> Result<(), Error> {
        self.source_mut(key)?;
        self.schedule.set(key.clone(), due);
        Ok(())
    }

    /// Removes a source and returns its last numbers; `None` if no source has this key. Samples
    /// of it that wait are sent.
    pub fn remove(&mut self, key: &K) -> Option<Source> {
        let source = self.sources.remove(key)?;
        self.data_sources.remove(&source.id);
        self.schedule.remove(key);
        Some(source)
    }

    /// The last numbers of a source; `None` if no source has this key.
    pub fn source(&self, key: &K) -> Option<&Source> {
        self.sources.get(key)
    }

    /// A data source for a container that no source of the agent uses: a logical entity with an
    /// index from 100,000 to 149,999, as Host sFlow assigns them. The index depends on the
    /// identifier, so that a container keeps it when the agent restarts, unless another
    /// container has the same.
    pub fn container_source(&self, uuid: Uuid) -> DataSource {
        const FIRST: u32 = 100_000;
        const COUNT: u32 = 50_000;
        // FNV-1a.
        let hash = uuid.0.iter().fold(2_166_136_261_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(16_777_619)
        });
        let source = |step| {
            let index = FIRST + (hash % COUNT + step) % COUNT;
            DataSource::new(DataSourceKind::LOGICAL, index)
        };
        let mut free = (0..COUNT)
            .map(source)
            .filter(|source| !self.data_sources.contains(source));
        free.next().unwrap_or_else(|| source(0))
    }

    /// The key of a source whose counters are to be read now; `None` if no reading is due. The
    /// source is then scheduled for its next reading, so call this until it returns `None`.
    pub fn next_source(&mut self, now: Duration) -> Option<K> {
        self.schedule.next(now)
    }

    /// When [`next_source`](Self::next_source) returns a source next; `None` if no source is
    /// scheduled.
    pub fn next_source_due(&self) -> Option<Duration> {
        self.schedule.next_due()
    }

    /// Adds a counters sample with the records that `records` pushes.
    ///
    /// ```
    /// # use std::net::IpAddr;
    /// # use std::time::Duration;
    /// # use sflow_agent::{Agent, Config};
    /// # use sflow_v5::{DataSource, enums::DataSourceKind};
    /// use sflow_v5::counter::{HostDescr, VirtNode};
    ///
    /// # let now = Duration::ZERO;
    /// # let mut agent = Agent::new(Config::new(IpAddr::from([10, 0, 0, 1])), now);
    /// # agent.add("host", DataSource::new(DataSourceKind::PHYSICAL, 1), now)?;
    /// agent.counters_sample(&"host", now, |records| {
    ///     records.push(&HostDescr { hostname: "node1".into(), ..HostDescr::default() })?;
    ///     records.push(&VirtNode { cpus: 8.into(), ..VirtNode::default() })
    /// })?;
    /// # Ok::<(), sflow_agent::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSource`] if no source has this key, [`Error::TooLarge`] if the sample
    /// does not fit into a datagram of its own, [`Error::Encode`] if a value cannot be encoded
    /// or `records` fails. No sequence number is then used.
    pub fn counters_sample<F>(&mut self, key: &K, now: Duration, records: F) -> Result<(), Error>
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, CounterRecord<'_>>) -> Result<(), EncodeError>,
    {
        let source = *self.source_mut(key)?;
        let sequence_number = source.counters_sequence.wrapping_add(1);
        let sample = CountersSample {
            sequence_number,
            source_id: source.id,
            encoding: source.encoding,
            ..CountersSample::default()
        };
        self.push(now, |encoder| encoder.counters_sample(&sample, records))?;
        self.source_mut(key)?.counters_sequence = sequence_number;
        Ok(())
    }

    /// Counts packets that could have been sampled at a source, whether they were or not
    /// (`sample_pool`). Count a packet before its sample is added. If only sampled packets can be
    /// counted, add the sampling rate for each.
    ///
    /// # Errors
    ///
    /// If no source has this key.
    pub fn add_to_pool(&mut self, key: &K, packets: u32) -> Result<(), Error> {
        let source = self.source_mut(key)?;
        source.sample_pool = source.sample_pool.wrapping_add(packets);
        Ok(())
    }

    /// Counts packets that were selected and could not be sampled for lack of resources
    /// (`drops`).
    ///
    /// # Errors
    ///
    /// If no source has this key.
    pub fn add_drops(&mut self, key: &K, packets: u32) -> Result<(), Error> {
        let source = self.source_mut(key)?;
        source.drops = source.drops.wrapping_add(packets);
        Ok(())
    }

    /// Adds a flow sample with the records that `records` pushes.
    ///
    /// `sampling_rate`, `input` and `output` are taken from `sample`, and the agent sets the
    /// other fields.
    ///
    /// ```
    /// # use std::net::IpAddr;
    /// # use std::time::Duration;
    /// # use sflow_agent::{Agent, Config};
    /// # use sflow_v5::{DataSource, enums::DataSourceKind};
    /// use sflow_v5::enums::HeaderProtocol;
    /// use sflow_v5::flow::SampledHeader;
    /// use sflow_v5::types::Opaque;
    /// use sflow_v5::{FlowSample, Interface};
    ///
    /// # let now = Duration::ZERO;
    /// # let mut agent = Agent::new(Config::new(IpAddr::from([10, 0, 0, 1])), now);
    /// # agent.add_unscheduled("eth0", DataSource::new(DataSourceKind::INTERFACE, 2))?;
    /// // One packet in 400 is sampled, and this is the first.
    /// agent.add_to_pool(&"eth0", 400)?;
    /// let sample = FlowSample {
    ///     sampling_rate: 400,
    ///     input: Interface::index(2),
    ///     ..FlowSample::default()
    /// };
    /// agent.flow_sample(&"eth0", now, &sample, |records| {
    ///     records.push(&SampledHeader {
    ///         protocol: HeaderProtocol::ETHERNET,
    ///         frame_length: 1_518,
    ///         stripped: 4,
    ///         header: Opaque(&[0; 128]),
    ///     })
    /// })?;
    /// # Ok::<(), sflow_agent::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`counters_sample`](Self::counters_sample).
    pub fn flow_sample<F>(
        &mut self,
        key: &K,
        now: Duration,
        sample: &FlowSample<'_>,
        records: F,
    ) -> Result<(), Error>
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, FlowRecord<'_>>) -> Result<(), EncodeError>,
    {
        let source = *self.source_mut(key)?;
        let sequence_number = source.flow_sequence.wrapping_add(1);
        let sample = FlowSample {
            sequence_number,
            source_id: source.id,
            sampling_rate: sample.sampling_rate,
            sample_pool: source.sample_pool,
            drops: source.drops,
            input: sample.input,
            output: sample.output,
            encoding: source.encoding,
            ..FlowSample::default()
        };
        self.push(now, |encoder| encoder.flow_sample(&sample, records))?;
        self.source_mut(key)?.flow_sequence = sequence_number;
        Ok(())
    }

    /// The next datagram that is due at `now`; `None` if none is. Call this until it returns
    /// `None`, and send each datagram to every collector, even if sending to one of them fails.
    ///
    /// A datagram is due when it is full, or when its oldest sample has waited for
    /// [`Config::max_delay`].
    pub fn next_datagram(&mut self, now: Duration) -> Option<&[u8]> {
        if self.next_datagram_due()? > now {
            return None;
        }
        let sequence_number = self.sequence_number.wrapping_add(1);
        let header = Header {
            sequence_number,
            ..self.header(now)
        };
        let mut encoder = Encoder::new(&mut self.buffer, &header).ok()?;
        while let Some(encoded) = self.pending.first() {
            if encoder.push_encoded(encoded, 1).is_err() {
                break;
            }
            self.pending.remove_first();
        }
        self.sequence_number = sequence_number;
        self.stats.datagrams += 1;
        self.stats.samples += encoder.samples() as u64;
        Some(encoder.finish())
    }

    /// When [`next_datagram`](Self::next_datagram) returns a datagram next; `None` if no sample
    /// waits. A time in the past means: at once.
    pub fn next_datagram_due(&self) -> Option<Duration> {
        self.pending.due(self.capacity(), self.config.max_delay)
    }

    /// When a source or a datagram is due next, whichever is first.
    pub fn next_due(&self) -> Option<Duration> {
        let due = [self.next_source_due(), self.next_datagram_due()];
        due.into_iter().flatten().min()
    }

    /// Makes datagrams due at once for all samples that wait, as before the agent ends.
    pub fn flush(&mut self) {
        self.pending.flush();
    }

    /// Restarts the agent at `now`: uptime and all sequence numbers begin again, samples that
    /// wait are discarded, and the counters of all scheduled sources are due.
    pub fn restart(&mut self, now: Duration) {
        self.started = now;
        self.sequence_number = 0;
        for source in self.sources.values_mut() {
            *source = source.restarted();
        }
        self.stats.discarded += self.pending.len() as u64;
        self.pending.clear();
        self.schedule.restart(now);
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Numbers since the agent was created.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    fn source_mut(&mut self, key: &K) -> Result<&mut Source, Error> {
        self.sources.get_mut(key).ok_or(Error::UnknownSource)
    }

    fn header(&self, now: Duration) -> Header {
        Header {
            agent_address: self.config.address,
            sub_agent_id: self.config.sub_agent_id,
            sequence_number: self.sequence_number,
            uptime: now.saturating_sub(self.started).as_millis() as u32,
        }
    }

    /// Bytes of samples that fit into a datagram.
    const fn capacity(&self) -> usize {
        self.config.max_datagram.saturating_sub(self.header_length)
    }

    /// Encodes a sample as the only one of a datagram, and keeps it for the next one.
    fn push(
        &mut self,
        now: Duration,
        sample: impl FnOnce(&mut Encoder<'_>) -> Result<(), EncodeError>,
    ) -> Result<(), Error> {
        let header = self.header(now);
        let encoded = Encoder::new(&mut self.buffer, &header).and_then(|mut encoder| {
            sample(&mut encoder)?;
            Ok(encoder.finish())
        });
        let encoded = match encoded {
            Ok(bytes) => bytes.get(self.header_length..).unwrap_or(&[]),
            Err(EncodeError::BufferFull) => {
                self.stats.oversized += 1;
                return Err(Error::TooLarge {
                    max_datagram: self.config.max_datagram,
                });
            }
            Err(error) => return Err(Error::Encode(error)),
        };
        self.pending.push(encoded, now);
        while self.pending.bytes() > self.config.max_pending {
            self.pending.remove_first();
            self.stats.discarded += 1;
        }
        Ok(())
    }
}
