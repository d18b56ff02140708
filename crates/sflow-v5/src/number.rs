//! Numbers with a meaning: what can be computed from them, and which value means "unknown".
//!
//! Source of the conventions: sFlow Version 5, 4.2.3, and the documents of the structures.

use core::fmt;
use core::time::Duration;

use crate::error::DecodeError;
use crate::padding::pad;
use crate::walk::{Kind, Value};
use crate::wire::{Size, Wire};
use crate::writer::Writer;

macro_rules! number {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident($inner:ty): $kind:ident, unknown $unknown:expr, if $test:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(
            /// The number on the wire.
            pub $inner,
        );

        impl $name {
            /// The value that agents send if they do not know the number; also the default.
            pub const UNKNOWN: Self = Self($unknown);

            /// The number, unless it is a value that can only mean "unknown".
            #[inline]
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
                Ok(Self(<$inner>::decode(input)?))
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
                self.known().is_none()
            }
        }
    )*};
}

number! {
    /// A counter modulo 2^32; all ones if the agent cannot count it.
    pub struct Counter32(u32): Counter32, unknown u32::MAX, if |number| number == u32::MAX;
    /// A counter modulo 2^64; all ones if the agent cannot count it.
    pub struct Counter64(u64): Counter64, unknown u64::MAX, if |number| number == u64::MAX;
    /// A quantity at one moment. Agents send zero both for none and for an unknown quantity, so
    /// [`known`](Self::known) returns it; [`nonzero`](Self::nonzero) is for fields that cannot
    /// be zero, such as a number of processors.
    pub struct Gauge32(u32): Gauge, unknown 0, if |_| false;
    /// A quantity at one moment; all ones means "no limit". Agents send zero both for none and
    /// for an unknown quantity, so [`known`](Self::known) returns it;
    /// [`nonzero`](Self::nonzero) is for fields that cannot be zero, such as a line rate.
    pub struct Gauge64(u64): Gauge, unknown 0, if |number| number == u64::MAX;
    /// A signed limit; −1 means "no limit".
    pub struct Limit32(i32): Gauge, unknown -1, if |number| number == -1;
    /// A load average; −1 if unknown.
    pub struct GaugeF32(f32): Gauge, unknown -1.0, if |number| number.is_nan() || number < 0.0;
    /// The measurement of a sensor; all ones if unknown, zero is a measurement.
    pub struct Sensor32(u32): Gauge, unknown u32::MAX, if |number| number == u32::MAX;
    /// Hundredths of a percent: 10,000 is 100 %; −1 if unknown.
    pub struct Percentage(i32): Percentage, unknown -1, if |number| number == -1;
    /// Active divided by apparent power, in hundredths of a percent from −10,000 to 10,000.
    pub struct PowerFactor(i32): Gauge, unknown -i32::MAX, if |number| number == -i32::MAX;
    /// The VLAN or priority that a switch assigned to a frame; all ones if unknown.
    pub struct Switch32(u32): Plain, unknown u32::MAX, if |number| number == u32::MAX;
    /// A duration in microseconds; 0 if unknown.
    pub struct Microseconds(u32): Plain, unknown 0, if |number| number == 0;
}

macro_rules! counter {
    ($($name:ident($inner:ty);)*) => {$(
        impl $name {
            /// The number of events since `earlier`, a previous value of the same counter;
            /// `None` if either value is unknown.
            ///
            /// A counter that has passed its maximum once is smaller than `earlier`, and the
            /// difference is still exact. A counter that was reset in between looks the same:
            /// check the sequence numbers of the samples, and whether the result is plausible.
            ///
            /// ```
            #[doc = concat!("use sflow_v5::types::", stringify!($name), " as Counter;")]
            ///
            /// assert_eq!(Counter(500).difference(Counter(200)), Some(300));
            #[doc = concat!("let before_wrap = Counter(", stringify!($inner), "::MAX - 9);")]
            /// assert_eq!(Counter(5).difference(before_wrap), Some(15));
            /// assert_eq!(Counter(5).difference(Counter::UNKNOWN), None);
            /// ```
            pub fn difference(self, earlier: Self) -> Option<$inner> {
                Some(self.known()?.wrapping_sub(earlier.known()?))
            }
        }
    )*};
}

counter! {
    Counter32(u32);
    Counter64(u64);
}

impl Gauge32 {
    /// The number, unless it is 0; for fields in which 0 can only mean "unknown".
    #[inline]
    pub fn nonzero(self) -> Option<u32> {
        self.known().filter(|number| *number != 0)
    }
}

impl Gauge64 {
    /// The number, unless it is 0 or all ones; for fields in which 0 can only mean "unknown".
    #[inline]
    pub fn nonzero(self) -> Option<u64> {
        self.known().filter(|number| *number != 0)
    }
}

impl PowerFactor {
    /// Direct current, which has no power factor.
    pub const DIRECT_CURRENT: Self = Self(i32::MAX);
}

impl Microseconds {
    /// The duration, unless it is unknown.
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
            /// The number on the wire.
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
                Ok(Self(<$inner>::decode(input)?))
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
    /// A signed quantity at one moment, such as a temperature; no value means "unknown".
    pub struct GaugeI32(i32): Gauge;
    /// One entry of an MPLS label stack.
    ///
    /// Source: RFC 3032.
    pub struct MplsLabel(u32): Plain;
    /// A VLAN tag: protocol identifier and control information.
    ///
    /// Source: IEEE 802.1Q.
    pub struct VlanTag(u32): Plain;
    /// A BGP community.
    ///
    /// Source: RFC 1997.
    pub struct Community(u32): Plain;
}

impl MplsLabel {
    /// The label (20 bits).
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class (3 bits).
    pub const fn traffic_class(self) -> u32 {
        self.0 >> 9 & 7
    }

    /// Whether it is the innermost label.
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

    /// The VLAN identifier (12 bits).
    pub const fn vlan(self) -> u32 {
        self.0 & 0xfff
    }

    /// The priority (3 bits).
    pub const fn priority(self) -> u32 {
        self.0 >> 13 & 7
    }

    /// Whether the frame may be dropped under congestion.
    pub const fn is_drop_eligible(self) -> bool {
        self.0 & 0x1000 != 0
    }
}

impl fmt::Display for GaugeI32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MplsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label().fmt(f)
    }
}

impl fmt::Display for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.vlan().fmt(f)
    }
}

impl fmt::Display for Community {
    /// Autonomous system and value, `65000:666`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}:{}", self.0 >> 16, self.0 & 0xffff))
    }
}
