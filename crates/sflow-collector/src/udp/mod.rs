//! Datagrams from a UDP socket.

mod address;
#[cfg(feature = "tokio")]
mod asynchronous;
mod batch;
mod bind;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use portable as system;

pub use self::address::{NoAddress, listen_address};
#[cfg(feature = "tokio")]
pub use self::asynchronous::AsyncUdpReceiver;
use self::batch::{Arrival, Batch};
pub use self::bind::{BindError, SocketSettings};
use crate::Received;

/// Receives datagrams.
///
/// On Linux they are taken from the kernel many at a time (`recvmmsg`), with the time at which
/// the kernel received each and its count of those it had no room for. Elsewhere they are taken
/// one by one and get the time at which they are taken. Everything else is the same.
///
/// None is ever cut: the buffer holds the longest that can be.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: UdpSocket,
    waits: Option<Wait>,
    batch: Batch,
    stats: ReceiverStats,
    drops_seen: u32,
}

impl UdpReceiver {
    /// Binds `address`; port 0 takes a free one ([`local_addr`](Self::local_addr)). The
    /// unspecified IPv6 address receives IPv4 as well.
    ///
    /// # Errors
    ///
    /// If the address is taken, not ours, or not allowed.
    pub fn bind(address: SocketAddr, settings: &SocketSettings) -> Result<Self, BindError> {
        let socket = bind::socket(address, settings)?;
        let tells_drops = system::prepare(&socket, settings);
        Ok(Self {
            socket,
            waits: None,
            batch: Batch::new(system::BATCH),
            stats: ReceiverStats {
                kernel_drops: tells_drops.then_some(0),
                ..ReceiverStats::default()
            },
            drops_seen: 0,
        })
    }

    /// Binds `count` receivers to one address, one for each worker; if its port is 0, all to
    /// the same free one. The kernel deals the datagrams out: those of one sender all go to the
    /// same receiver.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_shared(
        address: SocketAddr,
        settings: &SocketSettings,
        count: usize,
    ) -> Result<Vec<Self>, BindError> {
        let settings = SocketSettings {
            shared: true,
            ..*settings
        };
        let mut address = address;
        let mut receivers = Vec::new();
        for _ in 0..count {
            let receiver = Self::bind(address, &settings)?;
            address = receiver
                .local_addr()
                .map_err(|error| BindError { address, error })?;
            receivers.push(receiver);
        }
        Ok(receivers)
    }

    /// The address that agents send to.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The size of the receive buffer that the kernel granted, in bytes. Linux answers with
    /// twice what it granted, since it takes its own bookkeeping from the same buffer.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn buffer_granted(&self) -> io::Result<usize> {
        socket2::SockRef::from(&self.socket).recv_buffer_size()
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// What the socket reports. A sender that cannot be reached is no error of a receiver and
    /// is passed over.
    pub fn receive(&mut self) -> io::Result<Received<'_>> {
        let arrival = loop {
            if let Some(arrival) = self.batch.pop() {
                break arrival;
            }
            self.refill(Wait::Forever)?;
        };
        Ok(self.hand_out(arrival))
    }

    /// Waits for a datagram, `timeout` at most; `None` if none came, or if a signal came first.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_within(&mut self, timeout: Duration) -> io::Result<Option<Received<'_>>> {
        if self.batch.is_empty() {
            let wait = if timeout.is_zero() {
                Wait::Never
            } else {
                Wait::For(timeout)
            };
            self.refill(wait)?;
        }
        Ok(self.batch.pop().map(|arrival| self.hand_out(arrival)))
    }

    /// Takes a datagram that is already there.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> io::Result<Option<Received<'_>>> {
        self.receive_within(Duration::ZERO)
    }

    /// What has been received so far.
    pub const fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// Takes what the kernel has. That it has nothing, or speaks of something else than a
    /// datagram, is no error; the batch stays empty.
    fn refill(&mut self, wait: Wait) -> io::Result<()> {
        match self.fill(wait) {
            Err(error) if is_passing(&error) => Ok(()),
            result => result,
        }
    }

    fn fill(&mut self, wait: Wait) -> io::Result<()> {
        self.wait_so(wait)?;
        system::receive(&self.socket, &mut self.batch)?;
        self.stats.batches += 1;
        Ok(())
    }

    /// Has the socket wait like this; asks the kernel only for what is not so already.
    fn wait_so(&mut self, wait: Wait) -> io::Result<()> {
        if self.waits == Some(wait) {
            return Ok(());
        }
        self.waits = None;
        self.socket.set_nonblocking(wait == Wait::Never)?;
        match wait {
            Wait::Never => {}
            Wait::Forever => self.socket.set_read_timeout(None)?,
            Wait::For(timeout) => self.socket.set_read_timeout(Some(timeout))?,
        }
        self.waits = Some(wait);
        Ok(())
    }

    fn hand_out(&mut self, arrival: Arrival) -> Received<'_> {
        let bytes = self.batch.bytes(arrival);
        self.stats.datagrams += 1;
        self.stats.bytes += bytes.len() as u64;
        self.stats.truncated += u64::from(arrival.is_truncated);
        if let (Some(drops), Some(total)) = (arrival.drops, &mut self.stats.kernel_drops) {
            *total += u64::from(drops.wrapping_sub(self.drops_seen));
            self.drops_seen = drops;
        }
        Received {
            received_at: arrival.received_at,
            source: arrival.source,
            bytes,
        }
    }
}

/// For an event loop of one's own: wait until it is readable, then call
/// [`UdpReceiver::try_receive`] until that returns `None`.
#[cfg(unix)]
impl std::os::fd::AsFd for UdpReceiver {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Counts of a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Of the datagrams, those that were longer than the buffer. None can be, so that another
    /// number than 0 is a fault of the system.
    pub truncated: u64,
    /// Datagrams that the kernel has thrown away because the receive buffer was full, as far as
    /// it had told with the last one handed out; `None` where it does not tell.
    pub kernel_drops: Option<u64>,
    /// Times that datagrams were taken from the kernel; [`datagrams`](Self::datagrams) by this
    /// is how many came at once.
    pub batches: u64,
}

/// How long the socket waits when there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Never,
    For(Duration),
    Forever,
}

/// Errors that say that there is nothing, or something of what another datagram met.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}
