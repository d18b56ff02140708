//! Properties for any sequence of faults.

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use sflow_metrics::{Config, Registry, query::Query};
use support::{Agent, Container, at, entity};

/// The load before a poll, and the fate of its datagram.
#[derive(Clone, Copy, Debug)]
struct Poll {
    after_seconds: f64,
    cores: f64,
    bytes_per_second: f64,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    ArrivesTwice,
    /// Arrives after this number of later datagrams, at most 4 s late.
    Late(usize),
}

fn poll() -> impl Strategy<Value = Poll> {
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        1 => Just(Fate::ArrivesTwice),
        2 => (1usize..4).prop_map(Fate::Late),
    ];
    (2u32..13, 0u32..4000, 0u32..1_000_000, fate).prop_map(|(tenths, millicores, rate, fate)| {
        Poll {
            after_seconds: f64::from(tenths) / 10.0,
            cores: f64::from(millicores) / 1e3,
            bytes_per_second: f64::from(rate),
            fate,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The sum of all accepted increases is the activity of the container between the first and the
    /// last sample that were used, with wraps, losses, duplicates and reordering.
    #[test]
    fn sum_of_increases_is_exact(
        polls in prop::collection::vec(poll(), 2..60),
        to_wrap in 0u32..20_000,
        sequence in prop_oneof![Just(0u32), any::<u32>()],
    ) {
        let mut registry = Registry::new(Config::default().with(|config| config.slot = Duration::from_secs(600)));
        let query: Query = "sum:vir_cpu_time,sum:vir_bytes_in[600s]".parse().unwrap();
        registry.watch(&query);
        // Uptimes in whole seconds would not be used to measure intervals.
        let agent = Agent { sequence, started: -100.001, ..Agent::new(1) };
        let mut web = Container::new("web.1", 1);
        web.cpu_ms = u32::MAX - 1 - to_wrap;
        web.rx_bytes = u64::MAX - 1 - u64::from(to_wrap) * 1000;

        let mut now = 0.0;
        let mut worked: Vec<(f64, f64, f64)> = Vec::new();
        let mut waiting: VecDeque<(usize, f64, Vec<u8>)> = VecDeque::new();
        let mut taken: Option<(f64, f64)> = None;
        let mut received_at = at(0.0);
        let mut deliver = |sent: f64, now: f64, bytes: &[u8]| {
            agent.deliver(&mut registry, now, bytes);
            if let Some(container) = entity(&registry, now, "web.1") {
                received_at = container.last_seen();
                let (first, last) = taken.unwrap_or((sent, sent));
                taken = Some((first, last.max(sent)));
            }
        };
        let mut sender = agent.clone();
        for (number, poll) in polls.iter().enumerate() {
            let seconds = poll.after_seconds;
            now += seconds;
            let before = (web.cpu_ms, web.rx_bytes);
            web.work(seconds, poll.cores, poll.bytes_per_second);
            // All ones mean "unknown".
            web.cpu_ms = web.cpu_ms.wrapping_add(u32::from(web.cpu_ms == u32::MAX));
            web.rx_bytes = web.rx_bytes.wrapping_add(u64::from(web.rx_bytes == u64::MAX));
            worked.push((
                now,
                f64::from(web.cpu_ms.wrapping_sub(before.0)),
                web.rx_bytes.wrapping_sub(before.1) as f64,
            ));
            let sample = web.sample(sequence.wrapping_add(1 + number as u32));
            let bytes = sender.send(now, &[sample]);
            match poll.fate {
                Fate::Arrives => deliver(now, now, &bytes),
                Fate::Lost => {}
                Fate::ArrivesTwice => {
                    deliver(now, now, &bytes);
                    deliver(now, now, &bytes);
                }
                Fate::Late(later) => waiting.push_back((number + later, now, bytes)),
            }
            waiting.retain(|(due, sent, bytes)| {
                let is_due = *due <= number;
                if is_due {
                    deliver(*sent, now, bytes);
                }
                !is_due
            });
        }

        // Between the first and the last sample that were used.
        let Some((first, last)) = taken else { return Ok(()) };
        let between = worked.iter().filter(|(when, ..)| *when > first && *when <= last);
        let truth = between.fold((0.0, 0.0), |sum, (_, cpu, bytes)| (sum.0 + cpu, sum.1 + bytes));
        let elapsed = last - first;
        let health = registry.health();
        prop_assert_eq!((health.counter_resets, health.counter_jumps), (0, 0));
        prop_assert_eq!((health.agent_restarts, health.source_restarts), (0, 0));
        let [cpu, bytes] = registry.query(received_at, &query)[..] else { panic!("two") };
        if elapsed > 0.0 {
            let sum = |mean: Option<f64>| mean.unwrap_or(f64::NAN) * elapsed;
            let sums = (sum(cpu.value), sum(bytes.value));
            prop_assert!((sums.0 - truth.0).abs() < 1e-3, "{sums:?}, expected {truth:?}");
            prop_assert!((sums.1 - truth.1).abs() < 1e-3, "{sums:?}, expected {truth:?}");
        } else {
            prop_assert_eq!(cpu.value, None);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 28..400),
        now in any::<u64>(),
    ) {
        bytes[..8].copy_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1]);
        let mut registry = Registry::new(Config::default());
        if let Ok(datagram) = sflow_v5::Datagram::parse(&bytes) {
            for moment in [now, 0, u64::MAX, now] {
                let moment = sflow_metrics::Timestamp::from_nanos(moment);
                registry.ingest(moment, [10, 0, 0, 1].into(), &datagram);
                registry.expire(moment);
            }
        }
    }

    #[test]
    fn changed_byte_does_not_panic(place in 0usize..500, value in any::<u8>()) {
        let mut registry = Registry::new(Config::default());
        let mut agent = Agent::new(1);
        for sequence in 1..4 {
            let host = support::host("node1", sequence, 2, 0, 0);
            let samples = [host, Container::new("web.1", 1).sample(sequence)];
            let mut bytes = agent.send(f64::from(sequence) * 10.0, &samples);
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            if let Ok(datagram) = sflow_v5::Datagram::parse(&bytes) {
                registry.ingest(at(f64::from(sequence) * 10.0), agent.sender, &datagram);
            }
        }
    }
}
