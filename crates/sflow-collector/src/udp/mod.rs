//! Datagrams from a UDP socket.
//!
//! [`UdpReceiver`] blocks the thread. With the feature `tokio`, `AsyncUdpReceiver` waits on a
//! runtime; with the feature `stream`, it is also a `Stream` of owned datagrams.

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

pub use self::address::{InvalidAddress, listen_address};
#[cfg(feature = "tokio")]
pub use self::asynchronous::AsyncUdpReceiver;
use self::batch::{Arrival, Batch};
pub use self::bind::{BindError, SocketSettings};
use crate::Received;

/// Receives datagrams from a UDP socket.
///
/// On Linux, one call reads up to 64 datagrams from the kernel (`recvmmsg`), with the kernel's
/// time of reception of each and its count of dropped datagrams. Other systems read one datagram
/// at a time, take the time after reading, and do not count drops.
///
/// Datagrams are never truncated: the buffer has 64 KiB for each, so 4 MiB of address space on
/// Linux, of which the system allocates only the used pages.
///
/// ```
/// use std::net::UdpSocket;
/// use std::time::Duration;
///
/// use sflow_collector::udp::{SocketSettings, UdpReceiver};
///
/// let any_port = ([127, 0, 0, 1], 0).into();
/// let mut receiver = UdpReceiver::bind(any_port, &SocketSettings::default())?;
/// UdpSocket::bind("127.0.0.1:0")?.send_to(b"telemetry", receiver.local_addr()?)?;
///
/// let received = receiver.receive_within(Duration::from_secs(10))?.expect("a datagram");
/// assert_eq!(received.bytes, b"telemetry");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpReceiver {
    socket: UdpSocket,
    /// How the socket is configured to wait; `None` if unknown.
    wait: Option<Wait>,
    batch: Batch,
    stats: ReceiverStats,
    drops_seen: u32,
}

impl UdpReceiver {
    /// Binds a socket to `address`. Port 0 selects a free port
    /// ([`local_addr`](Self::local_addr)); `[::]` receives IPv4 as well.
    ///
    /// # Errors
    ///
    /// If the address is in use, does not belong to this machine, or needs more privileges.
    pub fn bind(address: SocketAddr, settings: &SocketSettings) -> Result<Self, BindError> {
        let socket = bind::socket(address, settings)?;
        let counts_drops = system::prepare(&socket, settings);
        Ok(Self {
            socket,
            wait: None,
            batch: Batch::new(system::BATCH),
            stats: ReceiverStats {
                kernel_drops: counts_drops.then_some(0),
                ..ReceiverStats::default()
            },
            drops_seen: 0,
        })
    }

    /// Binds `count` receivers to one address, for several workers. If the port is 0, all use
    /// the same free port.
    ///
    /// The kernel distributes the datagrams (`SO_REUSEPORT`). On Linux, those of one sender
    /// (address and port) all go to the same receiver.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind).
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
                .map_err(|source| BindError { address, source })?;
            receivers.push(receiver);
        }
        Ok(receivers)
    }

    /// The local address of the socket.
    ///
    /// # Errors
    ///
    /// If the system call fails.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The size of the kernel's receive buffer, in bytes. Linux reports twice the granted size,
    /// since the buffer also holds its bookkeeping.
    ///
    /// # Errors
    ///
    /// If the system call fails.
    pub fn buffer_granted(&self) -> io::Result<usize> {
        socket2::SockRef::from(&self.socket).recv_buffer_size()
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// An error of the socket. ICMP errors (connection refused or reset) are ignored.
    pub fn receive(&mut self) -> io::Result<Received<'_>> {
        let arrival = loop {
            if let Some(arrival) = self.batch.pop() {
                break arrival;
            }
            self.refill(Wait::Forever)?;
        };
        Ok(self.deliver(arrival))
    }

    /// Waits for a datagram for at most `timeout`; `None` if it elapses or a signal interrupts.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive).
    pub fn receive_within(&mut self, timeout: Duration) -> io::Result<Option<Received<'_>>> {
        if self.batch.is_empty() {
            let wait = if timeout.is_zero() {
                Wait::Never
            } else {
                Wait::For(timeout)
            };
            self.refill(wait)?;
        }
        Ok(self.batch.pop().map(|arrival| self.deliver(arrival)))
    }

    /// Returns a datagram that has already been received; never waits.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> io::Result<Option<Received<'_>>> {
        self.receive_within(Duration::ZERO)
    }

    /// Counts of datagrams, bytes and drops since the socket was bound.
    pub const fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// Reads a batch from the kernel. The batch stays empty if none is available.
    fn refill(&mut self, wait: Wait) -> io::Result<()> {
        match self.fill(wait) {
            Err(error) if is_transient(&error) => Ok(()),
            result => result,
        }
    }

    fn fill(&mut self, wait: Wait) -> io::Result<()> {
        self.set_wait(wait)?;
        system::receive(&self.socket, &mut self.batch)?;
        self.stats.batches += 1;
        Ok(())
    }

    /// Configures how the socket waits; avoids the system calls if it already does.
    fn set_wait(&mut self, wait: Wait) -> io::Result<()> {
        if self.wait == Some(wait) {
            return Ok(());
        }
        self.wait = None;
        self.socket.set_nonblocking(wait == Wait::Never)?;
        match wait {
            Wait::Never => {}
            Wait::Forever => self.socket.set_read_timeout(None)?,
            Wait::For(timeout) => self.socket.set_read_timeout(Some(timeout))?,
        }
        self.wait = Some(wait);
        Ok(())
    }

    fn deliver(&mut self, arrival: Arrival) -> Received<'_> {
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

/// For custom event loops: wait until the socket is readable, then call
/// [`UdpReceiver::try_receive`] until it returns `None`.
#[cfg(unix)]
impl std::os::fd::AsFd for UdpReceiver {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Counts of a [`UdpReceiver`] since its socket was bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Datagrams returned to the caller.
    pub datagrams: u64,
    /// Payload bytes of these datagrams.
    pub bytes: u64,
    /// Datagrams that the kernel truncated. Always 0, since the buffer holds the longest possible
    /// datagram; any other value is an error of the system.
    pub truncated: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full, as of the last
    /// returned datagram; `None` on systems that do not count them.
    pub kernel_drops: Option<u64>,
    /// Batches read from the kernel; [`datagrams`](Self::datagrams) divided by this is the mean
    /// batch size.
    pub batches: u64,
}

/// How long a read of the socket waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Never,
    For(Duration),
    Forever,
}

/// Whether an error means that there is no datagram, or is an ICMP error of an earlier one.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}
