use sflow_simulator::{Event, Workload};
use std::time::Duration;

use crate::trust::{Forger, attack};
use crate::world::{World, changes, need};

#[tokio::test]
async fn t16_invented_containers_have_no_weight() {
    let mut world = World::new(1, Workload::Constant(300.0), need(300.0), Vec::new());
    let names = (1..=20).map(|slot| format!("apache.{slot}.inventedinventedinvented1"));
    attack(&mut world, Forger::new().with_containers(names));
    let decided = world.run(200).await;
    assert_eq!(changes(&decided), []);
    let telemetry = world.balancer.telemetry().lock();
    let known = &telemetry.containers(world.now)["apache"];
    assert!(
        known.len() >= 20,
        "invented containers are not known: {known:?}"
    );
}

#[tokio::test]
async fn t17_flood_of_invented_containers_does_not_stop_decisions() {
    let load = Workload::Step {
        before: 200.0,
        after: 800.0,
        at: Duration::from_secs(60),
    };
    let mut world = World::new(1, load, need(200.0), Vec::new());
    let mut flood = 0_u64;
    world.intercept(move |at, sent| {
        let mut all = vec![sent];
        let names = (0..50).map(|place| format!("flood.{flood}.{place:025}"));
        let mut forger = Forger::new().with_containers(names);
        forger.sequence = flood as u32;
        flood += 1;
        all.extend(forger.datagrams(at.as_secs_f64() - 1.7e9));
        all
    });
    world.run(200).await;
    // One replica more is within the tolerance of 10 %.
    let right = need(800.0);
    let replicas = world.replicas();
    assert!((right..=right + 1).contains(&replicas), "{replicas}");
}

#[tokio::test]
async fn t21_other_protocols_are_counted_and_change_nothing() {
    let foreign = Event::ForeignTraffic {
        interval: Duration::from_millis(20),
        duration: Duration::from_secs(200),
    };
    let mut world = World::new(
        1,
        Workload::Constant(300.0),
        need(300.0),
        vec![(0, foreign)],
    );
    assert_eq!(changes(&world.run(200).await), []);
    let refused = world.balancer.telemetry().lock().ingest_stats().refused;
    assert!(refused.values().sum::<u64>() > 5_000, "{refused:?}");
    assert!(refused.len() >= 5, "{refused:?}");
}
