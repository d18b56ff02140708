use sflow_metrics::{Config, Registry};
use sflow_v5::Counter32;
use sflow_v5::counter::{IfCounters, QueueLength};

use crate::support::world::{CORES, World};
use crate::support::{Agent, Counted, ask, at, entity, interface, interface_source, metric};

#[test]
fn t6_resets_and_jumps_without_a_sign_are_gaps() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.web.cpu_ms = 0;
    world.poll();
    assert_eq!(world.cores(), None);
    assert_eq!(world.bytes(), Some(3e6), "only what went back");
    world.poll();
    world.assert_rates();

    world.web.cpu_ms += 3_000_000;
    world.web.rx_bytes += 1 << 50;
    world.poll();
    assert_eq!(
        (world.cores(), world.bytes()),
        (None, None),
        "more than four processors can"
    );
    world.poll();
    world.assert_rates();
    let health = world.registry.health();
    assert_eq!((health.counter_resets, health.counter_jumps), (1, 2));
}

#[test]
fn t6_an_interface_cannot_be_faster_than_its_line() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let gigabit = 1_000_000_000;
    for (sequence, octets) in [(1, 0), (2, 600_000_000), (3, 90_000_000_000)] {
        let seconds = f64::from(sequence) * 10.0;
        agent.report(
            &mut registry,
            seconds,
            &[interface(3, sequence, gigabit, octets)],
        );
        let value = |name| entity(&registry, seconds, "").unwrap().value(metric(name));
        let expected = (sequence == 2).then_some(60_000_000.0);
        assert_eq!(value("ifinoctets"), expected);
        assert_eq!(value("ifinutilization"), expected.map(|_| 48.0));
        assert_eq!(value("ifspeed"), Some(1e9));
        assert_eq!(value("ifoutoctets"), None, "never counted");
    }
}

#[test]
fn t7_32_bit_counters_wrap() {
    let mut world = World::new();
    world.web.cpu_ms = u32::MAX - 7_000;
    world.web.rx_bytes = u64::from(u32::MAX) - 5_000_000;
    for _ in 0..2 {
        world.poll();
    }
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().counter_wraps, 1);
}

#[test]
fn t8_unknown_is_absent() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let known = world.web;
    world.web.cpu_ms = Counter32::UNKNOWN.0;
    let bytes = world.send();
    world.deliver(&bytes);
    assert_eq!((world.cores(), world.bytes()), (None, Some(3e6)));
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!(
        (summary.matched, summary.contributing, summary.missing()),
        (1, 0, 1)
    );
    world.web = known;
    world.poll();
    assert_eq!(world.cores(), None, "known again, for the first time");
    world.poll();
    world.assert_rates();
}

#[test]
fn two_samples_in_one_datagram_leave_the_rate_alone() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.work(10.0);
    let samples = [world.web.sample(3), world.web.sample(4)];
    world.sequence = 4;
    world.agent.report(&mut world.registry, world.now, &samples);
    world.assert_rates();
    world.poll();
    world.assert_rates();
}

#[test]
fn the_first_sample_twice_is_no_rate() {
    let mut world = World::new();
    let samples = [world.web.sample(1), world.web.sample(2)];
    world.sequence = 2;
    world.agent.report(&mut world.registry, 0.0, &samples);
    assert_eq!(world.cores(), None);
    world.poll();
    world.assert_rates();
}

/// A port sends one record for each of its queues; anything else that stands twice in a sample
/// counts once.
#[test]
fn queues_add_up_and_nothing_else_does() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    for sequence in 1..=3 {
        let queue = |index: u32, length: u32| QueueLength {
            queue_index: index,
            queue_length0: (length * sequence).into(),
            dropped: sequence.into(),
            ..QueueLength::default()
        };
        let counters = IfCounters {
            if_index: 3,
            if_in_octets: (u64::from(sequence) * 1000).into(),
            ..IfCounters::default()
        };
        let mut records = vec![counters.into(), queue(1, 100).into(), queue(2, 50).into()];
        // A queue that is there only once, and the counters again.
        if sequence == 2 {
            records.push(queue(3, 7).into());
        }
        records.push(counters.into());
        let sample = Counted {
            source: interface_source(3),
            sequence,
            records,
        };
        agent.report(&mut registry, f64::from(sequence) * 10.0, &[sample]);
    }
    let value = |query| ask(&registry, 30.0, query).value;
    assert_eq!(value("sum:queue_length0"), Some(15.0));
    assert_eq!(value("sum:queue_dropped"), Some(0.2));
    assert_eq!(value("sum:ifinoctets"), Some(100.0));
    let port = registry.entities(at(30.0)).next().unwrap();
    assert_eq!(port.count(metric("ifinoctets")), Some(3000));
    assert_eq!(registry.health().counter_resets, 0);
}
