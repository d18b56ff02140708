use core::fmt;

use super::protocol::{EtherType, IpNumber};
use crate::enums::HeaderProtocol;
use crate::padding::pad;

/// The bytes behind the last header that was read, and the reason why they were not read. It is
/// always the last layer.
///
/// Bytes behind the end of the packet, such as the padding of a short Ethernet frame, do not belong
/// to any layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest<'a> {
    /// The bytes that were not read; may be empty.
    pub bytes: &'a [u8],
    /// Why they were not read.
    pub reason: StopReason,
}

/// Why no further layer of a packet was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// All headers were read; the rest is payload, and may be empty.
    Payload,
    /// The next header of IPv6 is 59: nothing follows.
    NoNextHeader,
    /// The sample ends inside a header: the agent truncated the packet.
    Cut {
        /// The name of the header's layer.
        header: &'static str,
        /// Minimum size of the header in bytes.
        needed: usize,
        /// Number of its bytes that were sampled.
        available: usize,
    },
    /// The packet ends inside a header, according to the length in an outer header.
    Short {
        /// The name of the header's layer.
        header: &'static str,
        /// Minimum size of the header in bytes.
        needed: usize,
        /// Number of bytes up to the end of the packet.
        available: usize,
    },
    /// A field of a header is invalid.
    Invalid {
        /// The name of the header's layer.
        header: &'static str,
        /// The field.
        field: &'static str,
        /// The value of the field.
        value: u16,
    },
    /// Unsupported header protocol.
    HeaderProtocol(HeaderProtocol),
    /// Unsupported EtherType.
    EtherType(EtherType),
    /// Unsupported service access point of IEEE 802.2.
    Sap(u8),
    /// Unsupported SNAP protocol of an organisation.
    Snap {
        /// The organisation.
        oui: [u8; 3],
        /// The protocol number of the organisation.
        protocol: u16,
    },
    /// Unsupported PPP protocol.
    PppProtocol(u16),
    /// Unsupported IP protocol.
    IpProtocol(IpNumber),
    /// The bytes behind the last MPLS label are neither IP nor Ethernet, judging by checksum and
    /// lengths; no field identifies them. Contains the first byte.
    Labelled(u8),
    /// The content of a tunnel is neither IP nor Ethernet, judging by checksum and lengths; no
    /// field identifies it.
    Unidentified,
    /// The rest is encrypted.
    Encrypted,
    /// A fragment other than the first, which has no transport header.
    Fragment,
    /// The packet has more than [`Packet::MAX_LAYERS`](super::Packet::MAX_LAYERS).
    TooManyLayers,
}

impl StopReason {
    /// A short, stable identifier for metrics, such as `cut`.
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

    /// Whether all headers were read, so that the rest is payload or empty.
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Payload | Self::NoNextHeader)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload => f.pad("payload"),
            Self::NoNextHeader => f.pad("no next header"),
            Self::Cut {
                header,
                needed,
                available,
            } => pad(
                f,
                format_args!("cut: {header} needs {needed} bytes, {available} were sampled"),
            ),
            Self::Short {
                header,
                needed,
                available,
            } => pad(
                f,
                format_args!("short: {header} needs {needed} bytes, the packet has {available}"),
            ),
            Self::Invalid {
                header,
                field,
                value,
            } => pad(f, format_args!("invalid: {field} of {header} is {value}")),
            Self::HeaderProtocol(protocol) => pad(f, format_args!("header protocol {protocol}")),
            Self::EtherType(kind) => pad(f, format_args!("ethertype {kind}")),
            Self::Sap(sap) => pad(f, format_args!("service access point 0x{sap:02x}")),
            Self::Snap {
                oui: [a, b, c],
                protocol,
            } => pad(
                f,
                format_args!("snap {a:02x}:{b:02x}:{c:02x} protocol 0x{protocol:04x}"),
            ),
            Self::PppProtocol(protocol) => pad(f, format_args!("ppp protocol 0x{protocol:04x}")),
            Self::IpProtocol(number) => pad(f, format_args!("ip protocol {number}")),
            Self::Labelled(byte) => pad(f, format_args!("labelled, first byte 0x{byte:02x}")),
            Self::Unidentified => f.pad("unidentified"),
            Self::Encrypted => f.pad("encrypted"),
            Self::Fragment => f.pad("fragment"),
            Self::TooManyLayers => f.pad("too many layers"),
        }
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(StopReason);
