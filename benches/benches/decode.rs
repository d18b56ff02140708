//! Decoding: all contenders of `sflow_benches::decoding` on all inputs, measured by criterion.
//!
//! `cargo bench -p sflow-benches --bench decode`. The throughput is in datagrams. Contenders run one
//! after another, so compare them with `--bench ratios`, which interleaves them.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sflow_benches::decoding::CONTENDERS;
use sflow_benches::{Input, is_measuring};

fn decode(criterion: &mut Criterion) {
    let most = if is_measuring() { 10_000 } else { 20 };
    for input in Input::ALL {
        let datagrams = input.datagrams(most).expect("inputs are in the repository");
        let mut group = criterion.benchmark_group(input.name());
        group.throughput(Throughput::Elements(datagrams.len() as u64));
        for contender in CONTENDERS {
            let name = BenchmarkId::from_parameter(contender.name);
            group.bench_with_input(name, &datagrams, |bencher, datagrams| {
                bencher.iter(|| (contender.run)(datagrams));
            });
        }
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
    targets = decode
}
criterion_main!(benches);
