use sflow_simulator::{Event, Workload};
use std::time::Duration;

use crate::world::{World, all_contain, changes, need};

/// Disconnects the agents of these hosts from this second on.
fn disconnected(hosts: &[&str], from: u64) -> Vec<(u64, Event)> {
    let disconnect = |host: &&str| {
        let event = Event::Disconnect {
            host: (*host).to_owned(),
            duration: Duration::from_secs(3_000),
        };
        (from, event)
    };
    hosts.iter().map(disconnect).collect()
}

#[tokio::test]
async fn t11_stale_agent_is_reported_and_size_stays() {
    let mut world = World::new(
        1,
        Workload::Constant(400.0),
        5,
        disconnected(&["node2"], 100),
    );
    world.run(100).await;
    assert_eq!(world.replicas(), 5);
    // The agent is stale after three of its 10 s intervals.
    world.run(40).await;
    let decided = world.run(300).await;
    assert_eq!(changes(&decided), []);
    assert!(
        all_contain(&decided, "have no fresh value"),
        "{:?}",
        decided[0]
    );
}

#[tokio::test]
async fn t12_size_stays_without_any_data() {
    // The agents stop reporting when the load ends, or when it rises tenfold.
    for after in [0.0, 4_000.0] {
        let load = Workload::Step {
            before: 400.0,
            after,
            at: Duration::from_secs(103),
        };
        let hosts = ["node1", "node2", "node3"];
        let mut world = World::new(1, load, 5, disconnected(&hosts, 103));
        world.run(150).await;
        let decided = world.run(600).await;
        assert_eq!(changes(&decided), [], "{after}");
        assert!(
            all_contain(&decided, "no data from any container"),
            "{:?}",
            decided[0]
        );
        assert_eq!(world.replicas(), 5);
    }
}

#[tokio::test]
async fn t12_minority_of_containers_does_not_decide() {
    // One third of the containers report, and these are idle.
    let load = Workload::Step {
        before: 700.0,
        after: 0.0,
        at: Duration::from_secs(150),
    };
    let hosts = ["node2", "node3"];
    let mut world = World::new(1, load, need(700.0), disconnected(&hosts, 100));
    world.run(148).await;
    let before = world.replicas();
    let decided = world.run(200).await;
    assert_eq!(changes(&decided), []);
    assert_eq!(world.replicas(), before);
}

#[tokio::test]
async fn t13_missing_half_dampens_growth_and_never_reverses_it() {
    let load = Workload::Step {
        before: 300.0,
        after: 1_200.0,
        at: Duration::from_secs(150),
    };
    let grown = async |hosts: &[&str]| {
        let mut world = World::new(1, load.clone(), 6, disconnected(hosts, 100));
        world.run(148).await;
        let before = world.replicas();
        let decided = world.run(60).await;
        assert!(
            changes(&decided).iter().all(|(from, to)| to > from),
            "{decided:?}"
        );
        world.replicas() - before.min(world.replicas())
    };
    let (complete, half) = (grown(&[]).await, grown(&["node1", "node2"]).await);
    assert!(half < complete, "{half} of {complete}");
}
