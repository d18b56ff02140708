use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

/// Bytes of buffer for one datagram: more than the longest payload over IPv4 or IPv6.
const SLOT: usize = 1 << 16;

/// Datagrams that were read from the kernel and not yet delivered.
///
/// Most of the buffer is never touched and takes no memory: datagrams are far shorter than their
/// slots, and the kernel allocates memory by the page.
#[derive(Debug)]
pub(super) struct Batch {
    buffers: Box<[u8]>,
    arrivals: VecDeque<Arrival>,
}

/// A datagram in a slot of the buffer, with what the kernel reported about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) slot: usize,
    pub(super) length: usize,
    pub(super) source: SocketAddr,
    pub(super) received_at: SystemTime,
    pub(super) is_truncated: bool,
    /// Datagrams that the socket had dropped before this one, modulo 2^32.
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

    /// Removes the oldest datagram. Its bytes stay valid until the batch is filled again.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    pub(super) fn bytes(&self, arrival: Arrival) -> &[u8] {
        let start = arrival.slot * SLOT;
        self.buffers
            .get(start..start + arrival.length)
            .unwrap_or_default()
    }

    /// The slots for the next batch, and the queue to describe it in.
    pub(super) fn space(&mut self) -> (impl Iterator<Item = &mut [u8]>, &mut VecDeque<Arrival>) {
        (self.buffers.chunks_exact_mut(SLOT), &mut self.arrivals)
    }
}

/// Converts an IPv4-mapped IPv6 address, as an IPv6 socket reports IPv4 senders, to IPv4.
pub(super) fn canonical(source: SocketAddr) -> SocketAddr {
    match source.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), source.port()),
        IpAddr::V6(_) => source,
    }
}
