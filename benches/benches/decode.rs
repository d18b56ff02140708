//! Decoding, beside the floors and beside the two other crates that decode sFlow.
//!
//! `cargo bench -p sflow-benches --bench decode`; divide by the datagrams that criterion names
//! as throughput. Compare within one run only.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sflow_benches::{capture, sum_bytes, walk_lengths, walk_words};
use sflow_v5::counter::VirtCpu;
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, Sample};

fn decode(criterion: &mut Criterion) {
    for name in ["hsflowd-swarm", "openvswitch"] {
        let datagrams = capture(name).expect("a capture of the repository");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(datagrams.len() as u64));
        let mut each = |what: &str, work: &dyn Fn(&[u8])| {
            group.bench_with_input(
                BenchmarkId::from_parameter(what),
                &datagrams,
                |bencher, all| {
                    bencher.iter(|| all.iter().for_each(|datagram| work(black_box(datagram))));
                },
            );
        };
        each("floor: sum all bytes", &|datagram| {
            black_box(sum_bytes(datagram));
        });
        each("floor: walk the lengths", &|datagram| {
            black_box(walk_lengths(datagram));
        });
        each("floor: walk and read every word", &|datagram| {
            black_box(walk_words(datagram));
        });
        each("sflow-v5: every record typed", &every_record);
        each("sflow-v5: the same, each moved out", &every_record_moved);
        each("sflow-v5: find one record a sample", &find_one);
        each("flowparser-sflow: decode", &|datagram| {
            let parser = flowparser_sflow::SflowParser::default();
            black_box(parser.parse_bytes(datagram));
        });
        each("sflow-parser: decode", &|datagram| {
            drop(black_box(sflow_parser::parse_datagram(datagram)));
        });
        group.finish();
    }
}

/// Every sample and record, as the typed value that a user matches on, where the iterator put it.
fn every_record(datagram: &[u8]) {
    let datagram = Datagram::parse(datagram).expect("valid");
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => {
                let mut records = sample.records();
                while black_box(&records.next()).is_some() {}
            }
            Sample::Flow(sample) => {
                let mut records = sample.records();
                while black_box(&records.next()).is_some() {}
            }
            other => {
                black_box(&other);
            }
        }
    }
}

/// The same, but each record is handed on by value: a copy of up to a hundred bytes more.
fn every_record_moved(datagram: &[u8]) {
    let datagram = Datagram::parse(datagram).expect("valid");
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => sample.records().for_each(|record| {
                black_box(&record);
            }),
            Sample::Flow(sample) => sample.records().for_each(|record| {
                black_box(&record);
            }),
            other => {
                black_box(&other);
            }
        }
    }
}

/// One structure of each sample, all others passed over.
fn find_one(datagram: &[u8]) {
    let datagram = Datagram::parse(datagram).expect("valid");
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => {
                black_box(sample.find::<VirtCpu>());
            }
            Sample::Flow(sample) => {
                black_box(sample.find::<SampledHeader<'_>>());
            }
            other => {
                black_box(&other);
            }
        }
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
