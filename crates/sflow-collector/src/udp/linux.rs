//! Reads batches of datagrams with `recvmmsg`, with the time of reception and the drop count.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::SystemTime;

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::SocketSettings;
use super::batch::{Arrival, Batch, canonical};

/// The maximum number of datagrams per batch.
pub(super) const BATCH: usize = 64;

/// Requests the buffer size, timestamps and drop counts; returns whether drops are counted.
pub(super) fn prepare(socket: &UdpSocket, settings: &SocketSettings) -> bool {
    let requested = settings.requested_buffer();
    let granted = socket2::SockRef::from(socket).recv_buffer_size();
    // Linux reports twice the granted size.
    if granted.is_ok_and(|granted| granted / 2 < requested) {
        // Fails without CAP_NET_ADMIN. The receiver works with any size.
        setsockopt(socket, sockopt::RcvBufForce, &requested).ok();
    }
    setsockopt(socket, sockopt::ReceiveTimestampns, &true).ok();
    setsockopt(socket, sockopt::RxqOvfl, &1).is_ok()
}

/// Waits for one datagram, as the socket is configured, and reads all that are available.
pub(super) fn receive(socket: &UdpSocket, batch: &mut Batch) -> io::Result<()> {
    let (buffers, arrivals) = batch.space();
    let mut slots: Vec<_> = buffers.map(|buffer| [IoSliceMut::new(buffer)]).collect();
    // Allocated for each call: nix's `recvmmsg` does not reset the lengths that the kernel wrote
    // into the headers, so that reuse would truncate control messages, and the headers are not
    // `Send`.
    let space = cmsg_space!(TimeSpec, u32);
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(slots.len(), Some(space));
    let flags = MsgFlags::MSG_WAITFORONE;
    let messages = recvmmsg(
        socket.as_raw_fd(),
        &mut headers,
        slots.iter_mut(),
        flags,
        None,
    )?;

    for (slot, message) in messages.enumerate() {
        let source = message.address.as_ref().and_then(sender);
        let source =
            source.ok_or_else(|| io::Error::other("a datagram without a source address"))?;
        let (mut received_at, mut drops) = (None, None);
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(time) => {
                    received_at = SystemTime::UNIX_EPOCH.checked_add(time.into());
                }
                ControlMessageOwned::RxqOvfl(count) => drops = Some(count),
                _ => {}
            }
        }
        arrivals.push_back(Arrival {
            slot,
            length: message.bytes,
            source: canonical(source),
            received_at: received_at.unwrap_or_else(SystemTime::now),
            is_truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
            drops,
        });
    }
    Ok(())
}

fn sender(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|address| SocketAddrV4::from(*address).into());
    v4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|address| SocketAddrV6::from(*address).into())
    })
}
