//! Measures encoding into a buffer, compared with copying the encoded bytes.
//!
//! `cargo bench -p sflow-benches --bench encode`. `--bench ratios` compares it with its target.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sflow_benches::encoding::{Values, copy, decode_and_encode, encode};
use sflow_benches::{Input, is_measuring};

fn encoders(criterion: &mut Criterion) {
    // Few enough for the cache, as for an agent that has just read the values.
    let most = if is_measuring() { 200 } else { 20 };
    let mut buffer = [0; 1 << 16];
    for input in Input::ALL {
        let datagrams = input.datagrams(most).expect("the inputs of the repository");
        let values = Values::of(&datagrams);
        let messages = values.messages();
        let mut group = criterion.benchmark_group(format!("{}: encode", input.name()));
        group.throughput(Throughput::Elements(datagrams.len() as u64));
        group.bench_function("floor: memcpy", |bencher| {
            bencher.iter(|| copy(&datagrams, &mut buffer));
        });
        group.bench_function("sflow-v5: encode values", |bencher| {
            bencher.iter(|| encode(&messages, &mut buffer));
        });
        group.bench_function("sflow-v5: decode and encode", |bencher| {
            bencher.iter(|| decode_and_encode(&datagrams, &mut buffer));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_200))
        .without_plots();
    targets = encoders
}
criterion_main!(benches);
