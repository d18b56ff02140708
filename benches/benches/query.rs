//! Measures the time of queries.
//!
//! `cargo bench -p sflow-benches --bench query`. Queries over all of 10,000 containers, or over
//! one in forty.

use std::hint::black_box;
use std::time::Duration;

use sflow_benches::fleet::Fleet;
use sflow_benches::is_measuring;
use sflow_benches::measure::{Job, Rounds};
use sflow_metrics::{Config, Registry, Timestamp, query::Query};
use sflow_v5::Datagram;

/// The target.
const AT_MOST_MICROSECONDS: f64 = 1_000.0;

const QUERIES: [&str; 10] = [
    "avg:vir_cpu_utilization",
    "avg:vir_cpu_utilization{vir_host_name=apache.*}",
    "avg:vir_cpu_utilization{vir_host_name=apache.*,vir_cpu_state=running}",
    "avg:vir_cpu_utilization,avg:vir_mem_utilization,sum:vir_bytes_in+vir_bytes_out{vir_host_name=apache.*}",
    "avg:vir_cpu_utilization{vir_host_name=apache.7.*}",
    "median:vir_cpu_utilization{vir_host_name=apache.*}",
    "max:vir_cpu_utilization{vir_host_name=apache.*}",
    "avg:vir_cpu_utilization by vir_host_name=(*).*.*",
    "avg:vir_cpu_utilization{vir_host_name=apache.*}[60s]",
    "avg:cpu_utilization",
];

fn main() {
    let (hosts, containers, rounds) = if is_measuring() {
        (250, 40, 40)
    } else {
        (2, 8, 1)
    };
    let queries: Vec<Query> = QUERIES
        .iter()
        .map(|query| query.parse().expect("a query"))
        .collect();
    let mut registry = Registry::new(Config::default());
    for query in &queries {
        registry.watch(query);
    }
    let mut fleet = Fleet::new(hosts, containers);
    let mut now = Timestamp::ZERO;
    for _ in 0..8 {
        let poll = fleet.poll();
        now = Timestamp::from_secs(1_000_000) + Duration::from_secs(poll.second.into());
        for (sender, bytes) in poll.senders.iter().zip(poll.datagrams.iter()) {
            let datagram = Datagram::parse(bytes).expect("an encoded datagram");
            registry.ingest(now, *sender, &datagram);
        }
    }
    let registry = &registry;
    let mut jobs: Vec<Job<'_>> = queries
        .iter()
        .map(|query| Job {
            things: 1,
            run: Box::new(move || match query.grouping() {
                None => drop(black_box(registry.query(now, black_box(query)))),
                Some(_) => drop(black_box(registry.query_groups(now, black_box(query)))),
            }),
        })
        .collect();
    let times = Rounds::of(&mut jobs, rounds);
    println!(
        "| CPU µs over {} containers | | matched |",
        hosts * containers
    );
    println!("| --- | ---: | ---: |");
    let mut is_met = true;
    for (place, query) in queries.iter().enumerate() {
        let microseconds = times.time(place).median / 1e3;
        is_met &= microseconds <= AT_MOST_MICROSECONDS;
        let answer = registry.query(now, query)[0];
        println!(
            "| `{query}` | {microseconds:.0} | {} |",
            answer.contributing
        );
        assert!(answer.contributing > 0, "{query}: no container");
    }
    let word = if is_met { "met" } else { "**missed**" };
    println!("\nTarget {AT_MOST_MICROSECONDS} µs: {word}.");
}
