use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::error::ParseError;
use crate::padding::pad;
use crate::text::Hexadecimal;

/// `address`: an IPv4 address, an IPv6 address, or unknown.
///
/// ```
/// use sflow_v5::Address;
///
/// assert_eq!("192.0.2.1".parse(), Ok(Address::V4([192, 0, 2, 1])));
/// assert_eq!(Address::Unknown.to_string(), "unknown");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Type 0: the sender does not know the address. No bytes follow.
    #[default]
    Unknown,
    /// Type 1: IPv4.
    V4([u8; 4]),
    /// Type 2: IPv6.
    V6([u8; 16]),
}

impl Address {
    /// The address, unless it is unknown: by its type, or by all zeros, which some agents send.
    pub fn known(self) -> Option<IpAddr> {
        self.ip().filter(|address| !address.is_unspecified())
    }

    /// The address, unless the type is unknown; includes the unspecified address (all zeros).
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Unknown => None,
            Self::V4([a, b, c, d]) => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
            Self::V6(bytes) => Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(bytes)))),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip() {
            Some(address) => address.fmt(f),
            None => f.pad("unknown"),
        }
    }
}

impl FromStr for Address {
    type Err = ParseError;

    /// Parses what `Display` writes: an IPv4 or IPv6 address, or `unknown`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(address.into()),
            Err(_) if text == "unknown" => Ok(Self::Unknown),
            Err(_) => Err(ParseError {
                expected: "an IP address, such as 192.0.2.1, or unknown",
            }),
        }
    }
}

/// Declares addresses that have no type on the wire.
macro_rules! bare {
    ($($(#[$doc:meta])* pub struct $name:ident([u8; $length:literal]): $address:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The address.
            pub fn addr(self) -> $address {
                self.0.into()
            }
        }

        impl From<$address> for $name {
            fn from(address: $address) -> Self {
                Self(address.octets())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.addr().fmt(f)
            }
        }
    )*};
}

bare! {
    /// An IPv4 address without a type: four bytes.
    pub struct Ipv4Address([u8; 4]): Ipv4Addr;
    /// An IPv6 address without a type, or an identifier written like one: sixteen bytes.
    pub struct Ipv6Address([u8; 16]): Ipv6Addr;
}

/// `mac`: six bytes, padded to eight on the wire.
///
/// ```
/// use sflow_v5::Mac;
///
/// let mac: Mac = "02:42:ac:11:00:02".parse()?;
/// assert_eq!(mac, Mac([0x02, 0x42, 0xac, 0x11, 0x00, 0x02]));
/// assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
/// # Ok::<(), sflow_v5::types::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        pad(
            f,
            format_args!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"),
        )
    }
}

impl FromStr for Mac {
    type Err = ParseError;

    /// Parses six pairs of hexadecimal digits, separated by colons or by hyphens.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let parse = || {
            let mut bytes = [0; 6];
            let mut pairs = text.split(separator);
            for byte in &mut bytes {
                let pair = pairs.next().filter(|pair| pair.len() == 2)?;
                *byte = hexadecimal(pair.chars().next()?, pair.chars().nth(1)?)?;
            }
            pairs.next().is_none().then_some(Self(bytes))
        };
        parse().ok_or(ParseError {
            expected: "six pairs of hexadecimal digits, such as 02:42:ac:11:00:02",
        })
    }
}

/// The byte with these two digits.
fn hexadecimal(high: char, low: char) -> Option<u8> {
    u8::try_from((high.to_digit(16)? << 4) | low.to_digit(16)?).ok()
}

/// A UUID: sixteen bytes; all zero if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The bytes, unless all are zero.
    pub const fn known(self) -> Option<[u8; 16]> {
        if u128::from_be_bytes(self.0) == 0 {
            None
        } else {
            Some(self.0)
        }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [time_low, time_mid, time_high, clock, node] = [0..4, 4..6, 6..8, 8..10, 10..16]
            .map(|range| Hexadecimal(self.0.get(range).unwrap_or_default()));
        pad(
            f,
            format_args!("{time_low}-{time_mid}-{time_high}-{clock}-{node}"),
        )
    }
}

impl FromStr for Uuid {
    type Err = ParseError;

    /// Parses 32 hexadecimal digits, with hyphens as in RFC 9562 or without.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let has_hyphens = text.len() == 36;
            let mut characters = text.chars();
            let mut bytes = [0; 16];
            for (position, byte) in bytes.iter_mut().enumerate() {
                if has_hyphens && matches!(position, 4 | 6 | 8 | 10) && characters.next()? != '-' {
                    return None;
                }
                *byte = hexadecimal(characters.next()?, characters.next()?)?;
            }
            characters.next().is_none().then_some(Self(bytes))
        };
        parse().ok_or(ParseError {
            expected: "32 hexadecimal digits, such as 3b6bc28f-e534-bd18-f953-805f9d3ce581",
        })
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(Address, Ipv4Address, Ipv6Address, Mac, Uuid);
