//! Reads one datagram at a time with the standard library.

use std::io;
use std::net::UdpSocket;
use std::time::SystemTime;

use super::SocketSettings;
use super::batch::{Arrival, Batch, canonical};

/// The maximum number of datagrams per batch.
pub(super) const BATCH: usize = 1;

/// Requests nothing: the standard library has no timestamps or drop counts.
pub(super) fn prepare(_socket: &UdpSocket, _settings: &SocketSettings) -> bool {
    false
}

/// Waits for one datagram, as the socket is configured, and reads it.
pub(super) fn receive(socket: &UdpSocket, batch: &mut Batch) -> io::Result<()> {
    let (mut buffers, arrivals) = batch.space();
    let Some(buffer) = buffers.next() else {
        return Ok(());
    };
    let (length, source) = socket.recv_from(buffer)?;
    arrivals.push_back(Arrival {
        slot: 0,
        length,
        source: canonical(source),
        received_at: SystemTime::now(),
        is_truncated: false,
        drops: None,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagram_arrives_whole_with_its_source() {
        let (receiver, sender) = (loopback(), loopback());
        assert!(!prepare(&receiver, &SocketSettings::default()));
        let mut batch = Batch::new(BATCH);
        for length in [0, 1, crate::LONGEST_DATAGRAM] {
            let payload = vec![7; length];
            sender
                .send_to(&payload, receiver.local_addr().unwrap())
                .unwrap();
            receive(&receiver, &mut batch).unwrap();
            let arrival = batch.pop().unwrap();
            assert_eq!(batch.bytes(arrival), payload);
            assert_eq!(arrival.source, sender.local_addr().unwrap());
            assert!(batch.is_empty());
        }
    }

    fn loopback() -> UdpSocket {
        UdpSocket::bind(("127.0.0.1", 0)).unwrap()
    }
}
