use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Settings of a UDP socket.
///
/// ```
/// use sflow_collector::udp::SocketSettings;
///
/// let settings = SocketSettings::default().with(|settings| settings.receive_buffer = 16 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketSettings {
    /// The requested size of the kernel's receive buffer, in bytes. The kernel may grant less
    /// ([`UdpReceiver::buffer_granted`](super::UdpReceiver::buffer_granted)): Linux grants at
    /// most `net.core.rmem_max`, or any size to a process with `CAP_NET_ADMIN`.
    pub receive_buffer: usize,
    /// Whether several sockets may bind the same address (`SO_REUSEPORT`).
    pub shared: bool,
}

impl Default for SocketSettings {
    /// A receive buffer of 4 MiB, which holds some 3,000 datagrams; not shared.
    fn default() -> Self {
        Self {
            receive_buffer: 4 << 20,
            shared: false,
        }
    }
}

impl SocketSettings {
    /// With a changed setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The buffer size as a C `int`, which some systems double.
    pub(super) fn requested_buffer(&self) -> usize {
        const MOST: usize = 1 << 30;
        self.receive_buffer.min(MOST)
    }
}

/// A socket cannot be bound to an address.
#[derive(Debug, Error)]
#[error("cannot receive on {address}{}", self.advice())]
#[non_exhaustive]
pub struct BindError {
    /// The address to bind.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

impl BindError {
    fn advice(&self) -> &'static str {
        match self.source.kind() {
            ErrorKind::AddrInUse => {
                " (stop the program that uses the port, or choose another port; 0 is any free one)"
            }
            ErrorKind::AddrNotAvailable => {
                " (choose an address of this machine, or 0.0.0.0 or [::] for all of them)"
            }
            ErrorKind::PermissionDenied => {
                " (choose a port from 1024, or run with more privileges)"
            }
            _ => "",
        }
    }
}

pub(super) fn socket(
    address: SocketAddr,
    settings: &SocketSettings,
) -> Result<UdpSocket, BindError> {
    bound(address, settings)
        .map(Into::into)
        .map_err(|source| BindError { address, source })
}

fn bound(address: SocketAddr, settings: &SocketSettings) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    if settings.shared {
        share(&socket)?;
    }
    // Some systems reject a size that is too large. The receiver works with any size.
    socket
        .set_recv_buffer_size(settings.requested_buffer())
        .ok();
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(unix)]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_error_contains_address_cause_and_advice() {
        let address = ([10, 0, 0, 1], 6343).into();
        for (kind, advice) in [
            (ErrorKind::AddrInUse, "another port"),
            (ErrorKind::AddrNotAvailable, "0.0.0.0"),
            (ErrorKind::PermissionDenied, "1024"),
            (ErrorKind::OutOfMemory, ""),
        ] {
            let error = BindError {
                address,
                source: kind.into(),
            };
            let text = error.to_string();
            assert!(
                text.starts_with("cannot receive on 10.0.0.1:6343"),
                "{text}"
            );
            assert!(text.contains(advice), "{text}");
            let source = std::error::Error::source(&error).expect("a source");
            assert_eq!(source.to_string(), io::Error::from(kind).to_string());
        }
    }
}
