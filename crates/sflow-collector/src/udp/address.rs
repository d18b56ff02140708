use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

use crate::SFLOW_PORT;

/// An address to receive on, as people type it: `6343`, `:6343`, `127.0.0.1`, `[::1]:6343`.
///
/// Without an address it is every one of this machine that is of IPv4, without a port the one
/// of sFlow.
///
/// # Errors
///
/// If it is neither a port nor an address; the error says what can be given.
pub fn listen_address(text: &str) -> Result<SocketAddr, NoAddress> {
    let port = text.strip_prefix(':').unwrap_or(text);
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Ok(address) = text.parse() {
        Ok(address)
    } else if let Ok(port) = port.parse() {
        Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
    } else if let Ok(address) = bare.unwrap_or(text).parse() {
        Ok(SocketAddr::new(address, SFLOW_PORT))
    } else {
        Err(NoAddress)
    }
}

/// A text is no address to receive on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("give a port, an address, or both, as in 6343, 127.0.0.1:6343 or [::]:6343")]
pub struct NoAddress;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        for (text, expected) in [
            ("6343", "0.0.0.0:6343"),
            (":9343", "0.0.0.0:9343"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1", "127.0.0.1:6343"),
            ("[::]:9343", "[::]:9343"),
            ("::", "[::]:6343"),
            ("[::1]", "[::1]:6343"),
        ] {
            assert_eq!(
                listen_address(text),
                Ok(expected.parse().unwrap()),
                "{text}"
            );
        }
        for text in ["", "here", "65536", "1.2.3.4:x", "capture.pcap"] {
            assert_eq!(listen_address(text), Err(NoAddress), "{text}");
        }
    }
}
