//! Datagrams on the collector's port that are not sFlow version 5.

use crate::random::Random;

/// A kind of datagram that is not a complete sFlow version 5 datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Empty,
    Random,
    Truncated,
    NetFlow5,
    NetFlow9,
    Ipfix,
    SFlow2,
    SFlow4,
}

impl Kind {
    /// All kinds, in the order in which they are sent.
    pub(crate) const ALL: [Self; 8] = [
        Self::Empty,
        Self::Random,
        Self::Truncated,
        Self::NetFlow5,
        Self::NetFlow9,
        Self::Ipfix,
        Self::SFlow2,
        Self::SFlow4,
    ];
}

/// A datagram of this kind. `real` is truncated for [`Kind::Truncated`].
pub(crate) fn foreign_datagram(kind: Kind, real: &[u8], random: &mut Random) -> Vec<u8> {
    match kind {
        Kind::Empty => Vec::new(),
        Kind::Random => {
            let length = 1 + random.below(600);
            (0..length).map(|_| random.next() as u8).collect()
        }
        Kind::Truncated => {
            let kept = random.below(real.len() as u64) as usize;
            real.get(..kept).unwrap_or(&[]).to_vec()
        }
        Kind::NetFlow5 => {
            const HEADER: usize = 24;
            const RECORD: usize = 48;
            let records = 1 + random.below(30) as u16;
            export(5, records, HEADER + RECORD * usize::from(records), random)
        }
        Kind::NetFlow9 => export(9, 2, 20 + 4 * (1 + random.below(60) as usize), random),
        Kind::Ipfix => {
            let length = 16 + 4 * (1 + random.below(60) as usize);
            export(10, length as u16, length, random)
        }
        Kind::SFlow2 => older(2, random),
        Kind::SFlow4 => older(4, random),
    }
}

/// A message of the NetFlow family: version, count or length, and random data.
fn export(version: u16, second: u16, length: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(&second.to_be_bytes());
    bytes.resize_with(length.max(4), || random.next() as u8);
    bytes
}

/// An older sFlow datagram: an IPv4 agent, sequence, uptime, and no samples.
fn older(version: u32, random: &mut Random) -> Vec<u8> {
    const IPV4: u32 = 1;
    let agent = u32::from_be_bytes([192, 0, 2, 1]);
    let (sequence, uptime) = (random.below(1 << 20) as u32, random.below(1 << 31) as u32);
    [version, IPV4, agent, sequence, uptime, 0]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use sflow_v5::{Datagram, ErrorKind};

    use super::*;

    #[test]
    fn each_kind_has_its_version() {
        let mut random = Random::new(5);
        let version =
            |kind, random: &mut Random| match Datagram::parse(&foreign_datagram(kind, &[], random))
                .unwrap_err()
                .kind
            {
                ErrorKind::Version(version) => version,
                other => panic!("{other}"),
            };
        assert_eq!(version(Kind::NetFlow5, &mut random) >> 16, 5);
        assert_eq!(version(Kind::NetFlow9, &mut random) >> 16, 9);
        assert_eq!(version(Kind::Ipfix, &mut random) >> 16, 10);
        assert_eq!(version(Kind::SFlow2, &mut random), 2);
        assert_eq!(version(Kind::SFlow4, &mut random), 4);
        assert!(foreign_datagram(Kind::Empty, &[1, 2], &mut random).is_empty());
        assert!(!foreign_datagram(Kind::Random, &[], &mut random).is_empty());
    }

    #[test]
    fn truncated_datagram_is_shorter_prefix() {
        let mut random = Random::new(5);
        let real = [7; 50];
        for _ in 0..500 {
            let cut = foreign_datagram(Kind::Truncated, &real, &mut random);
            assert!(cut.len() < real.len() && real.starts_with(&cut));
        }
        assert!(foreign_datagram(Kind::Truncated, &[], &mut random).is_empty());
    }
}
