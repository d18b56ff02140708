use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

/// Bytes for one datagram: more than the longest can have over IPv4 or IPv6, so that none is
/// cut.
const SLOT: usize = 1 << 16;

/// Datagrams that were taken from the kernel and not yet handed out.
///
/// The memory is reserved, but most of it is never touched: datagrams are far shorter than the
/// place each has, and the kernel gives memory by the page.
#[derive(Debug)]
pub(super) struct Batch {
    buffers: Box<[u8]>,
    arrivals: VecDeque<Arrival>,
}

/// What is known of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) slot: usize,
    pub(super) length: usize,
    pub(super) source: SocketAddr,
    pub(super) received_at: SystemTime,
    pub(super) is_truncated: bool,
    /// Datagrams dropped before this one since the socket was made, modulo 2^32.
    pub(super) drops: Option<u32>,
}

impl Batch {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            buffers: vec![0; SLOT * slots].into_boxed_slice(),
            arrivals: VecDeque::with_capacity(slots),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The oldest one; its bytes stay until the batch is filled again.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    pub(super) fn bytes(&self, arrival: Arrival) -> &[u8] {
        let start = arrival.slot * SLOT;
        self.buffers
            .get(start..start + arrival.length)
            .unwrap_or_default()
    }

    /// Where the next datagrams go to, and what is known of them.
    pub(super) fn space(&mut self) -> (impl Iterator<Item = &mut [u8]>, &mut VecDeque<Arrival>) {
        (self.buffers.chunks_exact_mut(SLOT), &mut self.arrivals)
    }
}

/// The sender as one would write it: an IPv4 address that came through an IPv6 socket is one.
pub(super) fn canonical(source: SocketAddr) -> SocketAddr {
    match source.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), source.port()),
        IpAddr::V6(_) => source,
    }
}
