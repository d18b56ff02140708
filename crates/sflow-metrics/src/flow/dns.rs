//! What DNS messages ask for, as far as the sample has it.

use sflow_v5::FlowSample;
use sflow_v5::flow::SampledHeader;
use sflow_v5::packet::{Layer, StopReason};

/// The port of DNS, and that of the one without a server.
const PORTS: [u16; 2] = [53, 5353];

/// Bytes of a name that are kept.
const LONGEST: usize = 128;

/// Stands for the part of a name that was not sampled.
const CUT: &[u8] = "…".as_bytes();

/// The first question of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dns {
    pub(super) is_response: bool,
    /// Its type, unless the sample ends before.
    pub(super) kind: Option<u16>,
    name: [u8; LONGEST],
    length: usize,
}

impl Dns {
    /// Of the innermost packet, if that is UDP to or from a port of DNS.
    pub(super) fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let header = sample.find::<SampledHeader<'_>>()?;
        let mut is_dns = false;
        for layer in header.dissect().layers() {
            match layer {
                Layer::Udp(udp) => {
                    let ports = [udp.source_port(), udp.destination_port()];
                    is_dns = ports.iter().any(|port| PORTS.contains(port));
                }
                Layer::Rest(rest) if is_dns && rest.reason == StopReason::Payload => {
                    return Self::read(rest.bytes);
                }
                _ => is_dns = false,
            }
        }
        None
    }

    /// The name in lower case, since upper case means the same: labels with points between.
    pub(super) fn name(&self) -> &[u8] {
        self.name.get(..self.length).unwrap_or(&[])
    }

    fn read(message: &[u8]) -> Option<Self> {
        let (header, mut rest) = message.split_first_chunk::<12>()?;
        let [_, _, flags, _, high, low, ..] = *header;
        if u16::from_be_bytes([high, low]) == 0 {
            return None;
        }
        let mut dns = Self {
            is_response: flags & 0x80 != 0,
            kind: None,
            name: [0; LONGEST],
            length: 0,
        };
        loop {
            let Some((&length, behind)) = rest.split_first() else {
                dns.push(CUT);
                return Some(dns);
            };
            if length == 0 {
                rest = behind;
                break;
            }
            // A pointer has nothing before it to point to.
            if length > 63 {
                return None;
            }
            if dns.length > 0 {
                dns.push(b".");
            }
            let Some((label, behind)) = behind.split_at_checked(length.into()) else {
                dns.push(behind);
                dns.push(CUT);
                return Some(dns);
            };
            dns.push(label);
            rest = behind;
        }
        if dns.length == 0 {
            dns.push(b".");
        }
        dns.kind = rest.first_chunk().map(|kind| u16::from_be_bytes(*kind));
        Some(dns)
    }

    /// Appends as much as there is room for.
    fn push(&mut self, bytes: &[u8]) {
        let room = self.name.get_mut(self.length..).unwrap_or(&mut []);
        for (place, byte) in room.iter_mut().zip(bytes) {
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flags: u8, name: &[u8], kind: &[u8]) -> Vec<u8> {
        let mut message = vec![7, 7, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice(name);
        message.extend_from_slice(kind);
        message
    }

    #[test]
    fn questions_are_read_as_far_as_they_go() {
        let whole = message(1, b"\x03Www\x07eXample\x03org\x00", &[0, 28, 0, 1]);
        let dns = Dns::read(&whole).unwrap();
        assert_eq!(dns.name(), b"www.example.org");
        assert_eq!((dns.is_response, dns.kind), (false, Some(28)));
        let answer = Dns::read(&message(0x81, b"\x00", &[0, 2])).unwrap();
        assert_eq!((answer.name(), answer.is_response), (&b"."[..], true));
        for end in 0..whole.len() {
            match Dns::read(&whole[..end]) {
                None => assert!(end < 12, "{end}"),
                Some(cut) => assert!(cut.kind.is_some() || end < 31, "{end}"),
            }
        }
        let cut = Dns::read(&whole[..18]).unwrap();
        assert_eq!(cut.name(), "www.e…".as_bytes());
    }

    #[test]
    fn nonsense_is_no_question() {
        assert_eq!(Dns::read(&message(1, b"\xc0\x0c", &[0, 1])), None);
        assert_eq!(Dns::read(&message(1, &[64; 80], &[])), None);
        assert_eq!(Dns::read(&[0; 12]), None, "it asks nothing");
        assert_eq!(Dns::read(&[]), None);
        let long: Vec<u8> = [[1, b'x']; 500].concat();
        let dns = Dns::read(&message(1, &long, &[])).unwrap();
        assert_eq!(dns.name().len(), LONGEST);
    }
}
