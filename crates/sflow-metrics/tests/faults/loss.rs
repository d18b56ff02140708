use sflow_metrics::entity::Lifecycle;

use crate::support::world::{CORES, World};
use crate::support::{Container, ask, lifecycle};

#[test]
fn rates_need_two_samples() {
    let mut world = World::new();
    world.poll();
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!(
        (summary.value, summary.matched, summary.warming),
        (None, 1, 1)
    );
    let memory = ask(&world.registry, world.now, "avg:vir_mem_used");
    assert_eq!(memory.value, Some(1_048_576.0), "a gauge needs one");
    world.poll();
    world.assert_rates();
    assert_eq!(
        lifecycle(&world.registry, world.now, "web.1"),
        Some(Lifecycle::Live)
    );
}

#[test]
fn t1_lost_datagrams_do_not_change_rates() {
    let mut world = World::new();
    world.poll();
    for _ in 0..3 {
        world.work(10.0);
        world.send();
    }
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_lost, 3);
    assert_eq!(world.registry.health().counter_samples_lost, 3);
    let agent = world.registry.agents().next().unwrap();
    assert_eq!(
        (agent.received, agent.lost, agent.loss()),
        (3, 3, Some(0.5))
    );
}

#[test]
fn t2_repeated_datagram_counts_once() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let bytes = world.send();
    for _ in 0..3 {
        world.deliver(&bytes);
    }
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_repeated, 2);
    world.poll();
    world.assert_rates();
}

#[test]
fn t3_late_sample_is_part_of_difference() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let first = world.send();
    world.work(10.0);
    let second = world.send();
    world.deliver(&second);
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_lost, 1);
    world.deliver(&first);
    world.assert_rates();
    let health = world.registry.health();
    assert_eq!(
        (health.datagrams_reordered, health.datagrams_lost),
        (1, 0),
        "found again"
    );
    assert_eq!(health.counter_samples_old, 1);
    world.poll();
    world.assert_rates();
}

#[test]
fn t3_late_datagram_counts_for_other_source() {
    let mut world = World::new();
    let mut other = Container::new("web.2", 2);
    world.poll();
    world
        .agent
        .report(&mut world.registry, 10.0, &[other.sample(1)]);
    world.work(10.0);
    other.work(10.0, 1.5, 0.0);
    let others = world.agent.send(world.now, &[other.sample(2)]);
    let ours = world.send();
    world.deliver(&ours);
    world.deliver(&others);
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!((summary.value, summary.contributing), (Some(1.0), 2));
}

#[test]
fn t4_sequences_wrap() {
    let mut world = World::after(u32::MAX - 3);
    world.poll();
    for _ in 0..6 {
        world.poll();
        world.assert_rates();
    }
    let health = world.registry.health();
    assert_eq!((health.datagrams_lost, health.counter_samples_lost), (0, 0));
    assert_eq!((health.agent_restarts, health.source_restarts), (0, 0));
}
