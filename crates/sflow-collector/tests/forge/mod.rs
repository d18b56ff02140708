//! Builds packets and capture files.

#![allow(dead_code, reason = "each test uses some of the functions")]

use std::error::Error;
use std::time::Duration;

/// The time of all packets, since 1970.
pub(crate) const SEEN: Duration = Duration::new(1_795_406_699, 856_750_000);
/// The payload of most datagrams.
pub(crate) const PAYLOAD: &[u8] = b"telemetry";
pub(crate) const SOURCE_PORT: u16 = 40_000;

/// An IPv4 packet from 10.0.0.1 with a UDP datagram to port 6343.
pub(crate) fn ipv4(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(28 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(udp(payload));
    packet
}

/// An IPv6 packet from 2001:db8::1 with a UDP datagram to port 6343 after extension `headers`.
pub(crate) fn ipv6(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let next = if headers.is_empty() { 17 } else { 0 };
    let length = u16::try_from(headers.len() + 8 + payload.len())
        .unwrap()
        .to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(headers);
    packet.extend(udp(payload));
    packet
}

pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [
        &[SOURCE_PORT, 6343, length, 0]
            .map(u16::to_be_bytes)
            .concat()[..],
        payload,
    ]
    .concat()
}

pub(crate) fn ethernet(tags: &[u8], ether_type: u16, packet: &[u8]) -> Vec<u8> {
    [&[2; 12][..], tags, &ether_type.to_be_bytes(), packet].concat()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(crate) fn u32s<const N: usize>(self, numbers: [u32; N]) -> Vec<u8> {
        numbers.map(|number| self.u32(number)).concat()
    }
}

/// A pcap file.
pub(crate) fn pcap(order: Order, nanoseconds: bool, link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let magic = if nanoseconds {
        0xa1b2_3c4d
    } else {
        0xa1b2_c3d4
    };
    let mut file = order.u32(magic).to_vec();
    file.extend([2, 4].map(|version| order.u16(version)).concat());
    file.extend(order.u32s([0, 0, 65_535, link]));
    for packet in packets {
        let fraction = if nanoseconds {
            SEEN.subsec_nanos()
        } else {
            SEEN.subsec_micros()
        };
        let length = u32::try_from(packet.len()).unwrap();
        let seconds = u32::try_from(SEEN.as_secs()).unwrap();
        file.extend(order.u32s([seconds, fraction, length, length]));
        file.extend(*packet);
    }
    file
}

/// A pcapng file: a section, an interface, and enhanced packets with times in microseconds.
pub(crate) fn pcapng(order: Order, link: u16, packets: &[&[u8]]) -> Vec<u8> {
    let mut file = [section(order), interface(order, link, &[])].concat();
    for packet in packets {
        file.extend(enhanced(order, 0, micros(), packet, &[]));
    }
    file
}

pub(crate) fn micros() -> u64 {
    u64::try_from(SEEN.as_micros()).unwrap()
}

pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([1, 0].map(|version| order.u16(version)).concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface block with options (code and value), without an end mark.
pub(crate) fn interface(order: Order, link: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [order.u16(link), [0; 2], [0; 2], [0; 2]].concat();
    for (code, value) in options {
        body.extend(option(order, *code, value));
    }
    block(order, 1, &body)
}

pub(crate) fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [
        order.u16(code),
        order.u16(u16::try_from(value.len()).unwrap()),
    ]
    .concat();
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

pub(crate) fn enhanced(
    order: Order,
    interface: u32,
    units: u64,
    packet: &[u8],
    rest: &[u8],
) -> Vec<u8> {
    let length = u32::try_from(packet.len()).unwrap();
    let (high, low) = ((units >> 32) as u32, units as u32);
    let mut body = order.u32s([interface, high, low, length, length]);
    body.extend(packet);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(rest);
    block(order, 6, &body)
}

pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(u32::try_from(12 + padded).unwrap());
    let mut block = [order.u32(kind), length].concat();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

/// The text of an error and of its sources.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
