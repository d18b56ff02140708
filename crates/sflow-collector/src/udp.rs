use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::SystemTime;

use socket2::{Domain, Protocol, Socket, Type};

use crate::{LONGEST_DATAGRAM, Received};

/// How a socket is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// Bytes of receive buffer to ask the kernel for; it may grant less
    /// ([`UdpReceiver::buffer_granted`]).
    pub receive_buffer: usize,
    /// Lets several receivers share the address; the kernel deals datagrams out by sender.
    pub shared: bool,
}

impl Default for SocketSettings {
    /// 4 MiB, which holds some 3,000 datagrams, and not shared.
    fn default() -> Self {
        Self { receive_buffer: 4 << 20, shared: false }
    }
}

/// Receives datagrams, blocking.
#[derive(Debug)]
pub struct UdpReceiver {
    socket: UdpSocket,
    inbox: Inbox,
}

impl UdpReceiver {
    /// Binds `address`; port 0 takes a free one ([`local_addr`](Self::local_addr)). The
    /// unspecified IPv6 address receives IPv4 as well.
    ///
    /// # Errors
    ///
    /// If the address is taken, not ours, or not allowed.
    pub fn bind(address: SocketAddr, settings: &SocketSettings) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        if settings.shared {
            share(&socket)?;
        }
        socket.set_recv_buffer_size(settings.receive_buffer)?;
        socket.bind(&address.into())?;
        Ok(Self { socket: socket.into(), inbox: Inbox::default() })
    }

    /// The address that agents send to.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The size of the receive buffer that the kernel granted, in bytes.
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
        let (length, source) = loop {
            match self.socket.recv_from(&mut self.inbox.buffer) {
                Err(error) if is_passing(&error) => {}
                result => break result?,
            }
        };
        Ok(self.inbox.taken(length, source))
    }

    /// What has been received so far.
    pub const fn stats(&self) -> ReceiverStats {
        self.inbox.stats
    }
}

/// Counts of a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Datagrams received.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// The buffer of a receiver, large enough for every datagram, and its counts.
#[derive(Debug)]
struct Inbox {
    buffer: Box<[u8]>,
    stats: ReceiverStats,
}

impl Default for Inbox {
    fn default() -> Self {
        let buffer = vec![0; LONGEST_DATAGRAM].into_boxed_slice();
        Self { buffer, stats: ReceiverStats::default() }
    }
}

impl Inbox {
    fn taken(&mut self, length: usize, source: SocketAddr) -> Received<'_> {
        self.stats.datagrams += 1;
        self.stats.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        let bytes = self.buffer.get(..length).unwrap_or(&[]);
        Received { received_at: SystemTime::now(), source, bytes }
    }
}

/// Errors that say something of another datagram, or of nothing at all.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionRefused)
}

#[cfg(unix)]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Receives datagrams on a tokio runtime.
///
/// Waiting is cancel-safe: a datagram is taken from the kernel only when it is returned.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct AsyncUdpReceiver {
    socket: tokio::net::UdpSocket,
    inbox: Inbox,
}

#[cfg(feature = "tokio")]
impl AsyncUdpReceiver {
    /// Takes over a receiver; needs a runtime with I/O enabled.
    ///
    /// # Errors
    ///
    /// If the runtime cannot watch the socket.
    pub fn new(receiver: UdpReceiver) -> io::Result<Self> {
        receiver.socket.set_nonblocking(true)?;
        let socket = tokio::net::UdpSocket::from_std(receiver.socket)?;
        Ok(Self { socket, inbox: receiver.inbox })
    }

    /// The address that agents send to.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// As [`UdpReceiver::receive`].
    pub async fn receive(&mut self) -> io::Result<Received<'_>> {
        let (length, source) = loop {
            self.socket.readable().await?;
            match self.socket.try_recv_from(&mut self.inbox.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock || is_passing(&error) => {}
                result => break result?,
            }
        };
        Ok(self.inbox.taken(length, source))
    }

    /// Takes a datagram that is already there.
    ///
    /// # Errors
    ///
    /// As [`UdpReceiver::receive`].
    pub fn try_receive(&mut self) -> io::Result<Option<Received<'_>>> {
        match self.socket.try_recv_from(&mut self.inbox.buffer) {
            Ok((length, source)) => Ok(Some(self.inbox.taken(length, source))),
            Err(error) if error.kind() == ErrorKind::WouldBlock || is_passing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What has been received so far.
    pub const fn stats(&self) -> ReceiverStats {
        self.inbox.stats
    }
}
