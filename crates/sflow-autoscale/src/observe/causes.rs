//! Causes for which received data is not used, and the notice of the first occurrence of each.

use std::fmt;
use std::net::SocketAddr;

use sflow_metrics::Health;
use sflow_v5::{Error, ErrorKind};

/// Refused: datagrams of senders that the configuration does not allow.
pub const SENDER_NOT_ALLOWED: &str = "sender not allowed";
/// Datagrams that the socket dropped.
pub(super) const OVERFLOW: &str = "overflow of the socket";

/// The first occurrence of a cause for which received data is not used. Further ones are only
/// counted, so that a flood of datagrams does not flood the log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// A datagram is not sFlow version 5.
    NotSflow {
        /// The sender.
        source: SocketAddr,
        /// What the datagram seems to be.
        cause: &'static str,
        /// The error of the decoder.
        error: Error,
    },
    /// A sender is not allowed.
    SenderNotAllowed {
        /// The sender.
        source: SocketAddr,
    },
    /// A part of a datagram is not usable.
    Unusable {
        /// The sender.
        source: SocketAddr,
        /// The part and the fault.
        cause: &'static str,
    },
    /// A reading exceeds a limit on memory or on the number of entities.
    OverLimit {
        /// The sender.
        source: SocketAddr,
        /// The limit.
        cause: &'static str,
    },
    /// The socket dropped datagrams.
    SocketOverflow,
}

impl Notice {
    /// The sender, if the notice is about one.
    pub const fn source(&self) -> Option<SocketAddr> {
        match self {
            Self::NotSflow { source, .. }
            | Self::SenderNotAllowed { source }
            | Self::Unusable { source, .. }
            | Self::OverLimit { source, .. } => Some(*source),
            Self::SocketOverflow => None,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSflow { cause, error, .. } => {
                write!(f, "refused a datagram: {cause} ({error})")?;
            }
            Self::SenderNotAllowed { .. } => {
                f.write_str("refused a datagram: its sender is not allowed")?;
            }
            Self::Unusable { cause, .. } => write!(f, "refused a part of a datagram: {cause}")?,
            Self::OverLimit { cause, .. } => write!(f, "refused a reading: {cause}")?,
            Self::SocketOverflow => {
                f.write_str("the socket drops datagrams: they arrive faster than they are read")?;
            }
        }
        f.write_str("; further ones are only counted")
    }
}

/// Parts of valid datagrams that were not used, by cause.
pub(super) fn unusable(health: &Health) -> [(&'static str, u64); 9] {
    [
        ("malformed sample", health.malformed_samples),
        ("malformed record", health.malformed_records),
        ("datagram of one agent too many", health.datagrams_refused),
        ("datagram out of sequence", health.datagrams_rejected),
        (
            "counters sample out of sequence",
            health.counter_samples_rejected,
        ),
        (
            "packet sample out of sequence",
            health.flow_samples_rejected,
        ),
        (
            "packet sample with an impossible rate",
            health.flow_samples_bad_rate,
        ),
        (
            "packet sample with an impossible length",
            health.flow_samples_bad_length,
        ),
        (
            "packet sample above the line rate",
            health.flow_samples_above_line_rate,
        ),
    ]
}

/// Readings that were refused because a limit was reached, by cause.
pub(super) fn over_limit(health: &Health) -> [(&'static str, u64); 6] {
    [
        (
            "sample of a data source too many",
            health.counter_samples_refused,
        ),
        ("custom metric too many", health.custom_metrics_refused),
        ("memory bound of a data source", health.source_bytes_refused),
        ("memory bound of an agent", health.agent_bytes_refused),
        ("memory bound of a sender", health.sender_bytes_refused),
        ("memory bound of all senders", health.total_bytes_refused),
    ]
}

/// The format of a datagram that is not sFlow, as far as it is known.
pub(super) fn not_sflow(bytes: &[u8], error: &Error) -> &'static str {
    if bytes.is_empty() {
        return "empty datagram";
    }
    match error.kind {
        ErrorKind::Version(1..=4) => "older version of sFlow",
        ErrorKind::Version(version) => match version >> 16 {
            5 | 9 => "NetFlow",
            10 => "IPFIX",
            _ => "not sFlow",
        },
        ErrorKind::AddressType(_) => "unknown type of address",
        _ => "datagram cut off in its header",
    }
}
