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

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, length: usize, random: &mut Random) -> [u8; 20] {
    const DONT_FRAGMENT: u8 = 0x40;
    const TCP: u8 = 6;
    let [length_high, length_low] = (length as u16).to_be_bytes();
    let [id_high, id_low] = random.bytes();
    let ([a, b, c, d], [e, f, g, h]) = (from.octets(), to.octets());
    let mut header = [
        0x45,
        0,
        length_high,
        length_low,
        id_high,
        id_low,
        DONT_FRAGMENT,
        0,
        64,
        TCP,
        0,
        0,
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
    ];
    let [high, low] = checksum(&header).to_be_bytes();
    (header[10], header[11]) = (high, low);
    header
}

fn tcp(ports: [u16; 2], pushes: bool, random: &mut Random) -> [u8; 32] {
    const ACK: u8 = 0x10;
    const PSH: u8 = 0x08;
    const WORDS: u8 = 8;
    let [[a, b], [c, d]] = ports.map(u16::to_be_bytes);
    let flags = if pushes { ACK | PSH } else { ACK };
    let [s0, s1, s2, s3, n0, n1, n2, n3, c0, c1] = random.bytes();
    let [t0, t1, t2, t3, e0, e1, e2, e3] = random.bytes();
    [
        a,
        b,
        c,
        d,
        s0,
        s1,
        s2,
        s3,
        n0,
        n1,
        n2,
        n3,
        WORDS << 4,
        flags,
        0x01,
        0xf5,
        c0,
        c1,
        0,
        0,
        1,
        1,
        8,
        10,
        t0,
        t1,
        t2,
        t3,
        e0,
        e1,
        e2,
        e3,
    ]
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
