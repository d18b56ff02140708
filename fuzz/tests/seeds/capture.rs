//! Capture files: every format and link layer, valid and damaged.

use super::Seeds;
use super::forge::{
    Order, block, enhanced, ethernet, interface, ipv4, ipv6, micros, option, pcap, pcapng, section,
};

const PAYLOAD: &[u8] = b"telemetry";
const ORDERS: [(&str, Order); 2] = [("little", Order::Little), ("big", Order::Big)];

pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut keep = |name: String, file: Vec<u8>| assert!(seeds.insert(name, file).is_none());
    let good = ipv4(PAYLOAD);

    for (name, order) in ORDERS {
        let packets = [&good[..], &good];
        keep(
            format!("pcap-{name}-endian"),
            pcap(order, false, 101, &packets),
        );
        keep(
            format!("pcap-{name}-endian-nanoseconds"),
            pcap(order, true, 101, &packets),
        );
        keep(
            format!("pcapng-{name}-endian"),
            pcapng(order, 101, &packets),
        );
        for (what, file) in broken_pcap(order) {
            keep(format!("pcap-{name}-endian-{what}"), file);
        }
        for (what, file) in broken_pcapng(order) {
            keep(format!("pcapng-{name}-endian-{what}"), file);
        }
    }
    keep("pcap-swapped-magic".into(), {
        let mut file = pcap(Order::Little, false, 101, &[&good]);
        file[..4].reverse();
        file
    });
    for (name, magic) in [
        ("modified-pcap", [0x34, 0xcd, 0xb2, 0xa1]),
        ("snoop", *b"snoo"),
        ("gzip", [0x1f, 0x8b, 8, 0]),
    ] {
        keep(
            format!("not-a-capture-{name}"),
            [&magic[..], &[0; 40]].concat(),
        );
    }
    keep("empty".into(), Vec::new());

    for (name, link, packet) in links() {
        keep(
            format!("link-{name}"),
            pcap(Order::Big, false, link, &[&packet]),
        );
    }
    for (name, packet) in packets() {
        let around = [&good[..], &packet, &good];
        keep(
            format!("packet-{name}"),
            pcap(Order::Little, false, 101, &around),
        );
    }
    keep("sections-of-both-orders".into(), {
        let first = pcapng(Order::Little, 101, &[&good]);
        [first, pcapng(Order::Big, 101, &[&good])].concat()
    });
    keep("interfaces-with-units-of-time".into(), {
        let order = Order::Little;
        let mut file = section(order);
        let units: [(u16, &[u8]); 6] = [
            (9, &[6]),
            (9, &[9]),
            (9, &[0x94]),
            (9, &[0xff]),
            (9, &[200]),
            (14, &[0xff; 8]),
        ];
        for (number, unit) in (0..).zip(units) {
            file.extend(interface(order, 101, &[unit]));
            file.extend(enhanced(
                order,
                number,
                micros(),
                &good,
                &option(order, 1, b"note"),
            ));
        }
        file
    });
    for length in [24, 25, 39, 40, 41, 76] {
        let file = pcap(Order::Little, false, 101, &[&good]);
        keep(format!("pcap-ends-at-{length}"), file[..length].to_vec());
    }
    for length in [4, 8, 27, 28, 47, 50, 80] {
        let file = pcapng(Order::Little, 101, &[&good]);
        keep(format!("pcapng-ends-at-{length}"), file[..length].to_vec());
    }
    seeds
}

/// Files with a valid packet before and after the damage.
fn broken_pcap(order: Order) -> Vec<(&'static str, Vec<u8>)> {
    let packet = ipv4(PAYLOAD);
    let start = 24 + 16 + packet.len();
    let length = u32::try_from(packet.len()).unwrap();
    let with = |kept: u32, original: u32| {
        let mut file = pcap(order, false, 101, &[&packet, &packet, &packet]);
        file[start + 8..start + 12].copy_from_slice(&order.u32(kept));
        file[start + 12..start + 16].copy_from_slice(&order.u32(original));
        file
    };
    vec![
        ("length-zero", with(0, 0)),
        ("length-over-the-file", with(1000, 1000)),
        ("length-largest-that-is-believed", with(262_144, 262_144)),
        ("length-too-large", with(262_145, 262_145)),
        ("length-max", with(u32::MAX, u32::MAX)),
        ("length-rounds-up-to-zero", with(u32::MAX - 3, length)),
        ("kept-more-than-was-there", with(length, length - 1)),
        ("kept-less-than-was-there", with(length, 1500)),
        ("unknown-link-type", pcap(order, false, 65_000, &[&packet])),
        (
            "link-type-of-32-bits",
            pcap(order, false, 0xf000_0001, &[&packet]),
        ),
    ]
}

fn broken_pcapng(order: Order) -> Vec<(&'static str, Vec<u8>)> {
    let packet = ipv4(PAYLOAD);
    let good = enhanced(order, 0, micros(), &packet, &[]);
    let around = |bad: Vec<u8>| {
        [
            section(order),
            interface(order, 101, &[]),
            good.clone(),
            bad,
            good.clone(),
        ]
        .concat()
    };
    let patched = |place: usize, number: u32| {
        let mut bad = good.clone();
        bad[place..place + 4].copy_from_slice(&order.u32(number));
        around(bad)
    };
    let whole = u32::try_from(good.len()).unwrap();
    vec![
        ("block-length-zero", patched(4, 0)),
        ("block-length-4", patched(4, 4)),
        ("block-length-no-multiple-of-4", patched(4, whole + 1)),
        ("block-length-4-more", patched(4, whole + 4)),
        ("block-length-max", patched(4, u32::MAX - 3)),
        (
            "block-ends-with-another-length",
            patched(good.len() - 4, whole + 4),
        ),
        ("packet-length-over-the-block", patched(20, whole)),
        ("packet-length-max", patched(20, u32::MAX)),
        ("interface-that-is-not-there", patched(8, 1)),
        ("time-max", {
            let mut bad = good.clone();
            bad[12..20].fill(0xff);
            around(bad)
        }),
        (
            "unknown-block",
            around(block(order, 0x8000_0001, &[1, 2, 3, 4, 5])),
        ),
        ("packet-block-too-short", around(block(order, 6, &[0; 16]))),
        (
            "simple-packet",
            around(block(order, 3, &[&order.u32(37)[..], &packet].concat())),
        ),
        ("obsolete-packet", around(block(order, 2, &[0; 20]))),
        (
            "section-of-unknown-order",
            around(block(order, 0x0a0d_0d0a, &[7; 16])),
        ),
        ("unknown-link-type", pcapng(order, 65_000, &[&packet])),
        ("option-longer-than-its-block", {
            let option = [order.u16(9), order.u16(u16::MAX)].concat();
            let body = [&order.u16(101)[..], &[0; 6], &option].concat();
            [section(order), block(order, 1, &body), good.clone()].concat()
        }),
    ]
}

/// A datagram in each link layer.
fn links() -> Vec<(&'static str, u32, Vec<u8>)> {
    let (v4, v6) = (ipv4(PAYLOAD), ipv6(&[], PAYLOAD));
    let vlan = [0x81, 0x00, 0x00, 0x07];
    vec![
        ("null", 0, [&[2, 0, 0, 0][..], &v4].concat()),
        ("ethernet", 1, ethernet(&[], 0x0800, &v4)),
        ("ethernet-ipv6", 1, ethernet(&[], 0x86dd, &v6)),
        (
            "ethernet-8-vlans",
            1,
            ethernet(&vlan.repeat(8), 0x0800, &v4),
        ),
        ("ethernet-vlan-cut", 1, ethernet(&[0x81], 0x0000, &[])),
        ("ethernet-13-bytes", 1, vec![2; 13]),
        ("raw", 101, v6.clone()),
        ("loop", 108, [&[0, 0, 0, 24][..], &v6].concat()),
        ("linux-cooked", 113, [&[0; 14][..], &[8, 0], &v4].concat()),
        ("linux-cooked-2", 276, [&[8, 0][..], &[0; 18], &v4].concat()),
        ("linux-cooked-2-cut", 276, vec![8; 19]),
        ("ipv4", 228, v4),
        ("ipv6", 229, v6),
    ]
}

/// Packets with invalid headers.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let good = ipv4(PAYLOAD);
    let with = |place: usize, bytes: &[u8]| {
        let mut packet = good.clone();
        packet[place..place + bytes.len()].copy_from_slice(bytes);
        packet
    };
    vec![
        ("empty", Vec::new()),
        ("ip-version-5", with(0, &[0x55])),
        ("ip-header-length-4", with(0, &[0x44])),
        ("ip-header-length-15", with(0, &[0x4f])),
        ("ip-total-length-zero", with(2, &[0, 0])),
        ("ip-total-length-19", with(2, &[0, 19])),
        ("ip-total-length-max", with(2, &[0xff, 0xff])),
        ("ip-fragment-first", with(6, &[0x20, 0])),
        ("ip-fragment-last", with(6, &[0, 1])),
        ("tcp", with(9, &[6])),
        ("udp-length-zero", with(24, &[0, 0])),
        ("udp-length-7", with(24, &[0, 7])),
        ("udp-length-max", with(24, &[0xff, 0xff])),
        ("udp-to-another-port", with(22, &[0, 53])),
        ("udp-cut", good[..27].to_vec()),
        ("ipv6-options", ipv6(&[17, 0, 1, 4, 0, 0, 0, 0], PAYLOAD)),
        (
            "ipv6-options-over-the-end",
            ipv6(&[17, 255, 1, 4, 0, 0, 0, 0], PAYLOAD),
        ),
        (
            "ipv6-options-64-times",
            ipv6(&[0, 0, 1, 4, 0, 0, 0, 0].repeat(64), PAYLOAD),
        ),
    ]
}
