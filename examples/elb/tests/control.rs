//! Faults of control, against a scripted orchestrator: concurrent changes, refusals, and the
//! requests that it receives.

use std::collections::BTreeMap;
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::Config;
use elb::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Rollout,
    Scaling, Service, ServiceId, Task, TaskState,
};
use elb::policy::{Mode, Subject};
use elb::view::Snapshot;
use sflow_autoscale::controller::Outcome;
use sflow_autoscale::problem::ProblemReason;
use sflow_metrics::Timestamp;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Services that change only by requests and scripted changes.
#[derive(Debug, Default)]
struct Cluster {
    services: BTreeMap<String, Service>,
    /// Scripted changes, one before each request to scale.
    meanwhile: Vec<fn(&mut Service)>,
    /// Changes that were executed.
    made: Vec<(String, u32)>,
    refusal: Option<OrchestratorError>,
    down: Vec<String>,
    is_gone: bool,
}

impl Cluster {
    fn add(&mut self, name: &str, replicas: u32, labels: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let service = Service {
            id: ServiceId(format!("id-{name}")),
            name: name.to_owned(),
            scaling: Scaling::Replicated { replicas },
            version: 1,
            rollout: Rollout::Settled,
            labels: labels.iter().map(own).collect(),
            cpu_limit: None,
            tasks: Vec::new(),
        };
        self.services.insert(name.to_owned(), service);
    }

    fn replicas(&self, name: &str) -> u32 {
        match self.services[name].scaling {
            Scaling::Replicated { replicas } => replicas,
            _ => panic!("{name}"),
        }
    }

    fn set(&mut self, name: &str, change: impl Fn(&mut Service)) {
        let service = self.services.get_mut(name).unwrap();
        change(service);
        service.version += 1;
    }
}

impl Orchestrator for Cluster {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        if self.is_gone {
            let text = "no quorum".to_owned();
            return Err(OrchestratorError::Unavailable(text));
        }
        let named = names.iter().filter_map(|name| self.services.get(name));
        Ok(named.cloned().collect())
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let now = self.services.get_mut(&service.name).unwrap();
        if !self.meanwhile.is_empty() {
            let change = self.meanwhile.remove(0);
            change(now);
            now.version += 1;
        }
        if now.version != service.version {
            return Err(OrchestratorError::Conflict);
        }
        now.scaling = Scaling::Replicated { replicas };
        now.version += 1;
        self.made.push((service.name.clone(), replicas));
        Ok(())
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        let labelled = self.services.values();
        let labelled = labelled.filter(|service| service.labels.contains_key(label));
        Ok(labelled
            .map(|service| Labelled {
                id: service.id.clone(),
                name: service.name.clone(),
                labels: service.labels.clone(),
            })
            .collect())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        Vec::new()
    }

    fn down_nodes(&self) -> Vec<String> {
        self.down.clone()
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        Ok(Census::default())
    }

    async fn set_availability(
        &mut self,
        _: &Node,
        _: Availability,
        _: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        Ok(())
    }
}

/// Services below their minimum, which elb scales without telemetry.
fn config(services: &[(&str, u32, i32)], control: &str) -> Config {
    let mode = match control.contains("mode = ") {
        true => "",
        false => "mode = \"act\"\n",
    };
    let mut text = format!(
        "[control]\ninterval = \"2s\"\n{mode}{control}\n[defaults]\nmode = \"act\"\nmax = 20\n\
         metric = [{{ name = \"vir_cpu_cores\", target = 0.5 }}]\n"
    );
    for (name, min, priority) in services {
        text += &format!(
            "[[service]]\nname = \"{name}\"\npriority = {priority}\npolicy = {{ min = {min} }}\n"
        );
    }
    Config::from_toml(&text).unwrap()
}

fn balancer(cluster: Cluster, config: &Config) -> Balancer<Cluster> {
    let mut balancer = Balancer::new(START, cluster, config.control, &config.services).unwrap();
    balancer.discover(&config.discovery);
    balancer
}

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

#[tokio::test]
async fn d1_concurrently_changed_service_is_decided_again() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    cluster.meanwhile = vec![|service| service.scaling = Scaling::Replicated { replicas: 7 }];
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    let round = balancer.round(at(0)).await;
    // A foreign change has set seven, which is enough: three does not overwrite it.
    assert_eq!(round.conflicts, 1);
    assert_eq!(round.decisions[0].outcome, Outcome::Kept);
    let cluster = balancer.orchestrator_mut();
    assert_eq!((cluster.replicas("apache"), cluster.made.len()), (7, 0));
}

#[tokio::test]
async fn d1_repeated_conflicts_are_retried_soon_and_then_paused() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    // A foreign change precedes each of ours and does not change the replicas.
    cluster.meanwhile = vec![|_| {}; 40];
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    let mut now = at(0);
    let mut soon = 0;
    for _ in 0..8 {
        let round = balancer.round(now).await;
        assert!(matches!(round.decisions[0].outcome, Outcome::Failed { .. }));
        soon += u32::from(round.again - now < Duration::from_secs(1));
        assert!(
            round.again - now >= Duration::from_millis(50),
            "retry without a pause"
        );
        now = round.again;
    }
    assert!((2..=5).contains(&soon), "{soon} immediate retries");
    balancer.orchestrator_mut().meanwhile.clear();
    balancer.round(now).await;
    assert_eq!(balancer.orchestrator_mut().replicas("apache"), 3);
}

#[tokio::test]
async fn d3_lost_quorum_stops_changes_until_it_returns() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    cluster.is_gone = true;
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    for second in [0, 2, 4] {
        let round = balancer.round(at(second)).await;
        assert!(!round.reached && round.decisions.is_empty());
        assert!(
            round.problems[0].message.contains("no quorum"),
            "{:?}",
            round.problems
        );
    }
    assert_eq!(balancer.status().lock().tally().unreachable, 3);
    balancer.orchestrator_mut().is_gone = false;
    assert!(balancer.round(at(6)).await.reached);
    assert_eq!(balancer.orchestrator_mut().replicas("apache"), 3);
}

#[tokio::test]
async fn b6_unread_sizes_are_unknown_and_not_zero() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    cluster.is_gone = true;
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    let mut sizes = Vec::new();
    for (second, is_gone) in [(0, true), (2, false), (4, true)] {
        balancer.orchestrator_mut().is_gone = is_gone;
        balancer.round(at(second)).await;
        let status = balancer.status().lock();
        let standing = serde_json::to_value(status.service("apache").unwrap()).unwrap();
        let view = status.view("apache").unwrap();
        for (field, value) in [("running", view.running), ("recommended", view.recommended)] {
            assert_eq!(standing[field], serde_json::json!(value), "{field}");
        }
        assert_eq!(view.running, view.seen);
        let (wait, timeout) = (Duration::from_secs(2), Duration::from_secs(8));
        assert_eq!(status.is_orchestrator_up(wait, timeout), !is_gone);
        sizes.push((view.wanted, view.recommended, view.past.len()));
    }
    // The chart begins with the first size that was read and keeps the last one.
    assert_eq!(
        sizes,
        [(None, None, 0), (Some(3), Some(3), 1), (None, None, 2)]
    );
    let history = balancer.status().lock().points(&Subject::service("apache"));
    assert_eq!((history[0].wanted, history[1].wanted), (3, 3));
}

#[tokio::test]
async fn d7_unstartable_tasks_are_reported_with_their_reason() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 2, &[]);
    cluster.set("apache", |service| {
        let task = |slot: u32, failures: u32, error: Option<&str>| Task {
            container: format!("apache.{slot}.x"),
            state: TaskState::Running,
            age: Duration::from_secs(5),
            error: error.map(str::to_owned),
            failures,
            ..Task::default()
        };
        service.tasks = vec![
            task(1, 0, None),
            task(2, 4, Some("task: non-zero exit (1)")),
        ];
    });
    let mut balancer = balancer(cluster, &config(&[("apache", 1, 0)], ""));
    balancer.round(at(0)).await;
    let status = balancer.status().lock();
    // The task runs now; four failures show that it does not stay.
    let last = status.service("apache").unwrap().last.clone().unwrap();
    assert_eq!(last.result, 2);
}

#[tokio::test]
async fn d8_unscalable_services_are_listed_and_unchanged() {
    for (scaling, what) in [(Scaling::Global, "global"), (Scaling::Job, "job")] {
        let mut cluster = Cluster::default();
        cluster.add("agent", 1, &[]);
        cluster.set("agent", |service| service.scaling = scaling);
        let mut balancer = balancer(cluster, &config(&[("agent", 3, 0)], ""));
        let round = balancer.round(at(0)).await;
        let decision = &round.decisions[0].decision;
        assert!(!decision.is_change());
        let text = format!("a {what} service cannot be scaled");
        assert!(decision.to_string().contains(&text), "{decision}");
    }
}

#[tokio::test]
async fn d9_foreign_change_is_detected() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 3, &[]);
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    balancer.round(at(0)).await;
    balancer.orchestrator_mut().set("apache", |service| {
        service.scaling = Scaling::Replicated { replicas: 9 };
    });
    let round = balancer.round(at(2)).await;
    let text = round.decisions[0].decision.to_string();
    assert!(
        text.contains("the replicas were changed from 3 to 9, not by this autoscaler"),
        "{text}"
    );
    assert!(balancer.orchestrator_mut().made.is_empty());
}

#[tokio::test]
async fn d10_recreated_service_is_a_new_service() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 5, &[]);
    let mut balancer = balancer(cluster, &config(&[("apache", 1, 0)], ""));
    balancer.round(at(0)).await;
    let remove = |balancer: &mut Balancer<Cluster>| {
        balancer
            .orchestrator_mut()
            .services
            .remove("apache")
            .unwrap()
    };
    let old = remove(&mut balancer);
    let round = balancer.round(at(2)).await;
    assert_eq!(round.problems[0].message, "service apache does not exist");
    balancer.orchestrator_mut().add("apache", 2, &[]);
    balancer.orchestrator_mut().set("apache", |service| {
        service.id = ServiceId("another".to_owned());
    });
    let round = balancer.round(at(4)).await;
    // No foreign change from five to two: the new service never had five.
    let text = round.decisions[0].decision.to_string();
    assert!(!text.contains("somebody else"), "{text}");
    // The former service is recognised when it returns.
    remove(&mut balancer);
    let cluster = balancer.orchestrator_mut();
    cluster.services.insert("apache".to_owned(), old);
    let round = balancer.round(at(6)).await;
    assert_eq!(round.decisions[0].decision.replicas, 5);
}

#[tokio::test]
async fn d15_service_of_another_owner_is_unchanged() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[("elb.owner", "west")]);
    let east = config(&[("apache", 3, 0)], "owner = \"east\"");
    let mut balancer = balancer(cluster, &east);
    let round = balancer.round(at(0)).await;
    let text = round.decisions[0].decision.to_string();
    assert!(
        text.contains("belongs to the autoscaler \"west\""),
        "{text}"
    );
    balancer.orchestrator_mut().set("apache", |service| {
        service
            .labels
            .insert("elb.owner".to_owned(), "east".to_owned());
    });
    balancer.round(at(2)).await;
    assert_eq!(balancer.orchestrator_mut().replicas("apache"), 3);
}

#[tokio::test]
async fn d15_two_balancers_agree_on_one_size() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    let (few, many) = (
        config(&[("apache", 3, 0)], ""),
        config(&[("apache", 5, 0)], ""),
    );
    let mut first = balancer(cluster, &few);
    first.round(at(0)).await;
    let mut second = balancer(std::mem::take(first.orchestrator_mut()), &many);
    for second_of in 1..20 {
        second.round(at(2 * second_of)).await;
        *first.orchestrator_mut() = std::mem::take(second.orchestrator_mut());
        first.round(at(2 * second_of + 1)).await;
        *second.orchestrator_mut() = std::mem::take(first.orchestrator_mut());
    }
    let cluster = second.orchestrator_mut();
    assert_eq!(cluster.replicas("apache"), 5);
    assert_eq!(cluster.made.len(), 2, "{:?}", cluster.made);
}

#[tokio::test]
async fn d16_restart_loses_nothing() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    let config = config(&[("apache", 3, 0)], "");
    // Killed between decision and request: the successor reads the same cluster.
    let mut killed = balancer(cluster, &config);
    killed.orchestrator_mut().refusal = Some(OrchestratorError::Unavailable("killed".to_owned()));
    killed.round(at(0)).await;
    let mut cluster = std::mem::take(killed.orchestrator_mut());
    cluster.refusal = None;
    drop(killed);
    let mut next = balancer(cluster, &config);
    next.round(at(2)).await;
    assert_eq!(next.orchestrator_mut().replicas("apache"), 3);
}

#[tokio::test]
async fn d19_highest_priority_is_served_first() {
    let names: Vec<String> = (0..100).map(|number| format!("s{number:02}")).collect();
    let services: Vec<(&str, u32, i32)> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| (name.as_str(), 3, number % 10))
        .collect();
    let config = config(&services, "changes_per_minute = 20");
    let mut cluster = Cluster::default();
    for name in &names {
        cluster.add(name, 1, &[]);
    }
    let mut balancer = balancer(cluster, &config);
    let round = balancer.round(at(0)).await;
    let waiting = round.decisions.iter().filter(|decided| {
        let text = decided.decision.to_string();
        text.contains("deferred: at most 20 changes per minute")
    });
    assert_eq!(waiting.count(), 80);
    let made = balancer.orchestrator_mut().made.clone();
    assert_eq!(made.len(), 20);
    assert!(
        made.iter()
            .all(|(name, _)| name.ends_with('9') || name.ends_with('8')),
        "the highest priorities: {made:?}"
    );
    for second in (2..60).step_by(2) {
        balancer.round(at(second)).await;
    }
    assert_eq!(balancer.orchestrator_mut().made.len(), 20);
    for minute in 1..5 {
        balancer.round(at(60 * minute)).await;
    }
    assert_eq!(balancer.orchestrator_mut().made.len(), 100);
}

#[tokio::test]
async fn labelled_services_are_adopted_and_released() {
    let asks = ("elb.enabled", "true");
    let mut cluster = Cluster::default();
    cluster.add("web", 1, &[asks, ("elb.min", "4")]);
    cluster.add("typo", 1, &[asks, ("elb.minn", "4")]);
    cluster.add("other", 1, &[("elb.enabled", "false")]);
    cluster.add("filed", 1, &[asks, ("elb.min", "9")]);
    let config = config(&[("filed", 2, 0)], "");
    let mut balancer = balancer(cluster, &config);
    let round = balancer.round(at(0)).await;
    let cluster = balancer.orchestrator_mut();
    assert_eq!(cluster.replicas("web"), 4);
    assert_eq!(cluster.replicas("filed"), 2, "the file takes precedence");
    assert_eq!(cluster.replicas("other"), 1);
    let trouble = &round.problems[0].message;
    assert!(trouble.starts_with("typo: label elb.minn: "), "{trouble}");
    // An invalid label keeps the former policy; correcting it needs no restart.
    cluster.set("web", |service| {
        service
            .labels
            .insert("elb.max".to_owned(), "few".to_owned());
    });
    let round = balancer.round(at(60)).await;
    assert!(
        round
            .problems
            .iter()
            .any(|it| it.message.starts_with("web: label elb.max: "))
    );
    assert!(
        balancer
            .controller()
            .managed()
            .iter()
            .any(|it| it.name == "web")
    );
    let cluster = balancer.orchestrator_mut();
    cluster.set("web", |service| {
        service.labels.insert("elb.max".to_owned(), "6".to_owned());
        service.labels.insert("elb.min".to_owned(), "5".to_owned());
    });
    cluster.set("typo", |service| {
        service.labels.remove("elb.minn");
    });
    // An event triggers discovery.
    balancer.controller_mut().discover_soon();
    let round = balancer.round(at(62)).await;
    assert_eq!(round.problems, []);
    assert_eq!(balancer.orchestrator_mut().replicas("web"), 5);
    balancer
        .orchestrator_mut()
        .set("web", |service| service.labels.clear());
    balancer.round(at(122)).await;
    let names = balancer.controller().managed().iter();
    let names: Vec<&str> = names.map(|managed| managed.name.as_str()).collect();
    assert_eq!(names, ["filed", "typo"]);
}

#[tokio::test]
async fn service_that_acts_without_control_mode_is_a_problem_and_is_not_changed() {
    let text = "[defaults]\nmode = \"act\"\nmin = 3\n\
                metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n\
                [[service]]\nname = \"apache\"\n";
    let config = Config::from_toml(text).unwrap();
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    let labels = [("elb.enabled", "true"), ("elb.mode", "act")];
    cluster.add("labelled", 1, &labels);
    let mut balancer = balancer(cluster, &config);
    let round = balancer.round(at(0)).await;
    assert_eq!(round.decisions.len(), 2);
    let outcomes = round.decisions.iter();
    assert!(outcomes.clone().all(|it| it.outcome == Outcome::Advised));
    assert!(balancer.orchestrator_mut().made.is_empty());
    let problems = snapshot(&balancer).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].reason, ProblemReason::ModeUnset);
    let text = &problems[0].words;
    for part in [
        "apache, labelled have mode = \"act\"",
        "mode = \"act\" under [control]",
        "mode = \"advise\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // Setting any mode ends the problem.
    assert!(balancer.controller_mut().set_mode(None, Mode::Advise));
    balancer.round(at(2)).await;
    assert!(snapshot(&balancer).problems.is_empty());
}

#[tokio::test]
async fn d5_own_change_without_answer_is_not_foreign() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    let text = "no answer in time".to_owned();
    cluster.refusal = Some(OrchestratorError::Unavailable(text));
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], ""));
    balancer.round(at(0)).await;
    let reasons = |balancer: &Balancer<Cluster>| -> Vec<ProblemReason> {
        problems(balancer).iter().map(|it| it.0).collect()
    };
    assert_eq!(reasons(&balancer), [ProblemReason::ChangeFailed]);
    let cluster = balancer.orchestrator_mut();
    cluster.refusal = None;
    cluster.set("apache", |service| {
        service.scaling = Scaling::Replicated { replicas: 3 };
    });
    balancer.round(at(2)).await;
    balancer.round(at(40)).await;
    assert_eq!(reasons(&balancer), []);
}

fn snapshot(balancer: &Balancer<Cluster>) -> Snapshot {
    let intake = balancer.telemetry().lock().ingest_stats();
    balancer.status().lock().snapshot(intake, usize::MAX)
}

/// Reasons and subjects of the current problems.
fn problems(balancer: &Balancer<Cluster>) -> Vec<(ProblemReason, String)> {
    let status = balancer.status().lock();
    status.problems().map(|(key, _)| key.clone()).collect()
}

#[tokio::test]
async fn d24_gone_services_foreign_changes_and_nodes_that_are_down_are_problems_until_they_end() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 3, &[]);
    cluster.add("nginx", 3, &[]);
    let config = config(&[("apache", 1, 0), ("nginx", 1, 0)], "");
    let mut balancer = balancer(cluster, &config);
    balancer.round(at(0)).await;
    assert_eq!(problems(&balancer), []);
    let cluster = balancer.orchestrator_mut();
    cluster.down = vec!["node2".to_owned()];
    cluster.set("apache", |service| {
        service.scaling = Scaling::Replicated { replicas: 7 };
    });
    let gone = cluster.services.remove("nginx").unwrap();
    balancer.round(at(2)).await;
    let of = |reason: ProblemReason, about: &str| (reason, about.to_owned());
    let foreign = of(ProblemReason::ForeignScale, "apache");
    assert_eq!(
        problems(&balancer),
        [
            of(ProblemReason::ServiceGone, "nginx"),
            of(ProblemReason::NodeDown, "node2"),
            foreign.clone(),
        ]
    );
    let shown = snapshot(&balancer).problems;
    assert!(shown[2].words.contains("from 3 to 7"), "{shown:?}");
    let cluster = balancer.orchestrator_mut();
    cluster.down.clear();
    cluster.services.insert("nginx".to_owned(), gone);
    // Problems stay while the orchestrator does not answer.
    cluster.is_gone = true;
    balancer.round(at(100)).await;
    assert_eq!(problems(&balancer).len(), 4);
    balancer.orchestrator_mut().is_gone = false;
    balancer.round(at(102)).await;
    balancer.round(at(140)).await;
    assert_eq!(problems(&balancer), [foreign]);
    balancer.round(at(760)).await;
    assert_eq!(problems(&balancer), []);
}

#[tokio::test]
async fn modes_limit_actions() {
    let mut cluster = Cluster::default();
    cluster.add("apache", 1, &[]);
    let mut balancer = balancer(cluster, &config(&[("apache", 3, 0)], "mode = \"advise\""));
    let round = balancer.round(at(0)).await;
    assert_eq!(round.decisions[0].outcome, Outcome::Advised);
    assert!(balancer.controller_mut().set_mode(None, Mode::Off));
    assert!(balancer.round(at(2)).await.decisions.is_empty());
    assert!(balancer.controller_mut().set_mode(None, Mode::Act));
    assert!(
        balancer
            .controller_mut()
            .set_mode(Some("apache"), Mode::Advise)
    );
    assert!(!balancer.controller_mut().set_mode(Some("nginx"), Mode::Act));
    balancer.round(at(4)).await;
    assert!(balancer.orchestrator_mut().made.is_empty());
    assert!(
        balancer
            .controller_mut()
            .set_mode(Some("apache"), Mode::Act)
    );
    let round = balancer.round(at(6)).await;
    assert_eq!(round.decisions[0].outcome, Outcome::Done);
}
