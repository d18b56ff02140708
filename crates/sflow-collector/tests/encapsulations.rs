//! Datagrams inside tunnels, tags and link layers of many kinds.

#[path = "encapsulations/cases.rs"]
mod cases;
mod forge;

use std::fs;
use std::io::Cursor;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;

use cases::{cases, checksum, joined, label, outer4, udp_to};
use forge::{
    Order, PAYLOAD, SOURCE_PORT, enhanced, ethernet, interface, ipv4, ipv6, micros, pcap, pcapng,
    section,
};
use sflow_collector::capture::{Capture, CaptureStats, PassedOver, Port};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// The first datagram of a file, and all statistics.
fn read(file: Vec<u8>) -> (Option<(SocketAddr, Vec<u8>)>, CaptureStats) {
    let mut capture = Capture::from_reader(Cursor::new(file)).unwrap();
    let mut first = None;
    while let Some(received) = capture.next_datagram().unwrap() {
        first.get_or_insert((received.source, received.bytes.to_vec()));
    }
    (first, capture.stats())
}

#[test]
fn datagram_inside_each_encapsulation_is_found() {
    for case in cases() {
        for order in [Order::Little, Order::Big] {
            for file in [
                pcap(order, false, case.link.into(), &[&case.packet]),
                pcapng(order, case.link, &[&case.packet]),
            ] {
                let (found, stats) = read(file);
                let (source, payload) =
                    found.unwrap_or_else(|| panic!("{}: no datagram, {stats:?}", case.name));
                let v4 = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), SOURCE_PORT));
                let v6 = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), SOURCE_PORT).into();
                // The authentication header does not change the source.
                let outer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), SOURCE_PORT));
                let is_same_packet = case.name == "authenticated";
                assert!(
                    source == v4 || source == v6 || is_same_packet && source == outer,
                    "{}: {source}",
                    case.name
                );
                assert_eq!(payload, PAYLOAD, "{}", case.name);
            }
        }
    }
}

/// Labels do not identify their payload: the first nibble of IP or an EtherType are not sufficient.
#[test]
fn mpls_payload_without_matching_checksum_or_lengths_is_not_found() {
    let mut v4 = ipv4(PAYLOAD);
    checksum(&mut v4[..20]);
    let mut unsummed = v4.clone();
    unsummed[10..12].fill(0);
    let mut wrong_sum = v4.clone();
    wrong_sum[10] ^= 1;
    let mut short = unsummed.clone();
    short[3] -= 1;
    let mut long_v6 = ipv6(&[], PAYLOAD);
    long_v6[45] += 1;
    let frame = |number, packet: &[u8]| ethernet(&[], number, packet);
    let control = |frame: &[u8]| joined(&[&[0; 4], frame]);
    let trailer = |packet: &[u8], length| joined(&[packet, &vec![0; length]]);
    for (name, payload, is_found) in [
        ("IPv4", v4.clone(), true),
        ("IPv4 without a checksum", unsummed.clone(), true),
        ("IPv4 with padding", trailer(&v4, 6), true),
        ("IPv6", ipv6(&[], PAYLOAD), true),
        ("Ethernet", frame(0x0800, &v4), true),
        (
            "Ethernet after a control word",
            control(&frame(0x86dd, &ipv6(&[], PAYLOAD))),
            true,
        ),
        ("IPv4 with a wrong checksum", wrong_sum.clone(), false),
        (
            "IPv4 without a checksum, and padding",
            trailer(&unsummed, 6),
            false,
        ),
        (
            "IPv4 without a checksum, of another length",
            short.clone(),
            false,
        ),
        (
            "IPv4 with more data after it than padding",
            trailer(&v4, 60),
            false,
        ),
        ("IPv6 with a wrong length of UDP", long_v6.clone(), false),
        (
            "Ethernet with a wrong checksum",
            frame(0x0800, &wrong_sum),
            false,
        ),
        (
            "Ethernet with another length",
            control(&frame(0x0800, &short)),
            false,
        ),
        (
            "Ethernet with a wrong length of UDP",
            control(&frame(0x86dd, &long_v6)),
            false,
        ),
        (
            "Ethernet with IPv6 announced as IPv4",
            frame(0x0800, &ipv6(&[], PAYLOAD)),
            false,
        ),
        (
            "Ethernet of another EtherType",
            frame(0x8864, &joined(&[&[0x11, 0, 0, 1, 0, 0, 0, 0x21], &v4])),
            false,
        ),
    ] {
        let packet = joined(&[&label(99, true), &payload]);
        let (found, stats) = read(pcap(Order::Little, false, 219, &[&packet]));
        assert_eq!(found.is_some(), is_found, "{name}: {stats:?}");
    }
}

/// A file with an interface for each link layer.
#[test]
fn link_layers_can_be_mixed_in_one_file() {
    let order = Order::Little;
    let mut file = section(order);
    let cases = cases();
    for case in &cases {
        file.extend(interface(order, case.link, &[]));
    }
    for (number, case) in (0..).zip(&cases) {
        file.extend(enhanced(order, number, micros(), &case.packet, &[]));
    }
    let (_, stats) = read(file);
    assert_eq!(stats.datagrams, cases.len() as u64, "{stats:?}");
}

#[test]
fn tshark_finds_the_same_datagrams() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cases.pcapng");
    let cases: Vec<_> = cases()
        .into_iter()
        .filter(|case| case.is_known_to_tshark)
        .collect();
    let order = Order::Little;
    let mut file = section(order);
    for case in &cases {
        file.extend(interface(order, case.link, &[]));
    }
    for (number, case) in (0..).zip(&cases) {
        file.extend(enhanced(order, number, micros(), &case.packet, &[]));
    }
    fs::write(&path, file).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-e", "udp.dstport", "-r"])
        .arg(&path)
        .output()
        .unwrap();
    let lines: Vec<_> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .collect();
    assert_eq!(lines.len(), cases.len(), "{lines:?}");
    let differs: Vec<_> = cases
        .iter()
        .zip(lines)
        .filter(|(_, line)| !line.split(',').any(|port| port == "6343"))
        .map(|(case, line)| format!("{}: {line:?}", case.name))
        .collect();
    assert!(differs.is_empty(), "{differs:#?}");
}

#[test]
fn nesting_ends_at_the_bound() {
    let nested = |tunnels: usize| {
        let mut packet = ipv4(PAYLOAD);
        for _ in 0..tunnels {
            packet = outer4(4, &packet);
        }
        read(pcap(Order::Little, false, RAW.into(), &[&packet]))
    };
    assert!(nested(8).0.is_some());
    let (found, stats) = nested(40);
    assert_eq!((found, stats.too_deep, stats.packets), (None, 1, 1));
    let labels = label(99, false).repeat(300);
    let packet = ethernet(&[], 0x8847, &labels);
    let (_, stats) = read(pcap(Order::Little, false, 1, &[&packet]));
    assert_eq!(stats.too_deep, 1);
}

/// The datagram in an ICMP error was not delivered.
#[test]
fn datagram_in_icmp_error_is_not_found() {
    let packet = outer4(1, &joined(&[&[3, 3, 0, 0, 0, 0, 0, 0], &ipv4(PAYLOAD)]));
    let (found, stats) = read(pcap(Order::Little, false, RAW.into(), &[&packet]));
    assert_eq!((found, stats.not_udp), (None, 1));
}

#[test]
fn outer_datagram_is_counted_if_tunnel_contains_none() {
    let packet = outer4(17, &udp_to(4789, &[8, 0, 0, 0, 0, 0, 7, 0, 1, 2, 3]));
    let file = pcap(Order::Little, false, RAW.into(), &[&packet]);
    let mut capture = Capture::from_reader(Cursor::new(file.clone())).unwrap();
    assert!(capture.next_datagram().unwrap().is_none());
    assert_eq!(
        capture.passed_over().ports.iter().collect::<Vec<_>>(),
        [(4789, 1)]
    );
    for port in [Port::Any, Port::To(4789)] {
        let mut capture = Capture::from_reader(Cursor::new(file.clone()))
            .unwrap()
            .with_port(port);
        assert_eq!(capture.next_datagram().unwrap().unwrap().bytes.len(), 11);
    }
}

#[test]
fn unsupported_link_layers_are_named() {
    let packet = ipv4(PAYLOAD);
    for (link, name) in [
        (147, "reserved for private use"),
        (189, "Linux USB"),
        (253, "netlink"),
        (4711, "unknown"),
    ] {
        let mut capture =
            Capture::from_reader(Cursor::new(pcapng(Order::Big, link, &[&packet]))).unwrap();
        assert!(capture.next_datagram().unwrap().is_none());
        let expected =
            format!("passed over 1 of 1 packet: 1 of unsupported link layer {link} ({name})");
        assert_eq!(capture.passed_over().to_string(), expected);
        assert_eq!(
            PassedOver::link_name(link.into()).unwrap_or("unknown"),
            name
        );
    }
}

/// Truncates every case at every byte and changes every byte; the next packet must be found.
#[test]
fn damaged_encapsulation_does_not_affect_next_packet() {
    let good = ethernet(&[], 0x0800, &ipv4(PAYLOAD));
    let order = Order::Little;
    for case in cases() {
        let mut file = [
            section(order),
            interface(order, case.link, &[]),
            interface(order, 1, &[]),
        ]
        .concat();
        let mut packets = 0;
        for length in 0..case.packet.len() {
            file.extend(enhanced(order, 0, micros(), &case.packet[..length], &[]));
            for value in [0, 0x7f, 0xff] {
                let mut packet = case.packet.clone();
                packet[length] = value;
                file.extend(enhanced(order, 0, micros(), &packet, &[]));
            }
            packets += 4;
        }
        file.extend(enhanced(order, 1, micros(), &good, &[]));
        let mut capture = Capture::from_reader(Cursor::new(file)).unwrap();
        let mut last = Vec::new();
        while let Some(received) = capture.next_datagram().unwrap() {
            last = received.bytes.to_vec();
        }
        assert_eq!(last, PAYLOAD, "{}", case.name);
        let stats = capture.stats();
        assert_eq!(stats.packets, packets + 1);
        assert_eq!(
            stats.datagrams + stats.reassembled + stats.passed_over(),
            stats.packets
        );
    }
}
