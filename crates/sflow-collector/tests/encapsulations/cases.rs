//! Packets with a datagram inside an encapsulation.

use crate::forge::{Order, PAYLOAD, ethernet, ipv4, ipv6};
use crate::{ETHERNET, RAW};

pub(crate) fn cases() -> Vec<Case> {
    tunnels().into_iter().chain(link_layers()).collect()
}

/// A packet, its link layer, and whether tshark in its default settings finds the datagram.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) link: u16,
    pub(crate) packet: Vec<u8>,
    pub(crate) is_known_to_tshark: bool,
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

pub(crate) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn checksum(header: &mut [u8]) {
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
pub(crate) fn outer4(protocol: u8, payload: &[u8]) -> Vec<u8> {
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

pub(crate) fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    joined(&[
        &[49_152, port, length, 0].map(u16::to_be_bytes).concat(),
        payload,
    ])
}

fn snap(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    joined(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type.to_be_bytes(), packet])
}

pub(crate) fn label(number: u32, is_bottom: bool) -> [u8; 4] {
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
