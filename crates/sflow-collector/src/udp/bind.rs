use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// How a socket is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// Bytes of receive buffer to ask the kernel for; it may grant less
    /// ([`UdpReceiver::buffer_granted`](crate::UdpReceiver::buffer_granted)). Linux grants at
    /// most `net.core.rmem_max`, but any size to a process with `CAP_NET_ADMIN`.
    pub receive_buffer: usize,
    /// Lets several receivers share the address (`SO_REUSEPORT`); the kernel deals datagrams
    /// out by sender.
    pub shared: bool,
}

impl Default for SocketSettings {
    /// 4 MiB, which holds some 3,000 datagrams, and not shared.
    fn default() -> Self {
        Self {
            receive_buffer: 4 << 20,
            shared: false,
        }
    }
}

impl SocketSettings {
    /// Systems take it as a C `int`, and some double it.
    pub(super) fn buffer_to_ask_for(&self) -> usize {
        const MOST: usize = 1 << 30;
        self.receive_buffer.min(MOST)
    }
}

/// Why datagrams cannot be received at an address.
#[derive(Debug, Error)]
#[error("cannot receive on {address}: {error}{}", self.advice())]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub error: io::Error,
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        Self::new(error.error.kind(), error)
    }
}

impl BindError {
    fn advice(&self) -> &'static str {
        match self.error.kind() {
            ErrorKind::AddrInUse => {
                "; stop what receives there, or take another port (0 is any free one)"
            }
            ErrorKind::AddrNotAvailable => {
                "; take an address of this machine, or 0.0.0.0 or [::] for all of them"
            }
            ErrorKind::PermissionDenied => "; take a port from 1024 up, or run with more rights",
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
        .map_err(|error| BindError { address, error })
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
    // Some systems refuse a size that others would cut down; what it came to can be asked for.
    socket
        .set_recv_buffer_size(settings.buffer_to_ask_for())
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
    fn an_error_says_where_why_and_what_to_do() {
        let address = ([10, 0, 0, 1], 6343).into();
        for (kind, advice) in [
            (ErrorKind::AddrInUse, "another port"),
            (ErrorKind::AddrNotAvailable, "0.0.0.0"),
            (ErrorKind::PermissionDenied, "1024"),
            (ErrorKind::OutOfMemory, "memory"),
        ] {
            let error = BindError {
                address,
                error: kind.into(),
            }
            .to_string();
            assert!(
                error.starts_with("cannot receive on 10.0.0.1:6343: "),
                "{error}"
            );
            assert!(error.contains(advice), "{error}");
        }
    }
}
