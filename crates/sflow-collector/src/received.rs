use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;

/// A received datagram, borrowed from the buffer of its source.
///
/// [`to_owned`](Self::to_owned) copies it, for a queue or another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// The time of reception: by the clock of the kernel, or as recorded in the capture.
    pub received_at: SystemTime,
    /// The address of the sender. It may differ from the agent address in the datagram.
    pub source: SocketAddr,
    /// The UDP payload.
    pub bytes: &'a [u8],
}

impl Received<'_> {
    /// Copies the datagram.
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use sflow_collector::{Received, ReceivedDatagram};
    ///
    /// let received = Received {
    ///     received_at: SystemTime::UNIX_EPOCH,
    ///     source: ([192, 0, 2, 1], 6343).into(),
    ///     bytes: &[0, 0, 0, 5],
    /// };
    /// let owned: ReceivedDatagram = received.to_owned();
    /// assert_eq!(owned.as_received(), received);
    /// ```
    pub fn to_owned(&self) -> ReceivedDatagram {
        ReceivedDatagram {
            received_at: self.received_at,
            source: self.source,
            bytes: Bytes::copy_from_slice(self.bytes),
        }
    }
}

/// A received datagram that owns its bytes. A clone shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedDatagram {
    /// The time of reception, as [`Received::received_at`].
    pub received_at: SystemTime,
    /// The address of the sender.
    pub source: SocketAddr,
    /// The UDP payload.
    pub bytes: Bytes,
}

impl ReceivedDatagram {
    /// The same datagram, borrowed.
    pub fn as_received(&self) -> Received<'_> {
        Received {
            received_at: self.received_at,
            source: self.source,
            bytes: &self.bytes,
        }
    }
}

impl From<Received<'_>> for ReceivedDatagram {
    fn from(received: Received<'_>) -> Self {
        received.to_owned()
    }
}
