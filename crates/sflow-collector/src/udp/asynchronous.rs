use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::{ReceiverStats, UdpReceiver, Wait, is_passing};
use crate::Received;

/// Receives datagrams on a tokio runtime.
///
/// Waiting is cancel-safe: what was taken from the kernel and not handed out stays here.
#[derive(Debug)]
pub struct AsyncUdpReceiver {
    receiver: UdpReceiver,
    /// The same socket once more, for the runtime to watch.
    watched: UdpSocket,
}

impl AsyncUdpReceiver {
    /// Takes over a receiver; needs a runtime with I/O enabled.
    ///
    /// # Errors
    ///
    /// If the runtime cannot watch the socket.
    pub fn new(mut receiver: UdpReceiver) -> io::Result<Self> {
        receiver.wait_so(Wait::Never)?;
        let watched = UdpSocket::from_std(receiver.socket.try_clone()?)?;
        Ok(Self { receiver, watched })
    }

    /// The address that agents send to.
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.receiver.local_addr()
    }

    /// As [`UdpReceiver::buffer_granted`].
    ///
    /// # Errors
    ///
    /// If the kernel does not tell.
    pub fn buffer_granted(&self) -> io::Result<usize> {
        self.receiver.buffer_granted()
    }

    /// Waits for a datagram.
    ///
    /// # Errors
    ///
    /// As [`UdpReceiver::receive`].
    pub async fn receive(&mut self) -> io::Result<Received<'_>> {
        let arrival = loop {
            if let Some(arrival) = self.receiver.batch.pop() {
                break arrival;
            }
            self.watched.readable().await?;
            self.refill()?;
        };
        Ok(self.receiver.hand_out(arrival))
    }

    /// Takes a datagram that is already there.
    ///
    /// # Errors
    ///
    /// As [`UdpReceiver::receive`].
    pub fn try_receive(&mut self) -> io::Result<Option<Received<'_>>> {
        self.receiver.try_receive()
    }

    /// What has been received so far.
    pub const fn stats(&self) -> ReceiverStats {
        self.receiver.stats()
    }

    /// As that of the receiver, but tells the runtime when nothing is left.
    fn refill(&mut self) -> io::Result<()> {
        let Self { receiver, watched } = self;
        match watched.try_io(Interest::READABLE, || receiver.fill(Wait::Never)) {
            Err(error) if is_passing(&error) => Ok(()),
            result => result,
        }
    }
}
