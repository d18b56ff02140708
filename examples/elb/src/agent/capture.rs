//! Packets, sampled by the kernel: what is not chosen is never copied, so that a busy host pays
//! for the samples alone.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::sys::socket::{LinkAddr, MsgFlags, recvmsg};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// A packet as it was seen at an interface.
#[derive(Debug)]
pub(super) struct Seen {
    /// Of the interface.
    pub(super) port: u32,
    /// Whether it came in, from the host's point of view.
    pub(super) inbound: bool,
    pub(super) length: u32,
    pub(super) header: Vec<u8>,
    /// Packets chosen before, that nobody had time for.
    pub(super) lost: u32,
}

/// A socket that packets are seen at.
#[derive(Debug)]
pub(super) struct Capture {
    socket: Socket,
}

/// Bytes of a packet that are told.
const HEADER: usize = 128;

/// How often it looks whether anybody still listens.
const LOOKING: Duration = Duration::from_millis(200);

impl Capture {
    /// Begins to choose one packet in `rate`, by chance, of all interfaces.
    pub(super) fn begin(rate: u32) -> io::Result<Self> {
        /// All protocols, as the network writes it.
        const ALL: i32 = 0x0003_u16.to_be() as i32;
        // What came before the filter was not chosen.
        const BEFORE: usize = 10_000;
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL)))?;
        socket.attach_filter(&one_in(rate))?;
        socket.set_read_timeout(Some(LOOKING))?;
        let capture = Self { socket };
        for _ in 0..BEFORE {
            if capture.receive(MsgFlags::MSG_DONTWAIT).is_err() {
                break;
            }
        }
        Ok(capture)
    }

    /// Tells of packets until nobody listens. Waits in between: for a thread of its own.
    pub(super) fn run(self, seen: &Sender<Seen>) -> io::Result<()> {
        let mut lost: u32 = 0;
        while !seen.is_closed() {
            let packet = match self.receive(MsgFlags::empty()) {
                Ok(packet) => Seen { lost, ..packet },
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            };
            if let Err(TrySendError::Full(_)) = seen.try_send(packet) {
                lost = lost.wrapping_add(1);
            }
        }
        Ok(())
    }

    fn receive(&self, flags: MsgFlags) -> io::Result<Seen> {
        const OUTGOING: u8 = 4;
        let mut header = [0; HEADER];
        let (length, address) = {
            let mut slices = [IoSliceMut::new(&mut header)];
            let flags = flags | MsgFlags::MSG_TRUNC;
            let message = recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut slices, None, flags)?;
            (message.bytes, message.address)
        };
        let address = address.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Seen {
            port: address.ifindex() as u32,
            inbound: address.pkttype() != OUTGOING,
            length: length as u32,
            header: header[..length.min(HEADER)].to_vec(),
            lost: 0,
        })
    }
}

/// Whether there was nothing for a while, or an interface has gone down.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NetworkDown, TimedOut, WouldBlock};
    matches!(
        error.kind(),
        Interrupted | NetworkDown | TimedOut | WouldBlock
    )
}

/// The kernel's filter: take the whole packet if a number that it draws is a multiple of `rate`.
fn one_in(rate: u32) -> [SockFilter; 5] {
    const LOAD: u16 = 0x20;
    const MODULO: u16 = 0x94;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// Where the filter finds a number that is drawn for it.
    const DRAWN: u32 = (-0x1000_i32 + 56) as u32;
    [
        SockFilter::new(LOAD, 0, 0, DRAWN),
        SockFilter::new(MODULO, 0, 0, rate.max(1)),
        SockFilter::new(IF_EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
