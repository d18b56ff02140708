//! Rules of diagnosis: each test makes one fact wrong in an otherwise correct installation.

mod agents;
mod configuration;
mod engines;
mod findings;
mod leader;
mod pools;
mod services;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use elb::config::Config;
use elb::diagnose::Level::{self, Wrong};
use elb::diagnose::{
    AgentFacts, AgentSamples, ClockRate, ContainerFacts, EngineFacts, Facts, Findings,
    ManagerFacts, NodeFacts, ServiceFacts, TelemetryFacts, Unreachable,
};
use elb::docker::{About, Manager, Member};
use elb::orchestrator::{
    Labelled, NodeAddresses, Rollout, Scaling, Service, ServiceId, Task, TaskState,
};
use elb::policy::Signal;
use sflow_autoscale::observe::{Claimant, Reporter};
use sflow_metrics::{AgentKey, AgentStatus, Registry, Timestamp};
use sflow_v5::{Datagram, Encoder, Header};

const CONFIG: &str = r#"
[collector]
agents = ["10.0.0.0/24"]
[[service]]
name = "apache"
[service.policy]
max = 6
metric = [
    { name = "vir_bytes_in", target = 50_000 },
    { name = "vir_cpu_cores", target = 0.2 },
]
"#;

fn config(text: &str) -> Config {
    Config::from_toml(text).unwrap()
}

fn key(node: u8) -> AgentKey {
    let address = Ipv4Addr::new(10, 0, 0, node);
    AgentKey {
        sender: IpAddr::V4(address),
        address: IpAddr::V4(address).into(),
        sub_agent: 100_000,
        instance: 0,
    }
}

/// The agent of a node, as it reports for the node.
fn claimant(node: u8) -> Claimant {
    let AgentKey {
        sender,
        address,
        sub_agent,
        instance,
    } = key(node);
    Claimant {
        sender,
        address,
        sub_agent,
        instance,
        uuid: None,
    }
}

/// State of an agent without losses after 300 datagrams.
fn status(node: u8) -> AgentStatus {
    let header = Header {
        agent_address: key(node).address,
        sub_agent_id: key(node).sub_agent,
        ..Header::default()
    };
    let mut buffer = [0; 64];
    let datagram = Encoder::new(&mut buffer, &header).unwrap().finish();
    let mut registry = Registry::default();
    let datagram = Datagram::parse(datagram).unwrap();
    registry.ingest(Timestamp::from_secs(1), key(node).sender, &datagram);
    let mut status = registry.agents().next().unwrap();
    status.received = 300;
    status
}

/// A node whose agent reports one container.
fn node(node: u8) -> NodeFacts {
    let mut facts = NodeFacts {
        containers: Some(1),
        ..NodeFacts::default()
    };
    facts.report.name = format!("node{node}");
    facts.report.addresses = vec![[10, 0, 0, node].into()];
    facts.report.reporter = Reporter::Agent(claimant(node));
    facts
}

/// The agent of a node.
fn agent_of(node: u8) -> AgentFacts {
    AgentFacts {
        status: status(node),
        hosts: vec![format!("node{node}.example.org")],
        containers: 1,
        interval: Some(Duration::from_secs(10)),
        age: Duration::from_secs(2),
        samples: Some(AgentSamples {
            packets: 40,
            uptime: Some(ClockRate {
                rate: 1.0,
                is_backwards: false,
            }),
            ..AgentSamples::default()
        }),
    }
}

/// A correct installation: three nodes with an agent each, and a service with a task on each.
fn healthy() -> Facts {
    let nodes = [1u8, 2, 3];
    let member = |node: &u8| Member {
        name: format!("node{node}"),
        state: "ready".to_owned(),
        availability: "active".to_owned(),
        engine: "29.0.1".to_owned(),
        manager: (*node == 1).then_some(Manager {
            is_leader: true,
            is_reachable: true,
        }),
    };
    let addresses = |node: &u8| NodeAddresses {
        name: format!("node{node}"),
        addresses: vec![[10, 0, 0, *node].into()],
    };
    let task = |node: &u8| Task {
        container: format!("apache.{node}.rsm0h0ay4dbn6zbusp3ta9pf{node}"),
        node: Some(format!("node{node}")),
        uuid: Some([*node; 16]),
        state: TaskState::Running,
        failures: 0,
        age: Duration::from_secs(600),
        error: None,
    };
    let container = |node: &u8| ContainerFacts {
        name: task(node).container,
        uuid: Some([*node; 16]),
        host: Some(format!("node{node}")),
    };
    let signal = |metric: &str| Signal {
        metric: metric.to_owned(),
        value: Some(1.0),
        contributing: 3,
        matched: 3,
        ..Signal::default()
    };
    let service = Service {
        id: ServiceId("s1".to_owned()),
        name: "apache".to_owned(),
        scaling: Scaling::Replicated { replicas: 3 },
        version: 7,
        rollout: Rollout::Settled,
        labels: BTreeMap::new(),
        cpu_limit: Some(0.5),
        tasks: nodes.iter().map(task).collect(),
    };
    Facts {
        configuration: Ok(config(CONFIG)),
        path: "elb.toml".to_owned(),
        engines: EngineFacts {
            managers: vec![ManagerFacts {
                endpoint: "unix:///var/run/docker.sock".to_owned(),
                answer: Ok(About {
                    engine: "29.0.1".to_owned(),
                    api: "1.52".to_owned(),
                    oldest_api: Some("1.44".to_owned()),
                    name: "node1".to_owned(),
                    swarm: "active".to_owned(),
                    is_manager: true,
                    problem: String::new(),
                }),
            }],
            members: Some(Ok(nodes.iter().map(member).collect())),
            addresses: nodes.iter().map(addresses).collect(),
            labelled: Some(Ok(Vec::new())),
            services: Some(Ok(vec![service.clone()])),
            census: None,
            programs: BTreeMap::new(),
        },
        leader: Some(leader::standby()),
        telemetry: Some(Ok(TelemetryFacts {
            listened: Duration::from_secs(22),
            datagrams: 900,
            packet_samples: 120,
            dropped: Some(0),
            nodes: nodes.map(node).to_vec(),
            agents: nodes.map(agent_of).to_vec(),
            containers: Some(nodes.iter().map(container).collect()),
            services: vec![ServiceFacts {
                service: Arc::new(service),
                signals: Some(vec![signal("vir_bytes_in"), signal("vir_cpu_cores")]),
            }],
            ..TelemetryFacts::default()
        })),
    }
}

fn received(facts: &mut Facts) -> &mut TelemetryFacts {
    facts.telemetry.as_mut().unwrap().as_mut().unwrap()
}

fn agent(facts: &mut Facts) -> &mut AgentFacts {
    &mut received(facts).agents[1]
}

fn samples(facts: &mut Facts) -> &mut AgentSamples {
    agent(facts).samples.as_mut().unwrap()
}

fn containers(facts: &mut Facts) -> &mut Vec<ContainerFacts> {
    received(facts).containers.as_mut().unwrap()
}

fn signals(facts: &mut Facts) -> &mut Vec<Signal> {
    received(facts).services[0].signals.as_mut().unwrap()
}

/// No agent reports for the second node.
fn unreport(facts: &mut Facts) -> &mut NodeFacts {
    let node = &mut received(facts).nodes[1];
    node.report.reporter = Reporter::None;
    node.containers = None;
    node
}

fn manager(facts: &mut Facts) -> &mut ManagerFacts {
    &mut facts.engines.managers[0]
}

fn about(facts: &mut Facts) -> &mut About {
    manager(facts).answer.as_mut().unwrap()
}

fn members(facts: &mut Facts) -> &mut Vec<Member> {
    facts.engines.members.as_mut().unwrap().as_mut().unwrap()
}

fn service(facts: &mut Facts) -> &mut Service {
    &mut facts.engines.services.as_mut().unwrap().as_mut().unwrap()[0]
}

/// A service with labels that enable balancing.
fn label(facts: &mut Facts, name: &str, labels: &[(&str, &str)]) {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    facts.engines.labelled = Some(Ok(vec![Labelled {
        id: ServiceId(format!("id-{name}")),
        name: name.to_owned(),
        labels: labels.iter().map(own).collect(),
    }]));
}

fn configure(facts: &mut Facts, old: &str, new: &str) {
    assert!(CONFIG.contains(old));
    facts.configuration = Ok(config(&CONFIG.replace(old, new)));
}

/// Adds an endpoint before the working one.
fn and_another(facts: &mut Facts, why: Unreachable) {
    let other = ManagerFacts {
        endpoint: "tcp://127.0.0.1:2375".to_owned(),
        answer: Err(why),
    };
    facts.engines.managers.insert(0, other);
}

/// The endpoint does not answer, so that nothing else is known.
fn alone(facts: &mut Facts, why: Unreachable) {
    manager(facts).answer = Err(why);
    facts.engines.members = None;
    facts.engines.services = None;
}

#[test]
fn healthy_installation_is_ok_in_every_line() {
    let findings = Findings::of(&healthy());
    assert_eq!(findings.incomplete(), []);
    assert_eq!(
        findings.to_string(),
        "ok     configuration: elb.toml: 1 service and those with labels, a decision every 2s\n\
         ok     manager unix:///var/run/docker.sock: engine 29.0.1, API 1.44 to 1.52, node node1\n\
         ok     swarm: 3 nodes, of them 1 manager; node1 leads\n\
         ok     leader: node1 (http://node1:8008) leads, term 7\n\
         ok     mode: nothing is changed: no service or pool has mode = \"act\"\n\
         ok     service apache: 3 of 3 replicas running, limits 1 to 6, mode advise\n\
         ok     telemetry: 900 datagrams of 3 agents in 22 s on 0.0.0.0:6343\n\
         ok     telemetry: agents report node1, node2, node3\n\
         ok     service apache: 3 of 3 containers reported\n"
    );
}

#[test]
fn each_error_of_the_configuration_is_a_finding_with_its_line() {
    let mut facts = healthy();
    facts.configuration = Config::from_toml(
        "[control]\nbugdet = 4\n[collector]\nlisten = 5\n[http]\ntokn = 1\ntoken = [\"secret\"]\n",
    );
    let found = Findings::of(&facts).to_string();
    let lines: Vec<&str> = found.lines().take(4).collect();
    let begins = [
        "wrong  configuration: elb.toml, line 2: `bugdet = …`: control.bugdet: unknown key `bugdet`",
        "wrong  configuration: elb.toml, line 4: `listen = 5`: collector.listen: expected an address",
        "wrong  configuration: elb.toml, line 6: `tokn = …`: http.tokn: unknown key `tokn`, expected",
        "wrong  configuration: elb.toml, line 7: `token = …`: http.token: expected a string",
    ];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{found}");
    }
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn recommended_action_after_a_question_is_a_sentence() {
    let mut facts = healthy();
    let text = CONFIG.replace("vir_cpu_cores", "vir_cpu_corse");
    facts.configuration = Config::from_toml(&text);
    let found = Findings::of(&facts).to_string();
    let end = "did you mean `vir_cpu_cores`? Correct the error; an invalid configuration is not \
               applied\n";
    assert!(found.contains(end), "{found}");
}

#[test]
fn services_that_would_act_are_listed() {
    let acting = |control: &str| {
        let mut facts = healthy();
        let text = CONFIG.replace("max = 6", "max = 6\nmode = \"act\"");
        facts.configuration = Ok(config(&format!("{control}{text}")));
        let act = [
            ("elb.enabled", "true"),
            ("elb.cpu.target", "70"),
            ("elb.mode", "act"),
        ];
        label(&mut facts, "shop_web", &act);
        Findings::of(&facts).to_string()
    };
    let found = acting("[control]\nmode = \"act\"\n");
    assert!(
        found.contains("ok     mode: would act: apache, shop_web\n"),
        "{found}"
    );
    let found = acting("[control]\nmode = \"advise\"\n");
    let held = "ok     mode: nothing is changed: control.mode is \"advise\"; with \"act\" these would \
                act: apache, shop_web\n";
    assert!(found.contains(held), "{found}");
    assert!(
        found.contains("mode advise (configured for the service: act)"),
        "{found}"
    );
}

/// A change of the facts, the expected level and id, and texts that the line must contain.
type Case = (fn(&mut Facts), Level, &'static str, &'static [&'static str]);

/// Cases in which further findings do not matter.
const CASES: [&[Case]; 7] = [
    configuration::CASES,
    engines::CASES,
    leader::CASES,
    services::CASES,
    pools::CASES,
    telemetry::CASES,
    agents::CASES,
];

#[test]
fn each_fault_has_a_finding_with_advice() {
    for cases in CASES {
        for (fault, level, id, message) in cases {
            let mut facts = healthy();
            fault(&mut facts);
            let findings = Findings::of(&facts);
            let mut found = findings.iter().filter(|finding| finding.id() == *id);
            let finding = found
                .find(|finding| finding.level == *level)
                .unwrap_or_else(|| panic!("{id} ({level:?}) is not in\n{findings}"));
            let line = finding.to_string();
            for word in *message {
                assert!(line.contains(word), "{word:?} is not in {line}");
            }
            assert!(!line.contains('\n'), "{line:?}");
            assert!(finding.advice.is_some(), "{line}");
        }
    }
}

#[test]
fn single_fault_has_no_unrelated_findings() {
    // Findings that follow from the same cause.
    let follows = |id: &str| -> &[&str] {
        match id {
            "no-containers" => &["containers-unheard"],
            "node-silent" => &["containers-unheard", "host-unknown"],
            _ => &[],
        }
    };
    for (fault, level, id, _) in CASES[1..].concat() {
        let mut facts = healthy();
        fault(&mut facts);
        let findings = Findings::of(&facts);
        for finding in findings.iter() {
            let is_meant = finding.id() == id || follows(id).contains(&&*finding.id());
            assert!(
                finding.level < level || is_meant,
                "{id}: unexpected finding: {finding}"
            );
        }
    }
}

#[test]
fn each_kind_of_the_api_has_a_fault_and_its_fields() {
    let fields = |kind: &str| -> &[&str] {
        match kind {
            "agent_contested" | "agent_restarts" => &["agent"],
            "agent_lossy" => &["agent", "loss"],
            "any_sender" => &["line"],
            "foreign_sender" => &["addresses", "is_reported", "node", "senders"],
            "host_twice" => &["host"],
            "host_without_containers" => &["host", "tasks"],
            "metric_partial" | "metric_unknown" => &["metric", "service"],
            "no_agent" => &["port"],
            "leader_changes" | "lease_unreachable" | "no_leader" | "no_packet_samples" => &[],
            "node_contested" => &["node", "senders"],
            "node_without_agent" => &["node", "tasks"],
            "sender_refused" => &["is_all", "line", "senders", "shared"],
            "service_unseen" => &["running", "seen", "service"],
            "shared_sender" => &["nodes", "sender"],
            "silent_agent" => &["age", "agent", "host"],
            other => panic!("unexpected kind {other}"),
        }
    };
    let mut kinds = BTreeSet::from(["more"]);
    for (fault, ..) in CASES.concat() {
        let mut facts = healthy();
        fault(&mut facts);
        for finding in Findings::of(&facts).incomplete() {
            let found: Vec<&str> = finding.details.keys().copied().collect();
            assert_eq!(found, fields(finding.kind), "{finding}");
            kinds.insert(finding.kind);
        }
    }
    let known: BTreeSet<&str> = Findings::default().counts().into_keys().collect();
    assert_eq!(kinds, known);
}

#[test]
fn disabled_listening_is_not_missing_telemetry() {
    let facts = Facts {
        telemetry: None,
        ..healthy()
    };
    let findings = Findings::of(&facts);
    assert!(findings.iter().all(|finding| finding.about != "telemetry"));
    assert_eq!(findings.count(Wrong), 0);
}

#[test]
fn truncated_name_is_matched_with_and_without_id() {
    for uuid in [Some([1; 16]), None] {
        let mut facts = healthy();
        let long = format!("apache.1.{}", "x".repeat(80));
        containers(&mut facts)[0].name = long[..64].to_owned();
        let service = Arc::make_mut(&mut received(&mut facts).services[0].service);
        service.tasks[0].container = long;
        service.tasks[0].uuid = uuid;
        assert_eq!(Findings::of(&facts).count(Wrong), 0);
        // Names with the same beginning are distinguished by their ids.
        containers(&mut facts)[0].uuid = Some([9; 16]);
        let wrong = usize::from(uuid.is_some());
        assert_eq!(Findings::of(&facts).count(Wrong), wrong);
    }
}

#[test]
fn containers_without_adapters_may_be_named_by_packet_samples() {
    let mut facts = healthy();
    samples(&mut facts).without_adapter = 1;
    samples(&mut facts).named = 12;
    let findings = Findings::of(&facts);
    assert!(
        findings.iter().all(|finding| finding.kind != "no_adapters"),
        "{findings}"
    );
}

/// A running loop counts reported containers by their readings, and waits for agents to report.
fn in_loop(facts: &mut Facts, listened: u64) {
    let received = received(facts);
    received.settled_after = Duration::from_secs(45);
    received.listened = Duration::from_secs(listened);
    received.containers = None;
}

#[test]
fn loop_reports_missing_data_after_agents_had_time_to_report() {
    for (listened, expected) in [
        (44, &[][..]),
        (45, &["node_without_agent", "service_unseen"]),
    ] {
        let mut facts = healthy();
        in_loop(&mut facts, listened);
        unreport(&mut facts);
        for signal in signals(&mut facts) {
            (signal.matched, signal.contributing) = (2, 2);
        }
        let incomplete = Findings::of(&facts).incomplete();
        let kinds: Vec<&str> = incomplete.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, expected);
        if let Some(service) = incomplete.iter().find(|it| it.kind == "service_unseen") {
            assert!(service.what.contains("1 of 3 containers"), "{service}");
            assert_eq!(service.details["seen"], 2);
        }
    }
}

#[test]
fn young_tasks_and_unused_services_are_not_missing() {
    let change: [fn(&mut Facts); 2] = [
        |facts| {
            let service = Arc::make_mut(&mut received(facts).services[0].service);
            service.tasks[1].age = Duration::from_secs(44);
        },
        |facts| received(facts).services[0].signals = None,
    ];
    for change in change {
        let mut facts = healthy();
        in_loop(&mut facts, 600);
        for signal in signals(&mut facts) {
            (signal.matched, signal.contributing) = (2, 2);
        }
        change(&mut facts);
        assert_eq!(Findings::of(&facts).incomplete(), []);
    }
}

#[test]
fn agent_with_rare_restarts_is_not_crashing() {
    let mut facts = healthy();
    in_loop(&mut facts, 7 * 86_400);
    agent(&mut facts).status.restarts = 5;
    assert_eq!(Findings::of(&facts).incomplete(), []);
}

#[test]
fn node_of_silent_agent_is_reported_once() {
    let mut facts = healthy();
    agent(&mut facts).status.silent = true;
    unreport(&mut facts);
    let incomplete = Findings::of(&facts).incomplete();
    let kinds: Vec<&str> = incomplete.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, ["silent_agent"]);
    assert_eq!(
        incomplete[0].sentences(),
        "Agent 10.0.0.2/100000 on node2.example.org: no data for 0:02: its containers are unknown. \
         Check that it runs and sends to this host."
    );
}
