//! Packets between clients and containers, as sampled headers show them.

use std::net::Ipv4Addr;

use crate::random::Random;
use crate::spec::ServiceSpec;
use crate::task::Task;

/// The first bytes of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Length on the wire, with the frame check sequence.
    pub(crate) frame_length: u32,
    /// Whether the container receives it.
    pub(crate) inbound: bool,
    bytes: [u8; Self::KEPT],
    length: usize,
}

/// Length of an acknowledgement: Ethernet, IPv4, and TCP with timestamps.
const HEADERS: usize = 14 + 20 + 32;
/// The client of all services.
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

impl Packet {
    /// Bytes of a packet that an agent samples at most.
    const KEPT: usize = 128;
    /// Bytes of the frame check sequence, which is counted but not sampled.
    pub(crate) const STRIPPED: u32 = 4;

    /// A random one of the packets that a container exchanges with its client.
    ///
    /// One of a request's packets in each direction carries the data; the others are as long as
    /// acknowledgements. The mean length agrees with the counters.
    pub(crate) fn draw(task: &Task, spec: &ServiceSpec, random: &mut Random) -> Self {
        let request = &spec.request;
        let inbound = random.chance(request.rx_packets / (request.rx_packets + request.tx_packets));
        let (bytes, packets) = if inbound {
            (request.rx_bytes, request.rx_packets)
        } else {
            (request.tx_bytes, request.tx_packets)
        };
        let data =
            (bytes - (packets - 1.0) * HEADERS as f64).clamp(HEADERS as f64, f64::from(u16::MAX));
        let carries_data = random.chance(1.0 / packets);
        let length = if carries_data { data as usize } else { HEADERS };
        Self::new(task.address, spec.port, inbound, length, random)
    }

    /// The sampled bytes.
    pub(crate) fn header(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }

    fn new(
        container: Ipv4Addr,
        port: u16,
        inbound: bool,
        length: usize,
        random: &mut Random,
    ) -> Self {
        let client_port = 32_768 + random.below(28_232) as u16;
        let (from, to) = if inbound {
            (CLIENT, container)
        } else {
            (container, CLIENT)
        };
        let ports = if inbound {
            [client_port, port]
        } else {
            [port, client_port]
        };
        let (gateway, own) = (mac(Ipv4Addr::new(172, 18, 0, 1)), mac(container));
        let macs = if inbound {
            [own, gateway]
        } else {
            [gateway, own]
        };

        let mut header = Vec::with_capacity(Self::KEPT);
        header.extend_from_slice(&macs.concat());
        header.extend_from_slice(&0x0800_u16.to_be_bytes());
        header.extend_from_slice(&ipv4(from, to, length - 14, random));
        header.extend_from_slice(&tcp(ports, length > HEADERS, random));
        let text: &[u8] = if inbound {
            b"GET / HTTP/1.1\r\nHost: service\r\n\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\n\r\n"
        };
        let kept = length.min(Self::KEPT);
        header.extend(
            text.iter()
                .copied()
                .chain(std::iter::repeat(b'x'))
                .take(kept - HEADERS),
        );

        let mut bytes = [0; Self::KEPT];
        for (byte, value) in bytes.iter_mut().zip(&header) {
            *byte = *value;
        }
        Self {
            frame_length: length as u32 + Self::STRIPPED,
            inbound,
            bytes,
            length: kept,
        }
    }
}

/// A locally administered MAC address, derived from the IPv4 address.
pub(crate) fn mac(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, length: usize, random: &mut Random) -> Vec<u8> {
    const VERSION_AND_LENGTH: u8 = 0x45;
    const DONT_FRAGMENT: u8 = 0x40;
    const TTL: u8 = 64;
    const TCP: u8 = 6;
    let mut header = vec![VERSION_AND_LENGTH, 0];
    header.extend((length as u16).to_be_bytes());
    header.extend(random.bytes::<2>());
    // The checksum is 0 while it is computed.
    header.extend([DONT_FRAGMENT, 0, TTL, TCP, 0, 0]);
    header.extend(from.octets());
    header.extend(to.octets());
    let checksum = checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&checksum);
    header
}

fn tcp(ports: [u16; 2], pushes: bool, random: &mut Random) -> Vec<u8> {
    const ACK: u8 = 0x10;
    const PSH: u8 = 0x08;
    const WORDS: u8 = 8;
    const WINDOW: [u8; 2] = [0x01, 0xf5];
    /// Two no-operations, then a timestamp of ten bytes.
    const OPTIONS: [u8; 4] = [1, 1, 8, 10];
    let flags = if pushes { ACK | PSH } else { ACK };
    let mut header: Vec<u8> = ports.into_iter().flat_map(u16::to_be_bytes).collect();
    let [numbers @ .., checksum_high, checksum_low] = random.bytes::<10>();
    header.extend(numbers);
    header.extend([WORDS << 4, flags]);
    header.extend(WINDOW);
    // No urgent data.
    header.extend([checksum_high, checksum_low, 0, 0]);
    header.extend(OPTIONS);
    header.extend(random.bytes::<8>());
    header
}

/// The internet checksum of a header of even length.
fn checksum(header: &[u8]) -> u16 {
    let sum = header.chunks_exact(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let sum = sum.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 7);

    #[test]
    fn header_contains_addresses_ports_and_valid_checksum() {
        let mut random = Random::new(3);
        let packet = Packet::new(CONTAINER, 80, true, 116, &mut random);
        let header = packet.header();
        assert_eq!((header.len(), packet.frame_length), (116, 120));
        assert_eq!(&header[..6], &[0x02, 0x42, 172, 18, 0, 7]);
        assert_eq!(&header[12..15], &[0x08, 0x00, 0x45]);
        assert_eq!(u16::from_be_bytes([header[16], header[17]]), 102);
        assert_eq!(
            checksum(&header[14..34]),
            0,
            "the checksum of a valid header is 0"
        );
        assert_eq!(&header[26..34], &[10, 0, 0, 254, 172, 18, 0, 7]);
        assert_eq!(u16::from_be_bytes([header[36], header[37]]), 80);
        assert_eq!((header[46], header[47]), (0x80, 0x18));
        assert!(header[66..].starts_with(b"GET / "));
    }

    #[test]
    fn long_packets_are_truncated_and_short_ones_are_not_padded() {
        let mut random = Random::new(3);
        let long = Packet::new(CONTAINER, 80, false, 1514, &mut random);
        assert_eq!((long.header().len(), long.frame_length), (128, 1518));
        assert_eq!(
            u16::from_be_bytes([long.header()[34], long.header()[35]]),
            80
        );
        let short = Packet::new(CONTAINER, 80, false, HEADERS, &mut random);
        assert_eq!((short.header().len(), short.frame_length), (66, 70));
        assert_eq!(short.header()[47], 0x10);
    }
}
