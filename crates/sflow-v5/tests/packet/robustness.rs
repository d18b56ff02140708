//! Any bytes: no panic, iteration ends, and every layer is inside its packet.

use proptest::prelude::*;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Layer, Packet};

use super::build::{
    BRIDGED, GRE, IPV4, MPLS, TCP, UDP, ethernet, extension, geneve, gre, ipv4, ipv6, mpls, tcp,
    udp, vlan, vxlan,
};

/// Calls every method, and checks the invariants of the results.
fn examine(packet: Packet<'_>, header: &[u8]) {
    let layers: Vec<_> = packet.layers().collect();
    assert!(layers.len() <= usize::from(Packet::MAX_LAYERS) + 1);
    let rests = layers
        .iter()
        .filter(|layer| matches!(layer, Layer::Rest(_)));
    assert_eq!(rests.count(), 1);
    assert!(matches!(layers.last(), Some(Layer::Rest(rest)) if *rest == packet.rest()));

    let mut place = header.as_ptr() as usize;
    for layer in &layers {
        let bytes = layer.bytes();
        assert!(
            !bytes.is_empty() || matches!(layer, Layer::Rest(_)),
            "{layer:?}"
        );
        assert_eq!(
            bytes.as_ptr() as usize,
            place,
            "behind the one before: {layer:?}"
        );
        place += bytes.len();
    }
    assert!(place <= header.as_ptr() as usize + header.len());

    let mut own = Vec::new();
    let mut current = Some(packet);
    while let Some(packet) = current {
        let _ = (
            packet.ethernet(),
            packet.ip(),
            packet.transport(),
            packet.icmp(),
        );
        let _ = (
            packet.vlans().count(),
            packet.mpls_labels().count(),
            packet.tunnel(),
        );
        own.extend(packet.own_layers());
        current = packet.inner();
        assert_eq!(current.is_some(), packet.tunnel().is_some());
        if current.is_none() {
            assert_eq!(format!("{packet}"), format!("{}", packet.innermost()));
        }
    }
    assert_eq!(own, layers, "inner packets follow each other");
    let line = packet.to_string();
    assert_eq!(
        line.matches('{').count(),
        line.matches('}').count(),
        "{line}"
    );
    #[cfg(feature = "serde")]
    assert_eq!(
        serde_json::to_value(packet)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        layers.len()
    );
}

/// A valid packet with some tunnels.
fn valid_packet() -> impl Strategy<Value = Vec<u8>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..12);
    let leaf = prop_oneof![
        payload
            .clone()
            .prop_map(|data| ipv4(TCP, &tcp(0x12, &data))),
        payload.clone().prop_map(|data| ipv4(UDP, &udp(53, &data))),
        payload
            .clone()
            .prop_map(|data| ipv6(TCP, &extension(TCP, &data))),
        payload.prop_map(|data| ipv6(58, &data)),
    ];
    leaf.prop_recursive(4, 8, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ip| ipv4(4, &ip)),
            inner.clone().prop_map(|ip| ipv6(60, &extension(4, &ip))),
            (inner.clone(), any::<u8>())
                .prop_map(|(ip, flags)| { ipv4(GRE, &gre(flags & 0xb0, IPV4, &[0; 12], &ip)) }),
            inner.clone().prop_map(|ip| {
                ipv4(
                    UDP,
                    &udp(4789, &vxlan(1, &ethernet(MPLS, &mpls(16, true, &ip)))),
                )
            }),
            inner.clone().prop_map(|ip| {
                let frame = ethernet(0x8100, &vlan(7, IPV4, &ip));
                ipv6(UDP, &udp(6081, &geneve(1, BRIDGED, &[0; 4], &frame)))
            }),
            inner.prop_map(|ip| ipv4(GRE, &gre(0x10, 0x88be, &[0; 12], &ethernet(IPV4, &ip)))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_are_dissected(protocol in 0_u32..20, header in proptest::collection::vec(any::<u8>(), 0..256)) {
        examine(Packet::new(HeaderProtocol(protocol), &header), &header);
        examine(Packet::from_llc(&header), &header);
    }

    #[test]
    fn damaged_packet_is_dissected(
        mut header in valid_packet(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        end in any::<proptest::sample::Index>(),
    ) {
        for (place, byte) in changes {
            *place.get_mut(&mut header) = byte;
        }
        examine(Packet::new(HeaderProtocol::IPV4, &header), &header);
        let cut = &header[..end.index(header.len())];
        examine(Packet::new(HeaderProtocol::IPV4, cut), cut);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_prefix_is_dissected(ip in valid_packet()) {
        let frame = ethernet(0x88a8, &vlan(1, 0x8100, &vlan(2, IPV4, &ip)));
        let tags = [Packet::new(HeaderProtocol::ETHERNET, &frame)];
        prop_assert!(tags.iter().all(|packet| packet.vlans().count() == 2));
        for length in 0..=frame.len() {
            let cut = &frame[..length];
            examine(Packet::new(HeaderProtocol::ETHERNET, cut), cut);
        }
    }
}
