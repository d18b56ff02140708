//! Two instances that elect a leader, over one simulated cluster, in virtual time.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use elb::balancer::Balancer;
use elb::config::{Config, ControlSettings};
use elb::handle::Request;
use elb::history::Source;
use elb::hooks::{Call, HookSettings};
use elb::leader::{Candidate, report};
use elb::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Service,
};
use elb::policy::Mode;
use elb::shared::Shared;
use sflow_autoscale::controller::{Outcome, Round};
use sflow_autoscale::leader::{
    Election, LeaseError, LeaseSettings, LeaseStore, Permit as _, Record, StoredRecord,
};
use sflow_autoscale::node_pools::{Action, Answer, Order, Provider};
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};

use crate::hooks::needy;
use crate::simulated;
use crate::support::{MAX_WAIT, wait_until};
use crate::world::{START, services};

/// The lease in memory.
#[derive(Clone, Debug, Default)]
struct Store(Shared<Versions>);

#[derive(Debug, Default)]
struct Versions {
    version: u64,
    record: Option<Record>,
    is_down: bool,
}

impl Store {
    fn write(&self, expected: Option<u64>, record: &Record) -> Result<(), LeaseError> {
        let mut stored = self.0.lock();
        if stored.is_down {
            return Err(LeaseError::Unreachable("no quorum".to_owned()));
        }
        if stored.record.as_ref().map(|_| stored.version) != expected {
            return Err(LeaseError::Conflict);
        }
        stored.version += 1;
        stored.record = Some(record.clone());
        Ok(())
    }

    fn record(&self) -> Record {
        self.0.lock().record.clone().unwrap()
    }
}

impl LeaseStore for Store {
    async fn read(&mut self) -> Result<Option<StoredRecord>, LeaseError> {
        let stored = self.0.lock();
        if stored.is_down {
            return Err(LeaseError::Unreachable("no quorum".to_owned()));
        }
        let (version, record) = (stored.version, stored.record.clone());
        Ok(record.map(|record| StoredRecord { version, record }))
    }

    async fn create(&mut self, record: &Record) -> Result<(), LeaseError> {
        self.write(None, record)
    }

    async fn replace(&mut self, version: u64, record: &Record) -> Result<(), LeaseError> {
        self.write(Some(version), record)
    }
}

/// The clock of the runtime, which the tests pause.
fn clock() -> Duration {
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

    let now = tokio::time::Instant::now().into_std();
    let hour = Duration::from_secs(3_600);
    hour + now.saturating_duration_since(*ORIGIN) - ORIGIN.saturating_duration_since(now)
}

/// A change of the cluster, or an order, of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Write {
    instance: &'static str,
    term: u64,
    what: String,
}

/// The writes of all instances, in order.
#[derive(Clone, Debug)]
struct Log {
    instance: &'static str,
    store: Store,
    writes: Shared<Vec<Write>>,
}

impl Log {
    fn add(&self, what: String) {
        let (instance, term) = (self.instance, self.store.record().term);
        let write = Write {
            instance,
            term,
            what,
        };
        self.writes.lock().push(write);
    }
}

/// The cluster, with a log of its changes.
#[derive(Debug)]
struct Recorded {
    cluster: SimulatedCluster,
    log: Log,
}

impl Orchestrator for Recorded {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        self.cluster.services(names).await
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        self.log.add(format!("scale {replicas}"));
        self.cluster.scale(service, replicas).await
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        self.cluster.labelled(label).await
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        self.cluster.census().await
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        self.cluster.nodes()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        self.log.add(format!("{availability:?} {}", node.name));
        let cluster = &mut self.cluster;
        cluster
            .set_availability(node, availability, drained_for)
            .await
    }
}

/// A hook that records orders; it executes them if `machines` is set.
#[derive(Debug)]
struct RecordedHook {
    machines: Option<SimulatedCluster>,
    log: Log,
}

impl Provider for RecordedHook {
    fn submit(&mut self, order: Order, within: Duration) {
        let journal = self.log.store.record().journal;
        let is_known = journal.contains(&order.order);
        assert!(is_known, "{} is not in {journal:?}", order.order);
        self.log.add(format!("order {}", order.order));
        if let Some(machines) = &mut self.machines {
            machines.submit(order, within);
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        self.machines
            .as_mut()
            .map_or_else(Vec::new, Provider::answers)
    }
}

struct Instance {
    balancer: Balancer<Recorded>,
    candidate: Candidate,
}

struct Instances {
    cluster: SimulatedCluster,
    store: Store,
    writes: Shared<Vec<Write>>,
    /// The first one leads at the start.
    running: Vec<Instance>,
    now: Timestamp,
}

impl Instances {
    fn new(scenario: &Scenario, is_hook_kept: bool) -> Self {
        let cluster = SimulatedCluster::new(scenario, 1, START).unwrap();
        let (store, writes) = (Store::default(), Shared::default());
        let instance = |name: &'static str| {
            let log = Log {
                instance: name,
                store: store.clone(),
                writes: Shared::clone(&writes),
            };
            let control = ControlSettings {
                mode: Mode::Act,
                ..Config::article().control
            };
            let recorded = Recorded {
                cluster: cluster.clone(),
                log: log.clone(),
            };
            let services = services(scenario);
            let mut balancer = Balancer::new(START, recorded, control, &services).unwrap();
            let pool = simulated::pool(scenario).unwrap();
            balancer.keep(name.to_owned(), &[pool]).unwrap();
            let hook = RecordedHook {
                machines: is_hook_kept.then(|| cluster.clone()),
                log,
            };
            let pools = balancer.pools_mut().unwrap();
            pools.provider_mut().substitute(Box::new(hook));
            let address = format!("http://{name}:8008");
            let election = Election::new(LeaseSettings::default(), name, address).unwrap();
            let (candidate, election) = Candidate::new(election, store.clone(), clock);
            tokio::spawn(election);
            balancer.set_permit(candidate.permit().clone());
            let status = balancer.status().clone();
            tokio::spawn(report(candidate.permit().clone(), name.to_owned(), status));
            Instance {
                balancer,
                candidate,
            }
        };
        let running = ["first", "second"].map(instance);
        Self {
            running: running.into(),
            cluster,
            store,
            writes,
            now: START,
        }
    }

    /// Advances time by two seconds and runs a round of each instance, of the leader last.
    async fn round(&mut self) -> Vec<Round> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.now = self.now + Duration::from_secs(2);
        let sent = self.cluster.advance(self.now);
        let mut rounds = Vec::new();
        for Instance { balancer, .. } in self.running.iter_mut().rev() {
            for sent in &sent {
                balancer.receive(sent.at, sent.source, &sent.bytes);
            }
            rounds.insert(0, balancer.round(self.now).await);
        }
        self.assert_one_writer();
        rounds
    }

    /// Runs rounds for this time.
    async fn run(&mut self, seconds: u64) {
        for _ in 0..seconds / 2 {
            self.round().await;
        }
    }

    fn assert_one_writer(&self) {
        let writes = self.writes.lock();
        for write in &*writes {
            let other = writes.iter().find(|other| other.term == write.term);
            assert_eq!(other.unwrap().instance, write.instance, "{writes:?}");
        }
    }

    fn writes_of(&self, instance: &str) -> Vec<Write> {
        let writes = self.writes.lock();
        let own = writes.iter().filter(|write| write.instance == instance);
        own.cloned().collect()
    }

    async fn shop(&self) -> Service {
        let names = ["shop".to_owned()];
        let mut services = self.cluster.clone().services(&names).await.unwrap();
        services.remove(0)
    }

    /// Sets the replicas of the service, as an operator.
    async fn set_replicas(&self, replicas: u32) {
        let shop = self.shop().await;
        self.cluster.clone().scale(&shop, replicas).await.unwrap();
    }
}

impl Instance {
    fn leads(&self) -> bool {
        self.candidate.permit().leadership().is_leader
    }
}

/// Keys of the orders among these writes.
fn orders(writes: &[Write]) -> Vec<String> {
    let keys = writes
        .iter()
        .filter_map(|it| it.what.strip_prefix("order "));
    keys.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn s11_stop_over_the_api_survives_takeovers_until_it_ends() {
    let set = |mode| Request::SetMode {
        subject: None,
        mode,
        source: Source::Client(None),
    };
    let mut instances = Instances::new(&needy(), false);
    instances.run(120).await;
    let before = instances.store.record().journal;
    assert!(!before.is_empty(), "orders in progress");
    let leader = &mut instances.running[0].balancer;
    leader.apply(&set(Mode::Off)).unwrap();
    instances.run(4).await;
    instances.running.remove(0);
    instances.run(30).await;
    assert!(instances.running[0].leads());
    assert_eq!(instances.running[0].balancer.controller().mode(), Mode::Off);
    assert_eq!(instances.writes_of("second"), []);
    assert_eq!(
        instances.store.record().journal,
        format!("mode off\n{before}"),
        "orders in progress are not lost"
    );

    let leader = &mut instances.running[0].balancer;
    leader.apply(&set(Mode::Act)).unwrap();
    instances.run(4).await;
    assert!(!instances.store.record().journal.contains("mode"));
    assert_eq!(instances.running[0].balancer.controller().mode(), Mode::Act);
}

#[tokio::test(start_paused = true)]
async fn s4_standby_advises_and_changes_nothing() {
    let mut instances = Instances::new(&needy(), true);
    let mut advised = 0;
    for _ in 0..300 {
        let rounds = instances.round().await;
        for decided in &rounds[1].decisions {
            let mode = decided.decision.mode;
            assert_eq!(mode, Mode::Advise, "{}", decided.decision);
            advised += usize::from(decided.outcome == Outcome::Advised);
        }
    }
    assert!(instances.running[0].leads() && !instances.running[1].leads());
    assert!(advised > 0, "the standby decides");
    let writes = instances.writes_of("first");
    assert!(writes.iter().any(|it| it.what.starts_with("scale")));
    assert!(!orders(&writes).is_empty(), "{writes:?}");
    assert_eq!(instances.writes_of("second"), []);
    let status = instances.running[1].balancer.status().lock();
    let leader = status.leader().unwrap();
    assert!(!leader.is_leader && !leader.may_write);
    assert_eq!(leader.instance, "second");
    assert_eq!(leader.holder.as_deref(), Some("first"));
    assert_eq!(leader.address.as_deref(), Some("http://first:8008"));
    assert_eq!((leader.term, leader.error.as_deref()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn s5_takeover_acts_without_warm_up_and_reduces_no_size() {
    for (replicas, is_short) in [(1, true), (24, false)] {
        let mut instances = Instances::new(&needy(), true);
        instances.run(200).await;
        let size = instances.shop().await.running();
        assert!((2..24).contains(&size), "{size}");
        // The leader is killed, and the service has too few or too many replicas.
        instances.running.remove(0);
        instances.set_replicas(replicas).await;
        let before = clock();
        while !instances.running[0].leads() {
            assert_eq!(instances.writes_of("second"), []);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let taken = clock() - before;
        assert!(taken <= Duration::from_secs(10), "{taken:?}");
        let rounds = instances.round().await;
        let shop = |it: &&sflow_autoscale::controller::Decided| it.decision.subject.name == "shop";
        let decided = rounds[0].decisions.iter().find(shop).unwrap();
        let scaled = instances.writes_of("second").into_iter().map(|it| it.what);
        let scaled: Vec<String> = scaled.filter(|what| what.starts_with("scale")).collect();
        if is_short {
            assert_eq!(decided.outcome, Outcome::Done, "{}", decided.decision);
            assert!(decided.decision.result > 1, "{}", decided.decision);
        } else {
            assert_eq!(scaled, [""; 0], "{}", decided.decision);
            assert_eq!(decided.decision.result, 24, "{}", decided.decision);
            instances.run(60).await;
            let size = instances.shop().await.running();
            assert!(size < 24, "too many replicas are removed later: {size}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s6_ending_leader_is_replaced_at_once() {
    let mut instances = Instances::new(&needy(), true);
    instances.run(60).await;
    let first = instances.running.remove(0);
    assert!(first.leads() && first.candidate.permit().may_write());
    let permit = first.candidate.permit().clone();
    assert_eq!(first.candidate.release().await, Ok(()));
    assert!(!permit.may_write(), "no write after the release");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(instances.running[0].candidate.permit().may_write());
    assert_eq!(instances.store.record().term, 2);
}

#[tokio::test(start_paused = true)]
async fn s7_hook_is_started_by_one_leader_and_repeated_with_same_key_after_takeover() {
    let mut instances = Instances::new(&needy(), false);
    let mut started = Vec::new();
    while started.is_empty() {
        instances.round().await;
        started = orders(&instances.writes_of("first"));
        assert!(instances.now < START + Duration::from_secs(400));
    }
    // The leader is killed while its hook runs.
    instances.running.remove(0);
    instances.run(60).await;
    let repeated = orders(&instances.writes_of("second"));
    for key in &started {
        assert!(key.starts_with("first-"), "{key}");
        let repetitions = repeated.iter().filter(|it| *it == key).count();
        assert_eq!(repetitions, 1, "{started:?} {repeated:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s9_outage_of_the_lease_stops_all_changes_and_keeps_the_leader() {
    let mut instances = Instances::new(&needy(), true);
    instances.run(100).await;
    instances.store.0.lock().is_down = true;
    // Longer than the lease.
    instances.run(20).await;
    let before = instances.writes.lock().len();
    instances.set_replicas(1).await;
    instances.run(60).await;
    assert_eq!(
        instances.writes.lock().len(),
        before,
        "no write in an outage"
    );
    assert!(instances.running[0].leads() && !instances.running[1].leads());
    let permit = instances.running[0].candidate.permit().clone();
    let status = instances.running[0].balancer.status().clone();
    let is_shown = |status: &elb::status::LoopStatus| {
        let leader = status.leader().unwrap();
        !leader.may_write && leader.error.as_deref().unwrap().contains("no quorum")
    };
    assert!(!permit.may_write() && is_shown(&status.lock()));
    instances.store.0.lock().is_down = false;
    instances.run(4).await;
    assert!(permit.may_write());
    let scaled = instances.writes_of("first");
    assert!(scaled.len() > before, "{scaled:?}");
    assert_eq!(instances.store.record().term, 1);
}

#[tokio::test]
async fn s7_hook_is_not_retried_when_another_instance_leads() {
    let folder = tempfile::tempdir().unwrap();
    let tries = folder.path().join("tries");
    let hook = HookSettings {
        call: Call::Program {
            program: "/bin/sh".into(),
            arguments: vec![
                "-c".to_owned(),
                format!("echo x >>{}; exit 75", tries.display()),
            ],
        },
        timeout: MAX_WAIT,
        tries: u32::MAX,
        pause: Duration::ZERO,
    };
    let order = Order {
        order: "pool-7-add".to_owned(),
        action: Action::Add,
        pool: "workers".to_owned(),
        machine: None,
    };
    let store = Store::default();
    let settings = LeaseSettings {
        renew: Duration::from_millis(100),
        ..LeaseSettings::default()
    };
    let election = Election::new(settings, "first", "http://first:8008").unwrap();
    let (candidate, election) = Candidate::new(election, store.clone(), clock);
    let permit = candidate.permit().clone();
    let early = hook.give(&order, &permit).await.unwrap_err();
    assert!(early.contains("is not the leader"), "{early}");
    tokio::spawn(election);
    wait_until("no leader", || permit.may_write()).await;
    let giving = tokio::spawn(async move { hook.give(&order, &permit).await });
    wait_until("the hook is not called", || tries.exists()).await;
    let record = Record {
        holder: "second".to_owned(),
        term: 2,
        ..Record::default()
    };
    // A renewal between the reading of the version and the write is a conflict.
    wait_until("no takeover", || {
        let version = store.0.lock().version;
        store.write(Some(version), &record).is_ok()
    })
    .await;
    let error = giving.await.unwrap().unwrap_err();
    assert!(error.contains("is not the leader"), "{error}");
    drop(candidate);
}
