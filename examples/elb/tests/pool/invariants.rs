//! Invariants of a pool for arbitrary loads, hook results and foreign changes.

use std::time::Duration;

use elb::orchestrator::{Availability, Orchestrator};
use proptest::prelude::*;
use sflow_autoscale::node_pools::MachineState;
use sflow_simulator::experiment::Scenario;
use sflow_simulator::{Event, Reservation, Workload};

use crate::world::{Fate, Scripted, World, set_bounds};

#[derive(Clone, Debug)]
struct Story {
    loads: Vec<(u64, f64)>,
    fates: Vec<Fate>,
    steals: Vec<(u8, u64)>,
    least: u32,
    reserved: f64,
    foreign_changes: Vec<(u64, u8)>,
}

fn story() -> impl Strategy<Value = Story> {
    let fate = prop_oneof![
        4 => Just(Fate::Kept),
        1 => Just(Fate::Promised),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Unanswered),
    ];
    (
        prop::collection::vec((0..1_500_u64, 0.0..1_500.0_f64), 1..6),
        prop::collection::vec(fate, 1..12),
        prop::collection::vec((2..6_u8, 0..800_u64), 0..4),
        1..7_u32,
        prop_oneof![Just(0.0), 0.2..1.3_f64],
        prop::collection::vec((100..1_500_u64, 2..6_u8), 0..3),
    )
        .prop_map(
            |(mut loads, fates, steals, least, reserved, foreign_changes)| {
                loads.sort_by_key(|(at, _)| *at);
                Story {
                    loads,
                    fates,
                    steals,
                    least,
                    reserved,
                    foreign_changes,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn machines_leave_one_at_a_time_above_minimum_and_within_budget(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live_through(story))?;
    }
}

async fn live_through(story: Story) -> Result<(), TestCaseError> {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.cluster.events.clear();
    for (host, at) in &story.steals {
        let host = format!("node{host}");
        let steal = Event::CpuSteal {
            host,
            fraction: 0.4,
        };
        scenario = scenario.with_event(Duration::from_secs(*at), steal);
    }
    let shop = &mut scenario.cluster.services[0];
    let loads = story.loads.iter();
    let table = loads.map(|(at, load)| (Duration::from_secs(*at), *load));
    shop.workload = Workload::Table(table.collect());
    shop.replicas = story.least.max(3);
    shop.reservation = Reservation {
        cores: story.reserved,
        memory: 0,
    };
    set_bounds(&mut scenario, (story.least, 24));
    let machines = scenario.machines.as_mut().unwrap();
    (machines.min, machines.max) = (2, 6);
    let mut world = World::new(&scenario, |pool| {
        pool.settings.down.stabilise = Duration::from_secs(60);
        pool.machines.replacements = 1;
    });
    let mut fates = story.fates.clone().into_iter().cycle();
    let (hook, _) = Scripted::new(&world, move |_| fates.next().unwrap_or(Fate::Kept));
    world.provide(hook);
    let mut foreign_changes = story.foreign_changes.clone();
    let mut ever_replaced = 0;
    let mut before = world.status();
    for second in (0..1_700).step_by(2) {
        // A foreign change drains a machine or makes it available again.
        while let Some(place) = foreign_changes.iter().position(|(at, _)| *at <= second) {
            let (_, host) = foreign_changes.swap_remove(place);
            change_availability(&world, &format!("node{host}")).await;
        }
        world.round().await;
        let status = world.status();
        let leaving = status.machines.iter().filter(|machine| {
            matches!(
                machine.state,
                MachineState::Draining | MachineState::GivenBack
            )
        });
        prop_assert!(leaving.count() <= 1, "{:?}", status.machines);
        // When elb has drained a machine, the others are at least the minimum.
        let begun = |state: &sflow_autoscale::node_pools::PoolStatus| {
            state
                .machines
                .iter()
                .any(|it| it.state == MachineState::Draining)
        };
        if begun(&status) && !begun(&before) {
            let least = status.minimum_size.machines.min(status.max).max(status.min);
            prop_assert!(
                status.serving >= least,
                "{} of {least}: {:?}",
                status.serving,
                world.events()
            );
        }
        before = status;
    }
    for event in world.events() {
        if event.contains("its replacement has joined") {
            ever_replaced += 1;
        }
    }
    prop_assert!(ever_replaced <= 1, "{:?}", world.events());
    Ok(())
}

async fn change_availability(world: &World, name: &str) {
    let mut cluster = world.cluster.clone();
    let census = cluster.census().await.unwrap();
    if let Some(node) = census.nodes.iter().find(|node| node.name == name) {
        let other = match node.availability {
            Availability::Active => Availability::Drain,
            _ => Availability::Active,
        };
        cluster.set_availability(node, other, None).await.unwrap();
    }
}
