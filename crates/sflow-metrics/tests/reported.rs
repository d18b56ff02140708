//! Problems with sequence numbers and counters that users of other collectors reported, as small
//! captures with the correct values.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};

use pcap_file::pcap::PcapReader;
use sflow_metrics::{AgentStatus, Config, Registry, Timestamp, event, flow};
use sflow_v5::Datagram;

/// The state after a capture was ingested.
struct Read {
    registry: Registry,
    flows: flow::Answer,
    /// After each datagram: bytes per second of all interfaces, and the number of interfaces that
    /// contribute.
    octets: Vec<(Option<f64>, usize)>,
}

fn read(name: &str) -> Read {
    let path = format!("{}/../../testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = PcapReader::new(File::open(&path).expect(&path)).unwrap();
    let mut registry = Registry::new(Config::default());
    let id = registry
        .watch_flows("keys=agent;value=bytes;smooth=off".parse().unwrap())
        .unwrap();
    let query = "sum:ifinoctets".parse().unwrap();
    let mut octets = Vec::new();
    let mut now = Timestamp::ZERO;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        now = Timestamp::ZERO + packet.timestamp;
        let sliced = etherparse::SlicedPacket::from_ethernet(&packet.data).unwrap();
        let (Some(etherparse::NetSlice::Ipv4(ip)), Some(etherparse::TransportSlice::Udp(udp))) =
            (&sliced.net, &sliced.transport)
        else {
            panic!("{name}: no UDP");
        };
        let sender = SocketAddr::from((ip.header().source_addr(), udp.source_port()));
        let datagram = Datagram::parse(udp.payload()).unwrap();
        registry.ingest_from(now, sender, &datagram);
        registry.expire(now);
        let summary = registry.query(now, &query)[0];
        octets.push((summary.value, summary.contributing));
    }
    let flows = registry.flows(now, id).unwrap();
    Read {
        registry,
        flows,
        octets,
    }
}

fn agent(read: &Read) -> AgentStatus {
    read.registry.agents().next().unwrap()
}

fn is_reported(read: &Read) -> bool {
    let mut events = read.registry.events(event::Id::START);
    events.any(|event| matches!(event.kind, event::Kind::NumberingDistrusted { .. }))
}

#[test]
fn t29_flows_are_right_for_any_numbers() {
    let cases = [
        ("datagram-sequence-constant", 15e6, 1e-9, true),
        ("datagram-sequence-per-line-card", 15e6, 1e-9, true),
        ("sample-sequence-constant", 15e6, 1e-9, true),
        ("sample-sequence-shared-by-24-interfaces", 3.0e9, 0.03, true),
    ];
    for (name, bytes, tolerance, reported) in cases {
        let read = read(&format!("reported/{name}.pcap"));
        let total = read.flows.total;
        assert!((total / bytes - 1.0).abs() <= tolerance, "{name}: {total}");
        assert!(
            read.flows.total_sampling_error < 0.25 * bytes,
            "{name}: {:?}",
            read.flows
        );
        let agent = agent(&read);
        assert!(
            agent.loss().is_none_or(|loss| loss < 0.01),
            "{name}: {agent:?}"
        );
        assert_eq!(agent.restarts, 0, "{name}");
        assert_eq!(is_reported(&read), reported, "{name}");
        assert!(
            agent.odd_numbering || agent.odd_sources > 0,
            "{name}: {agent:?}"
        );
        let missing: u64 = read
            .registry
            .samplers()
            .map(|sampler| sampler.missing)
            .sum();
        assert_eq!(missing, 0, "{name}");
    }
}

#[test]
fn t29_interfaces_are_right_for_any_numbers() {
    // Name, and number of datagrams after which the value is known.
    for (name, known_after) in [
        ("interface-seq-const", 2),
        ("interface-counter32-in-64-wraps", 1),
    ] {
        let read = read(&format!("reported/{name}.pcap"));
        for (number, octets) in read.octets.iter().enumerate() {
            let expected = if number < known_after {
                (None, 0)
            } else {
                (Some(50e6), 1)
            };
            assert_eq!(*octets, expected, "{name}, datagram {number}");
        }
        assert_eq!(read.registry.health().source_restarts, 0, "{name}");
        assert_eq!(read.registry.health().counter_resets, 0, "{name}");
    }
}

/// If the growth of pools disagrees with the stated rate, the count of the kernel is between them,
/// and the error covers both.
#[test]
fn t29_error_covers_pool_growth_and_stated_rate() {
    let read = read("captures/hsflowd-marktraffic.pcap");
    let (total, error) = (read.flows.total, read.flows.total_sampling_error);
    // Samples × stated rate, count of the kernel for the containers, and growth of the pool.
    for truth in [1_741e6, 1_997e6, 2_225e6] {
        assert!(
            (total - error..=total + error).contains(&truth),
            "{truth}: {total} ± {error}"
        );
    }
    assert!(error < 0.4 * total, "{total} ± {error}");
    assert!(read.flows.total_rate_error > 0.1 * total);
}

#[test]
fn senders_equal_those_of_captures() {
    let read = read("reported/interface-seq-const.pcap");
    assert_eq!(agent(&read).key.sender, IpAddr::from([192, 0, 2, 1]));
}
