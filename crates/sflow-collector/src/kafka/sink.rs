use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use thiserror::Error;

use super::client::{self, ClientErrors, Error, ErrorLog};
use super::envelope::EncodedRecord;
use crate::{Received, Tally};

/// Memory that a queued record needs besides its datagram: key, headers, and the client's own.
const RECORD_BYTES: usize = 1024;

/// Settings of a [`Sink`].
///
/// ```
/// use sflow_collector::kafka::SinkSettings;
///
/// let settings = SinkSettings::new("one:9092,two:9092", "sflow.raw")
///     .with(|settings| settings.queue_bytes = 256 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkSettings {
    /// Addresses of one or more brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// The topic. It has to exist: a broker that creates it by itself chooses the number of its
    /// partitions.
    pub topic: String,
    /// The name of this receiver, which every record contains.
    pub receiver: String,
    /// Maximum memory of datagrams that the brokers have not acknowledged, in bytes, where each
    /// datagram counts 1 KiB in addition to its length. Further datagrams are lost
    /// ([`Loss::QueueFull`]).
    pub queue_bytes: usize,
    /// The time for which a datagram waits for others, to be sent with them.
    pub linger: Duration,
    /// The time after which a datagram that no broker has acknowledged is lost
    /// ([`Loss::TimedOut`]).
    pub timeout: Duration,
    /// Further settings of librdkafka, by name, which override all others.
    pub options: Vec<(String, String)>,
}

impl SinkSettings {
    /// The default settings: a queue of 64 MiB, a linger time of 20 ms and a timeout of 60 s.
    pub fn new(brokers: &str, topic: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            topic: topic.to_owned(),
            receiver: String::new(),
            queue_bytes: 64 << 20,
            linger: Duration::from_millis(20),
            timeout: Duration::from_secs(60),
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

/// Writes received datagrams to a topic, in [`Envelope::Sflow`](super::Envelope::Sflow).
///
/// [`send`](Self::send) never waits. Batches are compressed with LZ4 and written once and in order
/// by an idempotent producer, also when a broker fails. Every datagram is either acknowledged by the
/// brokers, still queued, or lost with a cause: see [`SinkStats`].
///
/// A sink that is dropped loses what is queued; [`close`](Self::close) waits for it.
pub struct Sink {
    producer: ThreadedProducer<Deliveries>,
    topic: String,
    receiver: String,
    queue_bytes: usize,
}

impl Sink {
    /// Creates a sink. It connects to the brokers in the background, and queues datagrams while they
    /// do not respond.
    ///
    /// # Errors
    ///
    /// If the settings are invalid.
    pub fn new(settings: &SinkSettings) -> Result<Self, Error> {
        let linger = settings.linger.as_millis().to_string();
        let timeout = settings.timeout.as_millis().max(1).to_string();
        let config = [
            ("bootstrap.servers", settings.brokers.as_str()),
            ("client.id", "sflow-collector"),
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            ("compression.type", "lz4"),
            ("linger.ms", &linger),
            ("message.timeout.ms", &timeout),
            // The sink limits the memory.
            ("queue.buffering.max.messages", "0"),
            ("queue.buffering.max.kbytes", "2147483647"),
        ];
        let config = client::config(&config, &settings.options);
        let producer = config.create_with_context(Deliveries::default());
        Ok(Self {
            producer: client::settings(producer)?,
            topic: settings.topic.clone(),
            receiver: settings.receiver.clone(),
            queue_bytes: settings.queue_bytes,
        })
    }

    /// The number of partitions of the topic.
    ///
    /// # Errors
    ///
    /// If the topic does not exist, or no broker responds in time.
    pub fn partitions(&self, timeout: Duration) -> Result<usize, Error> {
        client::partitions(self.producer.client(), &self.topic, timeout)
    }

    /// Queues a datagram. Never waits.
    ///
    /// # Errors
    ///
    /// If the datagram cannot be queued. The loss is counted.
    pub fn send(&self, received: Received<'_>) -> Result<(), Loss> {
        let deliveries = self.producer.context();
        deliveries.sent.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue(received, deliveries);
        if let Err(loss) = sent {
            deliveries.lose(loss);
        }
        sent
    }

    fn queue(&self, received: Received<'_>, deliveries: &Deliveries) -> Result<(), Loss> {
        let record = EncodedRecord::new(received).map_err(|_| Loss::NotSflow)?;
        let bytes = received.bytes.len() + RECORD_BYTES;
        if !deliveries.reserve(bytes, self.queue_bytes) {
            return Err(Loss::QueueFull);
        }
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = OwnedHeaders::new_with_capacity(4)
            .insert(header("v", "1"))
            .insert(header("received-ns", &record.received_ns))
            .insert(header("source", &record.source))
            .insert(header("receiver", &self.receiver));
        let sent = BaseRecord::with_opaque_to(&self.topic, bytes)
            .key(&record.key)
            .payload(record.value)
            .timestamp(record.timestamp_ms)
            .headers(headers);
        self.producer.send(sent).map_err(|(error, _)| {
            deliveries.release(bytes);
            Loss::of(&error)
        })
    }

    /// Counts since the sink was created.
    pub fn stats(&self) -> SinkStats {
        let deliveries = self.producer.context();
        // Losses and deliveries first: whatever happens meanwhile counts as queued.
        let lost = *deliveries.lost();
        let delivered = deliveries.delivered.load(Ordering::Acquire);
        SinkStats {
            sent: deliveries.sent.load(Ordering::Acquire),
            delivered,
            lost,
            queued_bytes: deliveries.queued.load(Ordering::Acquire),
            errors: deliveries.errors.get(),
        }
    }

    /// Waits until the brokers have acknowledged all queued datagrams, or they are lost; returns
    /// whether this happened in time.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.producer.flush(timeout).is_ok()
    }

    /// Like [`flush`](Self::flush); then gives up what is still queued ([`Loss::Abandoned`]) and
    /// returns the final counts.
    pub fn close(self, timeout: Duration) -> SinkStats {
        if !self.flush(timeout) {
            self.producer
                .purge(PurgeConfig::default().queue().inflight());
            self.flush(Duration::from_secs(1));
        }
        self.stats()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("topic", &self.topic)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Counts of a [`Sink`] since it was created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// Datagrams passed to [`Sink::send`].
    pub sent: u64,
    /// Datagrams that the brokers have acknowledged.
    pub delivered: u64,
    /// Lost datagrams, by cause.
    pub lost: Tally<Loss>,
    /// Memory of the queued datagrams, as in [`SinkSettings::queue_bytes`].
    pub queued_bytes: usize,
    /// Errors of connections and brokers, after which the client has tried again.
    pub errors: ClientErrors,
}

impl SinkStats {
    /// Datagrams that are neither delivered nor lost yet.
    pub fn queued(&self) -> u64 {
        self.sent.saturating_sub(self.delivered + self.lost.total())
    }
}

/// Why a datagram was not written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Loss {
    /// It is not sFlow version 5.
    #[error("not sFlow version 5")]
    NotSflow,
    /// The queue has reached [`SinkSettings::queue_bytes`]: the brokers are too slow, or do not
    /// respond.
    #[error("queue full")]
    QueueFull,
    /// The broker accepts only shorter records.
    #[error("too large for the broker")]
    TooLarge,
    /// No broker has acknowledged it within [`SinkSettings::timeout`].
    #[error("not acknowledged in time")]
    TimedOut,
    /// The broker has refused it: the topic does not exist, or the client has no permission.
    #[error("refused by the broker")]
    Refused,
    /// The sink was closed before it was acknowledged. The log may contain it.
    #[error("abandoned when closing")]
    Abandoned,
    /// Another error of the client, [`SinkStats::errors`].
    #[error("failed")]
    Failed,
}

impl Loss {
    fn of(error: &KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
                Self::TooLarge
            }
            Some(RDKafkaErrorCode::MessageTimedOut) => Self::TimedOut,
            Some(RDKafkaErrorCode::QueueFull) => Self::QueueFull,
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => Self::Abandoned,
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::PolicyViolation
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::InvalidTimestamp,
            ) => Self::Refused,
            Some(code) if client::is_unknown_topic(code) => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// The counts, and the memory of the queue.
#[derive(Debug, Default)]
struct Deliveries {
    sent: AtomicU64,
    delivered: AtomicU64,
    queued: AtomicUsize,
    lost: Mutex<Tally<Loss>>,
    errors: ErrorLog,
}

impl Deliveries {
    /// Reserves memory; returns whether it was available.
    fn reserve(&self, bytes: usize, most: usize) -> bool {
        let reserve = |queued: usize| queued.checked_add(bytes).filter(|sum| *sum <= most);
        self.queued
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve)
            .is_ok()
    }

    fn release(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::AcqRel);
    }

    fn lose(&self, loss: Loss) {
        self.lost().add(loss, 1);
    }

    fn lost(&self) -> std::sync::MutexGuard<'_, Tally<Loss>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        self.errors.add(format!("{error}: {reason}"));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, bytes: usize) {
        self.release(bytes);
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::AcqRel);
            }
            Err((error, _)) => {
                let loss = Loss::of(error);
                if loss == Loss::Failed {
                    self.errors.add(error.to_string());
                }
                self.lose(loss);
            }
        }
    }
}
