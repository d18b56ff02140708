#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod pace;
mod protocol;
mod ticks;
mod udp;

use std::net::SocketAddr;
use std::time::SystemTime;

pub use capture::{
    Capture, CaptureError, CaptureStats, Damage, InvalidPort, PassedOver, Port, Tally,
};
pub use pace::{InvalidSpeed, Pace};
pub use protocol::OtherProtocol;
pub use ticks::Ticks;
#[cfg(feature = "tokio")]
pub use udp::AsyncUdpReceiver;
pub use udp::{BindError, NoAddress, ReceiverStats, SocketSettings, UdpReceiver, listen_address};

/// The UDP port that agents send to unless they are told otherwise.
pub const SFLOW_PORT: u16 = 6343;

/// The longest payload, in bytes, that a UDP datagram over IPv4 can have. (IPv6 leaves room
/// for 20 more, which are received as well.)
pub const LONGEST_DATAGRAM: usize = 65_507;

/// One datagram, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// When: by the kernel's clock for a socket, as recorded for a capture.
    pub received_at: SystemTime,
    /// Who sent it: not necessarily the agent.
    pub source: SocketAddr,
    /// The payload.
    pub bytes: &'a [u8],
}
