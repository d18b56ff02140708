//! What packets, and the records beside them, say under each key.

use sflow_metrics::FlowKey;
use sflow_v5::flow::{
    AsPathSegment, ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedGateway,
    ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedNat, ExtendedNatPort, ExtendedRouter,
    ExtendedSwitch, ExtendedUrl, ExtendedUser, ExtendedVniEgress, ExtendedVniIngress,
    SampledEthernet, SampledIpv4, SampledIpv6,
};
use sflow_v5::{Address, FlowRecord, Interface, Ipv4, Ipv6, List, Opaque, Sample, Text};

use crate::world::{Agent, Udp, World, ethernet, header, ipv4, mac, vxlan};

/// What a sample with these records has under each of these keys.
fn values(records: &[FlowRecord<'_>], keys: &[FlowKey]) -> String {
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

const LINK_TO_TRANSPORT: [FlowKey; 19] = [
    FlowKey::MacSource,
    FlowKey::MacDestination,
    FlowKey::EtherType,
    FlowKey::Vlan,
    FlowKey::VlanInner,
    FlowKey::Mpls,
    FlowKey::IpVersion,
    FlowKey::IpSource,
    FlowKey::IpDestination,
    FlowKey::IpProtocol,
    FlowKey::IpTos,
    FlowKey::IpDscp,
    FlowKey::IpTtl,
    FlowKey::IpFragment,
    FlowKey::PortSource,
    FlowKey::PortDestination,
    FlowKey::TcpFlags,
    FlowKey::IcmpType,
    FlowKey::IcmpCode,
];

#[test]
fn headers_are_read() {
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
fn tunnels_have_an_outside_and_an_inside() {
    let inner = Udp::between(1, 2).bytes();
    let encapsulated = vxlan(4097, &inner);
    let outer = Udp {
        ports: (40_000, 4789),
        payload: &encapsulated,
        ..Udp::between(8, 9)
    };
    let keys = [
        FlowKey::Tunnel,
        FlowKey::TunnelId,
        FlowKey::TunnelDepth,
        FlowKey::IpSource,
        FlowKey::PortDestination,
        FlowKey::InnerMacSource,
        FlowKey::InnerIpSource,
        FlowKey::InnerIpDestination,
        FlowKey::InnerIpProtocol,
        FlowKey::InnerPortDestination,
        FlowKey::EndSource,
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
fn what_agents_say_instead_of_a_header_is_as_good() {
    let ethernet = SampledEthernet {
        length: 100,
        src_mac: mac(1),
        dst_mac: mac(2),
        kind: 0x800,
    };
    let ip = SampledIpv4 {
        length: 86,
        protocol: 6,
        src_ip: Ipv4([10, 0, 0, 1]),
        dst_ip: Ipv4([10, 0, 0, 2]),
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
        src_ip: Ipv6([1; 16]),
        ..SampledIpv6::default()
    };
    assert_eq!(
        values(&[ip.into()], &LINK_TO_TRANSPORT),
        "- - - - - - 6 101:101:101:101:101:101:101:101 :: icmpv6 0 0 - 0 - - - - -"
    );
}

#[test]
fn records_beside_the_packet_are_read() {
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
    let from = FlowKey::all()
        .iter()
        .position(|key| *key == FlowKey::Agent)
        .unwrap();
    let keys = &FlowKey::all()[from..];
    assert_eq!(
        values(&records, keys),
        "10.99.0.1 10.99.0.1 0 0 0 - 0:3 in 3 - - - - acl deny 9 tcp_v4_rcv vlan l2_drops NO_SOCKET 3 \
         10 20 1 - 192.0.2.1 24 16 192.0.2.1 64512 3 - 2 ann bob /index example 192.0.2.7 - 1 2 \
         5 6"
    );
    // Nothing of all that is there in a sample that has none of it.
    let nothing = values(&[], FlowKey::all());
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
fn who_asks_for_whom_by_arp() {
    let mut world = World::new();
    let id = world.watch("keys=arp.operation,arp.sender,arp.target;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend([
        2, 0x42, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 7,
    ]);
    let whole = ethernet((mac(1), sflow_v5::Mac([0xff; 6])), 0x806, &arp);
    agent.see(&mut world, &whole, 60);
    // Cut before the one who is asked for.
    agent.see(&mut world, &whole[..whole.len() - 2], 60);
    // Of another protocol than IPv4.
    arp[5] = 3;
    agent.see(&mut world, &ethernet((mac(1), mac(2)), 0x806, &arp), 60);
    assert_eq!(world.rows(id), ["- - - 200", "1 10.0.0.1 10.0.0.7 100"]);
}

#[test]
fn names_that_are_asked_for() {
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
    let mut told = message.clone();
    told[2] |= 0x80;
    let answer = Udp {
        ports: (53, 40_000),
        payload: &told,
        ..question
    };
    agent.see(&mut world, &answer.bytes(), 100);
    // The same bytes elsewhere mean something else.
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
