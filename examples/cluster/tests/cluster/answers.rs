//! Workers that are added, end, fail and pause.

use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value as Json;
use sflow_collector::ReceivedDatagram;
use sflow_metrics::{Config, Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::broker::{Broker, LIMIT};
use crate::datagrams;
use crate::program::{Program, ask};

const PARTITIONS: i32 = 8;
const QUERIES: [&str; 3] = [
    "avg:load_one,sum:load_one,max:load_one,p95:load_one,count:load_one",
    "sum:vir_cpu_cores,avg:vir_mem_used by container=(*).*.*",
    "avg:vir_cpu_utilization[60s]",
];
const WATCHED: &str = "avg:vir_cpu_utilization[60s]";
const FLOWS: &str = "keys=ip.src;value=bytes;top=100;smooth=off";

/// The datagrams in one registry, and the time of the answers.
struct Expected {
    registry: Registry,
    flows: flow::Id,
    at: SystemTime,
}

impl Expected {
    fn new(datagrams: &[ReceivedDatagram]) -> Self {
        let mut registry = Registry::new(Config::default());
        registry.group_containers_by(swarm::service_of);
        registry.watch(&WATCHED.parse().unwrap());
        let flows = registry.watch_flows(FLOWS.parse().unwrap()).unwrap();
        for received in datagrams {
            let datagram = Datagram::parse(&received.bytes).unwrap();
            let at = received.received_at.into();
            registry.ingest_from(at, received.source, &datagram);
        }
        let at = datagrams.iter().map(|it| it.received_at).max().unwrap();
        Self {
            registry,
            flows,
            at,
        }
    }

    /// Asks the workers all questions; returns whether all answers are complete. These must be equal
    /// to those of the registry, and those that are not complete must show it.
    fn compare(&self, workers: &[Program]) -> bool {
        let at = jiff::Timestamp::try_from(self.at).unwrap().to_string();
        let now = Timestamp::from(self.at);
        let mut are_complete = true;
        for text in QUERIES {
            let (lines, is_complete) = ask(workers, &[text, "--at", &at]);
            are_complete &= is_complete;
            let query = text.parse().unwrap();
            let partial = self.registry.partial(now, &query);
            let groups = partial.groups(now).groups;
            if is_complete {
                assert_eq!(lines.len(), groups.len().max(1), "{text}");
            }
            for line in &lines {
                check_coverage(line, is_complete);
                let group = line["group"].as_str().map(str::to_owned);
                let summaries: Vec<_> = match &group {
                    Some(name) => {
                        let group = groups.iter().find(|it| *it.name == **name).unwrap();
                        group.summaries.clone()
                    }
                    None => partial.summaries(now).into_iter().map(|it| it.0).collect(),
                };
                let answers = line["answers"].as_array().unwrap();
                assert_eq!(answers.len(), summaries.len());
                for (answer, summary) in answers.iter().zip(summaries) {
                    let matched = answer["matched"].as_u64().unwrap();
                    let expected = summary.matched as u64;
                    if is_complete {
                        assert_eq!(matched, expected, "{text} {group:?}");
                        assert_near(&answer["value"], summary.value.unwrap());
                    } else {
                        assert!(matched <= expected, "{text} {group:?}");
                        // Missing data is not zero.
                        assert_eq!(answer["value"].is_null(), answer["contributing"] == 0);
                    }
                }
            }
        }
        let (lines, is_complete) = ask(workers, &["--flows", FLOWS, "--at", &at]);
        are_complete &= is_complete;
        let answer = self.registry.flows(now, self.flows).unwrap();
        for line in &lines {
            check_coverage(line, is_complete);
            if is_complete {
                assert_near(&line["total"], answer.total);
                let rows = line["rows"].as_array().unwrap();
                assert_eq!(rows.len(), answer.rows.len());
                let mut values: Vec<_> = rows.iter().map(|it| it["value"].as_f64()).collect();
                values.sort_by(|a, b| b.partial_cmp(a).unwrap());
                for (value, row) in values.into_iter().zip(&answer.rows) {
                    assert_near(&value.into(), row.value);
                }
            } else {
                assert!(line["total"].as_f64().unwrap() <= answer.total * (1.0 + 1e-9));
            }
        }
        are_complete
    }

    /// Asks until all answers are complete and every worker has partitions.
    fn wait_for_all(&self, workers: &[Program], situation: &str) {
        let begun = Instant::now();
        while workers.iter().any(|worker| worker.partitions() == 0) {
            // Meanwhile, partitions move.
            self.compare(workers);
            assert!(
                begun.elapsed() < LIMIT,
                "{situation}: a worker has no partitions"
            );
        }
        self.wait(workers, situation);
    }

    /// Asks until all answers are complete.
    fn wait(&self, workers: &[Program], situation: &str) {
        let begun = Instant::now();
        while !self.compare(workers) {
            assert!(
                begun.elapsed() < LIMIT,
                "{situation}: incomplete for too long"
            );
            sleep(Duration::from_millis(500));
        }
        eprintln!("{situation}: complete after {:.1?}", begun.elapsed());
    }
}

fn check_coverage(line: &Json, is_complete: bool) {
    let coverage = &line["coverage"];
    let missing = coverage["missing"].as_array().unwrap().len() as u64;
    assert_eq!(coverage["partitions"], PARTITIONS);
    assert_eq!(
        coverage["answered"].as_u64().unwrap() + missing,
        PARTITIONS as u64
    );
    assert_eq!(missing == 0, is_complete);
}

fn assert_near(value: &Json, expected: f64) {
    let value = value.as_f64().unwrap();
    let difference = (value - expected).abs();
    assert!(
        difference <= expected.abs() * 1e-9,
        "{value}, expected {expected}"
    );
}

fn start(broker: &Broker, count: usize, replay: &[&str]) -> Vec<Program> {
    let arguments = ["--flows", FLOWS, "--watch", WATCHED];
    let arguments = [&arguments[..], replay].concat();
    let start = |_| Program::work(broker, &arguments);
    (0..count).map(start).collect()
}

fn workers_change(broker: &Broker) {
    let written = datagrams::reports(40, SystemTime::now());
    broker.write(&written);
    let expected = Expected::new(&written);
    // By default a worker replays what it needs; the mock cluster cannot find the offset.
    let replay: &[&str] = match broker.finds_times() {
        true => &[],
        false => &["--replay", "all"],
    };
    let mut workers = start(broker, 1, replay);
    expected.wait(&workers, "1 worker");
    workers.extend(start(broker, 2, replay));
    expected.wait_for_all(&workers, "3 workers");

    // The queries still name the worker that is gone.
    workers[0].signal("KILL");
    expected.wait(&workers, "1 of 3 killed");
    workers.remove(0);
    expected.wait_for_all(&workers, "2 workers");

    workers[0].signal("STOP");
    expected.wait(&workers, "1 of 2 paused");
    workers[0].signal("CONT");
    expected.wait_for_all(&workers, "1 of 2 continued");

    workers.remove(0).end();
    expected.wait_for_all(&workers, "1 of 2 ended");
}

#[test]
fn answers_equal_those_of_one_registry_while_workers_change() {
    workers_change(&Broker::mock(PARTITIONS));
}

#[test]
fn answers_with_real_broker_equal_those_of_one_registry_while_workers_change() {
    if let Some(broker) = Broker::of_the_environment(PARTITIONS) {
        workers_change(&broker);
    }
}

fn captures_are_answered(broker: &Broker) {
    let written = datagrams::capture("hsflowd-swarm.pcap");
    broker.write(&written);
    let expected = Expected::new(&written);
    let workers = start(broker, 8, &["--replay", "all"]);
    expected.wait_for_all(&workers, "8 workers");
}

#[test]
fn answers_of_eight_workers_for_a_capture_equal_those_of_one_registry() {
    captures_are_answered(&Broker::mock(PARTITIONS));
}

#[test]
fn answers_with_real_broker_for_a_capture_equal_those_of_one_registry() {
    if let Some(broker) = Broker::of_the_environment(PARTITIONS) {
        captures_are_answered(&broker);
    }
}

#[test]
fn flows_that_workers_do_not_keep_are_missing_with_reason() {
    let broker = Broker::mock(1);
    let workers = start(&broker, 1, &["--replay", "all"]);
    let begun = Instant::now();
    let is_current = || ask(&workers, &["count:load_one"]).1;
    while !is_current() {
        assert!(begun.elapsed() < LIMIT);
    }
    let (lines, is_complete) = ask(&workers, &["--flows", "keys=ip.dst;value=bytes"]);
    assert!(!is_complete);
    assert_eq!(lines[0]["coverage"]["missing"], serde_json::json!([0]));
}
