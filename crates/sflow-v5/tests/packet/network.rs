//! IP and transport protocols.

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Layer, Packet, StopReason};

use super::build::{TCP, UDP, extension, ipv4, ipv4_with, ipv6, ipv6_with, join, tcp, udp, web};
use super::check_ip;

const ADDRESSES: &str = "10.0.0.1 > 10.0.0.2";
const ADDRESSES_6: &str = "2001:db8::1 > 2001:db8::2";

#[test]
fn transport_protocols_are_read() {
    let udp = ipv4(UDP, &udp(53, &[1]));
    check_ip(&udp, "ipv4 udp rest", "10.0.0.1:50000 > 10.0.0.2:53 udp");
    let ports = [0, 80, 0x12, 0x67, 0, 0, 0, 0, 0, 0, 0, 0];
    for (number, name) in [(132, "sctp"), (33, "dccp"), (136, "udp_lite")] {
        let line = format!("10.0.0.1:80 > 10.0.0.2:4711 {name}");
        check_ip(&ipv4(number, &ports), &format!("ipv4 {name} rest"), &line);
    }
    let echo = [8, 0, 0, 0, 0, 1, 0, 1];
    check_ip(
        &ipv4(1, &echo),
        "ipv4 icmpv4 rest",
        &format!("{ADDRESSES} icmpv4 8/0"),
    );
    check_ip(
        &ipv4(2, &echo),
        "ipv4 igmp rest",
        &format!("{ADDRESSES} igmp 8/0"),
    );
    let echo = [128, 0, 0, 0, 0, 1, 0, 1];
    check_ip(
        &ipv6(58, &echo),
        "ipv6 icmpv6 rest",
        &format!("{ADDRESSES_6} icmpv6 128/0"),
    );
    check_ip(
        &ipv4(89, &[2, 1]),
        "ipv4 rest",
        &format!("{ADDRESSES} (ip protocol 89 (OSPFIGP))"),
    );
    check_ip(
        &ipv4(200, &[2, 1]),
        "ipv4 rest",
        &format!("{ADDRESSES} (ip protocol 200)"),
    );
}

#[test]
fn tcp_flags_display_like_tcpdump() {
    for (flags, shown) in [
        (0x00, "[none]"),
        (0x01, "[F]"),
        (0x02, "[S]"),
        (0x12, "[S.]"),
        (0x14, "[R.]"),
        (0x18, "[P.]"),
        (0x31, "[F.U]"),
        (0xc2, "[SEW]"),
    ] {
        let packet = ipv4(TCP, &tcp(flags, b""));
        let line = format!("10.0.0.1:80 > 10.0.0.2:4711 tcp {shown}");
        check_ip(&packet, "ipv4 tcp rest", &line);
    }
}

#[test]
fn impossible_header_length_is_invalid() {
    let short = ipv4_with(0x44, 40, 0, TCP, &tcp(2, b""));
    check_ip(&short, "rest", "(invalid: header length of ipv4 is 16)");
    let mut offset = tcp(2, b"");
    offset[12] = 0x40;
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S] (invalid: data offset of tcp is 4)";
    check_ip(&ipv4(TCP, &offset), "ipv4 tcp rest", line);
    let authentication = ipv4(51, &[6, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    let line = format!("{ADDRESSES} (invalid: payload length of authentication is 0)");
    check_ip(&authentication, "ipv4 rest", &line);
}

#[test]
fn truncated_options_are_kept() {
    let header = ipv4_with(0x47, 48, 0, TCP, &join(&[&[1; 8], &tcp(2, b"")]));
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S]";
    check_ip(&header, "ipv4 tcp rest", line);
    let line = format!("{ADDRESSES} (cut: ipv4 needs 28 bytes, 23 were sampled)");
    check_ip(&header[..23], "ipv4 rest", &line);
    let packet = Packet::new(HeaderProtocol::IPV4, &header[..23]);
    let Some(Layer::Ipv4(ip)) = packet.layers().next() else {
        panic!("{packet}");
    };
    assert_eq!((ip.options(), ip.header_length()), (&[1, 1, 1][..], 28));
}

#[test]
fn impossible_total_length_is_ignored() {
    let web = |total| ipv4_with(0x45, total, 0, TCP, &tcp(0x12, b"payload"));
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.]";
    // Segmentation by the network card, less than the header, and more than was sampled.
    for total in [0, 19, 47, 1500, 65535] {
        let packet = web(total);
        check_ip(&packet, "ipv4 tcp rest", line);
        assert_eq!(
            Packet::new(HeaderProtocol::IPV4, &packet).rest().bytes,
            b"payload"
        );
    }
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp (short: tcp needs 20 bytes, the packet has 4)";
    check_ip(&web(24), "ipv4 tcp rest", line);
    let line = format!("{ADDRESSES} (short: tcp needs 20 bytes, the packet has 0)");
    check_ip(&web(20), "ipv4 rest", &line);
    let padded = web(40);
    assert_eq!(Packet::new(HeaderProtocol::IPV4, &padded).rest().bytes, b"");

    for (length, left) in [(0, 7), (27, 7), (1500, 7), (22, 2)] {
        let packet = ipv6_with(length, TCP, &tcp(2, b"payload"));
        let rest = Packet::new(HeaderProtocol::IPV6, &packet).rest();
        assert_eq!(
            (rest.reason, rest.bytes.len()),
            (StopReason::Payload, left),
            "{length}"
        );
    }
    let short = ipv6_with(3, TCP, &tcp(2, b"payload"));
    let line = format!("{ADDRESSES_6} (short: tcp needs 20 bytes, the packet has 3)");
    check_ip(&short, "ipv6 rest", &line);
}

#[test]
fn fragments_have_ports_only_at_the_start() {
    let first = ipv4_with(0x45, 40, 0x2000, TCP, &tcp(2, b""));
    check_ip(
        &first,
        "ipv4 tcp rest",
        "10.0.0.1:80 > 10.0.0.2:4711 tcp [S]",
    );
    let later = ipv4_with(0x45, 40, 0x2010, TCP, &tcp(2, b""));
    check_ip(&later, "ipv4 rest", &format!("{ADDRESSES} (fragment)"));
    let last = ipv4_with(0x45, 40, 0x0010, TCP, &tcp(2, b""));
    check_ip(&last, "ipv4 rest", &format!("{ADDRESSES} (fragment)"));
    for (packet, fragment) in [
        (&first, true),
        (&later, true),
        (&last, true),
        (&web(), false),
    ] {
        let packet = Packet::new(HeaderProtocol::IPV4, packet);
        assert_eq!(packet.ip().unwrap().fragment, fragment);
    }
    let header = |offset: u8| [TCP, 0, 0, offset, 0, 0, 0, 9];
    let first = ipv6(44, &join(&[&header(1), &tcp(2, b"")]));
    let line = "[2001:db8::1]:80 > [2001:db8::2]:4711 tcp [S]";
    check_ip(&first, "ipv6 ipv6_fragment tcp rest", line);
    let later = ipv6(44, &join(&[&header(8), &tcp(2, b"")]));
    check_ip(
        &later,
        "ipv6 ipv6_fragment rest",
        &format!("{ADDRESSES_6} (fragment)"),
    );
}

#[test]
fn extension_headers_are_followed() {
    let chain = [0, 60, 43, 135, 139, 140, 60];
    let (mut next, mut bytes) = (TCP, tcp(2, b""));
    for number in chain.into_iter().rev() {
        bytes = extension(next, &bytes);
        next = number;
    }
    let packet = ipv6(next, &bytes);
    let names = format!("ipv6 {}tcp rest", "ipv6_extension ".repeat(chain.len()));
    check_ip(
        &packet,
        &names,
        "[2001:db8::1]:80 > [2001:db8::2]:4711 tcp [S]",
    );
    let view = Packet::new(HeaderProtocol::IPV6, &packet);
    assert_eq!(view.ip().unwrap().protocol.0, TCP);
    let numbers: Vec<_> = view
        .layers()
        .filter_map(|layer| match layer {
            Layer::Ipv6Extension(number, _) => Some(number.0),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, chain);

    let none = ipv6(60, &extension(59, b"left over"));
    check_ip(&none, "ipv6 ipv6_extension rest", ADDRESSES_6);
    let rest = Packet::new(HeaderProtocol::IPV6, &none).rest();
    assert_eq!(
        (rest.reason, rest.bytes),
        (StopReason::NoNextHeader, &b"left over"[..])
    );

    let long = ipv6(0, &[TCP, 4, 0, 0, 0, 0, 0, 0]);
    let line = format!("{ADDRESSES_6} (short: ipv6_extension needs 40 bytes, the packet has 8)");
    check_ip(&long, "ipv6 rest", &line);
    let endless = (0..60).fold(Vec::new(), |inner, _| extension(60, &inner));
    let endless = ipv6(60, &endless);
    let packet = Packet::new(HeaderProtocol::IPV6, &endless);
    assert_eq!(packet.rest().reason, StopReason::TooManyLayers);
}

#[test]
fn extension_numbers_are_not_read_in_ipv4() {
    let line = format!("{ADDRESSES} (ip protocol 60 (IPv6-Opts))");
    check_ip(&ipv4(60, &extension(TCP, &tcp(2, b""))), "ipv4 rest", &line);
}

#[test]
fn ipsec_headers_are_read() {
    let header = [
        TCP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    let signed = join(&[&header, &tcp(2, b"")]);
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S]";
    check_ip(&ipv4(51, &signed), "ipv4 authentication tcp rest", line);
    let line = "[2001:db8::1]:80 > [2001:db8::2]:4711 tcp [S]";
    check_ip(&ipv6(51, &signed), "ipv6 authentication tcp rest", line);
    let encrypted = ipv4(50, &[0, 0, 1, 0, 0, 0, 0, 2, 0xff]);
    check_ip(
        &encrypted,
        "ipv4 esp rest",
        &format!("{ADDRESSES} (encrypted)"),
    );
    let packet = Packet::new(HeaderProtocol::IPV4, &encrypted);
    assert_eq!(packet.rest().bytes, [0xff]);
    assert!(
        packet
            .layers()
            .any(|layer| matches!(layer, Layer::Esp(esp) if esp.spi() == 256))
    );
}
