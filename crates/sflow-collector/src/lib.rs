#![doc = include_str!("../README.md")]

mod capture;
mod file;
mod packet;
mod udp;

use std::net::SocketAddr;
use std::time::SystemTime;

pub use capture::{Capture, CaptureStats, Port};
pub use file::CaptureError;
#[cfg(feature = "tokio")]
pub use udp::AsyncUdpReceiver;
pub use udp::{ReceiverStats, SocketSettings, UdpReceiver};

/// The UDP port that agents send to unless they are told otherwise.
pub const SFLOW_PORT: u16 = 6343;

/// The longest payload that a UDP datagram over IPv4 can have.
pub const LONGEST_DATAGRAM: usize = 65_507;

/// One datagram, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// When: by the clock of this machine for a socket, as recorded for a capture.
    pub received_at: SystemTime,
    /// Who sent it: not necessarily the agent.
    pub source: SocketAddr,
    /// The payload.
    pub bytes: &'a [u8],
}
