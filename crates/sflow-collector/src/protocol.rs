//! Other telemetry protocols that arrive on the port of sFlow.

use std::fmt;

/// A telemetry protocol other than sFlow version 5, recognised by the first bytes of a datagram.
///
/// ```
/// use sflow_collector::OtherProtocol;
///
/// let netflow = [&[0, 9, 0, 1][..], &[0; 56]].concat();
/// assert_eq!(OtherProtocol::detect(&netflow).unwrap().to_string(), "NetFlow 9");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherProtocol {
    /// NetFlow, with its version: 1, 5, 7, 8 or 9.
    NetFlow(u16),
    /// IPFIX, which is NetFlow version 10.
    Ipfix,
    /// An earlier version of sFlow: 2, 3 or 4.
    SFlow(u32),
}

impl OtherProtocol {
    /// Detects the protocol of a datagram; `None` for sFlow version 5 and unknown protocols.
    pub fn detect(datagram: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *datagram.first_chunk()?;
        let length = datagram.len();
        // The version is followed by the number of records, or the length in IPFIX.
        let count = u16::from_be_bytes([c, d]);
        match (u16::from_be_bytes([a, b]), count) {
            (0, 2..=4) => Some(Self::SFlow(count.into())),
            (1, 1..=24) if length == 16 + 52 * usize::from(count) => Some(Self::NetFlow(1)),
            (version @ (5 | 7 | 8), 1..=64) if length >= 24 => Some(Self::NetFlow(version)),
            (9, 1..) if length >= 20 => Some(Self::NetFlow(9)),
            // The capture may have truncated the datagram.
            (10, stated @ 16..) if usize::from(stated) >= length => Some(Self::Ipfix),
            _ => None,
        }
    }
}

impl fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetFlow(version) => f.pad(&format!("NetFlow {version}")),
            Self::Ipfix => f.pad("IPFIX"),
            Self::SFlow(version) => f.pad(&format!("sFlow {version}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        let datagram = |start: &[u8], length: usize| {
            let mut datagram = start.to_vec();
            datagram.resize(length, 0);
            OtherProtocol::detect(&datagram).map(|protocol| protocol.to_string())
        };
        for (start, length, expected) in [
            (&[0, 5, 0, 2][..], 24 + 96, "NetFlow 5"),
            (&[0, 9, 0, 1], 60, "NetFlow 9"),
            (&[0, 10, 0, 60], 60, "IPFIX"),
            (&[0, 1, 0, 2], 16 + 104, "NetFlow 1"),
            (&[0, 7, 0, 1], 76, "NetFlow 7"),
            (&[0, 8, 0, 1], 56, "NetFlow 8"),
            (&[0, 0, 0, 2], 100, "sFlow 2"),
            (&[0, 0, 0, 3], 100, "sFlow 3"),
            (&[0, 0, 0, 4], 100, "sFlow 4"),
        ] {
            assert_eq!(datagram(start, length).as_deref(), Some(expected));
        }
        for (start, length) in [
            (&[0, 0, 0, 5][..], 100),
            (b"GET / HTTP/1.1", 100),
            (&[0, 5], 2),
            (&[], 0),
            (&[0, 1, 2, 3], 100),
            (&[0, 10, 0, 20], 60),
        ] {
            assert_eq!(datagram(start, length), None);
        }
    }
}
