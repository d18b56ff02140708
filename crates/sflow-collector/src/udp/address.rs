use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

use crate::SFLOW_PORT;

/// Parses an address to receive on, such as `6343`, `:6343`, `127.0.0.1` or `[::1]:6343`.
///
/// The default address is `0.0.0.0`, the default port [`SFLOW_PORT`].
///
/// # Errors
///
/// If the text is neither a port nor an IP address, with or without a port.
///
/// ```
/// let address = sflow_collector::udp::listen_address("9343")?;
/// assert_eq!(address.to_string(), "0.0.0.0:9343");
/// # Ok::<(), sflow_collector::udp::InvalidAddress>(())
/// ```
pub fn listen_address(text: &str) -> Result<SocketAddr, InvalidAddress> {
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
        Err(InvalidAddress)
    }
}

/// A text that is not an address to receive on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a port, an IP address, or both: 6343, 127.0.0.1 or [::]:6343")]
#[non_exhaustive]
pub struct InvalidAddress;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_accepts_port_address_or_both() {
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
            assert_eq!(listen_address(text), Err(InvalidAddress), "{text}");
        }
    }
}
