//! Truncated headers.

use sflow_v5::Mac;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Packet, StopReason, TcpFlags};

use super::build::{
    BRIDGED, GRE, IPV4, IPV6, MPLS, TCP, UDP, ethernet, extension, geneve, gre, ipv4, ipv6, mpls,
    tcp, udp, vlan, vxlan, web,
};
use super::{check_ethernet, check_ip};

const LINK: &str = "02:00:00:00:00:01 > 02:00:00:00:00:02";

#[test]
fn packet_truncated_in_ethernet() {
    let frame = ethernet(IPV4, &web());
    for length in [0, 1, 2, 13] {
        let line = format!("(cut: ethernet needs 14 bytes, {length} were sampled)");
        check_ethernet(&frame[..length], "rest", &line);
        let packet = Packet::new(HeaderProtocol::ETHERNET, &frame[..length]);
        assert_eq!(packet.rest().bytes, &frame[..length]);
    }
    let line = format!("{LINK} (cut: ip needs 20 bytes, 0 were sampled)");
    check_ethernet(&frame[..14], "ethernet rest", &line);
    let line = format!("{LINK} (cut: ipv4 needs 20 bytes, 1 were sampled)");
    check_ethernet(&frame[..15], "ethernet rest", &line);
    let packet = Packet::new(HeaderProtocol::ETHERNET, &frame[..15]);
    assert_eq!(packet.rest().bytes, [0x45]);
    assert_eq!(packet.ethernet().unwrap().source, Mac([2, 0, 0, 0, 0, 1]));
    assert_eq!(packet.ip(), None);
}

#[test]
fn packet_truncated_in_a_vlan_tag() {
    let frame = ethernet(0x8100, &vlan(7, 0x8100, &vlan(8, IPV4, &web())));
    for length in 0..4 {
        let line = format!("{LINK} (cut: vlan needs 4 bytes, {length} were sampled)");
        check_ethernet(&frame[..14 + length], "ethernet rest", &line);
        let line = format!("vlan 7 {line}");
        check_ethernet(&frame[..18 + length], "ethernet vlan rest", &line);
    }
}

#[test]
fn packet_truncated_in_tcp() {
    let packet = ipv4(TCP, &tcp(0x12, b"payload"));
    let cut = |length: usize| &packet[..20 + length];
    for length in 0..4 {
        let line = format!("10.0.0.1 > 10.0.0.2 (cut: tcp needs 20 bytes, {length} were sampled)");
        check_ip(cut(length), "ipv4 rest", &line);
    }
    for length in 4..14 {
        let line = format!(
            "10.0.0.1:80 > 10.0.0.2:4711 tcp (cut: tcp needs 20 bytes, {length} were sampled)"
        );
        check_ip(cut(length), "ipv4 tcp rest", &line);
    }
    for length in 14..20 {
        let line = format!(
            "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.] \
             (cut: tcp needs 20 bytes, {length} were sampled)"
        );
        check_ip(cut(length), "ipv4 tcp rest", &line);
    }
    for (length, flags) in [(4, None), (13, None), (14, Some(TcpFlags(0x12)))] {
        let packet = Packet::new(HeaderProtocol::IPV4, cut(length));
        let transport = packet.transport().unwrap();
        assert_eq!(
            (transport.source_port, transport.destination_port),
            (80, 4711)
        );
        assert_eq!(transport.tcp_flags, flags, "{length}");
    }
    let mut options = tcp(0x12, &[1; 8]);
    options[12] = 0x70;
    let packet = ipv4(TCP, &options);
    let line = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.] \
                (cut: tcp needs 28 bytes, 25 were sampled)";
    check_ip(&packet[..45], "ipv4 tcp rest", line);
}

#[test]
fn packet_truncated_in_udp_and_icmp() {
    let packet = ipv4(UDP, &udp(53, b"payload"));
    for length in 4..8 {
        let line = format!(
            "10.0.0.1:50000 > 10.0.0.2:53 udp (cut: udp needs 8 bytes, {length} were sampled)"
        );
        check_ip(&packet[..20 + length], "ipv4 udp rest", &line);
    }
    let packet = ipv4(1, &[3, 1, 0, 0, 0, 0, 0, 0]);
    for length in 2..8 {
        let line = format!(
            "10.0.0.1 > 10.0.0.2 icmpv4 3/1 (cut: icmpv4 needs 8 bytes, {length} were sampled)"
        );
        check_ip(&packet[..20 + length], "ipv4 icmpv4 rest", &line);
    }
}

/// Truncation does not change the layers before it, and the rest reports where it is.
#[test]
fn packet_truncated_at_every_byte() {
    let frame = ethernet(
        0x8100,
        &vlan(7, IPV6, &ipv6(60, &extension(TCP, &tcp(2, b"")))),
    );
    let gre = gre(0xb0, BRIDGED, &[0; 12], &frame);
    let geneve = geneve(42, BRIDGED, &[0; 8], &ethernet(IPV4, &ipv4(GRE, &gre)));
    let vxlan = vxlan(
        7,
        &ethernet(MPLS, &mpls(16, true, &ipv4(UDP, &udp(6081, &geneve)))),
    );
    let whole = ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan)));
    let all: Vec<_> = Packet::new(HeaderProtocol::ETHERNET, &whole)
        .layers()
        .collect();
    assert_eq!(all.len(), 18);
    assert_eq!(all.last().unwrap().bytes(), b"");
    for length in 0..whole.len() {
        let packet = Packet::new(HeaderProtocol::ETHERNET, &whole[..length]);
        let layers: Vec<_> = packet.layers().collect();
        let whole_ones = layers.len() - 2.min(layers.len());
        assert_eq!(
            layers[..whole_ones],
            all[..whole_ones],
            "{length}: {packet}"
        );
        match packet.rest().reason {
            StopReason::Cut {
                needed, available, ..
            } => assert!(needed > available),
            // Truncation behind the UDP header is not detectable.
            StopReason::Payload => assert!(packet.rest().bytes.is_empty(), "{length}: {packet}"),
            other => panic!("{length}: {other}"),
        }
        let sum: usize = layers.iter().map(|layer| layer.bytes().len()).sum();
        assert_eq!(sum, length, "every byte has its layer");
    }
}
