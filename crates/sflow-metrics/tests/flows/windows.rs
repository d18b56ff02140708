//! Tumbling windows of flows.

use std::time::Duration;

use sflow_metrics::Config;

use crate::support::at;
use crate::world::{Agent, Udp, World};

#[test]
fn window_is_last_complete_one() {
    let mut world = World::new();
    let id = world.watch("keys=ip.src;value=bytes[10s tumbling]");
    let mut agent = Agent::new(1);
    let mut see = |world: &mut World, seconds: f64, source: u8| {
        world.now = seconds;
        agent.see(world, &Udp::between(source, 9).bytes(), 1000);
    };
    assert_eq!(world.answer(id).rows, []);
    see(&mut world, 1001.0, 1);
    assert_eq!(world.answer(id).rows, [], "incomplete");
    see(&mut world, 1009.9, 1);
    see(&mut world, 1010.0, 2);
    let answer = world.answer(id);
    assert_eq!(answer.window, Some(at(1000.0)..at(1010.0)));
    assert_eq!(
        (answer.total, answer.samples),
        (2.0 * 100.0 * 1000.0 / 10.0, 2)
    );
    assert_eq!(world.rows(id), ["10.0.0.1 20000"]);
    // A datagram of the previous window that is received late.
    see(&mut world, 1009.95, 3);
    world.now = 1019.0;
    assert_eq!(world.rows(id), ["10.0.0.1 20000", "10.0.0.3 10000"]);
    // No sample is received any more.
    world.now = 1020.0;
    assert_eq!(world.rows(id), ["10.0.0.2 10000"]);
    world.now = 1030.0;
    let answer = world.answer(id);
    assert_eq!(
        (answer.rows, answer.total, answer.samples),
        (Vec::new(), 0.0, 0)
    );
    assert_eq!(answer.window, Some(at(1020.0)..at(1030.0)));
    // Windows without samples are between.
    see(&mut world, 1055.0, 4);
    world.now = 1060.0;
    assert_eq!(world.rows(id), ["10.0.0.4 10000"]);
    // The clock was in the future.
    see(&mut world, 9_000.0, 5);
    see(&mut world, 1_061.0, 6);
    see(&mut world, 1_070.0, 7);
    assert_eq!(world.rows(id), ["10.0.0.6 10000"]);
}

/// The clock of an answer can be behind that of the newest datagram.
#[test]
fn window_before_newest_sample_is_kept() {
    let mut world = World::new();
    let id = world.watch("keys=ip.src;value=bytes[10s tumbling]");
    let mut agent = Agent::new(1);
    let mut see = |world: &mut World, seconds: f64, source: u8| {
        world.now = seconds;
        agent.see(world, &Udp::between(source, 9).bytes(), 1000);
    };
    see(&mut world, 1001.0, 1);
    see(&mut world, 1011.0, 2);
    see(&mut world, 1020.0, 3);
    world.now = 1019.9;
    assert_eq!(world.rows(id), ["10.0.0.1 10000"]);
    world.now = 1020.0;
    assert_eq!(world.rows(id), ["10.0.0.2 10000"]);
    // A window without samples is between.
    see(&mut world, 1040.0, 4);
    world.now = 1039.9;
    assert_eq!(world.rows(id), ["10.0.0.3 10000"]);
    world.now = 1040.0;
    assert_eq!(world.answer(id).rows, []);
}

#[test]
fn windows_have_whole_slots_as_queries() {
    let config = Config::default().with(|config| config.max_window = Duration::from_secs(60));
    let mut world = World::with(config);
    let ids = ["500ms", "7s", "1m", "1h"]
        .map(|length| world.watch(&format!("keys=;value=bytes[{length} tumbling]")));
    world.now = 1_234.0;
    let windows = ids.map(|id| world.answer(id).window.unwrap());
    // The origin of the test is 40 s after a multiple of a minute.
    let expected = [(1225, 1230), (1220, 1230), (1160, 1220), (1160, 1220)];
    let expected = expected.map(|(start, end)| at(f64::from(start))..at(f64::from(end)));
    assert_eq!(windows, expected);
}

#[test]
fn window_uses_three_times_the_memory_of_sums() {
    let config = Config::default().with(|config| {
        config.max_flow_keys = 1_000_000;
        config.max_flow_bytes = 1 << 20;
    });
    let tracked = |value: &str| {
        let mut world = World::with(config.clone());
        let id = world.watch(&format!("keys=ip.src;value={value}"));
        let mut agent = Agent::new(1);
        for number in 0..5_000_u16 {
            let [high, low] = number.to_be_bytes();
            let packet = Udp {
                ips: ([10, 1, high, low], [10, 0, 0, 1]),
                ..Udp::between(1, 2)
            };
            agent.see(&mut world, &packet.bytes(), 100);
        }
        world.now = 10.0;
        world.answer(id).tracked
    };
    let (sums, windows) = (
        tracked("frames;smooth=off"),
        tracked("frames[10s tumbling]"),
    );
    assert!(windows > 100 && windows == sums / 3, "{windows} and {sums}");
}
