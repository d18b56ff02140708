//! Concurrent changes of the cluster, by failures and by others.

use std::time::Duration;

use elb::handle::{Refusal, Request};
use elb::history::Source;
use elb::hooks;
use elb::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Service,
};
use elb::policy::{Mode, Subject};
use sflow_autoscale::controller::Outcome;
use sflow_autoscale::leader::Alone;
use sflow_autoscale::node_pools::MachineState;
use sflow_autoscale::observe::Telemetry;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use sflow_simulator::{Event, Reservation, Workload};

use crate::simulated;
use crate::world::{START, World, set_bounds};

fn idle() -> Scenario {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.cluster.events.clear();
    scenario.cluster.services[0].workload = Workload::Constant(150.0);
    scenario.cluster.services[0].replicas = 6;
    let machines = scenario.machines.as_mut().unwrap();
    (machines.min, machines.max) = (1, 6);
    scenario
}

#[tokio::test]
async fn drain_of_killed_elb_is_finished_by_its_successor() {
    let mut scenario = idle();
    // Tasks stop slowly, so that elb ends before the machine is empty.
    set_bounds(&mut scenario, (6, 24));
    scenario.cluster.services[0].stop = sflow_simulator::Delay::millis(30_000, 30_000);
    let mut world = World::new(&scenario, |_| {});
    let is_drained = |world: &World| world.has_happened("is drained");
    assert!(world.until(900, is_drained).await);
    world.restart();
    let census = world.cluster.clone().census().await.unwrap();
    let marked: Vec<_> = census
        .nodes
        .iter()
        .filter(|node| node.drained_for.is_some())
        .collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].availability, Availability::Drain);
    assert!(marked[0].task_count() > 0);
    let is_gone = |world: &World| world.has_happened("has left");
    assert!(world.until(300, is_gone).await, "{:?}", world.events());
    assert!(world.has_happened("is drained for this pool by another process or an earlier one"));
    assert!(
        world.has_happened("is given back, second-1-remove"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn node_drained_by_operator_is_unchanged() {
    let mut world = World::new(&idle(), |pool| pool.settings.mode = Mode::Act);
    world.round().await;
    let census = world.cluster.clone().census().await.unwrap();
    let node = census
        .nodes
        .iter()
        .find(|node| node.name == "node4")
        .unwrap();
    let mut cluster = world.cluster.clone();
    let set = cluster.set_availability(node, Availability::Drain, None);
    set.await.unwrap();
    world.until(2_400, |_| false).await;
    let status = world.status();
    let theirs = status
        .machines
        .iter()
        .find(|it| it.name == "node4")
        .unwrap();
    assert_eq!(theirs.state, MachineState::OutOfUse);
    assert!(
        !world.has_happened("machine node4 is"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn pool_keeps_machines_that_services_need() {
    let mut scenario = idle();
    // At least four tasks; each node, including the manager, has capacity for one.
    set_bounds(&mut scenario, (4, 8));
    let shop = &mut scenario.cluster.services[0];
    shop.replicas = 4;
    shop.reservation = Reservation {
        cores: 1.2,
        memory: 0,
    };
    let mut world = World::new(&scenario, |_| {});
    world.until(3_600, |_| false).await;
    let status = world.status();
    assert_eq!(status.minimum_size.machines, 3);
    assert_eq!(status.minimum_size.service.as_deref(), Some("shop"));
    assert_eq!(status.serving, 3, "{:?}", world.events());
    let decision = status.last.unwrap().to_string();
    let reason = "the services need at least 3 machines: with fewer, shop cannot be placed";
    assert!(decision.contains(reason), "{decision}");
    let status = world.balancer.status().lock();
    assert_eq!(status.service("shop").unwrap().running, Some(4));
}

#[tokio::test]
async fn machine_whose_tasks_fit_nowhere_else_stays() {
    let mut scenario = idle();
    // Two machines have capacity for `min`, but the current replicas need all of them.
    set_bounds(&mut scenario, (2, 12));
    let shop = &mut scenario.cluster.services[0];
    shop.replicas = 12;
    shop.workload = Workload::Constant(1_080.0);
    shop.request.cpu = Duration::from_micros(100);
    shop.reservation = Reservation {
        cores: 0.9,
        memory: 0,
    };
    let mut world = World::new(&scenario, |_| {});
    world.until(2_000, |_| false).await;
    let status = world.status();
    assert_eq!(status.serving, 5, "{:?}", world.events());
    let decision = status.last.unwrap().to_string();
    let reason = "has to stay: the other machines have no capacity for the tasks of shop on it";
    assert!(decision.contains(reason), "{decision}");
}

#[tokio::test]
async fn lost_machine_is_replaced_and_no_other_leaves() {
    let scenario = idle().with_event(
        Duration::from_secs(100),
        Event::Leave {
            host: "node3".to_owned(),
        },
    );
    let mut world = World::new(&scenario, |pool| pool.settings.min = 5);
    // Four machines are left of five.
    let is_ordered = |world: &World| world.has_happened("a machine is ordered");
    assert!(world.until(300, is_ordered).await, "{:?}", world.events());
    let has_joined = |world: &World| world.has_happened("has joined");
    assert!(world.until(200, has_joined).await);
    world.until(60, |_| false).await;
    assert_eq!(world.status().serving, 5);
    assert!(world.now > START);
}

/// A foreign writer that changes the node before each of the first `wins` requests.
#[derive(Debug)]
struct Rival {
    cluster: SimulatedCluster,
    wins: u32,
    /// The availability that it sets; `None` keeps the current one.
    does: Option<Availability>,
}

impl Orchestrator for Rival {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        self.cluster.services(names).await
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        self.cluster.scale(service, replicas).await
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        self.cluster.labelled(label).await
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        self.cluster.nodes()
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        self.cluster.census().await
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        if self.wins > 0 {
            self.wins -= 1;
            let theirs = self.does.unwrap_or(node.availability);
            let current = self.cluster.census().await?;
            let fresh = current.nodes.iter().find(|fresh| fresh.id == node.id);
            self.cluster
                .set_availability(fresh.unwrap(), theirs, None)
                .await?;
        }
        let cluster = &mut self.cluster;
        cluster
            .set_availability(node, availability, drained_for)
            .await
    }
}

/// Runs rounds of the pools only, without load.
async fn rounds(rival: &mut Rival, count: u32) -> Vec<Outcome> {
    let mut pool = simulated::pool(&idle()).unwrap();
    pool.settings.down.stabilise = Duration::ZERO;
    let mut pools = hooks::pools("test".to_owned(), &[pool]).unwrap();
    let machines = rival.cluster.clone();
    pools.provider_mut().substitute(Box::new(machines));
    let mut telemetry = Telemetry::default();
    let mut outcomes = Vec::new();
    let mut now = START;
    for _ in 0..count {
        now = now + Duration::from_secs(10);
        for sent in rival.cluster.advance(now) {
            telemetry.receive(sent.at, sent.source, &sent.bytes);
        }
        let round = pools
            .round(now, (Mode::Act, &Alone), rival, &[], &mut telemetry)
            .await;
        let decided = round.unwrap().decisions.into_iter();
        outcomes.extend(decided.map(|(decided, _)| decided.outcome));
    }
    outcomes
}

#[tokio::test]
async fn concurrently_changed_node_is_read_again() {
    // A foreign change that keeps the availability: the node is drained all the same.
    let cluster = SimulatedCluster::new(&idle(), 1, START).unwrap();
    let mut rival = Rival {
        cluster,
        wins: 1,
        does: None,
    };
    let outcomes = rounds(&mut rival, 12).await;
    assert!(
        !outcomes
            .iter()
            .any(|it| matches!(it, Outcome::Failed { .. })),
        "{outcomes:?}"
    );
    let census = rival.census().await.unwrap();
    let ours = |node: &&Node| node.drained_for.is_some();
    assert!(census.nodes.len() < 6 || census.nodes.iter().any(|node| ours(&node)));

    // A foreign drain: the decision about the node no longer applies.
    let cluster = SimulatedCluster::new(&idle(), 1, START).unwrap();
    let mut rival = Rival {
        cluster,
        wins: 1,
        does: Some(Availability::Pause),
    };
    let outcomes = rounds(&mut rival, 12).await;
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|it| matches!(it, Outcome::Failed { .. }))
        .collect();
    assert_eq!(failed.len(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn pool_without_hook_advises_and_rejects_act() {
    let mut world = World::new(&idle(), |pool| {
        (pool.hook, pool.settings.mode) = (None, Mode::Advise);
    });
    world.until(700, |_| false).await;
    let decision = world.status().last.unwrap();
    assert!(decision.result < decision.replicas, "{decision}");
    assert_eq!(world.status().serving, 5);
    let request = |pool: &str| Request::SetMode {
        subject: Some(Subject::pool(pool)),
        mode: Mode::Act,
        source: Source::Start,
    };
    let refusal = world.balancer.apply(&request("machines")).unwrap_err();
    assert!(refusal.to_string().contains("has no hook"), "{refusal}");
    let refusal = world.balancer.apply(&request("others")).unwrap_err();
    assert_eq!(refusal, Refusal::Unknown(Subject::pool("others")));
    assert_eq!(world.status().own_mode, Mode::Advise);
}

#[tokio::test]
async fn new_configuration_keeps_pool_state() {
    let mut world = World::new(&idle(), |_| {});
    let is_drained = |world: &World| world.has_happened("is drained");
    assert!(world.until(900, is_drained).await);
    let mut pool = world.pool.clone();
    pool.settings.min = 4;
    let pools = world.balancer.pools_mut().unwrap();
    hooks::configure(pools, std::slice::from_ref(&pool)).unwrap();
    let is_gone = |world: &World| world.has_happened("has left");
    assert!(world.until(120, is_gone).await, "{:?}", world.events());
    world.until(1_200, |_| false).await;
    let status = world.status();
    assert_eq!((status.min, status.serving), (4, 4));
    // A pool that is no longer configured is no longer managed.
    let pools = world.balancer.pools_mut().unwrap();
    hooks::configure(pools, &[]).unwrap();
    world.until(20, |_| false).await;
    assert_eq!(world.balancer.pools().unwrap().reconcilers().len(), 0);
}

#[tokio::test]
async fn missing_telemetry_removes_no_machine() {
    let mut scenario = Scenario::named("machines").unwrap();
    scenario
        .cluster
        .hosts
        .extend(Scenario::named("thief").unwrap().cluster.hosts.split_off(3));
    let hosts: Vec<String> = scenario
        .cluster
        .hosts
        .iter()
        .map(|host| host.name.clone())
        .collect();
    for host in hosts {
        let duration = Duration::from_secs(3_000);
        scenario = scenario.with_event(
            Duration::from_secs(200),
            Event::Disconnect { host, duration },
        );
    }
    let mut world = World::new(&scenario, |_| {});
    let is_gone = world
        .until(1_500, |world| world.has_happened("is drained"))
        .await;
    assert!(!is_gone, "{:?}", world.events());
    let decision = world.status().last.unwrap();
    assert!(
        decision.to_string().contains("no data from any machine"),
        "{decision}"
    );
}
