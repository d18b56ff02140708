//! Many datagrams at a time, with what the kernel knows of each.

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

/// Datagrams taken at most at a time.
pub(super) const BATCH: usize = 64;

/// Asks for what comes with each datagram; true if the kernel will tell of those it dropped.
pub(super) fn prepare(socket: &UdpSocket, settings: &SocketSettings) -> bool {
    let wanted = settings.buffer_to_ask_for();
    let granted = socket2::SockRef::from(socket).recv_buffer_size();
    // Linux says twice of what it grants.
    if granted.is_ok_and(|granted| granted / 2 < wanted) {
        // Only for the privileged; what it came to can be asked for.
        setsockopt(socket, sockopt::RcvBufForce, &wanted).ok();
    }
    setsockopt(socket, sockopt::ReceiveTimestampns, &true).ok();
    setsockopt(socket, sockopt::RxqOvfl, &1).is_ok()
}

/// Waits for one datagram as the socket is set to, and takes all that are there.
pub(super) fn receive(socket: &UdpSocket, batch: &mut Batch) -> io::Result<()> {
    let (buffers, arrivals) = batch.space();
    let mut slots: Vec<_> = buffers.map(|buffer| [IoSliceMut::new(buffer)]).collect();
    // Made anew each time: `recvmmsg` of nix leaves the lengths that the kernel wrote into the
    // headers, so that a second use would cut control messages off; and headers cannot be sent
    // to another thread.
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
        let source = source.ok_or_else(|| io::Error::other("a datagram came without a sender"))?;
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
