//! Summaries of a packet, and its display.

use std::net::IpAddr;

use sflow_v5::Mac;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::packet::{EtherType, IpNumber};
use sflow_v5::packet::{Ethernet, Ip, Packet, TcpFlags, Transport, Tunnel};
use sflow_v5::types::{Opaque, VlanTag};

use super::build::{IPV4, IPV6, UDP, ethernet, extension, ipv4, ipv6, udp, vlan, vxlan, web};

#[test]
fn link_network_and_transport_are_summarised() {
    let frame = ethernet(0x8100, &vlan(7, IPV4, &web()));
    let header = SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1518,
        stripped: 4,
        header: Opaque(&frame),
    };
    let packet = header.dissect();
    assert_eq!(
        packet.ethernet(),
        Some(Ethernet {
            source: Mac([2, 0, 0, 0, 0, 1]),
            destination: Mac([2, 0, 0, 0, 0, 2]),
            ether_type: EtherType::IPV4,
        })
    );
    let ip = packet.ip().unwrap();
    assert_eq!(
        ip,
        Ip {
            source: IpAddr::from([10, 0, 0, 1]),
            destination: IpAddr::from([10, 0, 0, 2]),
            protocol: IpNumber::TCP,
            ttl: 64,
            tos: 0xb9,
            length: 47,
            fragment: false,
        }
    );
    assert_eq!(ip.dscp(), 46);
    assert_eq!(
        packet.transport(),
        Some(Transport {
            protocol: IpNumber::TCP,
            source_port: 80,
            destination_port: 4711,
            tcp_flags: Some(TcpFlags(0x12)),
        })
    );
    assert_eq!(packet.vlans().map(VlanTag::vlan).collect::<Vec<_>>(), [7]);
    assert_eq!(packet.rest().bytes, b"payload");
    assert!(packet.rest().reason.is_complete());
    assert!(packet.icmp().is_none() && packet.tunnel().is_none() && packet.inner().is_none());
}

#[test]
fn ipv6_protocol_is_behind_extension_headers() {
    let packet = ipv6(0, &extension(60, &extension(UDP, &udp(53, b"?"))));
    let packet = Packet::new(HeaderProtocol::IPV6, &packet);
    let ip = packet.ip().unwrap();
    assert_eq!(ip.source, "2001:db8::1".parse::<IpAddr>().unwrap());
    assert_eq!(
        (ip.protocol, ip.ttl, ip.tos, ip.length),
        (IpNumber::UDP, 64, 0xb9, 65)
    );
    assert_eq!(packet.transport().unwrap().destination_port, 53);
    assert_eq!(packet.transport().unwrap().tcp_flags, None);
}

#[test]
fn icmp_message_is_found() {
    let packet = ipv6(58, &[135, 0, 0, 0, 0, 0, 0, 0]);
    let message = Packet::new(HeaderProtocol::IPV6, &packet).icmp().unwrap();
    assert_eq!((message.kind(), message.code()), (135, 0));
}

#[test]
fn outer_and_inner_packet_are_separate() {
    let inner = ethernet(0x8100, &vlan(7, IPV6, &ipv6(UDP, &udp(53, b"?"))));
    let outer = ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(42, &inner))));
    let packet = Packet::new(HeaderProtocol::ETHERNET, &outer);
    assert_eq!(packet.transport().unwrap().destination_port, 4789);
    assert_eq!(packet.ethernet().unwrap().ether_type, EtherType::IPV4);
    assert!(packet.ip().unwrap().source.is_ipv4());

    let inner = packet.inner().unwrap();
    assert_eq!(inner.transport().unwrap().destination_port, 53);
    assert_eq!(inner.ethernet().unwrap().ether_type, EtherType::IPV6);
    assert!(inner.ip().unwrap().source.is_ipv6());
    assert_eq!(format!("{:?}", packet.innermost()), format!("{inner:?}"));

    let mut layers = packet.layers();
    let entered: Vec<_> = std::iter::from_fn(|| {
        layers.next()?;
        Some(layers.entered())
    })
    .collect();
    let vxlan = Some(Tunnel::Vxlan { vni: 42 });
    assert_eq!(
        entered,
        [None, None, None, vxlan, None, None, None, None, None]
    );
}

#[test]
fn tunnels_have_names_and_numbers() {
    for (tunnel, words) in [
        (Tunnel::Vxlan { vni: 42 }, "vxlan 42"),
        (Tunnel::Geneve { vni: 42 }, "geneve 42"),
        (Tunnel::Gre { key: None }, "gre"),
        (Tunnel::Gre { key: Some(0) }, "gre 0"),
        (Tunnel::Pptp { call: 7 }, "pptp 7"),
        (Tunnel::Erspan { session: Some(1) }, "erspan 1"),
        (Tunnel::IpInIp, "ip_in_ip"),
        (Tunnel::MplsInIp, "mpls_in_ip"),
    ] {
        assert_eq!(tunnel.to_string(), words);
    }
}
