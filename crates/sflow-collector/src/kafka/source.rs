use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::client::{self, ClientError, ClientErrors, Error, ErrorLog};
use super::envelope::{Envelope, Record, Rejection};
use crate::{Received, Tally};

/// The number of headers of a record that are read.
const MAX_HEADERS: usize = 16;
/// How long a broker may take to determine the offset of a time.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of a [`Source`].
///
/// ```
/// use std::time::Duration;
///
/// use sflow_collector::kafka::{Envelope, SourceSettings, Start};
///
/// let settings = SourceSettings::new("broker:9092", "flows-v5", "workers").with(|settings| {
///     settings.envelope = Envelope::Akvorado;
///     settings.start = Start::Before(Duration::from_secs(600));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceSettings {
    /// Addresses of one or more brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The consumer group. Its members divide the partitions among themselves.
    pub group: String,
    /// The name of this member, for static membership: a member that restarts within
    /// [`session_timeout`](Self::session_timeout) gets its partitions back, and others do not get
    /// them meanwhile. `None`: its partitions get another owner when it ends.
    pub member: Option<String>,
    /// The envelope of the records.
    pub envelope: Envelope,
    /// Where to start to read an assigned partition.
    pub start: Start,
    /// The time without a sign of life after which a member has failed and its partitions get
    /// another owner.
    pub session_timeout: Duration,
    /// Maximum memory of records that were read ahead, in bytes.
    pub queue_bytes: usize,
    /// Further settings of librdkafka, by name, which override all others.
    pub options: Vec<(String, String)>,
}

impl SourceSettings {
    /// The default settings: [`Envelope::Sflow`], [`Start::Newest`], a session timeout of 6 s and
    /// 64 MiB of records that were read ahead.
    pub fn new(brokers: &str, topic: &str, group: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            group: group.to_owned(),
            member: None,
            envelope: Envelope::default(),
            start: Start::Newest,
            session_timeout: Duration::from_secs(6),
            queue_bytes: 64 << 20,
            options: Vec::new(),
        }
    }

    /// With a changed setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Where to start to read a partition when it is assigned. Committed offsets are ignored: the new owner
/// of a partition has to read again what it needs for its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the oldest record.
    Oldest,
    /// At the first record with a timestamp after the time of assignment minus this duration.
    Before(Duration),
    /// After the newest record.
    Newest,
}

/// An event of a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A partition was assigned to this member. Its records follow, from [`SourceSettings::start`].
    Assigned {
        /// The partition.
        partition: i32,
    },
    /// A datagram.
    Datagram {
        /// The partition that contains it.
        partition: i32,
        /// The datagram.
        received: Received<'a>,
    },
    /// All records that a partition contained at this time have been read. The first one after an
    /// assignment means that the replay has ended.
    End {
        /// The partition.
        partition: i32,
    },
    /// A partition no longer belongs to this member, and no further records of it follow.
    Revoked {
        /// The partition.
        partition: i32,
    },
}

/// Reads datagrams from a topic as a member of a consumer group.
///
/// Partitions are assigned by the protocol `cooperative-sticky`: a partition that keeps its owner is
/// read without interruption while others move. Offsets are committed so that monitoring can
/// calculate the lag; they do not determine where reading starts.
///
/// Records of other writers do not end the source; they are counted ([`SourceStats::rejected`]). A header
/// whose name is not UTF-8 makes rdkafka 0.39 panic: the source catches this and rejects the record, but
/// the message of the panic is printed, and with `panic = "abort"` the program ends.
pub struct Source {
    consumer: BaseConsumer<Assignments>,
    topic: String,
    envelope: Envelope,
    /// The expected offset of the next record of each partition.
    next: HashMap<i32, i64>,
    stats: SourceStats,
}

impl Source {
    /// Joins the group.
    ///
    /// # Errors
    ///
    /// If the settings are invalid.
    pub fn subscribe(settings: &SourceSettings) -> Result<Self, Error> {
        let session = settings.session_timeout.as_millis();
        let heartbeat = (session / 3).max(1).to_string();
        let session = session.max(1).to_string();
        let queue = (settings.queue_bytes >> 10).clamp(1, 2_097_151).to_string();
        let mut config = vec![
            ("bootstrap.servers", settings.brokers.as_str()),
            ("client.id", "sflow-collector"),
            ("group.id", &settings.group),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", &session),
            ("heartbeat.interval.ms", &heartbeat),
            ("enable.auto.commit", "true"),
            // For a start after records that have expired.
            ("auto.offset.reset", "earliest"),
            ("enable.partition.eof", "true"),
            ("queued.max.messages.kbytes", &queue),
        ];
        if let Some(member) = &settings.member {
            config.push(("group.instance.id", member));
        }
        let config = client::config(&config, &settings.options);
        let consumer: BaseConsumer<_> =
            client::settings(config.create_with_context(Assignments::new(settings)))?;
        client::settings(consumer.subscribe(&[&settings.topic]))?;
        Ok(Self {
            consumer,
            topic: settings.topic.clone(),
            envelope: settings.envelope,
            next: HashMap::new(),
            stats: SourceStats::default(),
        })
    }

    /// The number of partitions of the topic.
    ///
    /// # Errors
    ///
    /// If the topic does not exist, or no broker responds in time.
    pub fn partitions(&self, timeout: Duration) -> Result<usize, Error> {
        client::partitions(self.consumer.client(), &self.topic, timeout)
    }

    /// Waits for a record for at most `timeout`, and passes it and changes of the assignment to
    /// `handle`. A member that does not call this for five minutes loses its partitions.
    ///
    /// # Errors
    ///
    /// If the topic cannot be read: it does not exist, the client has no permission, or the offset at
    /// which to start cannot be determined. Temporary errors of brokers are only counted
    /// ([`SourceStats::errors`]).
    pub fn poll(
        &mut self,
        timeout: Duration,
        mut handle: impl FnMut(Event<'_>),
    ) -> Result<(), Error> {
        let polled = self.consumer.poll(timeout);
        for change in self.consumer.context().take() {
            let event = change.map_err(|source| Error::Start {
                topic: self.topic.clone(),
                source: ClientError(source),
            })?;
            match event {
                Change::Assigned { partition, offset } => {
                    match offset {
                        Some(offset) => self.next.insert(partition, offset),
                        None => self.next.remove(&partition),
                    };
                    handle(Event::Assigned { partition });
                }
                Change::Revoked { partition } => {
                    self.next.remove(&partition);
                    handle(Event::Revoked { partition });
                }
            }
        }
        match polled {
            None => {}
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                let expected = self.next.insert(partition, offset + 1).unwrap_or(offset);
                self.stats.skipped += u64::try_from(offset - expected).unwrap_or(0);
                self.stats.records += 1;
                match decode(self.envelope, &message) {
                    Ok(received) => handle(Event::Datagram {
                        partition,
                        received,
                    }),
                    Err(rejection) => self.stats.rejected.add(rejection, 1),
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => handle(Event::End { partition }),
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(code) if client::is_unknown_topic(code) => {
                    return Err(Error::UnknownTopic {
                        topic: self.topic.clone(),
                    });
                }
                Some(code) if is_permanent(code) => {
                    return Err(Error::Read {
                        topic: self.topic.clone(),
                        source: ClientError(error),
                    });
                }
                // The client tries again, and has counted it.
                _ => {}
            },
        }
        Ok(())
    }

    /// Counts since the source was created.
    pub fn stats(&self) -> SourceStats {
        SourceStats {
            errors: self.consumer.context().errors.get(),
            ..self.stats.clone()
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("topic", &self.topic)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Counts of a [`Source`] since it was created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStats {
    /// Records read.
    pub records: u64,
    /// Records without a usable datagram, by cause.
    pub rejected: Tally<Rejection>,
    /// Offsets without a record: records that expired before they were read.
    pub skipped: u64,
    /// Errors of connections and brokers, after which the client has tried again.
    pub errors: ClientErrors,
}

/// Whether an error does not end by itself.
fn is_permanent(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::Fatal
    )
}

fn decode<'m>(
    envelope: Envelope,
    message: &'m BorrowedMessage<'_>,
) -> Result<Received<'m>, Rejection> {
    let record = Record::new(
        message.key().unwrap_or_default(),
        message.payload().unwrap_or_default(),
    );
    if envelope == Envelope::Akvorado {
        return envelope.decode(record);
    }
    let Some(headers) = message.headers() else {
        return envelope.decode(record);
    };
    // rdkafka panics on a header whose name is not UTF-8, which other writers of the topic may send.
    // It only reads, so that nothing is left in an inconsistent state.
    let read = AssertUnwindSafe(|| {
        let headers = headers.iter().take(MAX_HEADERS);
        headers.fold(record, |record, header| match header.value {
            Some(value) => record.with_header(header.key, value),
            None => record,
        })
    });
    let record = catch_unwind(read).map_err(|_| Rejection::UnsupportedVersion)?;
    envelope.decode(record)
}

/// A change of the assignment.
#[derive(Clone, Copy, Debug)]
enum Change {
    Assigned {
        partition: i32,
        /// The offset of the first record, if known.
        offset: Option<i64>,
    },
    Revoked {
        partition: i32,
    },
}

/// Determines where to start, and collects changes of the assignment.
#[derive(Debug)]
struct Assignments {
    start: Start,
    changes: Mutex<VecDeque<KafkaResult<Change>>>,
    errors: ErrorLog,
}

impl Assignments {
    fn new(settings: &SourceSettings) -> Self {
        Self {
            start: settings.start,
            changes: Mutex::default(),
            errors: ErrorLog::default(),
        }
    }

    fn take(&self) -> VecDeque<KafkaResult<Change>> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *changes)
    }

    fn add(&self, change: KafkaResult<Change>) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push_back(change);
    }

    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()> {
        let partitions = self.positions(consumer, partitions)?;
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&partitions)?,
            _ => consumer.assign(&partitions)?,
        }
        for partition in partitions.elements() {
            let offset = match partition.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            let partition = partition.partition();
            self.add(Ok(Change::Assigned { partition, offset }));
        }
        Ok(())
    }

    /// The partitions with the offsets at which to start.
    fn positions(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<TopicPartitionList> {
        let mut positions = partitions.clone();
        match self.start {
            Start::Oldest => positions.set_all_offsets(Offset::Beginning)?,
            Start::Newest => positions.set_all_offsets(Offset::End)?,
            Start::Before(_) if positions.count() == 0 => {}
            Start::Before(duration) => {
                let since = SystemTime::now().checked_sub(duration);
                let since = since.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
                let millis = since.unwrap_or_default().as_millis();
                let millis = i64::try_from(millis).unwrap_or(i64::MAX);
                positions.set_all_offsets(Offset::Offset(millis))?;
                positions = consumer.offsets_for_times(positions, OFFSETS_TIMEOUT)?;
                for mut position in positions.elements() {
                    position.error()?;
                    // No newer record. The end is determined now: reading begins later, after
                    // further records.
                    if position.offset() == Offset::End {
                        let (topic, partition) = (position.topic(), position.partition());
                        let (_, end) =
                            consumer.fetch_watermarks(topic, partition, OFFSETS_TIMEOUT)?;
                        position.set_offset(Offset::Offset(end))?;
                    }
                }
            }
        }
        Ok(positions)
    }

    fn unassign(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()> {
        for partition in partitions.elements() {
            let partition = partition.partition();
            self.add(Ok(Change::Revoked { partition }));
        }
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
            _ => consumer.unassign(),
        }
    }
}

impl ClientContext for Assignments {
    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is an event, which `poll` returns as well.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
            self.errors.add(format!("{error}: {reason}"));
        }
    }
}

impl ConsumerContext for Assignments {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let result = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(consumer, partitions)
            }
            _ => self.unassign(consumer, partitions),
        };
        if let Err(error) = result {
            self.add(Err(error));
        }
    }
}
