//! Packets that no field announces, and packets in other tunnels.

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::packet::{Packet, StopReason};
use sflow_v5::types::Opaque;

use super::build::{
    IPV4, IPV6, MPLS, TCP, UDP, ethernet, ipv4, ipv6, join, mpls, tcp, udp, vlan, web,
};

/// The EtherType, bytes and addresses of an inner packet.
type Inner = (u16, Vec<u8>, &'static str);

/// 10.0.0.1 to 10.0.0.2 with a checksum, and 2001:db8::1 to 2001:db8::2.
fn inner() -> [Inner; 2] {
    let mut v4 = web();
    let checksum = checksum(&v4[..20]).to_be_bytes();
    v4[10..12].copy_from_slice(&checksum);
    [
        (IPV4, v4, "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.]"),
        (
            IPV6,
            ipv6(UDP, &udp(53, b"payload")),
            "[2001:db8::1]:50000 > [2001:db8::2]:53 udp",
        ),
    ]
}

fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2);
    let sum: u32 = words
        .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]))
        .sum();
    !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()
}

/// A frame whose destination address starts with this byte.
fn frame(first: u8, kind: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [first, 0x5e, 0x0c, 0x11, 0x22, 0x33, 2, 0, 0, 0, 0, 1];
    join(&[&addresses, &kind.to_be_bytes(), payload])
}

fn gtp(flags: u8, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(optional.len() + payload.len()).unwrap();
    join(&[
        &[flags, 255],
        &length.to_be_bytes(),
        &[0, 0, 0x12, 0x34],
        optional,
        payload,
    ])
}

fn segments(next: u8, count: u8, payload: &[u8]) -> Vec<u8> {
    let addresses = vec![0xfc; 16 * usize::from(count)];
    let header = [next, 2 * count, 4, count - 1, count - 1, 0, 0, 0];
    join(&[&header, &addresses, payload])
}

fn service(next: u8, payload: &[u8]) -> Vec<u8> {
    join(&[&[0x0f, 0xc6, 1, next, 0, 0, 5, 255], &[0; 16], payload])
}

/// Each tunnel around each inner packet, and the expected tunnels.
fn tunnels() -> Vec<(Vec<u8>, &'static str, String)> {
    let over = |port, payload: &[u8]| ethernet(IPV4, &ipv4(UDP, &udp(port, payload)));
    let mut all = Vec::new();
    for (kind, ip, line) in inner() {
        let bridged = frame(2, kind, &ip);
        let (version, within) = if kind == IPV4 { (1, 4) } else { (2, 41) };
        let gpe =
            |next, payload: &[u8]| over(4790, &join(&[&[0x0c, 0, 0, next, 0, 0, 42, 0], payload]));
        let session = [0, 0, 0, 77];
        let on_udp = [0, 3, 0, 0, 0, 0, 0, 77];
        let stack = mpls(1000, false, &mpls(2000, false, &mpls(100, true, &ip)));
        let mut cases = vec![
            ("gtp_u 4660", over(2152, &gtp(0x30, &[], &ip))),
            ("gtp_u 4660", over(2152, &gtp(0x32, &[0, 1, 0, 0], &ip))),
            (
                "gtp_u 4660",
                over(2152, &gtp(0x34, &[0, 0, 0, 0x85, 1, 16, 9, 0], &ip)),
            ),
            (
                "gtp_u 4660",
                over(
                    2152,
                    &gtp(
                        0x36,
                        &[0, 7, 0, 0x85, 2, 16, 9, 0, 0, 0, 0, 0xc0, 1, 0, 5, 0],
                        &ip,
                    ),
                ),
            ),
            ("gtp_u 4660", over(2152, &gtp(0x30, &[], &bridged))),
            ("vxlan_gpe 42", gpe(version, &ip)),
            ("vxlan_gpe 42", gpe(3, &bridged)),
            ("vxlan_gpe 42", gpe(4, &service(3, &bridged))),
            ("vxlan_gpe 42", gpe(4, &service(version, &ip))),
            ("nsh 5", ethernet(0x894f, &service(3, &bridged))),
            ("mpls_in_udp", over(6635, &stack)),
            (
                "ether_ip",
                ethernet(IPV4, &ipv4(97, &join(&[&[0x30, 0], &bridged]))),
            ),
            ("srv6", ethernet(IPV6, &ipv6(43, &segments(within, 3, &ip)))),
            (
                "srv6",
                ethernet(IPV6, &ipv6(43, &segments(143, 4, &bridged))),
            ),
            ("srv6", ethernet(IPV6, &ipv6(143, &bridged))),
        ];
        for between in [0, 4, 8, 12] {
            let cookie = [
                0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0xba, 0xbe, 0x40, 0, 0, 7,
            ];
            let cookie = &cookie[12 - between..];
            let on_ip = ipv4(115, &join(&[&session, cookie, &bridged]));
            cases.push(("l2tp_v3 77", ethernet(IPV4, &on_ip)));
            let on_udp = join(&[&on_udp, cookie, &bridged]);
            cases.push(("l2tp_v3 77", over(1701, &on_udp)));
        }
        // The inner address may begin like IPv4, IPv6 or a control word.
        for first in [0x00, 0x02, 0x45, 0x4c, 0x52, 0x60, 0x6c, 0xfe] {
            let tagged = frame(first, 0x8100, &vlan(7, kind, &ip));
            for inside in [frame(first, kind, &ip), tagged] {
                for word in [&[][..], &[0; 4], &[0, 0, 0, 7]] {
                    let wire = mpls(16, false, &mpls(100, true, &join(&[word, &inside])));
                    cases.push(("pseudowire 100", ethernet(MPLS, &wire)));
                    let tagged = ethernet(0x8100, &vlan(5, MPLS, &wire));
                    cases.push(("pseudowire 100", tagged));
                }
            }
        }
        let lines = cases.into_iter();
        all.extend(lines.map(|(tunnel, packet)| (packet, tunnel, line.to_owned())));
    }
    all
}

#[test]
fn inner_packet_of_every_tunnel_is_read() {
    for (bytes, tunnel, line) in tunnels() {
        let packet = Packet::new(HeaderProtocol::ETHERNET, &bytes);
        assert_eq!(packet.tunnel().unwrap().to_string(), tunnel, "{packet}");
        let inner = packet.innermost().to_string();
        assert!(inner.ends_with(&line), "{tunnel}: {packet}");
    }
}

/// With the length of the frame known, as in samples, and with it unknown.
#[test]
fn truncated_packet_has_no_invented_address() {
    for (bytes, tunnel, _) in tunnels() {
        let whole = Packet::new(HeaderProtocol::ETHERNET, &bytes);
        let ends = |packet: Packet<'_>| packet.ip().map(|ip| (ip.source, ip.destination));
        let port = |packet: Packet<'_>| packet.transport().map(|it| it.source_port);
        for length in 0..bytes.len() {
            let header = SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: u32::try_from(bytes.len() + 4).unwrap(),
                stripped: 4,
                header: Opaque(&bytes[..length]),
            };
            let known = header.dissect();
            let unknown = Packet::new(HeaderProtocol::ETHERNET, &bytes[..length]);
            for packet in [known, unknown] {
                let (inner, expected) = match packet.tunnel() {
                    None => (packet, whole),
                    Some(found) => {
                        assert_eq!(found.to_string(), tunnel, "{length}: {packet}");
                        (packet.innermost(), whole.innermost())
                    }
                };
                let case = format!("{tunnel}, {length}: {packet}");
                assert!([None, ends(expected)].contains(&ends(inner)), "{case}");
                assert!([None, port(expected)].contains(&port(inner)), "{case}");
                let sum: usize = packet.layers().map(|layer| layer.bytes().len()).sum();
                assert!(sum <= length);
            }
        }
    }
}

#[test]
fn inconsistent_checksum_or_length_is_not_read() {
    let [(_, v4, _), (_, v6, _)] = inner();
    let changed = |packet: &[u8], place: usize, bits: u8| {
        let mut packet = packet.to_vec();
        packet[place] ^= bits;
        packet
    };
    let cases = [
        ("checksum", changed(&v4, 11, 0x10), 0x45),
        ("address", changed(&v4, 15, 1), 0x45),
        ("header length", changed(&v4, 0, 0x04), 0x41),
        ("payload length", changed(&v6, 4, 0x40), 0x6b),
        ("next header", changed(&v6, 6, 0xf0), 0x6b),
        ("length of UDP", changed(&v6, 45, 0x01), 0x6b),
    ];
    for (what, packet, first) in cases {
        let wire = ethernet(MPLS, &mpls(100, true, &packet));
        let header = SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: u32::try_from(wire.len() + 4).unwrap(),
            stripped: 4,
            header: Opaque(&wire),
        };
        assert_eq!(header.dissect().ip(), None, "{what}");
        assert_eq!(
            header.dissect().rest().reason,
            StopReason::Labelled(first),
            "{what}"
        );
        let tunnel = ethernet(IPV4, &ipv4(UDP, &udp(2152, &gtp(0x30, &[], &packet))));
        let tunnel = Packet::new(HeaderProtocol::ETHERNET, &tunnel);
        assert_eq!(
            (tunnel.tunnel(), tunnel.rest().reason),
            (None, StopReason::Unidentified),
            "{what}"
        );
    }
}

#[test]
fn other_payload_on_tunnel_ports_is_payload() {
    for port in [1701, 2152, 4790, 6635] {
        for payload in [&b""[..], b"hello, world", &[0xff; 40], &[0; 40]] {
            let packet = ipv4(UDP, &udp(port, payload));
            let packet = Packet::new(HeaderProtocol::IPV4, &packet);
            assert_eq!(
                packet.innermost().transport().unwrap().destination_port,
                port
            );
        }
    }
    // Messages of GTP-U and L2TPv3 without a packet.
    for (port, payload) in [
        (2152, [0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]),
        (1701, [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let packet = ipv4(UDP, &udp(port, &payload));
        let packet = Packet::new(HeaderProtocol::IPV4, &packet);
        assert_eq!(
            (packet.tunnel(), packet.rest().reason),
            (None, StopReason::Payload)
        );
    }
    let endless = gtp(
        0x34,
        &[0, 0, 0, 0x85, 0, 0, 0, 0x85],
        &ipv4(TCP, &tcp(2, b"")),
    );
    let packet = ipv4(UDP, &udp(2152, &endless));
    let packet = Packet::new(HeaderProtocol::IPV4, &packet);
    assert_eq!(packet.rest().reason.cause(), "invalid");
}
