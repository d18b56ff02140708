//! Packets as JSON.

use serde_json::json;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::Packet;

use super::build::{
    GRE, IPV4, IPV6, MPLS, TCP, UDP, ethernet, extension, gre, ipv4, ipv6, mpls, tcp, udp, vlan,
    vxlan, web,
};

#[test]
fn packet_is_serialised_as_layers() {
    let inner = ethernet(0x8100, &vlan(7, IPV6, &ipv6(UDP, &udp(53, b"\x01\xff"))));
    let outer = ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(42, &inner))));
    let packet = Packet::new(HeaderProtocol::ETHERNET, &outer);
    let link = |kind: &str| {
        json!({
            "layer": "ethernet",
            "src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02", "type": kind,
        })
    };
    assert_eq!(
        serde_json::to_value(packet).unwrap(),
        json!([
            link("0x0800"),
            {
                "layer": "ipv4", "src": "10.0.0.1", "dst": "10.0.0.2", "protocol": 17,
                "ttl": 64, "tos": 185, "total_length": 104, "identification": 0x1234,
                "dont_fragment": false, "more_fragments": false, "fragment_offset": 0,
            },
            {"layer": "udp", "src_port": 50_000, "dst_port": 4789, "length": 84},
            {"layer": "vxlan", "vni": 42},
            link("0x8100"),
            {
                "layer": "vlan", "vlan": 7, "priority": 3, "drop_eligible": false,
                "type": "0x86dd",
            },
            {
                "layer": "ipv6", "src": "2001:db8::1", "dst": "2001:db8::2", "next_header": 17,
                "hop_limit": 64, "traffic_class": 185, "flow_label": 7, "payload_length": 10,
            },
            {"layer": "udp", "src_port": 50_000, "dst_port": 53, "length": 10},
            {"layer": "rest", "bytes": "01ff", "reason": "payload"},
        ])
    );
}

#[test]
fn truncated_field_is_omitted() {
    let packet = ipv4(TCP, &tcp(0x12, b""));
    let json = |length: usize| {
        let packet = Packet::new(HeaderProtocol::IPV4, &packet[..length]);
        serde_json::to_value(packet).unwrap()
    };
    assert_eq!(
        json(24)[1],
        json!({"layer": "tcp", "src_port": 80, "dst_port": 4711})
    );
    assert_eq!(
        json(34)[1],
        json!({"layer": "tcp", "src_port": 80, "dst_port": 4711, "flags": "[S.]"})
    );
    assert_eq!(
        json(34)[2],
        json!({
            "layer": "rest", "bytes": "",
            "reason": "cut: tcp needs 20 bytes, 14 were sampled",
        })
    );
    assert_eq!(
        json(40)[1],
        json!({
            "layer": "tcp", "src_port": 80, "dst_port": 4711, "flags": "[S.]",
            "sequence_number": 1, "acknowledgment_number": 2, "window": 4096,
        })
    );
}

#[test]
fn every_layer_is_serialised() {
    let arp = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
    ];
    let frames = [
        (
            ethernet(0x0806, &arp),
            json!({
                "layer": "arp", "operation": 1, "sender_mac": "02:00:00:00:00:01",
                "sender": "10.0.0.1", "target_mac": "00:00:00:00:00:00", "target": "10.0.0.2",
            }),
        ),
        (
            ethernet(MPLS, &mpls(16, true, &web())),
            json!({
                "layer": "mpls", "label": 16, "traffic_class": 0, "bottom": true, "ttl": 64,
            }),
        ),
        (
            ethernet(11, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]),
            json!({
                "layer": "llc", "dsap": 170, "ssap": 170, "control": 3,
                "oui": "00000c", "protocol": "0x2000",
            }),
        ),
        (
            ethernet(0x8864, &[0x11, 0, 0, 42, 0, 9]),
            json!({"layer": "pppoe", "session": 42}),
        ),
    ];
    for (frame, expected) in frames {
        let packet = Packet::new(HeaderProtocol::ETHERNET, &frame);
        assert_eq!(serde_json::to_value(packet).unwrap()[1], expected);
    }
    let packets = [
        (
            ipv4(GRE, &gre(0x20, IPV4, &[0, 0, 0, 7], &web())),
            json!({
                "layer": "gre", "protocol": "0x0800", "key": 7,
            }),
        ),
        (
            ipv4(1, &[3, 1, 0, 0, 0, 0, 0, 0]),
            json!({"layer": "icmpv4", "type": 3, "code": 1}),
        ),
        (
            ipv4(132, &[0, 80, 0x12, 0x67, 0, 0, 0, 0, 0, 0, 0, 0]),
            json!({
                "layer": "sctp", "src_port": 80, "dst_port": 4711,
            }),
        ),
        (
            ipv6(44, &[6, 0, 0, 9, 0, 0, 0, 5]),
            json!({
                "layer": "ipv6_fragment", "next_header": 6, "identification": 5,
                "more_fragments": true, "fragment_offset": 1,
            }),
        ),
        (
            ipv6(60, &extension(59, b"")),
            json!({
                "layer": "ipv6_extension", "header": 60, "next_header": 59,
            }),
        ),
    ];
    for (packet, expected) in packets {
        let packet = Packet::new(HeaderProtocol::IPV4, &packet);
        assert_eq!(serde_json::to_value(packet).unwrap()[1], expected);
    }
}
