//! Numbers that mean something: what may be computed from them, and when they say "unknown".
//!
//! Source of the conventions: sFlow Version 5, 4.2.3, and the documents of the structures.

use core::fmt;
use core::time::Duration;

use crate::error::DecodeError;
use crate::walk::{Kind, Value};
use crate::wire::{Size, Wire};
use crate::writer::Writer;

macro_rules! number {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($inner:ty): $kind:ident, unknown $unknown:expr,
            if $test:expr, surely $surely:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(
            /// The number as it stands on the wire.
            pub $inner,
        );

        impl $name {
            /// What an agent sends when it does not know the value; also the default.
            pub const UNKNOWN: Self = Self($unknown);

            /// The number, unless it says "unknown".
            pub fn known(self) -> Option<$inner> {
                let is_unknown: fn($inner) -> bool = $test;
                if is_unknown(self.0) { None } else { Some(self.0) }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::UNKNOWN
            }
        }

        impl From<$inner> for $name {
            fn from(number: $inner) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'a> Wire<'a> for $name {
            const SIZE: Size = <$inner as Wire<'a>>::SIZE;
            const KIND: Kind = Kind::$kind;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
                <$inner>::decode(input).map(Self)
            }

            #[inline(always)]
            fn encode(&self, out: &mut Writer<'_>) {
                self.0.encode(out);
            }

            #[inline]
            fn value(&self) -> Value<'a> {
                self.0.value()
            }

            #[inline]
            fn is_unknown(&self) -> bool {
                let surely: fn($inner) -> bool = $surely;
                surely(self.0)
            }
        }
    )*};
}

// `if` is what `known()` takes for unknown, `surely` what cannot mean anything else.
number! {
    /// Counts up modulo 2^32; all ones while the agent cannot count it.
    pub struct Counter32(u32): Counter32, unknown u32::MAX,
        if |number| number == u32::MAX, surely |number| number == u32::MAX;
    /// Counts up modulo 2^64; all ones while the agent cannot count it.
    pub struct Counter64(u64): Counter64, unknown u64::MAX,
        if |number| number == u64::MAX, surely |number| number == u64::MAX;
    /// A quantity at one moment. Zero is both "none" and "unknown": the format has no other
    /// word for it, so ask the field's own rules before taking a zero for either.
    pub struct Gauge32(u32): Gauge, unknown 0, if |number| number == 0, surely |_| false;
    /// A quantity at one moment. Zero is both "none" and "unknown"; all ones is used for "no
    /// limit".
    pub struct Gauge64(u64): Gauge, unknown 0,
        if |number| number == 0 || number == u64::MAX, surely |number| number == u64::MAX;
    /// A signed limit; −1 says that there is none.
    pub struct Limit32(i32): Gauge, unknown -1, if |number| number == -1, surely |number| number == -1;
    /// A load average; −1 if unknown.
    pub struct GaugeF32(f32): Gauge, unknown -1.0,
        if |number| number.is_nan() || number < 0.0, surely |number| number.is_nan() || number < 0.0;
    /// What a sensor measured; all ones if unknown, so that zero is zero.
    pub struct Sensor32(u32): Gauge, unknown u32::MAX,
        if |number| number == u32::MAX, surely |number| number == u32::MAX;
    /// Hundredths of a percent: 10,000 is 100 %; −1 if unknown.
    pub struct Percentage(i32): Percentage, unknown -1,
        if |number| number == -1, surely |number| number == -1;
    /// Hundredths of a percent, from −10,000 to 10,000: active over apparent power.
    pub struct PowerFactor(i32): Gauge, unknown -i32::MAX,
        if |number| number == -i32::MAX, surely |number| number == -i32::MAX;
    /// What a switch knows of a frame: a VLAN or a priority; all ones if it does not know.
    pub struct Switch32(u32): Plain, unknown u32::MAX,
        if |number| number == u32::MAX, surely |number| number == u32::MAX;
    /// Microseconds that something took; 0 if unknown.
    pub struct Microseconds(u32): Plain, unknown 0, if |number| number == 0, surely |number| number == 0;
}

impl PowerFactor {
    /// The current is direct.
    pub const DIRECT_CURRENT: Self = Self(i32::MAX);
}

impl Microseconds {
    /// As a duration, unless it says "unknown".
    pub fn duration(self) -> Option<Duration> {
        self.known()
            .map(|number| Duration::from_micros(number.into()))
    }
}

macro_rules! word {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($inner:ty): $kind:ident;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(
            /// The number as it stands on the wire.
            pub $inner,
        );

        impl From<$inner> for $name {
            fn from(number: $inner) -> Self {
                Self(number)
            }
        }

        impl<'a> Wire<'a> for $name {
            const SIZE: Size = <$inner as Wire<'a>>::SIZE;
            const KIND: Kind = Kind::$kind;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
                <$inner>::decode(input).map(Self)
            }

            #[inline(always)]
            fn encode(&self, out: &mut Writer<'_>) {
                self.0.encode(out);
            }

            #[inline]
            fn value(&self) -> Value<'a> {
                self.0.value()
            }
        }
    )*};
}

word! {
    /// A signed quantity at one moment, such as a temperature; every number is one.
    pub struct GaugeI32(i32): Gauge;
    /// One entry of an MPLS label stack.
    ///
    /// Source: RFC 3032.
    pub struct MplsLabel(u32): Plain;
    /// One VLAN tag: protocol identifier and control information.
    ///
    /// Source: IEEE 802.1Q.
    pub struct VlanTag(u32): Plain;
    /// A BGP community.
    ///
    /// Source: RFC 1997.
    pub struct Community(u32): Plain;
}

impl MplsLabel {
    /// The label, of 20 bits.
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class, of 3 bits.
    pub const fn traffic_class(self) -> u32 {
        self.0 >> 9 & 7
    }

    /// Whether it is the innermost one.
    pub const fn is_bottom(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// The time to live.
    pub const fn ttl(self) -> u32 {
        self.0 & 0xff
    }
}

impl VlanTag {
    /// The tag protocol identifier: 0x8100 or 0x88a8.
    pub const fn tpid(self) -> u32 {
        self.0 >> 16
    }

    /// The VLAN, of 12 bits.
    pub const fn vlan(self) -> u32 {
        self.0 & 0xfff
    }

    /// The priority, of 3 bits.
    pub const fn priority(self) -> u32 {
        self.0 >> 13 & 7
    }
}

impl fmt::Display for GaugeI32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())
    }
}

impl fmt::Display for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.vlan())
    }
}

impl fmt::Display for Community {
    /// Autonomous system and value, `65000:666`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff)
    }
}
