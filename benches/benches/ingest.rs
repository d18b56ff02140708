//! Measures the ingestion of datagrams into statistics, compared with decoding.
//!
//! `cargo bench -p sflow-benches --bench ingest`. 10,000 containers on 250 hosts report
//! periodically; all candidates process the same poll in each round.

use std::time::Duration;

use sflow_benches::decoding::{Contender, FLOWPARSER_SFLOW, LENGTHS, TYPED, WORDS};
use sflow_benches::fleet::{Fleet, Poll};
use sflow_benches::is_measuring;
use sflow_benches::measure::{Rounds, nanoseconds};
use sflow_metrics::{Config, Registry, Timestamp, query::Query};
use sflow_v5::Datagram;

/// The target: time relative to decoding.
const AT_MOST: f64 = 5.0;

const CONTENDERS: [Contender; 4] = [LENGTHS, WORDS, TYPED, FLOWPARSER_SFLOW];
const TYPED_INDEX: usize = 2;
const INGEST: usize = CONTENDERS.len();

/// The metrics that are aggregated over windows, in addition to the last readings.
const WINDOWS: [(&str, &[&str]); 3] = [
    ("last readings", &[]),
    (
        "and a window of a minute",
        &["avg:vir_cpu_utilization[60s]"],
    ),
    (
        "and windows of a minute of four metrics",
        &[
            "avg:vir_cpu_utilization[60s]",
            "avg:vir_mem_utilization[60s]",
            "avg:vir_bytes_in[60s]",
            "avg:vir_bytes_out[60s]",
        ],
    ),
];

fn main() {
    let (hosts, containers, rounds) = if is_measuring() {
        (250, 40, 60)
    } else {
        (2, 8, 3)
    };
    println!(
        "| CPU ns per datagram of {hosts} hosts with {containers} containers each | | relative to decoding |"
    );
    println!("| --- | ---: | ---: |");
    let mut result = String::new();
    for (place, (name, queries)) in WINDOWS.into_iter().enumerate() {
        let rounds = measure(queries, hosts, containers, rounds);
        if place == 0 {
            for (place, contender) in CONTENDERS.iter().enumerate() {
                row(contender.name, place, &rounds);
            }
            let ratio = rounds.ratio(INGEST, TYPED_INDEX);
            let met = if ratio.median <= AT_MOST {
                "met"
            } else {
                "**missed**"
            };
            result = format!(
                "Ingest takes {:.2} times as long as decoding ({:.2} to {:.2}); target {AT_MOST}: {met}.",
                ratio.median, ratio.lower, ratio.upper
            );
        }
        row(&format!("sflow-metrics: {name}"), INGEST, &rounds);
    }
    println!("\n{result}");
    memory(hosts, containers);
}

fn row(name: &str, place: usize, rounds: &Rounds) {
    let (time, ratio) = (rounds.time(place), rounds.ratio(place, TYPED_INDEX));
    println!("| {name} | {:.0} | {:.2} |", time.median, ratio.median);
}

/// Measures the decoders and a registry with consecutive polls.
fn measure(queries: &[&str], hosts: u32, containers: u32, rounds: usize) -> Rounds {
    let mut registry = registry(queries);
    let mut fleet = Fleet::new(hosts, containers);
    // Fill all windows before measuring.
    for _ in 0..8 {
        ingest(&mut registry, &fleet.poll());
    }
    let mut times = vec![Vec::new(); CONTENDERS.len() + 1];
    for _ in 0..rounds {
        let poll = fleet.poll();
        let a_datagram = 1.0 / poll.datagrams.len() as f64;
        for (contender, times) in CONTENDERS.iter().zip(&mut times) {
            times.push(nanoseconds(|| (contender.run)(&poll.datagrams)) * a_datagram);
        }
        times[INGEST].push(nanoseconds(|| ingest(&mut registry, &poll)) * a_datagram);
    }
    let health = registry.health();
    assert_eq!(health.counter_samples_lost + health.source_restarts, 0);
    Rounds::taken(times)
}

/// Prints the memory of a registry in bytes per container.
fn memory(hosts: u32, containers: u32) {
    println!("\n| bytes per container | |\n| --- | ---: |");
    for (name, queries) in WINDOWS {
        let mut fleet = Fleet::new(hosts, containers);
        let polls: Vec<Poll> = (0..8).map(|_| fleet.poll()).collect();
        let mut kept = None;
        let info = allocation_counter::measure(|| {
            let mut registry = registry(queries);
            polls.iter().for_each(|poll| ingest(&mut registry, poll));
            kept = Some(registry);
        });
        let all = i64::from(hosts * containers);
        println!("| {name} | {} |", info.bytes_current / all);
        drop(kept);
    }
}

fn registry(queries: &[&str]) -> Registry {
    let mut registry = Registry::new(Config::default());
    for query in queries {
        let query: Query = query.parse().expect("a query");
        registry.watch(&query);
    }
    registry
}

fn ingest(registry: &mut Registry, poll: &Poll) {
    let at = Timestamp::from_secs(1_000_000) + Duration::from_secs(poll.second.into());
    for (sender, bytes) in poll.senders.iter().zip(poll.datagrams.iter()) {
        let datagram = Datagram::parse(bytes).expect("an encoded datagram");
        registry.ingest(at, *sender, &datagram);
    }
}
