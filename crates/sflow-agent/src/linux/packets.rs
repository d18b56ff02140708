use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{LinkAddr, MsgFlags, recvmsg};
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::Opaque;
use sflow_v5::{EncodeError, FlowRecord, FlowSample, Interface};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// Samples the packets of all interfaces, including loopback, one in N by chance.
///
/// A filter in the kernel selects the packets, so that the others are neither copied nor counted:
/// add N packets to the pool for each sample ([`Agent::add_to_pool`](crate::Agent::add_to_pool)).
/// [`next_packet`](Self::next_packet) waits, so call it on a thread of its own; the documentation of
/// the [module](super) has an example with an agent.
///
/// ```no_run
/// use sflow_agent::linux::PacketSampler;
///
/// let sampler = PacketSampler::open(400)?;
/// loop {
///     if let Some(packet) = sampler.next_packet()? {
///         println!("{} bytes at interface {}", packet.length, packet.if_index);
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PacketSampler {
    socket: Socket,
}

/// A sampled packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// The interface that the packet passed.
    pub if_index: u32,
    /// Whether the host received it there; otherwise the host sent it.
    pub is_inbound: bool,
    /// Length of the frame in bytes, without the frame check sequence.
    pub length: u32,
    /// Its first bytes, at most 128.
    pub header: Vec<u8>,
}

impl Packet {
    /// The frame check sequence, which the kernel does not show.
    const CHECK_SEQUENCE: u32 = 4;

    /// Sampling rate and interfaces, for [`Agent::flow_sample`](crate::Agent::flow_sample).
    pub fn flow_sample(&self, sampling_rate: u32) -> FlowSample<'static> {
        let (interface, unknown) = (Interface::index(self.if_index), Interface::default());
        let (input, output) = if self.is_inbound {
            (interface, unknown)
        } else {
            (unknown, interface)
        };
        FlowSample {
            sampling_rate,
            input,
            output,
            ..FlowSample::default()
        }
    }

    /// Writes the record `sampled_header`.
    ///
    /// # Errors
    ///
    /// If it does not fit.
    pub fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, FlowRecord<'_>>,
    ) -> Result<(), EncodeError> {
        records.push(&SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: self.length.saturating_add(Self::CHECK_SEQUENCE),
            stripped: Self::CHECK_SEQUENCE,
            header: Opaque(&self.header),
        })
    }
}

/// What a program did with a sampled packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is going to be sent.
    Accepted,
    /// The queue was full.
    Dropped,
    /// The receiver has ended.
    Closed,
}

/// Bytes of a packet that are kept.
const HEADER: usize = 128;

impl PacketSampler {
    /// Starts sampling one packet in `rate` (at least 1).
    ///
    /// # Errors
    ///
    /// If the system does not allow it: the process needs the capability `CAP_NET_RAW`.
    pub fn open(rate: u32) -> io::Result<Self> {
        /// `ETH_P_ALL`, in network byte order.
        const ALL_PROTOCOLS: i32 = 0x0003_u16.to_be() as i32;
        const TIMEOUT: Duration = Duration::from_millis(200);
        const QUEUED: usize = 10_000;
        let protocol = Protocol::from(ALL_PROTOCOLS);
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.attach_filter(&one_in(rate))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let sampler = Self { socket };
        // Packets that were received before the filter was attached are not samples.
        for _ in 0..QUEUED {
            if sampler.receive(MsgFlags::MSG_DONTWAIT).is_err() {
                break;
            }
        }
        Ok(sampler)
    }

    /// Waits up to 200 ms for a sampled packet.
    ///
    /// # Errors
    ///
    /// If the socket fails. An interface that goes down is not an error.
    pub fn next_packet(&self) -> io::Result<Option<Packet>> {
        use io::ErrorKind::{Interrupted, NetworkDown, TimedOut, WouldBlock};
        match self.receive(MsgFlags::empty()) {
            Ok(packet) => Ok(Some(packet)),
            Err(error) => match error.kind() {
                Interrupted | NetworkDown | TimedOut | WouldBlock => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Passes every sampled packet to `deliver`, with the number of packets of its interface that
    /// `deliver` dropped before it. Ends when `deliver` returns [`Delivery::Closed`].
    ///
    /// ```no_run
    /// use std::sync::mpsc::{TrySendError, sync_channel};
    /// use std::thread;
    ///
    /// use sflow_agent::linux::{Delivery, PacketSampler};
    ///
    /// let sampler = PacketSampler::open(400)?;
    /// let (sender, packets) = sync_channel(1_000);
    /// thread::spawn(move || {
    ///     sampler.run(|packet, dropped| match sender.try_send((packet, dropped)) {
    ///         Ok(()) => Delivery::Accepted,
    ///         Err(TrySendError::Full(_)) => Delivery::Dropped,
    ///         Err(TrySendError::Disconnected(_)) => Delivery::Closed,
    ///     })
    /// });
    /// # drop(packets);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub fn run(&self, mut deliver: impl FnMut(Packet, u32) -> Delivery) -> io::Result<()> {
        let mut dropped: HashMap<u32, u32> = HashMap::new();
        loop {
            let Some(packet) = self.next_packet()? else {
                continue;
            };
            let before = dropped.entry(packet.if_index).or_default();
            match deliver(packet, *before) {
                Delivery::Accepted => *before = 0,
                Delivery::Dropped => *before = before.saturating_add(1),
                Delivery::Closed => return Ok(()),
            }
        }
    }

    fn receive(&self, flags: MsgFlags) -> io::Result<Packet> {
        const OUTGOING: u8 = 4;
        let mut header = [0; HEADER];
        let (length, address) = {
            let mut slices = [IoSliceMut::new(&mut header)];
            let flags = flags | MsgFlags::MSG_TRUNC;
            let message = recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut slices, None, flags)?;
            (message.bytes, message.address)
        };
        let address = address.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Packet {
            if_index: address.ifindex() as u32,
            is_inbound: address.pkttype() != OUTGOING,
            length: length as u32,
            header: header[..length.min(HEADER)].to_vec(),
        })
    }
}

/// A program of the kernel's packet filter: accept the packet if a random number is a multiple
/// of `rate`.
fn one_in(rate: u32) -> [SockFilter; 5] {
    const LOAD: u16 = 0x20;
    const MODULO: u16 = 0x94;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// `SKF_AD_OFF + SKF_AD_RANDOM`.
    const RANDOM: u32 = (-0x1000_i32 + 56) as u32;
    [
        SockFilter::new(LOAD, 0, 0, RANDOM),
        SockFilter::new(MODULO, 0, 0, rate.max(1)),
        SockFilter::new(IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
