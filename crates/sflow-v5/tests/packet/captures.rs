//! Sampled headers of real agents: totals that equal those of tcpdump.

use std::collections::BTreeMap;

use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, Sample};

use super::capture;

#[test]
fn every_sampled_header_is_read_to_its_payload() {
    assert_eq!(
        shapes("hsflowd-swarm"),
        [("ethernet: ethernet ipv4 tcp rest payload".to_owned(), 8_642)]
    );
    assert_eq!(
        shapes("openvswitch"),
        [
            ("ethernet: ethernet ipv4 tcp rest payload".to_owned(), 431),
            ("ethernet: ethernet ipv4 udp rest payload".to_owned(), 92),
            // From the loopback device: no Ethernet addresses.
            ("ipv4: ipv4 tcp rest payload".to_owned(), 20),
        ]
    );
}

#[test]
fn tcp_flags_of_captures_equal_tcpdump() {
    let expected = [
        ("[.]", 4_264),
        ("[F.]", 1_097),
        ("[P.]", 2_156),
        ("[S.]", 562),
        ("[S]", 563),
    ];
    let expected = expected.map(|(flags, count)| (flags.to_owned(), count));
    assert_eq!(flags("hsflowd-swarm"), expected);
    let expected = [("[.]", 432), ("[P.]", 19)];
    let expected = expected.map(|(flags, count)| (flags.to_owned(), count));
    assert_eq!(flags("openvswitch"), expected);
}

fn shapes(name: &str) -> Vec<(String, usize)> {
    let mut shapes = BTreeMap::new();
    each_header(name, |header| {
        let packet = header.dissect();
        let names: Vec<_> = packet.layers().map(|layer| layer.name()).collect();
        let reason = packet.rest().reason;
        let shape = format!("{}: {} {reason}", header.protocol, names.join(" "));
        *shapes.entry(shape).or_default() += 1;
    });
    shapes.into_iter().collect()
}

fn flags(name: &str) -> Vec<(String, usize)> {
    let mut flags = BTreeMap::new();
    each_header(name, |header| {
        let transport = header.dissect().transport().unwrap();
        if let Some(shown) = transport.tcp_flags {
            *flags.entry(shown.to_string()).or_default() += 1;
        }
    });
    flags.into_iter().collect()
}

fn each_header(name: &str, mut visit: impl FnMut(SampledHeader<'_>)) {
    for bytes in capture::datagrams(name) {
        for sample in Datagram::parse(&bytes).unwrap().samples() {
            if let Sample::Flow(sample) = sample {
                visit(sample.find().unwrap());
            }
        }
    }
}
