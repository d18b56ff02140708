use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use sflow_v5::Datagram;
use thiserror::Error;

use super::akvorado;
use crate::{LONGEST_DATAGRAM, Received};

/// The version of [`Envelope::Sflow`] that is written and read: the header `v`.
const VERSION: &[u8] = b"1";

/// The longest value of a record: the longest datagram over IPv6.
const LONGEST_VALUE: usize = LONGEST_DATAGRAM + 20;
/// The longest message of Akvorado: a datagram with the other fields.
const LONGEST_MESSAGE: usize = LONGEST_VALUE + 1024;
/// The longest text of a sender's address and port.
const LONGEST_SOURCE: usize = 80;

/// How a record contains a datagram, its sender and its time.
///
/// The text form is `sflow` or `akvorado`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Envelope {
    /// The envelope that [`Sink`](super::Sink) writes. The value is the datagram, unchanged. The key
    /// is the [agent address](agent_key), the timestamp the time of reception in milliseconds. All
    /// headers are texts:
    ///
    /// | header | value |
    /// | --- | --- |
    /// | `v` | `1` |
    /// | `received-ns` | the time of reception in nanoseconds since 1970 |
    /// | `source` | the sender, such as `192.0.2.1:6343` or `[2001:db8::1]:6343` |
    /// | `receiver` | the name of the receiver; not evaluated |
    #[default]
    Sflow,
    /// The messages that Akvorado's inlet writes (topic `flows-v5`): read only. The time is in whole
    /// seconds, and the port of the sender is unknown (0). Messages of other protocols than sFlow
    /// are rejected. For all datagrams of an exporter to be in one partition, Akvorado needs
    /// `load-balance: by-exporter`.
    Akvorado,
}

/// A record of a topic, as far as an [`Envelope`] uses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The key; empty if the record has none.
    pub key: &'a [u8],
    /// The value; empty if the record has none.
    pub value: &'a [u8],
    /// The header `v`.
    pub version: Option<&'a [u8]>,
    /// The header `received-ns`.
    pub received_ns: Option<&'a [u8]>,
    /// The header `source`.
    pub source: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// A record without headers.
    pub const fn new(key: &'a [u8], value: &'a [u8]) -> Self {
        Self {
            key,
            value,
            version: None,
            received_ns: None,
            source: None,
        }
    }

    /// With a header. Headers that no envelope uses are ignored, and of several headers with one
    /// name, the first applies.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &'a [u8]) -> Self {
        let header = match name {
            "v" => &mut self.version,
            "received-ns" => &mut self.received_ns,
            "source" => &mut self.source,
            _ => return self,
        };
        header.get_or_insert(value);
        self
    }
}

/// A datagram in [`Envelope::Sflow`], ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedRecord<'a> {
    /// The [key](agent_key) of the agent.
    pub key: [u8; 16],
    /// The datagram.
    pub value: &'a [u8],
    /// The time of reception in milliseconds since 1970, the timestamp of the record.
    pub timestamp_ms: i64,
    /// The header `received-ns`.
    pub received_ns: String,
    /// The header `source`.
    pub source: String,
}

impl<'a> EncodedRecord<'a> {
    /// Encodes a datagram in [`Envelope::Sflow`].
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use sflow_collector::Received;
    /// use sflow_collector::kafka::{EncodedRecord, Envelope};
    ///
    /// # let mut buffer = [0; 64];
    /// # let header = sflow_v5::Header {
    /// #     agent_address: sflow_v5::Address::V4([192, 0, 2, 1]),
    /// #     ..sflow_v5::Header::default()
    /// # };
    /// # let datagram = sflow_v5::Encoder::new(&mut buffer, &header)?.finish();
    /// let received = Received {
    ///     received_at: SystemTime::UNIX_EPOCH,
    ///     source: ([192, 0, 2, 1], 6343).into(),
    ///     bytes: datagram,
    /// };
    /// let record = EncodedRecord::new(received)?;
    /// assert_eq!(record.source, "192.0.2.1:6343");
    /// assert_eq!(Envelope::Sflow.decode(record.as_record()), Ok(received));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the datagram is not sFlow version 5, so that its agent is unknown.
    pub fn new(received: Received<'a>) -> Result<Self, Rejection> {
        let key = agent_key(received.bytes).ok_or(Rejection::NotSflow)?;
        let since = received.received_at.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        Ok(Self {
            key,
            value: received.bytes,
            timestamp_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            received_ns: since.as_nanos().to_string(),
            source: received.source.to_string(),
        })
    }

    /// The record that a reader gets.
    pub fn as_record(&self) -> Record<'_> {
        Record {
            key: &self.key,
            value: self.value,
            version: Some(VERSION),
            received_ns: Some(self.received_ns.as_bytes()),
            source: Some(self.source.as_bytes()),
        }
    }
}

impl Envelope {
    /// Extracts the datagram from a record. Allocates nothing; any input is accepted.
    ///
    /// # Errors
    ///
    /// If the record is not in this envelope, or its datagram is not sFlow version 5.
    pub fn decode(self, record: Record<'_>) -> Result<Received<'_>, Rejection> {
        let longest = match self {
            Self::Sflow => LONGEST_VALUE,
            Self::Akvorado => LONGEST_MESSAGE,
        };
        if record.value.len() > longest {
            return Err(Rejection::TooLong);
        }
        match self {
            Self::Sflow => decode(record),
            Self::Akvorado => {
                let received = akvorado::decode(record.value)?;
                agent_key(received.bytes).ok_or(Rejection::NotSflow)?;
                Ok(received)
            }
        }
    }
}

fn decode(record: Record<'_>) -> Result<Received<'_>, Rejection> {
    if record.version != Some(VERSION) {
        return Err(Rejection::UnsupportedVersion);
    }
    let received = Received {
        received_at: record
            .received_ns
            .and_then(time)
            .ok_or(Rejection::InvalidTime)?,
        source: record
            .source
            .and_then(source)
            .ok_or(Rejection::InvalidSource)?,
        bytes: record.value,
    };
    let key = agent_key(received.bytes).ok_or(Rejection::NotSflow)?;
    if record.key != key {
        return Err(Rejection::OtherKey);
    }
    Ok(received)
}

fn time(text: &[u8]) -> Option<SystemTime> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = std::str::from_utf8(text).ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds))
}

fn source(text: &[u8]) -> Option<SocketAddr> {
    if text.len() > LONGEST_SOURCE {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The key of a datagram's record: the agent address of its header as IPv6 (IPv4 addresses are
/// mapped), zeros if the agent does not know its address. `None` if it is not sFlow version 5.
///
/// Records with equal keys are in the same partition. The key is that of the agent, not of the
/// sender, so that relays and load balancers make no difference.
pub fn agent_key(datagram: &[u8]) -> Option<[u8; 16]> {
    let datagram = Datagram::parse(datagram).ok()?;
    let address = datagram
        .header
        .agent_address
        .ip()
        .map(|ip| ip.to_canonical());
    let address = match address {
        Some(IpAddr::V4(address)) if address != Ipv4Addr::UNSPECIFIED => address.to_ipv6_mapped(),
        Some(IpAddr::V6(address)) => address,
        Some(IpAddr::V4(_)) | None => Ipv6Addr::UNSPECIFIED,
    };
    Some(address.octets())
}

/// Why a record has no usable datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The header `v` is missing, or has another value than `1`.
    #[error("record of an unsupported envelope version")]
    UnsupportedVersion,
    /// The time of reception is missing or not a number, or exceeds the system's range.
    #[error("record with an invalid time of reception")]
    InvalidTime,
    /// The sender's address is missing or malformed.
    #[error("record with an invalid source")]
    InvalidSource,
    /// The value is longer than any datagram.
    #[error("record longer than any datagram")]
    TooLong,
    /// The value is not a message of Akvorado.
    #[error("record that is not a message of Akvorado")]
    Malformed,
    /// The datagram is not sFlow version 5.
    #[error("datagram that is not sFlow version 5")]
    NotSflow,
    /// The key is not the address of the agent, whose datagrams are therefore in several partitions.
    #[error("record with the key of another agent")]
    OtherKey,
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sflow => "sflow",
            Self::Akvorado => "akvorado",
        })
    }
}

impl FromStr for Envelope {
    type Err = UnknownEnvelope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sflow" => Ok(Self::Sflow),
            "akvorado" => Ok(Self::Akvorado),
            _ => Err(UnknownEnvelope),
        }
    }
}

/// The text is not an [`Envelope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown envelope; expected `sflow` or `akvorado`")]
pub struct UnknownEnvelope;
