//! Datagrams inside tunnels, tags and link layers of many kinds.

mod forge;

use std::fs;
use std::io::Cursor;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;

use forge::{
    Order, PAYLOAD, SOURCE_PORT, enhanced, ethernet, interface, ipv4, ipv6, micros, pcap, pcapng,
    section,
};
use sflow_collector::capture::{Capture, CaptureStats, PassedOver, Port};

const ETHERNET: u16 = 1;
const RAW: u16 = 101;

/// A packet, its link layer, and whether tshark in its default settings finds the datagram.
struct Case {
    name: String,
    link: u16,
    packet: Vec<u8>,
    is_known_to_tshark: bool,
}

fn case(name: &str, link: u16, packet: Vec<u8>) -> Case {
    Case {
        name: name.to_owned(),
        link,
        packet,
        is_known_to_tshark: true,
    }
}

/// A case for which tshark needs other settings.
fn own(name: &str, link: u16, packet: Vec<u8>) -> Case {
    Case {
        is_known_to_tshark: false,
        ..case(name, link, packet)
    }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let pairs = header.chunks_exact(2);
    let mut sum: u32 = pairs
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// An outer IPv4 packet from 192.0.2.1.
fn outer4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut header = vec![
        0x45, 0, length[0], length[1], 0, 7, 0, 0, 64, protocol, 0, 0,
    ];
    header.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    checksum(&mut header);
    joined(&[&header, payload])
}

fn outer6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    header.extend([0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    joined(&[&header, payload])
}

fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    joined(&[
        &[49_152, port, length, 0].map(u16::to_be_bytes).concat(),
        payload,
    ])
}

fn snap(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    joined(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type.to_be_bytes(), packet])
}

fn label(number: u32, is_bottom: bool) -> [u8; 4] {
    (number << 12 | u32::from(is_bottom) << 8 | 64).to_be_bytes()
}

fn pppoe(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(2 + packet.len()).unwrap().to_be_bytes();
    joined(&[&[0x11, 0, 0, 1], &length, &protocol.to_be_bytes(), packet])
}

fn attribute(order: Order, kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut attribute = joined(&[&order.u16(length), &order.u16(kind), value]);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

fn wifi(control: [u8; 2], header: usize, rest: &[u8]) -> Vec<u8> {
    let mut frame = control.to_vec();
    frame.resize(header, 0x02);
    joined(&[&frame, rest])
}

fn tunnels() -> Vec<Case> {
    let mut v4 = ipv4(PAYLOAD);
    checksum(&mut v4[..20]);
    let v6 = ipv6(&[], PAYLOAD);
    let inner = ethernet(&[], 0x0800, &v4);
    let tagged = ethernet(&[0x81, 0, 0, 7], 0x0800, &v4);
    let frame = |ether_type, packet: &[u8]| ethernet(&[], ether_type, packet);
    let in_gre =
        |header: &[u8], packet: &[u8]| frame(0x0800, &outer4(47, &joined(&[header, packet])));
    let in_udp = |port, header: &[u8], packet: &[u8]| {
        frame(
            0x0800,
            &outer4(17, &udp_to(port, &joined(&[header, packet]))),
        )
    };
    let mut cases = vec![
        case("GRE with IPv4", ETHERNET, in_gre(&[0, 0, 8, 0], &v4)),
        case("GRE with IPv6", ETHERNET, in_gre(&[0, 0, 0x86, 0xdd], &v6)),
        case(
            "GRE with a frame",
            ETHERNET,
            in_gre(&[0, 0, 0x65, 0x58], &inner),
        ),
        case(
            "GRE with checksum, key and sequence number",
            ETHERNET,
            in_gre(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 9], &v4),
        ),
        case(
            "GRE with key",
            ETHERNET,
            in_gre(&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], &tagged),
        ),
        case(
            "GRE over IPv6",
            ETHERNET,
            frame(0x86dd, &outer6(47, &joined(&[&[0, 0, 8, 0], &v4]))),
        ),
        case(
            "GRE with MPLS",
            ETHERNET,
            in_gre(&[0, 0, 0x88, 0x47], &joined(&[&label(99, true), &v4])),
        ),
        case(
            "PPTP",
            ETHERNET,
            in_gre(
                &[0x30, 1, 0x88, 0x0b, 0, 50, 0, 1, 0, 0, 0, 1],
                &joined(&[&[0xff, 3, 0, 0x21], &v4]),
            ),
        ),
        case(
            "GRE with a route",
            RAW,
            outer4(
                47,
                &joined(&[
                    &[0x40, 0, 8, 0, 0, 0, 0, 0],
                    &[8, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0],
                    &v4,
                ]),
            ),
        ),
        case("ERSPAN I", ETHERNET, in_gre(&[0, 0, 0x88, 0xbe], &inner)),
        case(
            "ERSPAN II",
            ETHERNET,
            in_gre(
                &[
                    0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0x08, 1, 0, 0, 0, 2,
                ],
                &inner,
            ),
        ),
        case(
            "ERSPAN III",
            ETHERNET,
            in_gre(
                &[
                    0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0,
                ],
                &inner,
            ),
        ),
        case(
            "ERSPAN III with a second header",
            ETHERNET,
            in_gre(
                &[
                    0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7, 8, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x0c,
                    0, 0, 0, 0, 0, 0, 0,
                ],
                &inner,
            ),
        ),
        case(
            "VXLAN",
            ETHERNET,
            in_udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &inner),
        ),
        case(
            "VXLAN with a tagged frame",
            ETHERNET,
            in_udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &tagged),
        ),
        own(
            "VXLAN at its first Linux port",
            ETHERNET,
            in_udp(8472, &[8, 0, 0, 0, 0, 0, 7, 0], &inner),
        ),
        case(
            "VXLAN over IPv6",
            ETHERNET,
            frame(
                0x86dd,
                &outer6(
                    17,
                    &udp_to(4789, &joined(&[&[8, 0, 0, 0, 0, 0, 7, 0], &inner])),
                ),
            ),
        ),
        case(
            "VXLAN-GPE with IPv4",
            ETHERNET,
            in_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 7, 0], &v4),
        ),
        case(
            "VXLAN-GPE with a frame",
            ETHERNET,
            in_udp(4790, &[0x0c, 0, 0, 3, 0, 0, 7, 0], &inner),
        ),
        case(
            "VXLAN-GPE with NSH",
            ETHERNET,
            in_udp(
                4790,
                &[0x0c, 0, 0, 4, 0, 0, 7, 0],
                &joined(&[&[0x0f, 0xc2, 2, 1, 0, 0, 1, 255], &v4]),
            ),
        ),
        case(
            "Geneve",
            ETHERNET,
            in_udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 7, 0], &inner),
        ),
        case(
            "Geneve with an option",
            ETHERNET,
            in_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 1, 1, 0], &inner),
        ),
        case(
            "MPLS over UDP",
            ETHERNET,
            in_udp(6635, &label(99, true), &v4),
        ),
        case(
            "GTP-U",
            ETHERNET,
            in_udp(2152, &[0x30, 0xff, 0, 37, 0, 0, 0, 1], &v4),
        ),
        case(
            "GTP-U with sequence number and extension",
            ETHERNET,
            in_udp(
                2152,
                &[0x36, 0xff, 0, 45, 0, 0, 0, 1, 0, 1, 0, 0x85, 1, 0x10, 1, 0],
                &v4,
            ),
        ),
        case("IPv4 in IPv4", ETHERNET, frame(0x0800, &outer4(4, &v4))),
        case("IPv6 in IPv4", ETHERNET, frame(0x0800, &outer4(41, &v6))),
        case("IPv4 in IPv6", ETHERNET, frame(0x86dd, &outer6(4, &v4))),
        case("IPv6 in IPv6", ETHERNET, frame(0x86dd, &outer6(41, &v6))),
        case(
            "EtherIP",
            ETHERNET,
            frame(0x0800, &outer4(97, &joined(&[&[0x30, 0], &inner]))),
        ),
        case(
            "MPLS in IP",
            ETHERNET,
            frame(0x0800, &outer4(137, &joined(&[&label(99, true), &v4]))),
        ),
        case(
            "authenticated",
            ETHERNET,
            frame(
                0x0800,
                &outer4(
                    51,
                    &joined(&[&[17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], &[7; 12], &v4[20..]]),
                ),
            ),
        ),
        case(
            "IPv4 in GRE in IPv6 in IPv4",
            ETHERNET,
            frame(
                0x0800,
                &outer4(41, &outer6(47, &joined(&[&[0, 0, 8, 0], &v4]))),
            ),
        ),
        case(
            "one label",
            ETHERNET,
            frame(0x8847, &joined(&[&label(99, true), &v4])),
        ),
        case(
            "three labels and IPv6",
            ETHERNET,
            frame(
                0x8847,
                &joined(&[&label(1000, false), &label(99, false), &label(2, true), &v6]),
            ),
        ),
        case(
            "pseudowire with control word",
            ETHERNET,
            frame(0x8847, &joined(&[&label(99, true), &[0; 4], &inner])),
        ),
        case(
            "PPPoE with IPv4",
            ETHERNET,
            frame(0x8864, &pppoe(0x21, &v4)),
        ),
        case(
            "PPPoE with IPv6",
            ETHERNET,
            ethernet(&[0x81, 0, 0, 7], 0x8864, &pppoe(0x57, &v6)),
        ),
        case("SNAP", ETHERNET, frame(45, &snap(0x0800, &v4))),
        case(
            "SNAP with IPv6 and a tag",
            ETHERNET,
            ethernet(&[0x81, 0, 0, 7], 65, &snap(0x86dd, &v6)),
        ),
        case(
            "SNAP and padding",
            ETHERNET,
            joined(&[&frame(45, &snap(0x0800, &v4)), &[0; 9]]),
        ),
        case(
            "provider backbone",
            ETHERNET,
            ethernet(&[0x88, 0xe7, 0, 0, 0, 1], 0x0202, &joined(&[&inner[2..]])),
        ),
        own(
            "NSH",
            ETHERNET,
            frame(
                0x894f,
                &joined(&[&[0x0f, 0xc6, 1, 3, 0, 0, 1, 255], &[0; 16], &inner]),
            ),
        ),
    ];
    // A frame without a control word may start like an IP packet.
    for first in [0x02, 0x40, 0x45, 0x60, 0x1c] {
        let mut frame = inner.clone();
        frame[0] = first;
        let name = format!("pseudowire without control word, first byte {first:02x}");
        cases.push(own(
            &name,
            ETHERNET,
            ethernet(&[], 0x8847, &joined(&[&label(99, true), &frame])),
        ));
    }
    for tag in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
        for count in 1..=8 {
            let tags = [tag[0], tag[1], 0, 7].repeat(count);
            let name = format!("{count} tags {:02x}{:02x}", tag[0], tag[1]);
            cases.push(case(&name, ETHERNET, ethernet(&tags, 0x0800, &v4)));
        }
    }
    let mixed = [[0x88, 0xa8, 0, 1], [0x91, 0, 0, 2], [0x81, 0, 0, 3]].concat();
    cases.push(case(
        "tags of all kinds",
        ETHERNET,
        ethernet(&mixed, 0x86dd, &v6),
    ));
    cases
}

fn link_layers() -> Vec<Case> {
    let (v4, v6) = (ipv4(PAYLOAD), ipv6(&[], PAYLOAD));
    let ip = snap(0x0800, &v4);
    let mut cases = vec![
        case("PPP", 9, joined(&[&[0xff, 3, 0, 0x21], &v4])),
        case("PPP without address", 9, joined(&[&[0, 0x57], &v6])),
        case("PPP with a short number", 9, joined(&[&[0x21], &v4])),
        case(
            "PPP with MPLS",
            9,
            joined(&[&[0xff, 3, 2, 0x81], &label(99, true), &v4]),
        ),
        case(
            "PPP in HDLC framing",
            50,
            joined(&[&[0xff, 3, 0, 0x21], &v4]),
        ),
        case(
            "Cisco HDLC on a PPP link",
            50,
            joined(&[&[0x0f, 0, 8, 0], &v4]),
        ),
        case("PPPoE", 51, pppoe(0x21, &v4)),
        case("PPPoE with IPv6", 51, pppoe(0x57, &v6)),
        case("Cisco HDLC", 104, joined(&[&[0x0f, 0, 8, 0], &v4])),
        case(
            "Cisco HDLC with IPv6",
            104,
            joined(&[&[0x8f, 0, 0x86, 0xdd], &v6]),
        ),
        case("802.11", 105, wifi([0x08, 2], 24, &ip)),
        case("802.11 with quality", 105, wifi([0x88, 1], 26, &ip)),
        case(
            "802.11 between access points",
            105,
            wifi([0x88, 3], 32, &ip),
        ),
        case(
            "radiotap",
            127,
            joined(&[&[0, 0, 8, 0, 0, 0, 0, 0], &wifi([0x08, 2], 24, &ip)]),
        ),
        case(
            "radiotap with padding",
            127,
            joined(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0x20], &wifi([0x88, 2], 28, &ip)]),
        ),
        case("OpenBSD IPsec", 109, joined(&[&[2, 0, 0, 0], &[0; 8], &v4])),
        case(
            "NFLOG",
            239,
            joined(&[
                &[2, 0, 0, 0],
                &attribute(Order::Little, 1, &[8, 0, 1, 0]),
                &attribute(Order::Little, 10, b"x\0"),
                &attribute(Order::Little, 9, &v4),
            ]),
        ),
        case(
            "NFLOG with IPv6",
            239,
            joined(&[&[10, 0, 0, 0], &attribute(Order::Little, 9, &v6)]),
        ),
        own(
            "NFLOG in big endian",
            239,
            joined(&[
                &[2, 0, 0, 0],
                &attribute(Order::Big, 1, &[8, 0, 1, 0]),
                &attribute(Order::Big, 9, &v4),
            ]),
        ),
        case("FDDI", 10, joined(&[&[0x50], &[2; 12], &ip])),
        case("Token Ring", 6, joined(&[&[0x10, 0x40], &[2; 12], &ip])),
        case("ATM", 100, ip.clone()),
        case("Frame Relay", 107, joined(&[&[0x18, 0x41, 3, 0xcc], &v4])),
        case(
            "Frame Relay with SNAP",
            107,
            joined(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 0x86, 0xdd], &v6]),
        ),
        own(
            "Cisco Frame Relay",
            107,
            joined(&[&[0x18, 0x41, 8, 0], &v4]),
        ),
        case("pflog", 117, joined(&[&[61, 2, 0, 0], &[0; 60], &v4])),
        case(
            "PPP with direction",
            204,
            joined(&[&[0, 0xff, 3, 0, 0x21], &v4]),
        ),
        own("pppd PPP", 166, joined(&[&[1, 0xff, 3, 0, 0x21], &v4])),
        own(
            "Cisco HDLC with direction",
            205,
            joined(&[&[1, 0x0f, 0, 8, 0], &v4]),
        ),
        case(
            "PPI",
            192,
            joined(&[&[0, 0, 8, 0, 105, 0, 0, 0], &wifi([0x08, 2], 24, &ip)]),
        ),
        own("MPLS", 219, joined(&[&label(99, true), &v4])),
        own(
            "802.3br",
            274,
            joined(&[
                &[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5],
                &ethernet(&[], 0x0800, &v4),
                &[0; 4],
            ]),
        ),
        case(
            "SNAP in Linux cooked",
            113,
            joined(&[&[0, 0, 0, 1, 0, 6], &[2; 8], &[0, 4], &ip]),
        ),
    ];
    let mut aggregate = wifi(
        [0x88, 2],
        26,
        &joined(&[&[2; 12], &45_u16.to_be_bytes(), &ip]),
    );
    aggregate[24] = 0x80;
    cases.push(case("802.11 aggregate", 105, aggregate));
    cases
}

/// The first datagram of a file, and all statistics.
fn read(file: Vec<u8>) -> (Option<(SocketAddr, Vec<u8>)>, CaptureStats) {
    let mut capture = Capture::from_reader(Cursor::new(file)).unwrap();
    let mut first = None;
    while let Some(received) = capture.next_datagram().unwrap() {
        first.get_or_insert((received.source, received.bytes.to_vec()));
    }
    (first, capture.stats())
}

fn cases() -> Vec<Case> {
    tunnels().into_iter().chain(link_layers()).collect()
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
