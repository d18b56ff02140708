//! Layers below IP.

use sflow_v5::enums::CipherSuite;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::Extended80211Payload;
use sflow_v5::packet::{Packet, StopReason};
use sflow_v5::types::{Opaque, VlanTag};

use super::build::{IPV4, MPLS, TCP, ethernet, ipv6, join, mpls, tcp, vlan, web};
use super::{check, check_ethernet};

const WEB: &str = "10.0.0.1:80 > 10.0.0.2:4711 tcp [S.]";
const LINK: &str = "02:00:00:00:00:01 > 02:00:00:00:00:02";

#[test]
fn ethernet_ii_is_read() {
    check_ethernet(&ethernet(IPV4, &web()), "ethernet ipv4 tcp rest", WEB);
    let unknown = ethernet(0x88cc, &[1, 2, 3]);
    check_ethernet(
        &unknown,
        "ethernet rest",
        &format!("{LINK} (ethertype 0x88cc)"),
    );
    let packet = Packet::new(HeaderProtocol::ETHERNET, &unknown);
    assert_eq!(packet.rest().bytes, [1, 2, 3]);
}

#[test]
fn every_header_protocol_is_read_or_keeps_its_bytes() {
    let web = web();
    let frame = ethernet(IPV4, &web);
    let labelled = mpls(16, true, &web);
    let ppp = join(&[&[0, 0x21], &web]);
    for number in 0..=20 {
        let protocol = HeaderProtocol(number);
        let header = match protocol {
            HeaderProtocol::ETHERNET | HeaderProtocol::IEEE80211_AMSDU => &frame,
            HeaderProtocol::IPV4 | HeaderProtocol::IPV6 => &web,
            HeaderProtocol::MPLS => &labelled,
            HeaderProtocol::PPP | HeaderProtocol::POS => &ppp,
            other => {
                let rest = Packet::new(other, &frame).rest();
                assert_eq!(rest.bytes, frame);
                assert_eq!(rest.reason, StopReason::HeaderProtocol(other));
                continue;
            }
        };
        let packet = Packet::new(protocol, header);
        assert_eq!(packet.transport().unwrap().source_port, 80, "{protocol}");
    }
    let packet = Packet::new(HeaderProtocol::INFINIBAND, &frame);
    check(packet, "rest", "(header protocol infiniband)");
}

#[test]
fn ip_version_is_that_of_the_packet() {
    let packet = ipv6(TCP, &tcp(0x02, b""));
    let line = "[2001:db8::1]:80 > [2001:db8::2]:4711 tcp [S]";
    check(
        Packet::new(HeaderProtocol::IPV4, &packet),
        "ipv6 tcp rest",
        line,
    );
    let strange = [0x75; 40];
    let packet = Packet::new(HeaderProtocol::IPV6, &strange);
    check(packet, "rest", "(invalid: version of ip is 7)");
}

#[test]
fn vlan_tags_are_read() {
    let one = ethernet(0x8100, &vlan(7, IPV4, &web()));
    check_ethernet(
        &one,
        "ethernet vlan ipv4 tcp rest",
        &format!("vlan 7 {WEB}"),
    );
    for outer in [0x88a8, 0x9100, 0x8100] {
        let two = ethernet(outer, &vlan(100, 0x8100, &vlan(7, IPV4, &web())));
        let line = format!("vlan 100 vlan 7 {WEB}");
        check_ethernet(&two, "ethernet vlan vlan ipv4 tcp rest", &line);
        let packet = Packet::new(HeaderProtocol::ETHERNET, &two);
        let tags: Vec<_> = packet
            .vlans()
            .map(|tag| (tag.tpid(), tag.vlan(), tag.priority()))
            .collect();
        assert_eq!(tags, [(outer.into(), 100, 3), (0x8100, 7, 3)]);
        assert_eq!(packet.ethernet().unwrap().ether_type.0, IPV4);
    }
}

#[test]
fn eight_stacked_vlan_tags_are_read() {
    let tagged = (0..7).fold(vlan(7, IPV4, &web()), |inner, id| vlan(id, 0x8100, &inner));
    let frame = ethernet(0x8100, &tagged);
    let packet = Packet::new(HeaderProtocol::ETHERNET, &frame);
    let tags: Vec<_> = packet.vlans().map(VlanTag::vlan).collect();
    assert_eq!(tags, [6, 5, 4, 3, 2, 1, 0, 7]);
    assert_eq!(packet.transport().unwrap().destination_port, 4711);
}

#[test]
fn too_many_vlan_tags_stop_at_the_limit() {
    let tagged = (0..50).fold(vlan(7, IPV4, &web()), |inner, id| vlan(id, 0x8100, &inner));
    let frame = ethernet(0x8100, &tagged);
    let packet = Packet::new(HeaderProtocol::ETHERNET, &frame);
    assert_eq!(packet.layers().count(), usize::from(Packet::MAX_LAYERS) + 1);
    assert_eq!(packet.rest().reason, StopReason::TooManyLayers);
    assert_eq!(packet.rest().bytes, &frame[14 + 31 * 4..]);
}

#[test]
fn logical_link_control_is_read() {
    let snap = join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &web()]);
    let length = u16::try_from(snap.len()).unwrap();
    let frame = join(&[&ethernet(length, &snap), &[0; 9]]);
    check_ethernet(&frame, "ethernet llc ipv4 tcp rest", WEB);

    let tree = ethernet(38, &join(&[&[0x42, 0x42, 3], &[0; 43]]));
    let line = format!("{LINK} (service access point 0x42)");
    check_ethernet(&tree, "ethernet llc rest", &line);
    let packet = Packet::new(HeaderProtocol::ETHERNET, &tree);
    assert_eq!(packet.rest().bytes.len(), 35, "without padding");

    let cdp = ethernet(100, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2, 180]);
    let line = format!("{LINK} (snap 00:00:0c protocol 0x2000)");
    check_ethernet(&cdp, "ethernet llc rest", &line);

    let cut = ethernet(100, &[0xaa, 0xaa, 3, 0, 0]);
    let line = format!("{LINK} (cut: snap needs 5 bytes, 2 were sampled)");
    check_ethernet(&cut, "ethernet llc rest", &line);

    let data = Extended80211Payload {
        ciphersuite: CipherSuite::CCMP,
        data: Opaque(&snap),
    };
    check(data.dissect(), "llc ipv4 tcp rest", WEB);
}

#[test]
fn macsec_is_read() {
    let clear = join(&[&[0x20, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0], &web()]);
    let frame = ethernet(0x88e5, &clear);
    check_ethernet(&frame, "ethernet macsec ipv4 tcp rest", WEB);
    let encrypted = ethernet(0x88e5, &join(&[&[0x0c, 0, 0, 0, 0, 9], &web()]));
    check_ethernet(
        &encrypted,
        "ethernet macsec rest",
        &format!("{LINK} (encrypted)"),
    );
    let version = ethernet(0x88e5, &join(&[&[0x80, 0, 0, 0, 0, 9], &web()]));
    let line = format!("{LINK} (invalid: control information of macsec is 128)");
    check_ethernet(&version, "ethernet rest", &line);
}

#[test]
fn arp_is_read() {
    let (a, b) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let packet = |operation: u8| {
        let fixed = [0, 1, 8, 0, 6, 4, 0, operation];
        let body = join(&[&fixed, &a, &[10, 0, 0, 1], &b, &[10, 0, 0, 2], &[0; 18]]);
        ethernet(0x0806, &body)
    };
    check_ethernet(
        &packet(1),
        "ethernet arp rest",
        "arp who-has 10.0.0.2 tell 10.0.0.1",
    );
    check_ethernet(
        &packet(2),
        "ethernet arp rest",
        "arp 10.0.0.1 is-at 02:00:00:00:00:01",
    );
    check_ethernet(&packet(9), "ethernet arp rest", "arp operation 9");
    let line = format!("{LINK} (cut: arp needs 28 bytes, 27 were sampled)");
    check_ethernet(&packet(1)[..41], "ethernet rest", &line);
}

#[test]
fn mpls_label_stack_is_read() {
    let stack = mpls(1000, false, &mpls(16, true, &web()));
    let line = format!("mpls 1000 mpls 16 {WEB}");
    check_ethernet(
        &ethernet(MPLS, &stack),
        "ethernet mpls mpls ipv4 tcp rest",
        &line,
    );
    check(
        Packet::new(HeaderProtocol::MPLS, &stack),
        "mpls mpls ipv4 tcp rest",
        &line,
    );
    let packet = Packet::new(HeaderProtocol::MPLS, &stack);
    let labels: Vec<_> = packet
        .mpls_labels()
        .map(|entry| (entry.label(), entry.ttl()))
        .collect();
    assert_eq!(labels, [(1000, 64), (16, 64)]);

    let wire = mpls(16, true, &[0, 0, 0, 0, 2, 0]);
    let packet = Packet::new(HeaderProtocol::MPLS, &wire);
    check(packet, "mpls rest", "mpls 16 (labelled, first byte 0x00)");
    let bottomless = mpls(16, false, &mpls(17, false, &[0, 1]));
    let packet = Packet::new(HeaderProtocol::MPLS, &bottomless);
    let line = "mpls 16 mpls 17 (cut: mpls needs 4 bytes, 2 were sampled)";
    check(packet, "mpls mpls rest", line);
}

#[test]
fn ppp_is_read() {
    for (front, names) in [
        (&[0xff, 3, 0, 0x21][..], "ppp ipv4 tcp rest"),
        (&[0xff, 3, 0x21], "ppp ipv4 tcp rest"),
        (&[0, 0x21], "ppp ipv4 tcp rest"),
        (&[0x21], "ppp ipv4 tcp rest"),
    ] {
        let bytes = join(&[front, &web()]);
        check(Packet::new(HeaderProtocol::POS, &bytes), names, WEB);
    }
    let labelled = join(&[&[0x02, 0x81], &mpls(16, true, &web())]);
    let line = format!("mpls 16 {WEB}");
    check(
        Packet::new(HeaderProtocol::PPP, &labelled),
        "ppp mpls ipv4 tcp rest",
        &line,
    );
    let control = [0xff, 3, 0xc0, 0x21, 9];
    check(
        Packet::new(HeaderProtocol::PPP, &control),
        "ppp rest",
        "(ppp protocol 0xc021)",
    );
    for cut in [&control[..1], &control[..3]] {
        let packet = Packet::new(HeaderProtocol::PPP, cut);
        assert_eq!(packet.rest().reason.cause(), "cut", "{packet}");
    }
}

#[test]
fn pppoe_is_read() {
    let web = web();
    let length = u16::try_from(web.len() + 2).unwrap();
    let session = join(&[
        &[0x11, 0, 0, 42],
        &length.to_be_bytes(),
        &[0, 0x21],
        &web,
        &[0; 6],
    ]);
    let frame = ethernet(0x8864, &session);
    let line = format!("pppoe 42 {WEB}");
    check_ethernet(&frame, "ethernet pppoe ppp ipv4 tcp rest", &line);
    let packet = Packet::new(HeaderProtocol::ETHERNET, &frame);
    assert_eq!(packet.rest().bytes, b"payload");
}
