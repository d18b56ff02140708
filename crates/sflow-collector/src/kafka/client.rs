use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use std::time::Duration;

use thiserror::Error;

/// A log cannot be written or read.
///
/// The text does not contain that of the [source](std::error::Error::source).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings of the client are invalid.
    #[error("invalid settings of the Kafka client")]
    Settings {
        /// The error of the client.
        source: ClientError,
    },
    /// The brokers do not return the partitions of the topic.
    #[error("cannot read the partitions of topic {topic}")]
    Metadata {
        /// The topic.
        topic: String,
        /// The error of the client.
        source: ClientError,
    },
    /// The topic does not exist, or the client may not know of it.
    #[error(
        "topic {topic} does not exist; create it with as many partitions as will ever be needed"
    )]
    UnknownTopic {
        /// The topic.
        topic: String,
    },
    /// The topic cannot be read.
    #[error("cannot read topic {topic}")]
    Read {
        /// The topic.
        topic: String,
        /// The error of the client.
        source: ClientError,
    },
    /// The offset at which to start to read an assigned partition cannot be determined.
    #[error("cannot determine where to start to read topic {topic}")]
    Start {
        /// The topic.
        topic: String,
        /// The error of the client.
        source: ClientError,
    },
}

/// An error of the Kafka client.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub struct ClientError(#[from] pub(super) KafkaError);

/// Errors of a client that it handles itself, by trying again: of connections and brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientErrors {
    /// The number of errors.
    pub count: u64,
    /// The text of the last one.
    pub last: Option<String>,
}

/// Collects the errors of a client.
#[derive(Debug, Default)]
pub(super) struct ErrorLog(Mutex<ClientErrors>);

impl ErrorLog {
    pub(super) fn add(&self, text: String) {
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        errors.count += 1;
        errors.last = Some(text);
    }

    pub(super) fn get(&self) -> ClientErrors {
        let errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        errors.clone()
    }
}

/// The configuration of a client. `options` override `settings`.
pub(super) fn config(settings: &[(&str, &str)], options: &[(String, String)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in settings {
        config.set(*name, *value);
    }
    for (name, value) in options {
        config.set(name, value);
    }
    config
}

/// The number of partitions of a topic.
pub(super) fn partitions<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<usize, Error> {
    let unknown = || Error::UnknownTopic {
        topic: topic.to_owned(),
    };
    let failed = |source| Error::Metadata {
        topic: topic.to_owned(),
        source: ClientError(source),
    };
    let metadata = match client.fetch_metadata(Some(topic), timeout) {
        Err(KafkaError::MetadataFetch(code)) if is_unknown_topic(code) => return Err(unknown()),
        metadata => metadata.map_err(failed)?,
    };
    let found = metadata.topics().iter().find(|it| it.name() == topic);
    let found = found.ok_or_else(unknown)?;
    match found.error() {
        None | Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR) => Ok(found.partitions().len()),
        Some(error) => {
            let code = RDKafkaErrorCode::from(error);
            match is_unknown_topic(code) {
                true => Err(unknown()),
                false => Err(failed(KafkaError::MetadataFetch(code))),
            }
        }
    }
}

pub(super) fn is_unknown_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
    )
}

/// The error of settings that the client rejects.
pub(super) fn settings<T>(result: KafkaResult<T>) -> Result<T, Error> {
    result.map_err(|source| Error::Settings {
        source: ClientError(source),
    })
}
