//! Decoding and encoding do not allocate: a counting allocator checks it.

#[allow(dead_code, reason = "each test uses a part of it")]
mod arbitrary;
#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;
#[allow(dead_code, reason = "each test uses a part of it")]
mod record;

use std::hint::black_box;

use allocation_counter::measure;
use arbitrary::structures;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use record::sample_with;
use sflow_v5::counter::{HostAdapters, VirtCpu};
use sflow_v5::field::Value;
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::List;
use sflow_v5::{Datagram, Encoder, FlowRecord, Sample};

#[test]
fn allocations_are_counted() {
    let counted = measure(|| drop(black_box(vec![1, 2, 3])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn decoding_does_not_allocate() {
    for capture in ["hsflowd-swarm", "openvswitch"] {
        let datagrams = capture::datagrams(capture);
        let mut records = 0;
        let counted = measure(|| records = datagrams.iter().map(|bytes| read(bytes)).sum());
        assert_eq!(counted.count_total, 0, "{capture}");
        assert!(records > 1_000, "{records} records in {capture}");
    }
}

#[test]
fn decoding_damaged_data_does_not_allocate() {
    let datagrams = capture::datagrams("openvswitch");
    let counted = measure(|| {
        for bytes in &datagrams {
            for length in (0..bytes.len()).step_by(3) {
                black_box(read(&bytes[..length]));
            }
        }
    });
    assert_eq!(counted.count_total, 0);
}

/// Every structure and every kind of sample, through every method that reads.
#[test]
fn decoding_every_structure_does_not_allocate() {
    let mut runner = TestRunner::deterministic();
    let mut datagrams: Vec<_> = structures()
        .into_iter()
        .map(|structure| {
            let bytes = structure.bytes.new_tree(&mut runner).unwrap().current();
            sample_with(structure.space, structure.format, &bytes)
        })
        .collect();
    for vector in ["vector-2-discarded-packet", "vector-5-rtmetric-rtflow"] {
        let path = capture::testdata("corpus/datagram").join(vector);
        datagrams.push(std::fs::read(path.with_extension("bin")).unwrap());
    }
    let mut records = 0;
    let counted = measure(|| records = datagrams.iter().map(|bytes| read(bytes)).sum());
    assert_eq!(counted.count_total, 0);
    assert_eq!(records, 120 + 2 + 3, "records, and named values");
}

#[cfg(feature = "packet")]
#[test]
fn dissecting_does_not_allocate() {
    struct Nowhere;
    impl std::fmt::Write for Nowhere {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            black_box(text);
            Ok(())
        }
    }
    for capture in ["hsflowd-swarm", "openvswitch"] {
        let (datagrams, mut layers) = (capture::datagrams(capture), 0);
        let counted = measure(|| {
            for bytes in &datagrams {
                for sample in Datagram::parse(bytes).unwrap().samples() {
                    let Sample::Flow(sample) = sample else {
                        continue;
                    };
                    let packet = sample.find::<SampledHeader<'_>>().unwrap().dissect();
                    layers += packet.layers().count();
                    black_box((packet.ethernet(), packet.ip(), packet.transport()));
                    black_box(packet.tunnel());
                    std::fmt::Write::write_fmt(&mut Nowhere, format_args!("{packet}")).unwrap();
                }
            }
        });
        assert_eq!(counted.count_total, 0, "{capture}");
        assert!(layers > 1_000, "{layers} layers in {capture}");
    }
}

#[test]
fn encoding_does_not_allocate() {
    for capture in ["hsflowd-swarm", "openvswitch"] {
        let datagrams = capture::datagrams(capture);
        let mut buffer = [0; 1500];
        let counted = measure(|| {
            for bytes in &datagrams {
                let datagram = Datagram::parse(bytes).unwrap();
                let mut encoder = Encoder::new(&mut buffer, &datagram.header).unwrap();
                datagram
                    .samples()
                    .for_each(|sample| encoder.push(&sample).unwrap());
                black_box(encoder.finish());
            }
        });
        assert_eq!(counted.count_total, 0, "{capture}");
    }
}

/// Reads everything through every method; returns the number of records.
fn read(bytes: &[u8]) -> usize {
    let Ok(datagram) = Datagram::parse(bytes) else {
        return 0;
    };
    black_box(datagram.validate().is_ok());
    let records = datagram.samples().map(|sample| match sample {
        Sample::Flow(sample) => {
            black_box(sample.find::<SampledHeader<'_>>());
            sample.records().inspect(flow_record).count()
        }
        Sample::Counters(sample) => {
            black_box(sample.find::<VirtCpu>());
            let adapters = sample.find::<HostAdapters<'_>>();
            let adapters = adapters.map_or(List::default(), |record| record.adapters);
            black_box(
                adapters
                    .into_iter()
                    .flat_map(|adapter| adapter.mac_address)
                    .count(),
            );
            let records = sample.records().inspect(|record| {
                (0..record.fields().len()).for_each(|index| walk(record.field(index)));
            });
            records.count()
        }
        Sample::Discarded(sample) => {
            black_box(sample.find::<SampledHeader<'_>>());
            sample.records().inspect(flow_record).count()
        }
        Sample::RtMetric(sample) => sample.metrics.iter().count(),
        Sample::RtFlow(sample) => sample.fields.iter().count(),
        _ => 0,
    });
    records.sum()
}

fn flow_record(record: &FlowRecord<'_>) {
    match record {
        FlowRecord::ExtendedGateway(gateway) => {
            let numbers = gateway.dst_as_path.iter();
            black_box(numbers.flat_map(|segment| segment.as_number).count());
            black_box(gateway.communities.iter().count());
        }
        FlowRecord::ExtendedMpls(mpls) => {
            black_box(mpls.in_stack.iter().chain(mpls.out_stack).count());
        }
        FlowRecord::Extended80211Aggregation(aggregation) => {
            for pdu in aggregation.pdus {
                pdu.records.iter().for_each(|record| flow_record(&record));
            }
        }
        _ => {}
    }
    (0..record.fields().len()).for_each(|index| {
        walk(record.field(index));
        black_box(record.known(index));
    });
}

fn walk(value: Value<'_>) {
    if let Value::Text(text) = value {
        black_box(text.to_str().is_ok());
    }
    black_box(value);
}
