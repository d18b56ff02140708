//! Problems of services are reported if and only if a service cannot get the replicas that it
//! needs.

use std::collections::BTreeMap;
use std::time::Duration;

use sflow_autoscale::problem::ProblemReason;
use sflow_simulator::{Event, Workload};

use crate::world::{World, need};

/// Advances time; returns the problems that occurred, with their messages.
async fn problems(world: &mut World, seconds: u64) -> BTreeMap<ProblemReason, String> {
    let mut found = BTreeMap::new();
    for _ in 0..seconds / 10 {
        world.run(10).await;
        let status = world.balancer.status().lock();
        let current = status.problems();
        found.extend(current.map(|((reason, _), it)| (*reason, it.message.clone())));
    }
    found
}

#[tokio::test]
async fn d25_service_that_grows_and_shrinks_has_no_problem() {
    let sine = Workload::Sine {
        mean: 600.0,
        amplitude: 500.0,
        period: Duration::from_secs(400),
    };
    let step = Workload::Step {
        before: 200.0,
        after: 1_200.0,
        at: Duration::from_secs(103),
    };
    for (seed, load) in [(1, sine.clone()), (2, sine), (3, step.clone()), (4, step)] {
        let mut world = World::new(seed, load, 4, Vec::new());
        let found = problems(&mut world, 800).await;
        assert!(found.is_empty(), "seed {seed}: {found:?}");
    }
}

#[tokio::test]
async fn d25_service_without_readings_is_a_problem_until_they_return() {
    let disconnect = |host: &str| Event::Disconnect {
        host: host.to_owned(),
        duration: Duration::from_secs(200),
    };
    let script = ["node1", "node2", "node3"].map(|host| (103, disconnect(host)));
    let mut world = World::new(1, Workload::Constant(400.0), need(400.0), script.to_vec());
    assert!(problems(&mut world, 100).await.is_empty());
    let found = problems(&mut world, 180).await;
    let message = found.get(&ProblemReason::Telemetry);
    let message = message.unwrap_or_else(|| panic!("{found:?}"));
    assert!(message.contains("is unknown"), "{message}");
    assert_eq!(found.len(), 1, "{found:?}");
    world.run(120).await;
    assert_eq!(world.balancer.status().lock().problems().count(), 0);
}

#[tokio::test]
async fn d25_overload_beyond_the_maximum_is_a_problem_until_it_ends() {
    let load = Workload::Step {
        before: 2_400.0,
        after: 800.0,
        at: Duration::from_secs(203),
    };
    let mut world = World::new(1, load, 20, Vec::new());
    let found = problems(&mut world, 190).await;
    let reasons: Vec<_> = found.keys().copied().collect();
    assert_eq!(reasons, [ProblemReason::AtMax], "{found:?}");
    world.run(120).await;
    assert_eq!(world.balancer.status().lock().problems().count(), 0);
}
