//! Receives sFlow datagrams from UDP sockets and reads them from capture files.
//!
#![cfg_attr(
    all(feature = "capture", feature = "stream"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "capture")]
pub mod capture;
mod protocol;
mod received;
pub mod replay;
mod tally;
pub mod udp;

pub use protocol::OtherProtocol;
pub use received::{Received, ReceivedDatagram};
pub use tally::Tally;

/// The UDP port that is registered for sFlow, the default of agents.
pub const SFLOW_PORT: u16 = 6343;

/// The longest payload of a UDP datagram over IPv4, in bytes. Over IPv6 it is 20 bytes longer;
/// such datagrams are received as well.
pub const LONGEST_DATAGRAM: usize = 65_507;
