//! Measures the ingestion of datagrams into statistics, compared with decoding.
//!
//! `cargo bench -p sflow-benches --bench ingest --profile plain`. 10,000 containers on 250 hosts, or
//! 400 on 10 hosts, whose statistics fit into the cache, report periodically; all candidates process
//! the same poll in each round.

use std::time::Duration;

use sflow_benches::decoding::{Contender, FLOWPARSER_SFLOW, LENGTHS, MATCH, TYPED, WORDS};
use sflow_benches::fleet::{Fleet, Poll};
use sflow_benches::is_measuring;
use sflow_benches::measure::{Rounds, nanoseconds};
use sflow_metrics::{Config, Registry, Timestamp, query::Query};
use sflow_v5::Datagram;

const CONTENDERS: [Contender; 5] = [MATCH, TYPED, LENGTHS, WORDS, FLOWPARSER_SFLOW];
const MATCH_INDEX: usize = 0;
const INGEST: usize = CONTENDERS.len();

/// Hosts, and the targets: time relative to matching on every record.
const FLEETS: [(u32, f64); 2] = [(10, 3.5), (250, 6.0)];

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
    let (fleets, containers, rounds) = if is_measuring() {
        (FLEETS, 40, 15_000_u32)
    } else {
        ([(1, 3.5), (2, 6.0)], 8, 3)
    };
    let columns = fleets.map(|(hosts, _)| {
        let rounds = rounds.div_ceil(hosts);
        WINDOWS.map(|(_, queries)| measure(queries, hosts, containers, rounds as usize))
    });
    let [few, many] = fleets.map(|(hosts, _)| hosts);
    println!(
        "| CPU ns per datagram, {containers} containers per host | {few} hosts | | {many} hosts | |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (place, contender) in CONTENDERS.iter().enumerate() {
        row(
            contender.name,
            place,
            columns.each_ref().map(|column| &column[0]),
        );
    }
    for (window, (name, _)) in WINDOWS.iter().enumerate() {
        let rounds = columns.each_ref().map(|column| &column[window]);
        row(&format!("sflow-metrics: {name}"), INGEST, rounds);
    }
    println!();
    for ((hosts, at_most), column) in fleets.iter().zip(&columns) {
        let ratio = column[0].ratio(INGEST, MATCH_INDEX);
        let met = if ratio.median <= *at_most {
            "met"
        } else {
            "**missed**"
        };
        println!(
            "{hosts} hosts: ingest takes {:.2} times as long as matching on every record \
             ({:.2} to {:.2}); target {at_most}: {met}.",
            ratio.median, ratio.lower, ratio.upper
        );
    }
    memory(many, containers);
}

/// Prints a time for each fleet, and its ratio to matching on every record.
fn row(name: &str, place: usize, fleets: [&Rounds; 2]) {
    let cells = fleets.map(|rounds| {
        let (time, ratio) = (rounds.time(place), rounds.ratio(place, MATCH_INDEX));
        format!(" {:.0} | {:.2} × |", time.median, ratio.median)
    });
    println!("| {name} |{}", cells.concat());
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
