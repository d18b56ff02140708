use core::fmt;

use etherparse::{EtherType, IpNumber};

use crate::enums::HeaderProtocol;

/// What is left of a packet, and why it was not read further: always the last layer.
///
/// Bytes behind the end that a packet gives itself, such as the padding of a short Ethernet
/// frame, belong to no layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest<'a> {
    /// From the first byte that was not read; empty if nothing is left.
    pub bytes: &'a [u8],
    /// Why reading stopped there.
    pub reason: StopReason,
}

/// Why a packet was not read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// All headers were read; what is left belongs to the application, and may be empty.
    Payload,
    /// IPv6 says that nothing follows.
    NoNextHeader,
    /// The sample ends inside a header: the agent cut it there.
    Cut {
        /// The header, as its layer is called.
        header: &'static str,
        /// Bytes that it takes at least.
        needed: usize,
        /// Bytes of it that were sampled.
        available: usize,
    },
    /// The packet ends inside a header, by the length that an outer header gives.
    Short {
        /// The header, as its layer is called.
        header: &'static str,
        /// Bytes that it takes at least.
        needed: usize,
        /// Bytes that the packet has left.
        available: usize,
    },
    /// A header contradicts itself.
    Invalid {
        /// The header, as its layer is called.
        header: &'static str,
        /// The field of it.
        field: &'static str,
        /// What the field says.
        value: u16,
    },
    /// A header protocol that is not read.
    HeaderProtocol(HeaderProtocol),
    /// An EtherType that is not read.
    EtherType(EtherType),
    /// A service access point of IEEE 802.2 that is not read.
    Sap(u8),
    /// A protocol within SNAP, of an organisation of its own.
    Snap {
        /// The organisation.
        oui: [u8; 3],
        /// What it means by it.
        protocol: u16,
    },
    /// A protocol within PPP that is not read.
    PppProtocol(u16),
    /// A protocol within IP that is not read.
    IpProtocol(IpNumber),
    /// What follows the last MPLS label is neither IP nor Ethernet by its checksum and lengths,
    /// and no field identifies it. This is its first byte.
    Labelled(u8),
    /// What a tunnel carries is neither IP nor Ethernet by its checksum and lengths, and no
    /// field identifies it.
    Unidentified,
    /// Encrypted.
    Encrypted,
    /// A fragment, but not the first: it has no header of transport.
    Fragment,
    /// There are more than [`Packet::MAX_LAYERS`](super::Packet::MAX_LAYERS).
    TooManyLayers,
}

impl StopReason {
    /// A short, stable word for counting by cause.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::NoNextHeader => "no_next_header",
            Self::Cut { .. } => "cut",
            Self::Short { .. } => "short",
            Self::Invalid { .. } => "invalid",
            Self::HeaderProtocol(_) => "header_protocol",
            Self::EtherType(_) => "ether_type",
            Self::Sap(_) => "sap",
            Self::Snap { .. } => "snap",
            Self::PppProtocol(_) => "ppp_protocol",
            Self::IpProtocol(_) => "ip_protocol",
            Self::Labelled(_) => "labelled",
            Self::Unidentified => "unidentified",
            Self::Encrypted => "encrypted",
            Self::Fragment => "fragment",
            Self::TooManyLayers => "too_many_layers",
        }
    }

    /// Whether all headers were read: what is left belongs to the application, or nothing is.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Payload | Self::NoNextHeader)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload => f.write_str("payload"),
            Self::NoNextHeader => f.write_str("no next header"),
            Self::Cut {
                header,
                needed,
                available,
            } => write!(
                f,
                "cut: {header} needs {needed} bytes, {available} were sampled"
            ),
            Self::Short {
                header,
                needed,
                available,
            } => write!(
                f,
                "short: {header} needs {needed} bytes, the packet has {available}"
            ),
            Self::Invalid {
                header,
                field,
                value,
            } => write!(f, "invalid: {field} of {header} is {value}"),
            Self::HeaderProtocol(protocol) => write!(f, "header protocol {protocol}"),
            Self::EtherType(kind) => write!(f, "ethertype 0x{:04x}", kind.0),
            Self::Sap(sap) => write!(f, "service access point 0x{sap:02x}"),
            Self::Snap {
                oui: [a, b, c],
                protocol,
            } => write!(f, "snap {a:02x}:{b:02x}:{c:02x} protocol 0x{protocol:04x}"),
            Self::PppProtocol(protocol) => write!(f, "ppp protocol 0x{protocol:04x}"),
            Self::IpProtocol(number) => match number.keyword_str() {
                Some(keyword) => write!(f, "ip protocol {} ({keyword})", number.0),
                None => write!(f, "ip protocol {}", number.0),
            },
            Self::Labelled(byte) => write!(f, "labelled, first byte 0x{byte:02x}"),
            Self::Unidentified => f.write_str("unidentified"),
            Self::Encrypted => f.write_str("encrypted"),
            Self::Fragment => f.write_str("fragment"),
            Self::TooManyLayers => f.write_str("too many layers"),
        }
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(StopReason);
