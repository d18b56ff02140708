//! A leader and a standby that control the same cluster and receive the same datagrams.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sflow_autoscale::controller::{ControlSettings, Controller, Decided, Outcome, Round};
use sflow_autoscale::leader::{Leadership, Permit};
use sflow_autoscale::node_pools::{
    Action, Answer, MachineStep, NodePools, Order, PoolRound, Promise, Provider,
};
use sflow_autoscale::observe::Telemetry;
use sflow_autoscale::orchestrator::{Availability, Node, Orchestrator};
use sflow_autoscale::policy::{Mode, Rule, Select, Settings};
use sflow_autoscale::problem::ProblemReason;
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_simulator::experiment::{Experiment, Scenario, SimulatedCluster, two_thresholds};

const ROUND: Duration = Duration::from_secs(2);

/// The leadership of a process, as set by the test.
#[derive(Default)]
struct Set {
    leadership: Leadership,
    may_write: bool,
}

impl Permit for Set {
    fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    fn may_write(&self) -> bool {
        self.may_write
    }
}

/// Carries out each key once, as a hook has to.
#[derive(Clone, Debug)]
struct Cloud {
    cluster: SimulatedCluster,
    submitted: Rc<RefCell<Vec<Order>>>,
    promises: Rc<RefCell<BTreeMap<String, Result<Promise, String>>>>,
    /// Of this process.
    answers: Vec<Answer>,
}

impl Provider for Cloud {
    fn submit(&mut self, order: Order, within: Duration) {
        self.submitted.borrow_mut().push(order.clone());
        let mut promises = self.promises.borrow_mut();
        let promise = promises.entry(order.order.clone()).or_insert_with(|| {
            self.cluster.submit(order.clone(), within);
            self.cluster.answers().pop().unwrap().promise
        });
        let promise = promise.clone();
        self.answers.push(Answer { order, promise });
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}

/// One process.
struct Process {
    controller: Controller<SimulatedCluster>,
    pools: NodePools<Cloud>,
    telemetry: Telemetry,
    set: Set,
}

impl Process {
    fn new(name: &str, scenario: &Scenario, settings: &Settings, cloud: &Cloud) -> Self {
        let control = ControlSettings {
            interval: ROUND,
            mode: Mode::Act,
            is_mode_set: true,
            budget: None,
            changes_per_minute: None,
        };
        let services = scenario.services(settings);
        let pools = scenario.pool();
        Self {
            controller: Controller::new(cloud.cluster.clone(), control, &services).unwrap(),
            pools: NodePools::new(name.to_owned(), pools.as_slice(), cloud.clone()).unwrap(),
            telemetry: Telemetry::default().with_services(sflow_simulator::service_of),
            set: Set::default(),
        }
    }

    fn lead(&mut self, term: u64, journal: &str) {
        self.set = Set {
            leadership: Leadership {
                is_leader: true,
                term,
                journal: journal.to_owned(),
                ..Leadership::default()
            },
            may_write: true,
        };
    }

    fn follow(&mut self, leader: &str) {
        self.set = Set {
            leadership: Leadership {
                holder: Some(leader.to_owned()),
                address: Some("http://10.0.0.1:8080".to_owned()),
                term: 1,
                ..Leadership::default()
            },
            may_write: false,
        };
    }

    fn round(&mut self, now: Timestamp) -> (Round, Option<PoolRound>) {
        self.telemetry.expire(now);
        let (telemetry, set) = (&mut self.telemetry, &self.set);
        let round = ready(
            self.controller
                .round(now, set, telemetry, || Duration::ZERO),
        );
        let mode = self.controller.mode();
        let (cluster, managed) = self.controller.parts();
        let pools = self
            .pools
            .round(now, (mode, set), cluster, managed, telemetry);
        (round, ready(pools))
    }

    /// Stores the orders in progress, as an election does with its next renewal.
    fn store_journal(&mut self) -> String {
        let leadership = &mut self.set.leadership;
        if let Some(journal) = self.pools.journal(leadership.term) {
            leadership.journal = journal;
        }
        leadership.journal.clone()
    }
}

/// A cluster, its provider of machines, and the time.
struct World {
    cloud: Cloud,
    now: Timestamp,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let cluster = SimulatedCluster::new(scenario, 1, Experiment::START).unwrap();
        let cloud = Cloud {
            cluster,
            submitted: Rc::default(),
            promises: Rc::default(),
            answers: Vec::new(),
        };
        Self {
            cloud,
            now: Experiment::START,
        }
    }

    /// Advances the time by one round; all processes receive the datagrams.
    fn advance(&mut self, processes: &mut [&mut Process]) -> Timestamp {
        self.now = self.now + ROUND;
        for sent in self.cloud.cluster.advance(self.now) {
            for process in &mut *processes {
                process.telemetry.receive(sent.at, sent.source, &sent.bytes);
            }
        }
        self.now
    }

    fn replicas(&self, service: &str) -> u32 {
        self.cloud.cluster.truth(service).unwrap().replicas
    }

    fn orders(&self) -> Vec<Order> {
        self.cloud.submitted.borrow().clone()
    }
}

/// The output of a future that never waits: the simulated cluster answers at once.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Six replicas and five machines, of which the load needs fewer.
fn idle() -> Scenario {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.cluster.events.clear();
    scenario.cluster.services[0].workload = Workload::Constant(150.0);
    scenario.cluster.services[0].replicas = 6;
    let machines = scenario.machines.as_mut().unwrap();
    (machines.min, machines.max) = (1, 6);
    scenario
}

fn policy(stabilise: u64) -> Settings {
    let mut settings = two_thresholds();
    settings.rule = Rule::target("vir_bytes_in+vir_bytes_out", 90_000.0);
    settings.down.stabilise = Duration::from_secs(stabilise);
    settings
}

fn only(round: &Round) -> &Decided {
    let [decided] = round.decisions.as_slice() else {
        panic!("{:?}", round.decisions);
    };
    decided
}

#[test]
fn standby_advises_names_the_leader_and_takes_over_without_warm_up() {
    let mut scenario = idle();
    scenario.machines = None;
    let mut world = World::new(&scenario);
    let name = scenario.cluster.services[0].name.clone();
    let mut a = Process::new("a", &scenario, &policy(30), &world.cloud);
    let mut b = Process::new("b", &scenario, &policy(30), &world.cloud);
    a.lead(1, "");
    b.follow("a");
    // The leader cannot renew its lease. It changes nothing and reports the reason.
    a.set.may_write = false;
    let mut failed = 0;
    for _ in 0..60 {
        let now = world.advance(&mut [&mut a, &mut b]);
        let (leads, _) = a.round(now);
        let (stands_by, _) = b.round(now);
        let (leads, decided) = (only(&leads), only(&stands_by));
        if leads.decision.is_change() {
            let Outcome::Failed { why } = &leads.outcome else {
                panic!("{:?}", leads.outcome);
            };
            assert!(why.contains("lease"), "{why}");
            failed += 1;
        }
        assert_eq!(decided.decision.result, leads.decision.result);
        assert_eq!(decided.decision.mode, Mode::Advise);
        let reason = &decided.decision.reasons()[0];
        assert_eq!(reason, "standby: the leader is a (http://10.0.0.1:8080)");
        if decided.decision.is_change() {
            assert_eq!(decided.outcome, Outcome::Advised);
        }
    }
    assert!(failed > 30, "{failed}");
    assert_eq!(world.replicas(&name), 6);

    // The takeover: nothing shrinks in the first round, and nothing waits for a window afterwards.
    b.lead(2, "");
    let now = world.advance(&mut [&mut b]);
    let (round, _) = b.round(now);
    let decided = only(&round);
    assert_eq!(
        (decided.decision.result, &decided.outcome),
        (6, &Outcome::Kept)
    );
    assert!(decided.decision.reasons()[0].contains("leader since this round"));
    let now = world.advance(&mut [&mut b]);
    let (round, _) = b.round(now);
    assert_eq!(
        only(&round).outcome,
        Outcome::Done,
        "{}",
        only(&round).decision
    );
    assert!(world.replicas(&name) < 6);
}

#[test]
fn new_leader_without_history_keeps_the_size_even_without_a_window() {
    let mut scenario = idle();
    scenario.machines = None;
    let mut world = World::new(&scenario);
    let mut fresh = Process::new("c", &scenario, &policy(0), &world.cloud);
    for _ in 0..30 {
        world.advance(&mut [&mut fresh]);
    }
    for term in [1, 5] {
        fresh.lead(term, "");
        let now = world.advance(&mut [&mut fresh]);
        let (round, _) = fresh.round(now);
        assert_eq!(only(&round).decision.result, only(&round).decision.replicas);
        assert_ne!(only(&round).outcome, Outcome::Done);
    }
    let now = world.advance(&mut [&mut fresh]);
    let (round, _) = fresh.round(now);
    assert_eq!(
        only(&round).outcome,
        Outcome::Done,
        "{}",
        only(&round).decision
    );
}

#[test]
fn changes_of_the_leader_are_no_foreign_changes_for_the_standby() {
    let mut scenario = idle();
    scenario.machines = None;
    let mut world = World::new(&scenario);
    let name = scenario.cluster.services[0].name.clone();
    let mut a = Process::new("a", &scenario, &policy(30), &world.cloud);
    let mut b = Process::new("b", &scenario, &policy(30), &world.cloud);
    a.lead(1, "");
    b.follow("a");
    for _ in 0..120 {
        let now = world.advance(&mut [&mut a, &mut b]);
        a.round(now);
        let (round, _) = b.round(now);
        let foreign = |problem: &&sflow_autoscale::problem::Problem| {
            problem.reason == ProblemReason::ForeignScale
        };
        assert_eq!(round.problems.iter().find(foreign), None);
    }
    assert!(world.replicas(&name) < 6);
}

#[test]
fn order_is_submitted_when_it_is_stored_and_repeated_with_its_key_after_a_takeover() {
    let mut scenario = Scenario::named("machines").unwrap();
    scenario.machines.as_mut().unwrap().join = sflow_simulator::Delay::millis(120_000, 120_000);
    let mut world = World::new(&scenario);
    let mut a = Process::new("a", &scenario, &policy(30), &world.cloud);
    let mut b = Process::new("b", &scenario, &policy(30), &world.cloud);
    a.lead(1, "");
    b.follow("a");
    let both = |world: &mut World, a: &mut Process, b: &mut Process| {
        let now = world.advance(&mut [a, b]);
        a.round(now);
        b.round(now);
    };
    // The leader orders machines, and submits nothing while the journal does not contain the orders.
    let mut rounds = 0;
    while a.pools.journal(1).is_none_or(|journal| journal.is_empty()) {
        both(&mut world, &mut a, &mut b);
        rounds += 1;
        assert!(rounds < 900, "no order");
    }
    for _ in 0..5 {
        both(&mut world, &mut a, &mut b);
    }
    assert_eq!(world.orders(), []);
    let journal = a.store_journal();
    both(&mut world, &mut a, &mut b);
    let first = world.orders();
    assert!(!first.is_empty());
    assert!(first.iter().all(|order| order.action == Action::Add));
    let lines = journal.lines().count();
    assert_eq!(lines, first.len(), "{journal}");

    // The leader dies. The next one repeats these orders and no others.
    assert_eq!(b.pools.journal(2), None, "it does not know the orders yet");
    b.lead(2, &journal);
    for _ in 0..15 {
        let now = world.advance(&mut [&mut b]);
        b.round(now);
        b.store_journal();
    }
    let mut repeated = world.orders().split_off(first.len());
    repeated.truncate(first.len());
    assert_eq!(repeated, first);
    let keys: Vec<String> = world.cloud.promises.borrow().keys().cloned().collect();
    let of_a = keys.iter().filter(|key| key.starts_with("a-"));
    assert_eq!(of_a.count(), first.len(), "{keys:?}");
    let active = b.pools.reconcilers()[0].orders().count();
    assert!(active >= first.len());
}

#[test]
fn standby_follows_drains_of_the_leader_and_drains_nothing_again() {
    let mut world = World::new(&idle());
    let mut a = Process::new("a", &idle(), &policy(30), &world.cloud);
    let mut b = Process::new("b", &idle(), &policy(30), &world.cloud);
    a.lead(1, "");
    b.follow("a");
    let mut journal = String::new();
    let mut rounds = 0;
    while !world.orders().iter().any(|it| it.action == Action::Remove) {
        let now = world.advance(&mut [&mut a, &mut b]);
        a.round(now);
        let (_, pools) = b.round(now);
        for (decided, _) in pools.iter().flat_map(|round| &round.decisions) {
            assert!(decided.decision.reasons()[0].starts_with("standby: the leader is a"));
        }
        journal = a.store_journal();
        rounds += 1;
        assert!(rounds < 900, "no machine is removed");
    }
    let [removal] = world.orders().try_into().unwrap();
    assert!(journal.contains(&removal.order));
    // The leader dies after it has submitted the removal: the key stays the same.
    b.lead(2, &journal);
    for _ in 0..10 {
        let now = world.advance(&mut [&mut b]);
        let (_, pools) = b.round(now);
        if let Some(round) = pools {
            let steps = round
                .decisions
                .iter()
                .filter(|(decided, _)| decided.outcome != Outcome::Advised);
            let drains = steps.flat_map(|(_, steps)| steps);
            let again = drains.filter(|step| format!("{step}").contains(&removal.order));
            assert_eq!(again.count(), 0, "no second step for the same machine");
        }
        b.store_journal();
    }
    let machine = removal.machine.clone();
    let orders = world.orders();
    let same: Vec<&Order> = orders.iter().filter(|it| it.machine == machine).collect();
    assert!(same.iter().all(|it| it.order == removal.order), "{same:?}");
}

/// A drain that the leader has ended is not continued by its successor.
#[test]
fn machine_that_the_leader_activated_again_is_not_drained_after_a_takeover() {
    let scenario = idle();
    let mut pool = scenario.pool().unwrap();
    // The policy itself removes no machine.
    pool.settings.down.select = Select::None;
    let mut world = World::new(&scenario);
    let mut b = Process::new("b", &scenario, &policy(30), &world.cloud);
    b.pools.configure(std::slice::from_ref(&pool)).unwrap();
    b.follow("a");
    let worker = |node: &&Node| !node.is_manager && node.availability == Availability::Active;
    let mut machine = None;
    for round in 0..40 {
        let mut cluster = world.cloud.cluster.clone();
        let census = ready(cluster.census()).unwrap();
        if round == 5 {
            let node = census.nodes.iter().find(worker).unwrap();
            machine = Some(node.name.clone());
            ready(cluster.set_availability(node, Availability::Drain, Some(&pool.name))).unwrap();
        } else if round == 15 {
            let mut nodes = census.nodes.iter();
            let node = nodes.find(|node| Some(&node.name) == machine.as_ref());
            let active = Availability::Active;
            ready(cluster.set_availability(node.unwrap(), active, None)).unwrap();
        } else if round == 25 {
            b.lead(2, "");
        }
        let now = world.advance(&mut [&mut b]);
        let (_, pools) = b.round(now);
        let steps = pools.iter().flat_map(|round| &round.decisions);
        let steps = steps.flat_map(|(_, steps)| steps);
        let is_drain = |step: &&MachineStep| matches!(step, MachineStep::Drain { .. });
        assert_eq!(steps.filter(is_drain).count(), 0, "round {round}");
    }
    assert_eq!(world.orders(), []);
}
