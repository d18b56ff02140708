//! Other protocols of telemetry that arrive where sFlow is expected.

use std::fmt;

/// A telemetry protocol other than sFlow version 5, recognised by the first bytes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// NetFlow of this version: 1, 5, 7, 8 or 9.
    NetFlow(u16),
    /// IPFIX, which is NetFlow version 10.
    Ipfix,
    /// sFlow of this version: 2, 3 or 4.
    SFlow(u32),
}

impl OtherProtocol {
    /// The protocol of a datagram; `None` for sFlow version 5 and for what is unknown.
    pub fn detect(datagram: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *datagram.first_chunk()?;
        let second = u16::from_be_bytes([c, d]);
        match (u16::from_be_bytes([a, b]), second) {
            (0, 2..=4) => Some(Self::SFlow(second.into())),
            // Behind the version: a number of records, of which a datagram has few.
            (version @ (1 | 5 | 7 | 8), 1..=1024) => Some(Self::NetFlow(version)),
            (9, 1..) => Some(Self::NetFlow(9)),
            // A length, which has to be that of the datagram. A part of it may be missing.
            (10, length @ 16..) if usize::from(length) >= datagram.len() => Some(Self::Ipfix),
            _ => None,
        }
    }
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetFlow(version) => write!(f, "NetFlow {version}"),
            Self::Ipfix => f.write_str("IPFIX"),
            Self::SFlow(version) => write!(f, "sFlow {version}"),
        }
    }
}
