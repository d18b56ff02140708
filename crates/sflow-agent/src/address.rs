use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// Address of a collector: a host name or an IP address, and a port.
///
/// The default port is 6343, which IANA assigned to sFlow. Names are not resolved.
///
/// ```
/// use sflow_agent::CollectorAddress;
///
/// let address = |text: &str| text.parse::<CollectorAddress>();
/// assert_eq!(address("collector.example")?.to_string(), "collector.example:6343");
/// assert_eq!(address("10.0.0.9:7000")?.to_string(), "10.0.0.9:7000");
/// assert_eq!(address("::1")?.to_string(), "[::1]:6343");
/// assert!(address("collector.example:0").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CollectorAddress(String);

/// The address of a collector is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a host and a port from 1 to 65535, such as collector.example:6343")]
pub struct InvalidAddress;

impl CollectorAddress {
    const PORT: u16 = 6343;

    /// The address as `host:port`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CollectorAddress {
    type Err = InvalidAddress;

    /// Parses `host`, `host:port`, an IP address, or an IP address with a port. An IPv6 address
    /// with a port is in brackets: `[::1]:6343`.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, Self::PORT).into());
        }
        let (host, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| InvalidAddress)?),
            None => (text, Self::PORT),
        };
        let is_valid = match host.strip_prefix('[') {
            Some(address) => {
                let address = address.strip_suffix(']').map(str::parse::<Ipv6Addr>);
                matches!(address, Some(Ok(_)))
            }
            None => {
                let is_part =
                    |it: char| !it.is_whitespace() && !it.is_control() && !":[]/@,;".contains(it);
                !host.is_empty() && host.chars().all(is_part)
            }
        };
        match is_valid && port > 0 {
            true => Ok(Self(format!("{host}:{port}"))),
            false => Err(InvalidAddress),
        }
    }
}

impl From<SocketAddr> for CollectorAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
