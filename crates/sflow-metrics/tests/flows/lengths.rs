//! Lengths of packets that contradict their headers.

use sflow_v5::Sample;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{SampledEthernet, SampledHeader, SampledIpv4};
use sflow_v5::types::Opaque;

use crate::world::{Agent, World, ethernet, ipv4, mac};

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
    // Reported frame length and stripped bytes; expected bytes and net bytes; whether corrected.
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

/// A decoded record replaces the header.
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
