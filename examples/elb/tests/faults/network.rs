use sflow_simulator::{Event, Network, Workload};
use std::time::Duration;

use crate::world::{World, changes, need};

/// Runs a constant load of 600 requests per second on a service that starts with two replicas.
/// Returns its last size and its largest size.
async fn sizes(seed: u64, script: Vec<(u64, Event)>) -> (u32, u32, World) {
    let mut world = World::new(seed, Workload::Constant(600.0), 2, script);
    let decided = world.run(400).await;
    let largest = changes(&decided).iter().map(|(_, to)| *to).max();
    (world.replicas(), largest.unwrap_or(0), world)
}

#[tokio::test]
async fn size_is_right_despite_loss_duplication_and_reordering() {
    let right = need(600.0);
    let bad = |loss, duplication, reordering| {
        Event::Network(Network {
            loss,
            duplication,
            reordering,
            delay: Duration::from_secs(3),
        })
    };
    for (name, network) in [
        ("t1 1 % lost", bad(0.01, 0.0, 0.0)),
        ("t1 30 % lost", bad(0.3, 0.0, 0.0)),
        ("t2 all duplicated", bad(0.0, 1.0, 0.0)),
        ("t3 half reordered", bad(0.0, 0.0, 0.5)),
        ("all faults at once", bad(0.2, 0.3, 0.3)),
    ] {
        for seed in 1..=4 {
            let (last, largest, _) = sizes(seed, vec![(0, network.clone())]).await;
            // One replica fewer is within the tolerance of 10 %.
            assert!(
                (right - 1..=right + 1).contains(&last),
                "{name}, seed {seed}: {last}"
            );
            // One reading taken during growth may add up to three replicas.
            assert!(largest <= right + 3, "{name}, seed {seed}: up to {largest}");
        }
    }
}

#[tokio::test]
async fn t1_loss_is_known_for_each_agent() {
    let lossy = Network {
        loss: 0.3,
        ..Network::default()
    };
    let (_, _, world) = sizes(1, vec![(0, Event::Network(lossy))]).await;
    let telemetry = world.balancer.telemetry().lock();
    let agents: Vec<_> = telemetry.registry().agents().collect();
    assert_eq!(agents.len(), 3);
    for agent in agents {
        let loss = agent.loss().unwrap();
        assert!((0.2..0.4).contains(&loss), "{agent:?}");
    }
}

#[tokio::test]
async fn t1_burst_of_loss_changes_no_size() {
    let all = |loss| {
        Event::Network(Network {
            loss,
            ..Network::default()
        })
    };
    let mut world = World::new(
        1,
        Workload::Constant(600.0),
        need(600.0),
        vec![(120, all(1.0)), (145, all(0.0))],
    );
    world.run(110).await;
    let before = world.replicas();
    assert_eq!(changes(&world.run(120).await), []);
    assert_eq!(world.replicas(), before);
}

#[tokio::test]
async fn t5_size_is_right_despite_repeated_agent_restarts() {
    let right = need(600.0);
    let restarts = (60..360).step_by(45).flat_map(|second| {
        ["node1", "node2", "node3"].map(|host| {
            let restart = Event::AgentRestart {
                host: host.to_owned(),
                downtime: Duration::from_secs(2),
            };
            (second, restart)
        })
    });
    let (last, largest, world) = sizes(1, restarts.collect()).await;
    assert!((right..=right + 1).contains(&last), "{last}");
    assert!(largest <= right + 3, "{largest}");
    let telemetry = world.balancer.telemetry().lock();
    assert!(
        telemetry
            .registry()
            .agents()
            .all(|agent| agent.restarts > 3)
    );
}
