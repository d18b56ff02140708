//! Replay of the recorded swarm: the rates of each tick compared with the kernels' counters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use elb::cli::replay::{Line, replay};
use elb::config::Config;
use sflow_collector::capture::Capture;
use sflow_v5::counter::{HostDescr, VirtCpu};
use sflow_v5::{Datagram, Sample};
use stop::Stop;

/// Start of the recording, in seconds of the capture's clock. Times in this file are relative to
/// it. Phases: idle with 2 containers, loaded, scaled to 4 and loaded, scaled to 1 and idle.
const BASE: f64 = 1_795_406_000.0;

fn captures(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/captures"
    ))
    .join(name)
}

async fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let every = Duration::from_secs(2);
    let config = Config::article();
    replay(
        &Stop::default(),
        &captures("hsflowd-swarm.pcap"),
        &config,
        &[],
        every,
        &mut |line| {
            lines.push(line.clone());
            Ok(())
        },
    )
    .await
    .unwrap();
    lines
}

#[tokio::test]
async fn container_count_is_right_in_every_phase() {
    let lines = lines().await;
    assert!(lines.iter().all(|line| line.service == "apache"));
    for pair in lines.windows(2) {
        assert!(
            (pair[1].time - pair[0].time - 2.0).abs() < 0.002,
            "a line every 2 s"
        );
    }
    // Each phase counts from ten seconds after its start because of the polling interval.
    for (from, to, expected) in [(709.0, 790.0, 2), (802.0, 841.0, 4), (851.0, 885.0, 1)] {
        let phase = during(&lines, from, to);
        assert!(phase.len() >= 15);
        for line in phase {
            assert_eq!(
                (line.replicas_seen, line.matched),
                (expected, expected),
                "{line:?}"
            );
        }
    }
}

#[tokio::test]
async fn rates_match_kernel_counters() {
    let lines = lines().await;
    let truth = Truth::read();
    for (from, to) in [(749.0, 790.0), (805.0, 841.0)] {
        let phase = during(&lines, from, to);
        let mut sums = [[0.0; 2]; 3];
        for line in &phase {
            let ours = [line.vir_cpu_cores, line.vir_bytes_in, line.vir_bytes_out];
            let theirs = truth.means(line.time);
            for ((sum, ours), theirs) in sums.iter_mut().zip(ours).zip(theirs) {
                sum[0] += ours.unwrap();
                sum[1] += theirs;
            }
        }
        for (name, [ours, theirs]) in ["cores", "bytes in", "bytes out"].iter().zip(sums) {
            let ratio = ours / theirs;
            println!(
                "{from}–{to} s, {name}: {ratio:.4} of the kernels' rate, {} ticks",
                phase.len()
            );
            assert!(
                (0.95..1.05).contains(&ratio),
                "{name}: {ours}, kernels counted {theirs}"
            );
        }
    }
}

#[tokio::test]
async fn idle_rate_is_zero_and_missing_data_has_no_value() {
    let lines = lines().await;
    let (before, after) = (during(&lines, 719.0, 745.0), during(&lines, 857.0, 886.0));
    assert!(before.len() >= 12 && after.len() >= 12);
    for line in before.into_iter().chain(after) {
        let rates = [line.vir_cpu_cores, line.vir_bytes_in, line.vir_bytes_out];
        assert_eq!(rates, [Some(0.0); 3], "{line:?}");
        assert_eq!(line.contributing, line.matched);
    }
    // One sample of a counter gives no rate.
    let first = &lines[0];
    assert!(first.time < BASE + 709.0);
    assert_eq!((first.contributing, first.vir_cpu_cores), (0, None));
    assert_eq!(first.decision, "hold");
}

#[tokio::test]
async fn invalid_capture_is_an_error_that_names_the_file() {
    let config = Config::article();
    let path = captures("hsflowd-swarm.truth.csv");
    let every = Duration::from_secs(2);
    let error = replay(
        &Stop::default(),
        &path,
        &config,
        &[],
        every,
        &mut |_| Ok(()),
    )
    .await
    .unwrap_err();
    assert!(
        format!("{error:#}").starts_with("not a capture file"),
        "{error:#}"
    );
}

fn during(lines: &[Line], from: f64, to: f64) -> Vec<&Line> {
    lines
        .iter()
        .filter(|line| (BASE + from..BASE + to).contains(&line.time))
        .collect()
}

/// The kernels' counters and the times at which the agents read them. A rate from telemetry is that
/// of the interval between two such times.
struct Truth {
    counters: BTreeMap<String, Vec<Reading>>,
    polled: BTreeMap<String, Vec<f64>>,
    ended: BTreeMap<String, f64>,
}

struct Reading {
    time: f64,
    /// Core seconds, bytes in, bytes out.
    counted: [f64; 3],
}

impl Truth {
    fn read() -> Self {
        let text = std::fs::read_to_string(captures("hsflowd-swarm.truth.csv")).unwrap();
        let mut counters: BTreeMap<String, Vec<Reading>> = BTreeMap::new();
        for row in text.lines().skip(1) {
            let column: Vec<&str> = row.split(',').collect();
            let number = |index: usize| column[index].parse::<f64>().unwrap();
            let counted = [number(3) / 1e9, number(5), number(6)];
            let reading = Reading {
                time: number(0),
                counted,
            };
            counters
                .entry(column[2].to_owned())
                .or_default()
                .push(reading);
        }

        let mut polled: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut ended = BTreeMap::new();
        let mut capture = Capture::open(captures("hsflowd-swarm.pcap")).unwrap();
        while let Some(received) = capture.next_datagram().unwrap() {
            let since = received
                .received_at
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap();
            let datagram = Datagram::parse(received.bytes).unwrap();
            for sample in datagram.samples() {
                let Sample::Counters(sample) = sample else {
                    continue;
                };
                let Some(cpu) = sample.find::<VirtCpu>() else {
                    continue;
                };
                let name = sample.find::<HostDescr<'_>>().unwrap().hostname.to_string();
                if cpu.state.0 == 1 {
                    polled.entry(name).or_default().push(since.as_secs_f64());
                } else {
                    ended.insert(name, since.as_secs_f64());
                }
            }
        }
        Self {
            counters,
            polled,
            ended,
        }
    }

    /// The mean rates per container that are known from telemetry at `time`.
    fn means(&self, time: f64) -> [f64; 3] {
        let mut sums = [0.0; 3];
        let mut containers = 0.0;
        for (name, polled) in &self.polled {
            if self.ended.get(name).is_some_and(|ended| *ended <= time) {
                continue;
            }
            let known: Vec<f64> = polled.iter().copied().filter(|at| *at <= time).collect();
            let [.., from, to] = known[..] else { continue };
            let (before, after) = (self.counted(name, from), self.counted(name, to));
            for ((sum, before), after) in sums.iter_mut().zip(before).zip(after) {
                *sum += (after - before) / (to - from);
            }
            containers += 1.0;
        }
        sums.map(|sum| sum / containers)
    }

    /// The kernel's counters at `time`, interpolated between two readings.
    fn counted(&self, name: &str, time: f64) -> [f64; 3] {
        let readings = &self.counters[name];
        let next = readings.partition_point(|reading| reading.time < time);
        let after = &readings[next.clamp(1, readings.len() - 1)];
        let before = &readings[next.clamp(1, readings.len() - 1) - 1];
        let part = ((time - before.time) / (after.time - before.time)).clamp(0.0, 1.0);
        let mut counted = before.counted;
        for (counted, after) in counted.iter_mut().zip(after.counted) {
            *counted += (after - *counted) * part;
        }
        counted
    }
}
