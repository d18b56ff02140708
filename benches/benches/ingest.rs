//! What it costs to turn datagrams into statistics, beside what it costs to decode them.
//!
//! `cargo bench -p sflow-benches --bench ingest`. Ten thousand containers on 250 hosts report
//! again and again; in each round everybody goes through the same new poll.

use std::time::Duration;

use sflow_benches::decoding::{Contender, FLOWPARSER_SFLOW, LENGTHS, TYPED, WORDS};
use sflow_benches::fleet::{Fleet, Poll};
use sflow_benches::is_measuring;
use sflow_benches::measure::{Rounds, nanoseconds};
use sflow_metrics::{Config, Registry, Timestamp, query::Query};
use sflow_v5::Datagram;

/// What was set out for, relative to decoding.
const AT_MOST: f64 = 5.0;

const CONTENDERS: [Contender; 4] = [LENGTHS, WORDS, TYPED, FLOWPARSER_SFLOW];
const TYPED_PLACE: usize = 2;
const INGEST: usize = CONTENDERS.len();

/// What is asked for all the time, besides the last readings.
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
        "| CPU ns a datagram of {hosts} hosts with {containers} containers each | | of decoding |"
    );
    println!("| --- | ---: | ---: |");
    let mut verdict = String::new();
    for (place, (name, queries)) in WINDOWS.into_iter().enumerate() {
        let rounds = measure(queries, hosts, containers, rounds);
        if place == 0 {
            for (place, contender) in CONTENDERS.iter().enumerate() {
                row(contender.name, place, &rounds);
            }
            let ratio = rounds.ratio(INGEST, TYPED_PLACE);
            let met = if ratio.median <= AT_MOST {
                "met"
            } else {
                "**missed**"
            };
            verdict = format!(
                "Ingest is {:.2} times decoding ({:.2} to {:.2}); at most {AT_MOST}: {met}.",
                ratio.median, ratio.lower, ratio.upper
            );
        }
        row(&format!("sflow-metrics: {name}"), INGEST, &rounds);
    }
    println!("\n{verdict}");
    memory(hosts, containers);
}

fn row(name: &str, place: usize, rounds: &Rounds) {
    let (time, ratio) = (rounds.time(place), rounds.ratio(place, TYPED_PLACE));
    println!("| {name} | {:.0} | {:.2} |", time.median, ratio.median);
}

/// The contenders and a registry, on one new poll after another.
fn measure(queries: &[&str], hosts: u32, containers: u32, rounds: usize) -> Rounds {
    let mut registry = registry(queries);
    let mut fleet = Fleet::new(hosts, containers);
    // Known, live, and long enough for every window to be as long as it gets.
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

/// What a registry takes up, in bytes a container.
fn memory(hosts: u32, containers: u32) {
    println!("\n| bytes a container | |\n| --- | ---: |");
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
        let datagram = Datagram::parse(bytes).expect("the encoder made it");
        registry.ingest(at, *sender, &datagram);
    }
}
