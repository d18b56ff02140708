//! Neither decoding nor encoding allocates: counted.

#[allow(dead_code, reason = "each test uses its part")]
mod capture;

use std::hint::black_box;

use allocation_counter::measure;
use sflow_v5::counter::{HostAdapters, VirtCpu};
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, Encoder, List, Sample, Value};

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(black_box(vec![1, 2, 3])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn decoding() {
    for capture in ["hsflowd-swarm", "openvswitch"] {
        let datagrams = capture::datagrams(capture);
        let mut records = 0;
        let counted = measure(|| records = datagrams.iter().map(|bytes| read(bytes)).sum());
        assert_eq!(counted.count_total, 0, "{capture}");
        assert!(records > 1_000, "{records} records in {capture}");
    }
}

#[test]
fn decoding_what_is_broken() {
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

#[test]
fn encoding() {
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

/// Reads everything in every way there is; how many records.
fn read(bytes: &[u8]) -> usize {
    let Ok(datagram) = Datagram::parse(bytes) else {
        return 0;
    };
    black_box(datagram.validate().is_ok());
    let records = datagram.samples().map(|sample| match sample {
        Sample::Flow(sample) => {
            black_box(sample.find::<SampledHeader<'_>>());
            let records = sample.records().inspect(|record| {
                (0..record.fields().len()).for_each(|index| walk(record.field(index)));
            });
            records.count()
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
        _ => 0,
    });
    records.sum()
}

fn walk(value: Value<'_>) {
    if let Value::Text(text) = value {
        black_box(text.to_str().is_ok());
    }
    black_box(value);
}
