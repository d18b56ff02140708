//! Tunnels.

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Packet, StopReason, Tunnel};

use super::build::{
    BRIDGED, GRE, IPV4, MPLS, TCP, UDP, ethernet, extension, geneve, gre, ipv4, ipv6, join, mpls,
    tcp, udp, vlan, vxlan, web,
};
use super::{check_ethernet, check_ip};

const WEB: &str = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.]";
const OUTER: &str = "10.0.0.1 > 10.0.0.2";

#[test]
fn vxlan_is_read_on_both_ports() {
    for port in [4789, 8472] {
        let inner = ethernet(0x8100, &vlan(7, IPV4, &web()));
        let outer = ethernet(IPV4, &ipv4(UDP, &udp(port, &vxlan(42, &inner))));
        check_ethernet(
            &outer,
            "ethernet ipv4 udp vxlan ethernet vlan ipv4 tcp rest",
            &format!("10.0.0.1:50000 > 10.0.0.2:{port} udp vxlan 42 {{vlan 7 {WEB}}}"),
        );
        let packet = Packet::new(HeaderProtocol::ETHERNET, &outer);
        assert_eq!(packet.tunnel(), Some(Tunnel::Vxlan { vni: 42 }));
        assert_eq!(packet.vlans().count(), 0, "that one is inside");
        let inner = packet.inner().unwrap();
        assert_eq!(inner.vlans().count(), 1);
        assert_eq!((inner.tunnel(), inner.inner().is_none()), (None, true));
    }
}

#[test]
fn invalid_vxlan_header_is_payload() {
    let line = "10.0.0.1:50000 > 10.0.0.2:4789 udp";
    for payload in [
        &b""[..],
        b"hello\n",
        b"hello, world",
        &[0; 50],
        &[8, 0, 0, 0],
    ] {
        check_ip(&ipv4(UDP, &udp(4789, payload)), "ipv4 udp rest", line);
    }
    let cut = &ipv4(UDP, &udp(4789, &vxlan(42, &[0; 60])))[..32];
    let line = format!("{line} (cut: vxlan needs 8 bytes, 4 were sampled)");
    check_ip(cut, "ipv4 udp rest", &line);
    let policy = join(&[&[0x88, 0, 0, 5, 0, 0, 42, 0], &ethernet(IPV4, &web())]);
    let packet = ipv4(UDP, &udp(4789, &policy));
    let packet = Packet::new(HeaderProtocol::IPV4, &packet);
    assert_eq!(packet.tunnel(), Some(Tunnel::Vxlan { vni: 42 }));
}

#[test]
fn impossible_udp_length_is_ignored() {
    let frame = ethernet(IPV4, &web());
    for length in [0_u16, 7, 9999] {
        let mut datagram = udp(4789, &vxlan(42, &frame));
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        let packet = ipv4(UDP, &datagram);
        let packet = Packet::new(HeaderProtocol::IPV4, &packet);
        assert_eq!(packet.innermost().transport().unwrap().source_port, 80);
    }
    let mut datagram = udp(4789, &vxlan(42, &frame));
    datagram[4..6].copy_from_slice(&26_u16.to_be_bytes());
    let line = "10.0.0.1:50000 > 10.0.0.2:4789 udp vxlan 42 \
                {(short: ethernet needs 14 bytes, the packet has 10)}";
    check_ip(&ipv4(UDP, &datagram), "ipv4 udp vxlan rest", line);
}

#[test]
fn geneve_with_options_is_read() {
    let options = [1, 2, 3, 1, 9, 9, 9, 9];
    let frame = geneve(42, BRIDGED, &options, &ethernet(IPV4, &web()));
    let packet = ipv6(UDP, &udp(6081, &frame));
    let line = "[2001:db8::1]:50000 > [2001:db8::2]:6081 udp geneve 42";
    check_ip(
        &packet,
        "ipv6 udp geneve ethernet ipv4 tcp rest",
        &format!("{line} {{{WEB}}}"),
    );
    let bare = ipv6(UDP, &udp(6081, &geneve(42, IPV4, &[], &web())));
    check_ip(
        &bare,
        "ipv6 udp geneve ipv4 tcp rest",
        &format!("{line} {{{WEB}}}"),
    );
    let cut = "[2001:db8::1]:50000 > [2001:db8::2]:6081 udp \
               (cut: geneve needs 16 bytes, 11 were sampled)";
    check_ip(&packet[..40 + 8 + 11], "ipv6 udp geneve rest", cut);
}

#[test]
fn gre_is_read() {
    let (checksum, key, sequence) = ([1, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 9]);
    for (flags, optional, name) in [
        (0x00, vec![], "gre"),
        (0x80, join(&[&checksum]), "gre"),
        (0x20, join(&[&key]), "gre 256"),
        (0x10, join(&[&sequence]), "gre"),
        (0xb0, join(&[&checksum, &key, &sequence]), "gre 256"),
    ] {
        let line = format!("{OUTER} {name} {{{WEB}}}");
        let routed = ipv4(GRE, &gre(flags, IPV4, &optional, &web()));
        check_ip(&routed, "ipv4 gre ipv4 tcp rest", &line);
        let frame = ethernet(IPV4, &web());
        let bridged = ipv4(GRE, &gre(flags, BRIDGED, &optional, &frame));
        check_ip(&bridged, "ipv4 gre ethernet ipv4 tcp rest", &line);
    }
    let labelled = ipv4(GRE, &gre(0, MPLS, &[], &mpls(16, true, &web())));
    let line = format!("{OUTER} gre {{mpls 16 {WEB}}}");
    check_ip(&labelled, "ipv4 gre mpls ipv4 tcp rest", &line);
    let unknown = ipv4(GRE, &gre(0, 0x1234, &[], &web()));
    check_ip(
        &unknown,
        "ipv4 gre rest",
        &format!("{OUTER} gre {{(ethertype 0x1234)}}"),
    );
    let routing = ipv4(GRE, &gre(0x40, IPV4, &[], &web()));
    check_ip(
        &routing,
        "ipv4 rest",
        &format!("{OUTER} (invalid: flags of gre is 64)"),
    );
    let mut version = ipv4(GRE, &gre(0, IPV4, &[], &web()));
    version[21] = 2;
    check_ip(
        &version,
        "ipv4 rest",
        &format!("{OUTER} (invalid: version of gre is 2)"),
    );
}

#[test]
fn pptp_is_read() {
    let inner = join(&[&[0xff, 3, 0, 0x21], &web()]);
    let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
    let header = [&[0x30, 0x81, 0x88, 0x0b], &length[..], &[0, 42], &[0; 8]].concat();
    let packet = ipv4(GRE, &join(&[&header, &inner]));
    check_ip(
        &packet,
        "ipv4 gre ppp ipv4 tcp rest",
        &format!("{OUTER} pptp 42 {{{WEB}}}"),
    );
    let acknowledgement = [0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 42, 0, 0, 0, 1];
    check_ip(&ipv4(GRE, &acknowledgement), "ipv4 gre rest", OUTER);
}

#[test]
fn erspan_is_read() {
    let frame = ethernet(IPV4, &web());
    let one = ipv4(GRE, &gre(0, 0x88be, &[], &frame));
    let line = format!("{OUTER} erspan {{{WEB}}}");
    check_ip(&one, "ipv4 gre ethernet ipv4 tcp rest", &line);
    let line = format!("{OUTER} erspan 513 {{{WEB}}}");
    let header = join(&[&[0x10, 7, 2, 1, 0, 0, 0, 0], &frame]);
    let two = ipv4(GRE, &gre(0x10, 0x88be, &[0; 4], &header));
    check_ip(&two, "ipv4 gre erspan ethernet ipv4 tcp rest", &line);
    let names = "ipv4 gre erspan ethernet ipv4 tcp rest";
    for tail in [&[0, 0][..], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let header = join(&[&[0x20, 7, 2, 1], &[0; 6], tail, &frame]);
        check_ip(
            &ipv4(GRE, &gre(0x10, 0x22eb, &[0; 4], &header)),
            names,
            &line,
        );
    }
    let header = join(&[&[0x20, 7, 2, 1], &[0; 6], &[8, 0], &web()]);
    let three = ipv4(GRE, &gre(0x10, 0x22eb, &[0; 4], &header));
    check_ip(&three, "ipv4 gre erspan ipv4 tcp rest", &line);
}

#[test]
fn ip_in_ip_is_read() {
    for (outer, names) in [
        (ipv4(4, &web()), "ipv4 ipv4 tcp rest"),
        (ipv6(4, &web()), "ipv6 ipv4 tcp rest"),
        (
            ipv6(60, &extension(4, &web())),
            "ipv6 ipv6_extension ipv4 tcp rest",
        ),
    ] {
        let packet = Packet::new(HeaderProtocol::IPV4, &outer);
        super::check(packet, names, &packet.to_string());
        assert_eq!(packet.tunnel(), Some(Tunnel::IpInIp));
        assert_eq!(packet.inner().unwrap().to_string(), WEB);
        assert_eq!(packet.transport(), None, "that one is inside");
    }
    let six = ipv6(TCP, &tcp(2, b""));
    let line = "10.0.0.1 > 10.0.0.2 ip_in_ip {[2001:db8::1]:80 > [2001:db8::2]:4711 tcp [S]}";
    check_ip(&ipv4(41, &six), "ipv4 ipv6 tcp rest", line);
    let labelled = ipv4(137, &mpls(16, true, &web()));
    let line = format!("{OUTER} mpls_in_ip {{mpls 16 {WEB}}}");
    check_ip(&labelled, "ipv4 mpls ipv4 tcp rest", &line);
}

#[test]
fn nested_tunnels_are_read() {
    let inner = ipv4(GRE, &gre(0x20, IPV4, &[0, 0, 0, 7], &ipv4(4, &web())));
    let frame = ethernet(IPV4, &inner);
    let outer = ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(42, &frame))));
    let line = format!(
        "10.0.0.1:50000 > 10.0.0.2:4789 udp vxlan 42 \
         {{{OUTER} gre 7 {{{OUTER} ip_in_ip {{{WEB}}}}}}}"
    );
    check_ethernet(
        &outer,
        "ethernet ipv4 udp vxlan ethernet ipv4 gre ipv4 ipv4 tcp rest",
        &line,
    );
    let mut packet = Packet::new(HeaderProtocol::ETHERNET, &outer);
    let mut tunnels = Vec::new();
    while let (Some(tunnel), Some(inner)) = (packet.tunnel(), packet.inner()) {
        tunnels.push(tunnel);
        packet = inner;
    }
    let gre = Tunnel::Gre { key: Some(7) };
    assert_eq!(tunnels, [Tunnel::Vxlan { vni: 42 }, gre, Tunnel::IpInIp]);
    assert_eq!(packet.to_string(), WEB);
    let innermost = Packet::new(HeaderProtocol::ETHERNET, &outer).innermost();
    assert_eq!(innermost.to_string(), WEB);
}

#[test]
fn endless_tunnels_stop_at_the_limit() {
    let deep = (0..100).fold(web(), |inner, _| ipv4(4, &inner));
    let packet = Packet::new(HeaderProtocol::IPV4, &deep);
    assert_eq!(packet.layers().count(), usize::from(Packet::MAX_LAYERS) + 1);
    assert_eq!(packet.rest().reason, StopReason::TooManyLayers);
    assert_eq!(packet.rest().bytes, &deep[32 * 20..]);
    let (mut inner, mut depth) = (packet, 0);
    while let Some(next) = inner.inner() {
        (inner, depth) = (next, depth + 1);
    }
    assert_eq!(depth, Packet::MAX_LAYERS);
    assert_eq!(inner.rest(), packet.innermost().rest());
    assert!(
        packet
            .to_string()
            .ends_with(&format!("{{(too many layers){}", "}".repeat(32)))
    );

    let frame = |inner: Vec<u8>| ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(1, &inner))));
    let deep = (0..20).fold(Vec::new(), |inner, _| frame(inner));
    let packet = Packet::new(HeaderProtocol::ETHERNET, &deep);
    assert_eq!(packet.rest().reason, StopReason::TooManyLayers);
    let deep = (0..20).fold(web(), |inner, _| ipv4(GRE, &gre(0, IPV4, &[], &inner)));
    let packet = Packet::new(HeaderProtocol::IPV4, &deep);
    assert_eq!(packet.rest().reason, StopReason::TooManyLayers);
}
