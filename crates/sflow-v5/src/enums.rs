//! Enumerations. All are open: a number without a name is kept.

use core::fmt;

pub use crate::drop_reason::DropReason;
use crate::error::DecodeError;
use crate::padding::pad;
use crate::walk::{Kind, Value};
use crate::wire::{Size, Wire};
use crate::writer::Writer;

/// Declares enumerations: a newtype of the number, with a constant and a name for each value.
macro_rules! enumeration {
    ($(
        $(#[$doc:meta])*
        pub struct $name:ident { $($constant:ident = $number:literal $word:literal,)* }
    )*) => {$(
        $(#[$doc])*
        ///
        /// Other numbers are possible, and kept.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(transparent))]
        pub struct $name(
            /// The number on the wire.
            pub u32,
        );

        impl $name {
            $(
                #[doc = concat!("`", stringify!($number), "`: ", $word, ".")]
                pub const $constant: Self = Self($number);
            )*

            /// The name of the value, if it has one.
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
                    None => pad(f, format_args!("unknown ({})", self.0)),
                }
            }
        }

        impl<'a> Wire<'a> for $name {
            const SIZE: Size = Size::Fixed(4);
            const KIND: Kind = Kind::Enumeration;

            #[inline(always)]
            fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
                Ok(Self(u32::decode(input)?))
            }

            #[inline(always)]
            fn encode(&self, out: &mut Writer<'_>) {
                self.0.encode(out);
            }

            #[inline]
            fn value(&self) -> Value<'a> {
                self.0.value()
            }

            fn enum_name(&self) -> Option<&'static str> {
                self.name()
            }
        }
    )*};
}

enumeration! {
    /// `header_protocol`: the first protocol of a sampled header.
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

    /// `ifDirection`: the duplex mode of an interface.
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

    /// `tcpRtoAlgorithm` of MIB-II: the algorithm that determines the retransmission timeout.
    pub struct TcpRtoAlgorithm {
        OTHER = 1 "other",
        CONSTANT = 2 "constant",
        RSRE = 3 "rsre",
        VANJ = 4 "van jacobson",
        RFC2988 = 5 "rfc 2988",
    }

    /// `virDomainState`: the state of a virtual machine or container.
    pub struct DomainState {
        NO_STATE = 0 "no state",
        RUNNING = 1 "running",
        BLOCKED = 2 "blocked",
        PAUSED = 3 "paused",
        SHUTDOWN = 4 "being shut down",
        SHUT_OFF = 5 "shut off",
        CRASHED = 6 "crashed",
    }

    /// The kind of a data source.
    pub struct DataSourceKind {
        INTERFACE = 0 "ifIndex",
        VLAN = 1 "smonVlanDataSource",
        PHYSICAL = 2 "entPhysicalEntry",
        LOGICAL = 3 "entLogicalEntry",
    }

    /// The character set of a user's name, as a MIBenum.
    ///
    /// Source: RFC 3808.
    pub struct Charset {
        UNKNOWN = 2 "unknown",
        US_ASCII = 3 "us-ascii",
        ISO_8859_1 = 4 "iso-8859-1",
        UTF_8 = 106 "utf-8",
        UTF_16 = 1015 "utf-16",
        WINDOWS_1252 = 2252 "windows-1252",
    }

    /// `as_path_segment_type`: whether the AS numbers of a path segment are ordered.
    pub struct AsPathKind {
        SET = 1 "set",
        SEQUENCE = 2 "sequence",
    }

    /// `url_direction`: whether the source or the destination is the server.
    pub struct UrlDirection {
        SOURCE = 1 "source is the server",
        DESTINATION = 2 "destination is the server",
    }

    /// The access list of an interface that matched: for received or for sent packets.
    pub struct AclDirection {
        UNKNOWN = 0 "unknown",
        INGRESS = 1 "ingress",
        EGRESS = 2 "egress",
    }

    /// `packet_direction`: whether the host received or sent a packet.
    pub struct PacketDirection {
        UNKNOWN = 0 "unknown",
        RECEIVED = 1 "received",
        SENT = 2 "sent",
    }

    /// `service_direction`: whether the client or the server reports a transaction.
    pub struct ServiceDirection {
        CLIENT = 1 "client",
        SERVER = 2 "server",
    }

    /// The result of a transaction.
    pub struct TransactionStatus {
        SUCCEEDED = 0 "succeeded",
        FAILED = 1 "failed",
        OUT_OF_MEMORY = 2 "out of memory",
        TIMEOUT = 3 "timeout",
        NOT_PERMITTED = 4 "not permitted",
    }

    /// The method of an HTTP request.
    pub struct HttpMethod {
        OTHER = 0 "other",
        OPTIONS = 1 "OPTIONS",
        GET = 2 "GET",
        HEAD = 3 "HEAD",
        POST = 4 "POST",
        PUT = 5 "PUT",
        DELETE = 6 "DELETE",
        TRACE = 7 "TRACE",
        CONNECT = 8 "CONNECT",
    }

    /// The protocol of a memcached client.
    pub struct MemcacheProtocol {
        OTHER = 0 "other",
        ASCII = 1 "ascii",
        BINARY = 2 "binary",
    }

    /// A command of memcached.
    pub struct MemcacheCmd {
        OTHER = 0 "other",
        SET = 1 "set",
        ADD = 2 "add",
        REPLACE = 3 "replace",
        APPEND = 4 "append",
        PREPEND = 5 "prepend",
        CAS = 6 "cas",
        GET = 7 "get",
        GETS = 8 "gets",
        INCR = 9 "incr",
        DECR = 10 "decr",
        DELETE = 11 "delete",
        STATS = 12 "stats",
        FLUSH = 13 "flush",
        VERSION = 14 "version",
        QUIT = 15 "quit",
        TOUCH = 16 "touch",
    }

    /// The result of a memcached operation.
    pub struct MemcacheStatus {
        UNKNOWN = 0 "unknown",
        OK = 1 "ok",
        ERROR = 2 "error",
        CLIENT_ERROR = 3 "client error",
        SERVER_ERROR = 4 "server error",
        STORED = 5 "stored",
        NOT_STORED = 6 "not stored",
        EXISTS = 7 "exists",
        NOT_FOUND = 8 "not found",
        DELETED = 9 "deleted",
    }

    /// The result of an operation of a service.
    pub struct AppStatus {
        SUCCESS = 0 "success",
        OTHER = 1 "other",
        TIMEOUT = 2 "timeout",
        INTERNAL_ERROR = 3 "internal error",
        BAD_REQUEST = 4 "bad request",
        FORBIDDEN = 5 "forbidden",
        TOO_LARGE = 6 "too large",
        NOT_IMPLEMENTED = 7 "not implemented",
        NOT_FOUND = 8 "not found",
        UNAVAILABLE = 9 "unavailable",
        UNAUTHORIZED = 10 "unauthorized",
    }

    /// `ieee80211_version`: the amendment of IEEE 802.11 that a frame uses.
    pub struct Ieee80211Version {
        A = 1 "802.11a",
        B = 2 "802.11b",
        G = 3 "802.11g",
        N = 4 "802.11n",
    }

    /// `cipher_suite` of IEEE 802.11: an organisation (24 bits) and its number (8 bits).
    pub struct CipherSuite {
        GROUP = 0x000f_ac00 "group",
        WEP_40 = 0x000f_ac01 "wep-40",
        TKIP = 0x000f_ac02 "tkip",
        CCMP = 0x000f_ac04 "ccmp",
        WEP_104 = 0x000f_ac05 "wep-104",
    }
}

pub(crate) use enumeration;
