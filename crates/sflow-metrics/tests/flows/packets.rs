//! What packets, and the records beside them, say under each key.

use sflow_metrics::flow;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{
    AsPathSegment, ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedGateway,
    ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedNat, ExtendedNatPort, ExtendedRouter,
    ExtendedSwitch, ExtendedUrl, ExtendedUser, ExtendedVniEgress, ExtendedVniIngress,
    SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6,
};
use sflow_v5::types::{Ipv4Address, Ipv6Address, List, Opaque, Text};
use sflow_v5::{Address, FlowRecord, Interface, Sample};

use crate::world::{Agent, Udp, World, ethernet, header, ipv4, mac, vxlan};

/// What a sample with these records has under each of these keys.
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
    // Nothing of all that is there in a sample that has none of it.
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

/// A frame of IEEE 802.3: its length, and logical link control.
fn ieee_802_3(control: &[u8]) -> Vec<u8> {
    ethernet((mac(1), mac(2)), control.len() as u16, control)
}

#[test]
fn length_is_no_ether_type() {
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
fn lengths_that_the_header_contradicts_are_corrected() {
    // 14 bytes of Ethernet and 1,500 of IP, of which 100 are sampled.
    let packet = |kind: u16, ip: &[u8]| {
        let mut frame = ethernet((mac(1), mac(2)), kind, ip);
        frame.resize(100, 0);
        frame
    };
    let mut v4 = ipv4(([10, 0, 0, 1], [10, 0, 0, 2]), 17, &[0; 8]);
    v4[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    let v4 = packet(0x800, &v4);
    let v6 = packet(
        0x86dd,
        &[&[0x60, 0, 0, 0, 0x05, 0xb4, 17, 64][..], &[1; 32]].concat(),
    );
    let mut tagged = v4.clone();
    tagged.splice(12..12, [0x81, 0, 0, 7]);
    let (mut offloaded, mut short) = (v4.clone(), v4.clone());
    offloaded[16..18].copy_from_slice(&[0, 0]);
    short[16..18].copy_from_slice(&[0, 21]);
    let mut whole = v4.clone();
    whole[16..18].copy_from_slice(&[0, 86]);
    let llc = packet(1500, &[0x42, 0x42, 3]);
    let unknown = packet(0x88b5, &[]);
    // Frame length and stripped as reported; both lengths as corrected, and whether they are.
    let cases = [
        ("right", &v4, 1518, 4, (1518.0, 1514.0, 0)),
        ("without check sequence", &v4, 1514, 0, (1514.0, 1514.0, 0)),
        ("longer", &v4, 1600, 50, (1600.0, 1550.0, 0)),
        (
            "frame of the sampled bytes",
            &v4,
            104,
            4,
            (1518.0, 1514.0, 1),
        ),
        ("frame without length", &v4, 0, 4, (1518.0, 1514.0, 1)),
        (
            "frame of the sampled bytes, IPv6",
            &v6,
            104,
            4,
            (1518.0, 1514.0, 1),
        ),
        (
            "frame without its tag",
            &tagged,
            1518,
            4,
            (1518.0, 1518.0, 1),
        ),
        (
            "frame below 802.3 length",
            &llc,
            104,
            4,
            (1518.0, 1514.0, 1),
        ),
        ("stripped is the rest", &v4, 1518, 1418, (1518.0, 1514.0, 1)),
        (
            "stripped is the rest, IPv6",
            &v6,
            1518,
            1418,
            (1518.0, 1514.0, 1),
        ),
        (
            "stripped is the rest, unknown type",
            &unknown,
            1518,
            1418,
            (1518.0, 1514.0, 1),
        ),
        ("stripped is all", &v4, 1518, 1518, (1518.0, 1514.0, 1)),
        (
            "stripped is all ones",
            &v4,
            1518,
            u32::MAX,
            (1518.0, 1514.0, 1),
        ),
        ("both", &v4, 104, u32::MAX, (1518.0, 1514.0, 1)),
        ("trailer", &v4, 1582, 4, (1582.0, 1578.0, 0)),
        ("longer than any trailer", &v4, 1583, 4, (1518.0, 1514.0, 1)),
        ("much too long", &v4, 65_535, 4, (1518.0, 1514.0, 1)),
        ("much too long, IPv6", &v6, 65_535, 4, (1518.0, 1514.0, 1)),
        (
            "much too long, tagged",
            &tagged,
            65_535,
            4,
            (1522.0, 1518.0, 1),
        ),
        ("4 GB", &v4, u32::MAX, 4, (1518.0, 1514.0, 1)),
        (
            "4 GB and stripped of all ones",
            &v4,
            u32::MAX,
            u32::MAX,
            (1518.0, 1514.0, 1),
        ),
        (
            "offloaded segmentation",
            &offloaded,
            65_000,
            4,
            (65_000.0, 64_996.0, 0),
        ),
        ("all of IP sampled", &whole, 1000, 4, (1000.0, 996.0, 0)),
        (
            "all of IP sampled, much too long",
            &whole,
            65_535,
            4,
            (104.0, 100.0, 1),
        ),
        (
            "IP shorter than sampled",
            &short,
            1000,
            4,
            (1000.0, 996.0, 0),
        ),
        (
            "longer than 802.3 length",
            &llc,
            9018,
            4,
            (9018.0, 9014.0, 0),
        ),
    ];
    for (case, packet, frame_length, stripped, (bytes, net, corrected)) in cases {
        let mut world = World::new();
        let ids = ["bytes", "bytes.net"].map(|value| {
            let definition = format!("keys=;value={value};smooth=off");
            world.watch(&definition)
        });
        let mut agent = Agent::new(1);
        let records = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length,
            stripped,
            header: Opaque(packet),
        }
        .into()];
        let sample = agent.sample(&records);
        agent.send(&mut world, &[Sample::Flow(sample)]);
        let found = ids.map(|id| world.answer(id).total / 100.0);
        assert_eq!(found, [bytes, net], "{case}");
        assert_eq!(
            world.registry.health().flow_samples_corrected,
            corrected,
            "{case}"
        );
    }
}

/// What the agent read of the header is as good as the header.
#[test]
fn frame_length_below_reported_ip_length_is_corrected() {
    let mut world = World::new();
    let id = world.watch("keys=;value=bytes;smooth=off");
    let ethernet = SampledEthernet {
        length: 100,
        kind: 0x800,
        ..SampledEthernet::default()
    };
    let ip = SampledIpv4 {
        length: 1500,
        ..SampledIpv4::default()
    };
    let records = [ethernet.into(), ip.into()];
    let mut agent = Agent::new(1);
    let sample = agent.sample(&records);
    agent.send(&mut world, &[Sample::Flow(sample)]);
    assert_eq!(world.answer(id).total, 151_800.0);
}

#[test]
fn ipv4_address_in_ipv6_is_found_by_either_form() {
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

/// A datagram that ends inside its last sample.
#[test]
fn whole_records_of_a_cut_sample_count() {
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
