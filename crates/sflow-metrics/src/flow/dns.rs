//! The question of a DNS message, as far as it was sampled.

use sflow_v5::FlowSample;
use sflow_v5::flow::SampledHeader;
use sflow_v5::packet::{Layer, StopReason};

/// Ports of DNS and multicast DNS.
const PORTS: [u16; 2] = [53, 5353];

/// Maximum length of a name in bytes; the rest is discarded.
const LONGEST: usize = 128;

/// Replaces the part of a name that was not sampled.
const CUT: &[u8] = "…".as_bytes();

/// The first question of a DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dns {
    pub(super) is_response: bool,
    /// The record type, unless the sample is truncated before it.
    pub(super) kind: Option<u16>,
    name: [u8; LONGEST],
    length: usize,
}

impl Dns {
    /// The question in the innermost packet, if that is UDP from or to a DNS port.
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

    /// The name in lower case, since case is insignificant, with dots between the labels.
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
            // Nothing precedes the first name, so a compression pointer is invalid.
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

    /// Appends the bytes that fit.
    fn push(&mut self, bytes: &[u8]) {
        let free = self.name.get_mut(self.length..).unwrap_or(&mut []);
        for (target, byte) in free.iter_mut().zip(bytes) {
            *target = byte.to_ascii_lowercase();
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
    fn truncated_question_is_read_as_far_as_sampled() {
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
    fn invalid_message_is_ignored() {
        assert_eq!(Dns::read(&message(1, b"\xc0\x0c", &[0, 1])), None);
        assert_eq!(Dns::read(&message(1, &[64; 80], &[])), None);
        assert_eq!(Dns::read(&[0; 12]), None, "no question");
        assert_eq!(Dns::read(&[]), None);
        let long: Vec<u8> = [[1, b'x']; 500].concat();
        let dns = Dns::read(&message(1, &long, &[])).unwrap();
        assert_eq!(dns.name().len(), LONGEST);
    }
}
