use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{DecodeError, ErrorKind};
use crate::text::hexadecimal;
use crate::walk::{Kind, Value};
use crate::wire::{Size, Wire, chunk, run};
use crate::writer::Writer;

/// `address`: an IPv4 address, an IPv6 address, or a declared unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Type 0: the sender does not know it. No bytes follow.
    #[default]
    Unknown,
    /// Type 1.
    V4([u8; 4]),
    /// Type 2.
    V6([u8; 16]),
}

impl Address {
    /// The address, unless it says "unknown": by its type, or, as some agents do, by all zeros.
    pub fn known(self) -> Option<IpAddr> {
        self.ip().filter(|address| !address.is_unspecified())
    }

    /// The address, if one was sent.
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

impl<'a> Wire<'a> for Address {
    const SIZE: Size = Size::AtLeast(4);
    const KIND: Kind = Kind::Bytes;

    #[inline]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let start = *input;
        match u32::decode(input)? {
            0 => Ok(Self::Unknown),
            1 => run(chunk, input).map(Self::V4),
            2 => run(chunk, input).map(Self::V6),
            kind => Err(DecodeError::at(start, ErrorKind::AddressType(kind))),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) {
        match self {
            Self::Unknown => out.word(0),
            Self::V4(address) => {
                out.word(1);
                out.put(address);
            }
            Self::V6(address) => {
                out.word(2);
                out.put(address);
            }
        }
    }

    fn value(&self) -> Value<'a> {
        Value::Address(*self)
    }

    fn is_unknown(&self) -> bool {
        self.known().is_none()
    }
}

/// Addresses that stand on the wire without a type in front of them.
macro_rules! bare {
    ($($(#[$doc:meta])* pub struct $name:ident([u8; $length:literal]): $address:ident, $variant:ident;)*) => {$(
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

        impl<'a> Wire<'a> for $name {
            const SIZE: Size = Size::Fixed($length);
            const KIND: Kind = Kind::Bytes;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
                run(chunk, input).map(Self)
            }

            fn encode(&self, out: &mut Writer<'_>) {
                out.put(&self.0);
            }

            fn value(&self) -> Value<'a> {
                Value::Address(Address::$variant(self.0))
            }
        }
    )*};
}

bare! {
    /// Four bare bytes: an IPv4 address without a type in front of it.
    pub struct Ipv4Address([u8; 4]): Ipv4Addr, V4;
    /// Sixteen bare bytes: an IPv6 address without a type in front of it, or what is written
    /// like one.
    pub struct Ipv6Address([u8; 16]): Ipv6Addr, V6;
}

/// `mac`: six bytes, padded to eight on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl<'a> Wire<'a> for Mac {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let [a, b, c, d, e, f, _, _] = run(chunk::<8>, input)?;
        Ok(Self([a, b, c, d, e, f]))
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.0);
        out.pad(self.0.len());
    }

    fn value(&self) -> Value<'a> {
        Value::Mac(*self)
    }
}

/// A UUID: sixteen bare bytes; all zero if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// Whether the sender knows it.
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
        let mut rest = &self.0[..];
        for (place, length) in [4, 2, 2, 2, 6].into_iter().enumerate() {
            let (part, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if place > 0 {
                f.write_str("-")?;
            }
            hexadecimal(part, f)?;
            rest = behind;
        }
        Ok(())
    }
}

impl<'a> Wire<'a> for Uuid {
    const SIZE: Size = Size::Fixed(16);
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        run(chunk, input).map(Self)
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.0);
    }

    fn value(&self) -> Value<'a> {
        Value::Uuid(*self)
    }

    fn is_unknown(&self) -> bool {
        self.known().is_none()
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(Address, Ipv4Address, Ipv6Address, Mac, Uuid);
