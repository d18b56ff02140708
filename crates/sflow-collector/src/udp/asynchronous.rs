use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{ReceiverStats, UdpReceiver, Wait, is_transient};
use crate::Received;

/// Receives datagrams on a tokio runtime.
///
/// [`receive`](Self::receive) is cancel-safe: datagrams that were read from the kernel are kept
/// for the next call.
///
/// With the feature `stream`, it is a `futures_core::Stream` of
/// [`ReceivedDatagram`](crate::ReceivedDatagram)s, which does not end. An error of the socket is an
/// item.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use sflow_collector::SFLOW_PORT;
/// use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
///
/// let address = ([0, 0, 0, 0], SFLOW_PORT).into();
/// let receiver = UdpReceiver::bind(address, &SocketSettings::default())?;
/// let mut receiver = AsyncUdpReceiver::new(receiver)?;
/// loop {
///     let received = receiver.receive().await?;
///     println!("{} bytes from {}", received.bytes.len(), received.source);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncUdpReceiver {
    receiver: UdpReceiver,
    /// A duplicate of the socket, registered with the runtime.
    watched: UdpSocket,
}

impl AsyncUdpReceiver {
    /// Registers a receiver with the current runtime.
    ///
    /// # Errors
    ///
    /// If the socket cannot be registered.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O enabled.
    pub fn new(mut receiver: UdpReceiver) -> io::Result<Self> {
        receiver.set_wait(Wait::Never)?;
        let watched = UdpSocket::from_std(receiver.socket.try_clone()?)?;
        Ok(Self { receiver, watched })
    }

    /// The local address of the socket.
    ///
    /// # Errors
    ///
    /// If the system call fails.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.receiver.local_addr()
    }

    /// The size of the kernel's receive buffer, as [`UdpReceiver::buffer_granted`].
    ///
    /// # Errors
    ///
    /// If the system call fails.
    pub fn buffer_granted(&self) -> io::Result<usize> {
        self.receiver.buffer_granted()
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// As for [`UdpReceiver::receive`].
    pub async fn receive(&mut self) -> io::Result<Received<'_>> {
        let arrival = loop {
            if let Some(arrival) = self.receiver.batch.pop() {
                break arrival;
            }
            self.watched.readable().await?;
            self.refill()?;
        };
        Ok(self.receiver.deliver(arrival))
    }

    /// Returns a datagram that has already been received; never waits.
    ///
    /// # Errors
    ///
    /// As for [`UdpReceiver::receive`].
    pub fn try_receive(&mut self) -> io::Result<Option<Received<'_>>> {
        self.receiver.try_receive()
    }

    /// Counts of datagrams, bytes and drops since the socket was bound.
    pub const fn stats(&self) -> ReceiverStats {
        self.receiver.stats()
    }

    /// Reads a batch; clears the readiness of the socket if none is available.
    fn refill(&mut self) -> io::Result<()> {
        let Self { receiver, watched } = self;
        match watched.try_io(Interest::READABLE, || receiver.fill(Wait::Never)) {
            Err(error) if is_transient(&error) => Ok(()),
            result => result,
        }
    }
}

#[cfg(feature = "stream")]
impl futures_core::Stream for AsyncUdpReceiver {
    type Item = io::Result<crate::ReceivedDatagram>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        use std::task::{Poll, ready};

        let this = self.get_mut();
        loop {
            if let Some(arrival) = this.receiver.batch.pop() {
                return Poll::Ready(Some(Ok(this.receiver.deliver(arrival).to_owned())));
            }
            if let Err(error) = ready!(this.watched.poll_recv_ready(context)) {
                return Poll::Ready(Some(Err(error)));
            }
            if let Err(error) = this.refill() {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}
