//! sFlow TCP information: the state of a connection in the kernel.

use crate::enums::PacketDirection;
use crate::structure;
use crate::types::Microseconds;

structure! {
    /// The state of the TCP connection that a packet belongs to.
    ///
    /// Source: structure registry; Host sFlow.
    pub struct ExtendedTcpInfo: "extended_tcp_info" {
        dir: PacketDirection,
        snd_mss: u32 [bytes],
        rcv_mss: u32 [bytes],
        /// Segments in flight.
        unacked: u32 [packets],
        lost: u32 [packets],
        retrans: u32 [packets],
        pmtu: u32 [bytes],
        /// Smoothed round-trip time.
        rtt: Microseconds [us],
        rttvar: Microseconds [us],
        snd_cwnd: u32 [packets],
        reordering: u32,
        min_rtt: Microseconds [us],
    }
}
