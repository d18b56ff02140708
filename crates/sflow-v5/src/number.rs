//! Numbers that mean something: what may be computed from them, and when they say "unknown".

use core::fmt;

use crate::error::Stop;
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
            fn decode(input: &mut &'a [u8]) -> Result<Self, Stop> {
                <$inner>::decode(input).map(Self)
            }

            #[inline]
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

number! {
    /// Counts up modulo 2^32; all ones while the agent cannot count it.
    pub struct Counter32(u32): Counter32, unknown u32::MAX, if |number| number == u32::MAX;
    /// Counts up modulo 2^64; all ones while the agent cannot count it.
    pub struct Counter64(u64): Counter64, unknown u64::MAX, if |number| number == u64::MAX;
    /// A quantity at one moment. Zero is both "none" and "unknown": the format has no other
    /// word for it, so ask the field's own rules before taking a zero for either.
    pub struct Gauge32(u32): Gauge, unknown 0, if |number| number == 0;
    /// A quantity at one moment. Zero is both "none" and "unknown"; all ones is used for "no
    /// limit".
    pub struct Gauge64(u64): Gauge, unknown 0, if |number| number == 0 || number == u64::MAX;
    /// A signed quantity at one moment, such as a limit; −1 says that there is none.
    pub struct GaugeI32(i32): Gauge, unknown -1, if |number| number == -1;
    /// A load average; −1 if unknown.
    pub struct GaugeF32(f32): Gauge, unknown -1.0, if |number| number.is_nan() || number < 0.0;
    /// Hundredths of a percent: 10,000 is 100 %; −1 if unknown.
    pub struct Percentage(i32): Percentage, unknown -1, if |number| number == -1;
}

macro_rules! enumeration {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident { $($constant:ident = $number:literal $word:literal,)* }
    )*) => {$(
        $(#[$doc])*
        ///
        /// The list is open: a number without a name is kept.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(
            /// The number as it stands on the wire.
            pub u32,
        );

        impl $name {
            $(
                #[doc = concat!("`", stringify!($number), "`: ", $word, ".")]
                pub const $constant: Self = Self($number);
            )*

            /// Its name, if the number has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "unknown ({})", self.0),
                }
            }
        }

        impl<'a> Wire<'a> for $name {
            const SIZE: Size = Size::Fixed(4);
            const KIND: Kind = Kind::Enumeration;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, Stop> {
                u32::decode(input).map(Self)
            }

            #[inline]
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

enumeration! {
    /// `header_protocol`: what the bytes of a sampled header begin with.
    pub struct HeaderProtocol {
        ETHERNET = 1 "ethernet",
        TOKEN_BUS = 2 "token bus",
        TOKEN_RING = 3 "token ring",
        FDDI = 4 "fddi",
        FRAME_RELAY = 5 "frame relay",
        X25 = 6 "x25",
        PPP = 7 "ppp",
        SMDS = 8 "smds",
        AAL5 = 9 "aal5",
        AAL5_IP = 10 "aal5 ip",
        IPV4 = 11 "ipv4",
        IPV6 = 12 "ipv6",
        MPLS = 13 "mpls",
        POS = 14 "pos",
        IEEE80211_MAC = 15 "ieee80211 mac",
        IEEE80211_AMPDU = 16 "ieee80211 ampdu",
        IEEE80211_AMSDU = 17 "ieee80211 amsdu subframe",
        INFINIBAND = 18 "infiniband",
    }

    /// `ifDirection`: how an interface sends and receives.
    pub struct IfDirection {
        UNKNOWN = 0 "unknown",
        FULL_DUPLEX = 1 "full-duplex",
        HALF_DUPLEX = 2 "half-duplex",
        IN = 3 "in",
        OUT = 4 "out",
    }

    /// `machine_type`: the processor family of a host.
    pub struct MachineType {
        UNKNOWN = 0 "unknown",
        OTHER = 1 "other",
        X86 = 2 "x86",
        X86_64 = 3 "x86_64",
        IA64 = 4 "ia64",
        SPARC = 5 "sparc",
        ALPHA = 6 "alpha",
        POWERPC = 7 "powerpc",
        M68K = 8 "m68k",
        MIPS = 9 "mips",
        ARM = 10 "arm",
        HPPA = 11 "hppa",
        S390 = 12 "s390",
    }

    /// `os_name`: the operating system of a host.
    pub struct OsName {
        UNKNOWN = 0 "unknown",
        OTHER = 1 "other",
        LINUX = 2 "linux",
        WINDOWS = 3 "windows",
        DARWIN = 4 "darwin",
        HPUX = 5 "hpux",
        AIX = 6 "aix",
        DRAGONFLY = 7 "dragonfly",
        FREEBSD = 8 "freebsd",
        NETBSD = 9 "netbsd",
        OPENBSD = 10 "openbsd",
        OSF = 11 "osf",
        SOLARIS = 12 "solaris",
    }

    /// `tcpRtoAlgorithm` of MIB-II: how the time-out before a retransmission is found.
    pub struct TcpRtoAlgorithm {
        OTHER = 1 "other",
        CONSTANT = 2 "constant",
        RSRE = 3 "rsre",
        VANJ = 4 "van jacobson",
        RFC2988 = 5 "rfc 2988",
    }

    /// `virDomainState`: what a virtual machine or container is doing.
    pub struct DomainState {
        NO_STATE = 0 "no state",
        RUNNING = 1 "running",
        BLOCKED = 2 "blocked",
        PAUSED = 3 "paused",
        SHUTDOWN = 4 "being shut down",
        SHUT_OFF = 5 "shut off",
        CRASHED = 6 "crashed",
    }

    /// The type of a data source.
    pub struct DataSourceKind {
        INTERFACE = 0 "ifIndex",
        VLAN = 1 "smonVlanDataSource",
        PHYSICAL = 2 "entPhysicalEntry",
        LOGICAL = 3 "entLogicalEntry",
    }
}
