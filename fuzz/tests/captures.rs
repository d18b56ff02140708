//! Captures of real agents, complete and damaged.

use sflow_collector::capture::Capture;
use sflow_fuzz::{
    check_capture, check_datagram, check_differential, check_packet, check_round_trip, cuts,
};
use sflow_v5::{Datagram, Sample, flow::SampledHeader};

#[test]
fn recorded_datagrams() {
    for bytes in captures() {
        check_datagram(&bytes);
        check_round_trip(&bytes);
        check_differential(&bytes);
        assert_eq!(Datagram::parse(&bytes).unwrap().validate(), Ok(()));
    }
}

#[test]
fn recorded_datagrams_truncated_at_every_byte() {
    for bytes in captures().iter().step_by(149) {
        cuts(bytes).for_each(check_datagram);
    }
}

#[test]
fn recorded_sampled_headers() {
    for bytes in captures() {
        for sample in Datagram::parse(&bytes).unwrap().samples() {
            if let Sample::Flow(sample) = sample
                && sample.sequence_number % 16 == 0
                && let Some(header) = sample.find::<SampledHeader<'_>>()
            {
                let protocol = u8::try_from(header.protocol.0).unwrap();
                check_packet(&[&[protocol], &header.header[..]].concat());
            }
        }
    }
}

#[test]
fn recorded_files() {
    for name in ["hsflowd-swarm", "openvswitch"] {
        check_capture(&std::fs::read(path(name)).unwrap());
    }
}

fn captures() -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    for name in ["hsflowd-swarm", "openvswitch"] {
        let mut capture = Capture::open(path(name)).unwrap();
        while let Some(received) = capture.next_datagram().unwrap() {
            datagrams.push(received.bytes.to_vec());
        }
    }
    assert!(datagrams.len() > 1000);
    datagrams
}

fn path(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/../testdata/captures/{name}.pcap")
}
