use sflow_metrics::{Config, Registry};
use sflow_v5::counter::{IfCounters, QueueLength};
use sflow_v5::types::Counter32;

use crate::support::world::{CORES, World};
use crate::support::{
    Agent, Counted, ask, at, counted, entity, interface, interface_source, metric,
};

#[test]
fn t6_resets_and_jumps_are_gaps() {
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
fn t6_interface_cannot_exceed_line_rate() {
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

/// Utilization and traffic of an interface with this speed, type and inbound bytes per second.
fn steady(speed: u64, kind: u32, bytes_per_second: u64) -> (Option<f64>, Option<f64>) {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    for sequence in 1..=6_u32 {
        let counters = IfCounters {
            if_index: 3,
            if_type: kind,
            if_speed: speed.into(),
            if_in_octets: (u64::from(sequence) * 20 * bytes_per_second).into(),
            ..IfCounters::default()
        };
        let sample = counted(interface_source(3), sequence, [counters.into()]);
        agent.report(&mut registry, f64::from(sequence) * 20.0, &[sample]);
    }
    let value = |name| entity(&registry, 120.0, "").unwrap().value(metric(name));
    (value("ifinoctets"), value("ifinutilization"))
}

#[test]
fn steady_counters_refute_nominal_speed() {
    const ETHERNET: u32 = 6;
    let cut = |gigabits: u64| (gigabits * 1_000_000_000) & 0xffff_ffff;
    let cases = [
        (
            "true speed",
            1_000_000_000,
            ETHERNET,
            100_000_000,
            Some(80.0),
        ),
        ("tap", 10_000_000, ETHERNET, 6_250_000, None),
        ("tap, 3 Gbit/s", 10_000_000, ETHERNET, 375_000_000, None),
        ("tap, 100.1 %", 10_000_000, ETHERNET, 1_251_250, None),
        (
            "veth, 15 Gbit/s",
            10_000_000_000,
            ETHERNET,
            1_875_000_000,
            None,
        ),
        ("unknown to OVS", 100_000_000, ETHERNET, 250_000_000, None),
        ("20 Gbit/s cut", cut(20), ETHERNET, 1_875_000_000, None),
        ("20 Gbit/s cut, less", cut(20), ETHERNET, 300_000_000, None),
        ("100 Gbit/s cut", cut(100), ETHERNET, 11_000_000_000, None),
        ("400 Gbit/s cut", cut(400), ETHERNET, 30_000_000_000, None),
        ("32 ones", u32::MAX.into(), ETHERNET, 1_000_000_000, None),
        ("32 ones, idle", u32::MAX.into(), ETHERNET, 1_000, None),
        ("64 ones", u64::MAX, ETHERNET, 1_000_000_000, None),
        ("no speed", 0, ETHERNET, 1_000_000_000, None),
        ("wireless", 866_700_000, 71, 54_168_750, Some(50.0)),
        ("wireless, faster", 6_000_000, 71, 10_000_000, None),
        ("tunnel", 10_000_000, 131, 1_000_000, None),
        ("virtual", 10_000_000, 53, 1_000_000, None),
        ("loopback", 10_000_000, 24, 5_000_000_000, None),
        ("aggregate", 1_000_000_000, 161, 240_000_000, None),
    ];
    for (case, speed, kind, bytes_per_second, utilization) in cases {
        let found = steady(speed, kind, bytes_per_second);
        assert_eq!(
            found,
            (Some(bytes_per_second as f64), utilization),
            "{case}"
        );
    }
}

/// A refuted speed remains unused when the traffic decreases, until the interface reports another
/// speed.
#[test]
fn refuted_speed_remains_unused() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut octets = 0;
    let mut utilization = |sequence: u32, speed: u64, bytes_per_second: u64| {
        octets += bytes_per_second * 10;
        let seconds = f64::from(sequence) * 10.0;
        let sample = interface(3, sequence, speed, octets);
        agent.report(&mut registry, seconds, &[sample]);
        entity(&registry, seconds, "")
            .unwrap()
            .value(metric("ifinutilization"))
    };
    let tap = 10_000_000;
    assert_eq!(utilization(1, tap, 0), None, "the first");
    assert_eq!(utilization(2, tap, 1_000_000), Some(80.0));
    assert_eq!(utilization(3, tap, 5_000_000), None, "400 %");
    assert_eq!(utilization(4, tap, 1_200_000), None, "not 96 %");
    assert_eq!(utilization(5, 100_000_000, 1_250_000), Some(10.0));
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
fn t8_unknown_counter_has_no_value() {
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
fn second_sample_in_datagram_keeps_rate() {
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
fn repeated_first_sample_has_no_rate() {
    let mut world = World::new();
    let samples = [world.web.sample(1), world.web.sample(2)];
    world.sequence = 2;
    world.agent.report(&mut world.registry, 0.0, &samples);
    assert_eq!(world.cores(), None);
    world.poll();
    world.assert_rates();
}

/// A port sends one record for each of its queues, which are added up. Of any other structure that
/// occurs twice in a sample, one is counted.
#[test]
fn only_queues_are_added_up() {
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
        // A queue that is in this sample only, and the counters twice.
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
