//! The first bytes of packets, with valid headers and checksums.

use etherparse::err::packet::BuildVecWriteError;
use etherparse::{PacketBuilder, PacketBuilderStep, VlanId};

use super::random::Random;

/// The length of a sampled header in bytes.
const KEPT: usize = 128;

/// Lengths of packets on the wire without check sequence, mostly the minimum and maximum.
const LENGTHS: [usize; 13] = [
    66, 66, 66, 74, 90, 130, 300, 590, 1200, 1454, 1514, 1514, 1514,
];
const TCP_PORTS: [u16; 13] = [
    443, 443, 443, 443, 80, 80, 22, 53, 3306, 5432, 6379, 9092, 8080,
];
const UDP_PORTS: [u16; 5] = [53, 123, 443, 4789, 8125];

/// A sampled packet.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// The sampled header.
    pub(super) header: Vec<u8>,
    /// The length on the wire, with check sequence.
    pub(super) frame_length: u32,
}

/// The protocols of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp4,
    Tcp6,
    Udp4,
    Udp6,
    Icmp4,
    Icmp6,
}

/// A generator of packets.
#[derive(Debug)]
pub(super) struct Traffic {
    payload: Vec<u8>,
}

impl Traffic {
    pub(super) fn new(random: &mut Random) -> Self {
        Self {
            payload: random.bytes::<4096>().to_vec(),
        }
    }

    pub(super) fn packet(&self, random: &mut Random, kind: Kind, vlan: Option<u16>) -> Packet {
        let ethernet = PacketBuilder::ethernet2(mac(random), mac(random));
        let tag = vlan.and_then(|vlan| VlanId::try_new(vlan).ok());
        let length = random.pick(&LENGTHS) + if tag.is_some() { 4 } else { 0 };
        let builder = match (tag, kind) {
            (Some(tag), Kind::Tcp4 | Kind::Udp4 | Kind::Icmp4) => {
                let (source, destination) = (host(random), host(random));
                ethernet.single_vlan(tag).ipv4(source, destination, 64)
            }
            (Some(tag), _) => {
                let (source, destination) = (host6(random), host6(random));
                ethernet.single_vlan(tag).ipv6(source, destination, 64)
            }
            (None, Kind::Tcp4 | Kind::Udp4 | Kind::Icmp4) => {
                ethernet.ipv4(host(random), host(random), 64)
            }
            (None, _) => ethernet.ipv6(host6(random), host6(random), 64),
        };
        let bytes = match kind {
            Kind::Tcp4 | Kind::Tcp6 => self.fill(tcp(random, builder), random, length),
            Kind::Udp4 | Kind::Udp6 => {
                let (source, destination) = (random.pick(&UDP_PORTS), random.half() | 1024);
                self.fill(builder.udp(source, destination), random, length)
            }
            Kind::Icmp4 => {
                let echo = builder.icmpv4_echo_request(random.half(), random.half());
                self.fill(echo, random, length)
            }
            Kind::Icmp6 => {
                let echo = builder.icmpv6_echo_request(random.half(), random.half());
                self.fill(echo, random, length)
            }
        };
        Packet {
            frame_length: bytes.len() as u32 + 4,
            header: bytes[..KEPT.min(bytes.len())].to_vec(),
        }
    }

    /// Headers, and payload up to `length` bytes.
    fn fill<T: Layers>(&self, layers: T, random: &mut Random, length: usize) -> Vec<u8> {
        let payload = length.saturating_sub(layers.header_length());
        let from = random.below(2048) as usize;
        layers
            .write(&self.payload[from..from + payload])
            .expect("less than 1,600 bytes")
    }
}

/// A TCP header, mostly with timestamps, and with one of the common flags.
fn tcp(
    random: &mut Random,
    builder: PacketBuilderStep<etherparse::IpHeaders>,
) -> PacketBuilderStep<etherparse::TcpHeader> {
    let (service, client) = (
        random.pick(&TCP_PORTS),
        32_768 + random.below(28_000) as u16,
    );
    let (source, destination) = if random.percent(40) {
        (client, service)
    } else {
        (service, client)
    };
    let (sequence, window) = (random.word(), 200 | random.half());
    let tcp = builder.tcp(source, destination, sequence, window);
    let tcp = match random.below(5) {
        0 | 1 => tcp.ack(random.word()),
        2 => tcp.ack(random.word()).psh(),
        3 => tcp.ack(random.word()).fin(),
        _ => tcp.syn(),
    };
    if !random.percent(85) {
        return tcp;
    }
    let [a, b, c, d, e, f, g, h] = random.bytes();
    tcp.options_raw(&[1, 1, 8, 10, a, b, c, d, e, f, g, h])
        .expect("twelve bytes of options")
}

/// One of 512 stations.
fn mac(random: &mut Random) -> [u8; 6] {
    let station = random.below(512);
    let [_, a, b, c] = (station * 0x9e37).to_be_bytes();
    [2, 0x16, 0x3e, a, b, c]
}

/// One of 4,096 addresses.
fn host(random: &mut Random) -> [u8; 4] {
    let host = random.below(4096);
    [
        10,
        (host >> 8) as u8 * 16 + 1,
        (host >> 4) as u8,
        host as u8 & 0x0f | 0x10,
    ]
}

/// One of 1,024 addresses.
fn host6(random: &mut Random) -> [u8; 16] {
    let [a, b] = (random.below(1024) as u16).to_be_bytes();
    [
        0x20, 0x01, 0x0d, 0xb8, a, b, 0, 0, 0x50, a, b, 0xff, 0xfe, b, a, 1,
    ]
}

/// The common interface of the packet builders.
trait Layers {
    fn header_length(&self) -> usize;
    fn write(self, payload: &[u8]) -> Result<Vec<u8>, BuildVecWriteError>;
}

macro_rules! layers {
    ($($header:ty),*) => {$(
        impl Layers for PacketBuilderStep<$header> {
            fn header_length(&self) -> usize {
                self.size(0)
            }

            fn write(self, payload: &[u8]) -> Result<Vec<u8>, BuildVecWriteError> {
                let mut bytes = Vec::with_capacity(self.size(payload.len()));
                self.write_to_vec(&mut bytes, payload)?;
                Ok(bytes)
            }
        }
    )*};
}

layers!(
    etherparse::TcpHeader,
    etherparse::UdpHeader,
    etherparse::Icmpv4Header,
    etherparse::Icmpv6Header
);
