use crate::address::{Address, Ipv4Address, Ipv6Address, Mac, Uuid};
use crate::error::{DecodeError, ErrorKind};
use crate::text::{Opaque, Text};
use crate::walk::{Kind, Value};
use crate::writer::Writer;

use super::{Size, Wire, take, take_opaque};

impl<'a> Wire<'a> for u32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_be_bytes(take(input)?))
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Unsigned(u64::from(*self))
    }
}

impl<'a> Wire<'a> for i32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(u32::decode(input)?.cast_signed())
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Signed(i64::from(*self))
    }
}

impl<'a> Wire<'a> for u64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_be_bytes(take(input)?))
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Unsigned(*self)
    }
}

impl<'a> Wire<'a> for i64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(u64::decode(input)?.cast_signed())
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Signed(*self)
    }
}

impl<'a> Wire<'a> for f64 {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_bits(u64::decode(input)?))
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_bits().to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Float(*self)
    }
}

impl<'a> Wire<'a> for f32 {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self::from_bits(u32::decode(input)?))
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.to_bits().to_be_bytes());
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        Value::Float(f64::from(*self))
    }
}

/// A field that a later version of its structure appended: `None`, as all fields behind it, if the
/// record ends before it.
impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    const SIZE: Size = Size::AtLeast(0);
    const KIND: Kind = T::KIND;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        if input.len() < T::SIZE.minimum() {
            *input = &[];
            return Ok(None);
        }
        Ok(Some(T::decode(input)?))
    }

    #[inline(always)]
    fn encode(&self, out: &mut Writer<'_>) {
        if let Some(value) = self {
            value.encode(out);
        }
    }

    #[inline]
    fn value(&self) -> Value<'a> {
        self.as_ref().map_or(Value::Absent, T::value)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn enum_name(&self) -> Option<&'static str> {
        self.as_ref().and_then(T::enum_name)
    }

    fn is_unknown(&self) -> bool {
        self.as_ref().is_some_and(T::is_unknown)
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
            1 => Ok(Self::V4(take(input)?)),
            2 => Ok(Self::V6(take(input)?)),
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

/// Addresses that have no type on the wire.
macro_rules! bare_addresses {
    ($($name:ident, $length:literal, $variant:ident;)*) => {$(
        impl<'a> Wire<'a> for $name {
            const SIZE: Size = Size::Fixed($length);
            const KIND: Kind = Kind::Bytes;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
                Ok(Self(take(input)?))
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

bare_addresses! {
    Ipv4Address, 4, V4;
    Ipv6Address, 16, V6;
}

impl<'a> Wire<'a> for Mac {
    const SIZE: Size = Size::Fixed(8);
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let [a, b, c, d, e, f, _, _] = take(input)?;
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

impl<'a> Wire<'a> for Uuid {
    const SIZE: Size = Size::Fixed(16);
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self(take(input)?))
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

impl<'a> Wire<'a> for Text<'a> {
    const SIZE: Size = Size::AtLeast(4);
    const KIND: Kind = Kind::Text;

    #[inline]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(take_opaque(input)?.into())
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.opaque(self.as_bytes());
    }

    fn value(&self) -> Value<'a> {
        Value::Text(*self)
    }

    fn is_unknown(&self) -> bool {
        self.is_empty()
    }
}

impl<'a> Wire<'a> for Opaque<'a> {
    const SIZE: Size = Size::AtLeast(4);
    const KIND: Kind = Kind::Bytes;

    #[inline]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self(take_opaque(input)?))
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.opaque(self.0);
    }

    fn value(&self) -> Value<'a> {
        Value::Bytes(self.0)
    }

    fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}
