//! Values of keys from packets and extended records.

use sflow_metrics::flow;
use sflow_v5::flow::{
    AsPathSegment, ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedGateway,
    ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedNat, ExtendedNatPort, ExtendedRouter,
    ExtendedSwitch, ExtendedUrl, ExtendedUser, ExtendedVniEgress, ExtendedVniIngress,
    SampledEthernet, SampledIpv4, SampledIpv6,
};
use sflow_v5::types::{Ipv4Address, Ipv6Address, List, Opaque, Text};
use sflow_v5::{Address, FlowRecord, Interface, Sample};

use crate::world::{Agent, Udp, World, ethernet, header, ipv4, mac, vxlan};

/// The values of these keys of a sample with these records.
fn values(records: &[FlowRecord<'_>], keys: &[flow::Key]) -> String {
    let mut world = World::new();
    let definitions = keys.chunks(16).map(|keys| {
        let names: Vec<_> = keys.iter().map(ToString::to_string).collect();
        format!("keys={};value=frames;smooth=off", names.join(","))
    });
    let ids: Vec<_> = definitions
        .map(|definition| world.watch(&definition))
        .collect();
    let mut agent = Agent::new(1);
    let mut sample = agent.sample(records);
    sample.output = Interface {
        format: 1,
        value: 258,
    };
    agent.send(&mut world, &[Sample::Flow(sample)]);
    let mut found = Vec::new();
    for id in ids {
        let answer = world.answer(id);
        let [row] = &answer.rows[..] else {
            panic!("{answer:?}")
        };
        found.extend(row.keys.iter().map(ToString::to_string));
    }
    found.join(" ")
}

const LINK_TO_TRANSPORT: [flow::Key; 19] = [
    flow::Key::MacSource,
    flow::Key::MacDestination,
    flow::Key::EtherType,
    flow::Key::Vlan,
    flow::Key::VlanInner,
    flow::Key::Mpls,
    flow::Key::IpVersion,
    flow::Key::IpSource,
    flow::Key::IpDestination,
    flow::Key::IpProtocol,
    flow::Key::IpTos,
    flow::Key::IpDscp,
    flow::Key::IpTtl,
    flow::Key::IpFragment,
    flow::Key::PortSource,
    flow::Key::PortDestination,
    flow::Key::TcpFlags,
    flow::Key::IcmpType,
    flow::Key::IcmpCode,
];

#[test]
fn header_keys_are_decoded() {
    let mut tcp = vec![0, 7, 0x81, 0, 0, 8, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64];
    tcp.extend_from_slice(&[1; 16]);
    tcp.extend_from_slice(&[2; 16]);
    tcp.extend_from_slice(&[1, 187, 0x13, 0x88, 0, 0, 0, 1, 0, 0, 0, 3, 0x50, 0x12, 4, 0]);
    tcp.extend_from_slice(&[0; 4]);
    let tcp = ethernet((mac(1), mac(2)), 0x8100, &tcp);
    let echo = ipv4(([10, 0, 0, 1], [10, 0, 0, 2]), 1, &[8, 0, 0, 0, 0, 1, 0, 1]);
    let ping = ethernet((mac(1), mac(2)), 0x800, &echo);
    let udp = Udp::between(1, 2).bytes();
    let mut labelled = udp.clone();
    labelled[12..14].copy_from_slice(&[0x88, 0x47]);
    labelled.splice(14..14, [0, 0x01, 0x01, 63]);
    let cases = [
        (
            &udp,
            "02:42:00:00:00:01 02:42:00:00:00:02 2048 - - - 4 10.0.0.1 10.0.0.2 udp 0 0 63 0 \
             5000 80 - - -",
        ),
        (
            &tcp,
            "02:42:00:00:00:01 02:42:00:00:00:02 34525 7 8 - 6 \
             101:101:101:101:101:101:101:101 202:202:202:202:202:202:202:202 tcp 0 0 64 0 \
             443 5000 [S.] - -",
        ),
        (
            &ping,
            "02:42:00:00:00:01 02:42:00:00:00:02 2048 - - - 4 10.0.0.1 10.0.0.2 icmp 0 0 63 0 \
             - - - 8 0",
        ),
        (
            &labelled,
            "02:42:00:00:00:01 02:42:00:00:00:02 34887 - - 16 4 10.0.0.1 10.0.0.2 udp 0 0 63 0 \
             5000 80 - - -",
        ),
    ];
    for (packet, expected) in cases {
        assert_eq!(values(&[header(packet, 100)], &LINK_TO_TRANSPORT), expected);
    }
}

#[test]
fn tunnel_has_outer_and_inner_keys() {
    let inner = Udp::between(1, 2).bytes();
    let encapsulated = vxlan(4097, &inner);
    let outer = Udp {
        ports: (40_000, 4789),
        payload: &encapsulated,
        ..Udp::between(8, 9)
    };
    let keys = [
        flow::Key::Tunnel,
        flow::Key::TunnelId,
        flow::Key::TunnelDepth,
        flow::Key::IpSource,
        flow::Key::PortDestination,
        flow::Key::InnerMacSource,
        flow::Key::InnerIpSource,
        flow::Key::InnerIpDestination,
        flow::Key::InnerIpProtocol,
        flow::Key::InnerPortDestination,
        flow::Key::EndSource,
    ];
    assert_eq!(
        values(&[header(&outer.bytes(), 150)], &keys),
        "vxlan 4097 1 10.0.0.8 4789 02:42:00:00:00:01 10.0.0.1 10.0.0.2 udp 80 10.0.0.1"
    );
    assert_eq!(
        values(&[header(&inner, 100)], &keys),
        "- - 0 10.0.0.1 80 - - - - - 10.0.0.1"
    );
    for key in LINK_TO_TRANSPORT {
        let inner = key.inner().unwrap();
        assert_eq!((inner.outer(), inner.kind()), (Some(key), key.kind()));
    }
}

#[test]
fn decoded_records_replace_missing_header() {
    let ethernet = SampledEthernet {
        length: 100,
        src_mac: mac(1),
        dst_mac: mac(2),
        kind: 0x800,
    };
    let ip = SampledIpv4 {
        length: 86,
        protocol: 6,
        src_ip: Ipv4Address([10, 0, 0, 1]),
        dst_ip: Ipv4Address([10, 0, 0, 2]),
        src_port: 443,
        dst_port: 5000,
        tcp_flags: 0x10,
        tos: 184,
    };
    assert_eq!(
        values(&[ethernet.into(), ip.into()], &LINK_TO_TRANSPORT),
        "02:42:00:00:00:01 02:42:00:00:00:02 2048 - - - 4 10.0.0.1 10.0.0.2 tcp 184 46 - 0 443 \
         5000 [.] - -"
    );
    let ip = SampledIpv6 {
        protocol: 58,
        src_ip: Ipv6Address([1; 16]),
        ..SampledIpv6::default()
    };
    assert_eq!(
        values(&[ip.into()], &LINK_TO_TRANSPORT),
        "- - - - - - 6 101:101:101:101:101:101:101:101 :: icmpv6 0 0 - 0 - - - - -"
    );
}

#[test]
fn extended_records_are_decoded() {
    let path = [2_u32, 3];
    let segments = [AsPathSegment {
        as_number: List::from(&path[..]),
        ..AsPathSegment::default()
    }];
    let hop = Address::V4([192, 0, 2, 1]);
    let records = [
        ExtendedSwitch {
            src_vlan: 10.into(),
            dst_vlan: 20.into(),
            src_priority: 1.into(),
            ..ExtendedSwitch::default()
        }
        .into(),
        ExtendedRouter {
            nexthop: hop,
            src_mask_len: 24,
            dst_mask_len: 16,
        }
        .into(),
        ExtendedGateway {
            nexthop: hop,
            as_number: 1,
            src_as: 64_512,
            dst_as_path: List::from(&segments[..]),
            ..ExtendedGateway::default()
        }
        .into(),
        ExtendedUser {
            src_user: Opaque(b"ann"),
            dst_user: Opaque(b"bob"),
            ..ExtendedUser::default()
        }
        .into(),
        ExtendedUrl {
            url: Text::from("/index"),
            host: Text::from("example"),
            ..ExtendedUrl::default()
        }
        .into(),
        ExtendedNat {
            src_address: Address::V4([192, 0, 2, 7]),
            dst_address: Address::Unknown,
        }
        .into(),
        ExtendedNatPort {
            src_port: 1,
            dst_port: 2,
        }
        .into(),
        ExtendedVniIngress { vni: 5 }.into(),
        ExtendedVniEgress { vni: 6 }.into(),
        ExtendedAcl {
            number: 9,
            name: Text::from("deny"),
            ..ExtendedAcl::default()
        }
        .into(),
        ExtendedFunction {
            symbol: Text::from("tcp_v4_rcv"),
        }
        .into(),
        ExtendedHwTrap {
            group: Text::from("l2_drops"),
            trap: Text::from("vlan"),
        }
        .into(),
        ExtendedLinuxDropReason {
            reason: Text::from("NO_SOCKET"),
        }
        .into(),
        ExtendedEgressQueue { queue: 3 }.into(),
    ];
    let from = flow::Key::all()
        .iter()
        .position(|key| *key == flow::Key::Agent)
        .unwrap();
    let keys = &flow::Key::all()[from..];
    assert_eq!(
        values(&records, keys),
        "10.99.0.1 10.99.0.1 0 0 0 - 0:3 in 3 - - - - acl deny 9 tcp_v4_rcv vlan l2_drops NO_SOCKET 3 \
         10 20 1 - 192.0.2.1 24 16 192.0.2.1 64512 3 - 2 ann bob /index example 192.0.2.7 - 1 2 \
         5 6"
    );
    // All keys are absent without the records.
    let nothing = values(&[], flow::Key::all());
    let there: Vec<_> = nothing.split(' ').filter(|value| *value != "-").collect();
    assert_eq!(
        there,
        [
            "0",
            "10.99.0.1",
            "10.99.0.1",
            "0",
            "0",
            "0",
            "0:3",
            "in",
            "3",
            "acl"
        ]
    );
}

#[test]
fn arp_keys_are_decoded() {
    let mut world = World::new();
    let id = world.watch("keys=arp.operation,arp.sender,arp.target;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend([
        2, 0x42, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 7,
    ]);
    let whole = ethernet((mac(1), sflow_v5::Mac([0xff; 6])), 0x806, &arp);
    agent.see(&mut world, &whole, 60);
    // Truncated before the target address.
    agent.see(&mut world, &whole[..whole.len() - 2], 60);
    // Another protocol than IPv4.
    arp[5] = 3;
    agent.see(&mut world, &ethernet((mac(1), mac(2)), 0x806, &arp), 60);
    assert_eq!(world.rows(id), ["- - - 200", "1 10.0.0.1 10.0.0.7 100"]);
}

#[test]
fn dns_keys_are_decoded() {
    let mut world = World::new();
    let id = world.watch("keys=dns.name,dns.type,dns.response;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let mut message = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(b"\x03www\x07EXAMPLE\x03org\x00\x00\x01\x00\x01");
    let question = Udp {
        ports: (40_000, 53),
        payload: &message,
        ..Udp::between(1, 2)
    };
    agent.see(&mut world, &question.bytes(), 100);
    agent.see(&mut world, &question.bytes(), 100);
    let mut response = message.clone();
    response[2] |= 0x80;
    let answer = Udp {
        ports: (53, 40_000),
        payload: &response,
        ..question
    };
    agent.see(&mut world, &answer.bytes(), 100);
    // The same bytes on another port are not DNS.
    let other = Udp {
        ports: (40_000, 80),
        ..question
    };
    for _ in 0..3 {
        agent.see(&mut world, &other.bytes(), 100);
    }
    assert_eq!(
        world.rows(id),
        [
            "- - - 300",
            "www.example.org 1 0 200",
            "www.example.org 1 1 100",
        ]
    );
}

/// An IEEE 802.3 frame with a length and logical link control.
fn ieee_802_3(control: &[u8]) -> Vec<u8> {
    ethernet((mac(1), mac(2)), control.len() as u16, control)
}

#[test]
fn ieee_802_3_length_is_not_an_ether_type() {
    let ip = ipv4(([10, 0, 0, 1], [10, 0, 0, 2]), 17, &[0; 8]);
    let snap = |oui: [u8; 3], kind: u16, payload: &[u8]| {
        let header = [&[0xaa, 0xaa, 3][..], &oui, &kind.to_be_bytes(), payload];
        ieee_802_3(&header.concat())
    };
    let tagged = |frame: &[u8]| {
        let mut tagged = frame[..12].to_vec();
        tagged.extend_from_slice(&[0x81, 0, 0, 7]);
        tagged.extend_from_slice(&frame[12..]);
        tagged
    };
    let spanning_tree = ieee_802_3(&[&[0x42, 0x42, 3][..], &[0; 35]].concat());
    let cases = [
        ("spanning tree", spanning_tree.clone(), "- - -"),
        ("spanning tree, tagged", tagged(&spanning_tree), "- - 7"),
        ("IS-IS", ieee_802_3(&[0xfe, 0xfe, 3, 0x83, 27]), "- - -"),
        ("NetWare", ieee_802_3(&[0xe0, 0xe0, 3, 0xff]), "- - -"),
        ("NetWare, raw", ieee_802_3(&[0xff, 0xff, 0, 30]), "- - -"),
        (
            "IP on LLC",
            ieee_802_3(&[&[6, 6, 3][..], &ip].concat()),
            "- 10.0.0.1 -",
        ),
        ("SNAP", snap([0; 3], 0x800, &ip), "2048 10.0.0.1 -"),
        (
            "SNAP, tagged",
            tagged(&snap([0; 3], 0x800, &ip)),
            "2048 10.0.0.1 7",
        ),
        (
            "SNAP, bridged",
            snap([0, 0, 0xf8], 0x80f3, &[1]),
            "33011 - -",
        ),
        ("AppleTalk", snap([8, 0, 7], 0x809b, &[1]), "32923 - -"),
        (
            "SNAP of Cisco",
            snap([0, 0, 0xc], 0x2000, &[2, 180]),
            "- - -",
        ),
        (
            "length 1535",
            ethernet((mac(1), mac(2)), 1535, &[0x42; 60]),
            "- - -",
        ),
        (
            "EtherType 1536",
            ethernet((mac(1), mac(2)), 1536, &[0; 60]),
            "1536 - -",
        ),
    ];
    let keys = [flow::Key::EtherType, flow::Key::IpSource, flow::Key::Vlan];
    for (case, packet, expected) in cases {
        assert_eq!(values(&[header(&packet, 100)], &keys), expected, "{case}");
    }
}

#[test]
fn ipv4_mapped_address_matches_either_form() {
    let mapped = |last| {
        let address = core::net::Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped();
        Address::V6(address.octets())
    };
    let router = ExtendedRouter {
        nexthop: mapped(9),
        ..ExtendedRouter::default()
    };
    let nat = ExtendedNat {
        src_address: mapped(10),
        dst_address: Address::V4([192, 0, 2, 11]),
    };
    let ip = SampledIpv6 {
        length: 100,
        src_ip: Ipv6Address(
            core::net::Ipv4Addr::new(192, 0, 2, 12)
                .to_ipv6_mapped()
                .octets(),
        ),
        ..SampledIpv6::default()
    };
    let records = [router.into(), nat.into(), ip.into()];
    let cases = [
        ("router.nexthop=192.0.2.9", true),
        ("router.nexthop=::ffff:192.0.2.9", true),
        ("router.nexthop=192.0.2.8", false),
        ("router.nexthop=192.0.2.0/24", true),
        ("router.nexthop=::ffff:192.0.2.0/120", true),
        ("router.nexthop=192.0.3.0/24", false),
        ("router.nexthop!=192.0.2.9", false),
        ("nat.src=192.0.2.10", true),
        ("nat.dst=::ffff:192.0.2.11", true),
        ("ip.src=192.0.2.12", true),
        ("ip.src=192.0.2.0/24", true),
        ("end.src=192.0.2.12", true),
        ("end.src=192.0.2.0/24", true),
    ];
    for (filter, expected) in cases {
        let mut world = World::new();
        let id = world.watch(&format!("keys=;value=frames;smooth=off;filter={filter}"));
        let mut agent = Agent::new(1);
        let sample = agent.sample(&records);
        agent.send(&mut world, &[Sample::Flow(sample)]);
        assert_eq!(world.answer(id).total > 0.0, expected, "{filter}");
    }
}

/// The datagram ends inside its last sample.
#[test]
fn complete_records_of_truncated_sample_are_counted() {
    let mut world = World::new();
    let id = world.watch("keys=ip.src;value=frames;smooth=off");
    let packet = Udp::between(1, 2).bytes();
    let router = ExtendedRouter::default().into();
    let records = [header(&packet, 100), router];
    let mut agent = Agent::new(1);
    let sample = agent.sample(&records);
    let bytes = agent.encode(world.now, &[Sample::Flow(sample)]);
    agent.deliver(&mut world, &bytes[..bytes.len() - 1]);
    assert_eq!(world.rows(id), ["10.0.0.1 100"]);
    let health = world.registry.health();
    assert_eq!((health.flow_samples, health.malformed_samples), (1, 1));
}
