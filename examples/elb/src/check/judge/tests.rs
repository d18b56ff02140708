//! One fact is wrong at a time; everything else is as it should be.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_metrics::AgentKey;

use crate::check::Level::{self, Note, Wrong};
use crate::check::{
    AgentFacts, ContainerFacts, EngineFacts, Facts, Findings, Heard, ManagerFacts, NotListening,
    Pace, Unreachable,
};
use crate::config::Config;
use crate::docker::{About, Manager, Member};
use crate::orchestrator::{Rollout, Scaling, Service, ServiceId, Task, TaskState};
use crate::policy::Signal;

const CONFIG: &str = r#"
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
    }
}

/// Three nodes with an agent each, and a service with a task on each: nothing is wrong.
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
    let task = |node: &u8| Task {
        container: format!("apache.{node}.rsm0h0ay4dbn6zbusp3ta9pf{node}"),
        node: Some(format!("node{node}")),
        uuid: Some([*node; 16]),
        state: TaskState::Running,
        failures: 0,
        age: Duration::from_secs(600),
        error: None,
    };
    let agent = |node: &u8| AgentFacts {
        key: key(*node),
        hosts: vec![format!("node{node}.example.org")],
        received: 300,
        lost: 0,
        restarts: 0,
        is_contested: false,
        interval: Some(Duration::from_secs(10)),
        packet_samples: 40,
        unscaled_samples: 0,
        uptime: Some(Pace {
            rate: 1.0,
            is_backwards: false,
        }),
    };
    let container = |node: &u8| ContainerFacts {
        name: task(node).container,
        uuid: Some([*node; 16]),
        host: Some(format!("node{node}")),
        agent: key(*node),
        has_adapter: true,
    };
    let signal = |metric: &str| Signal {
        metric: metric.to_owned(),
        value: Some(1.0),
        contributing: 3,
        matched: 3,
        ..Signal::default()
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
            services: Some(Ok(vec![Service {
                id: ServiceId("s1".to_owned()),
                name: "apache".to_owned(),
                scaling: Scaling::Replicated { replicas: 3 },
                version: 7,
                rollout: Rollout::Settled,
                labels: BTreeMap::new(),
                cpu_limit: Some(0.5),
                tasks: nodes.iter().map(task).collect(),
            }])),
        },
        heard: Some(Ok(Heard {
            listened: Duration::from_secs(22),
            datagrams: 900,
            dropped: Some(0),
            agents: nodes.iter().map(agent).collect(),
            containers: nodes.iter().map(container).collect(),
            signals: BTreeMap::from([(
                "apache".to_owned(),
                vec![signal("vir_bytes_in"), signal("vir_cpu_cores")],
            )]),
            ..Heard::default()
        })),
    }
}

fn heard(facts: &mut Facts) -> &mut Heard {
    facts.heard.as_mut().unwrap().as_mut().unwrap()
}

fn agent(facts: &mut Facts) -> &mut AgentFacts {
    &mut heard(facts).agents[1]
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

fn configure(facts: &mut Facts, old: &str, new: &str) {
    assert!(CONFIG.contains(old));
    facts.configuration = Ok(config(&CONFIG.replace(old, new)));
}

/// Adds an endpoint before the one that works.
fn and_another(facts: &mut Facts, why: Unreachable) {
    let other = ManagerFacts {
        endpoint: "tcp://127.0.0.1:2375".to_owned(),
        answer: Err(why),
    };
    facts.engines.managers.insert(0, other);
}

/// The endpoint does not answer, and nothing is known from behind it.
fn alone(facts: &mut Facts, why: Unreachable) {
    manager(facts).answer = Err(why);
    facts.engines.members = None;
    facts.engines.services = None;
}

#[test]
fn a_healthy_installation_is_ok_in_every_line() {
    let findings = Findings::of(&healthy());
    assert_eq!(
        findings.to_string(),
        "ok     configuration: elb.toml: 1 service, decided every 2s\n\
         ok     manager unix:///var/run/docker.sock: engine 29.0.1, API 1.44 to 1.52, node node1\n\
         ok     swarm: 3 nodes, of them 1 manager; node1 leads\n\
         ok     service apache: 3 of 3 replicas run, between 1 and 6, mode advise\n\
         ok     telemetry: 900 datagrams of 3 agents in 22 s on 0.0.0.0:6343\n\
         ok     telemetry: heard from node1, node2, node3\n\
         ok     service apache: 3 of 3 containers heard\n"
    );
}

/// What is made wrong, how bad that is, the finding's id, and words that the line must have.
type Case = (fn(&mut Facts), Level, &'static str, &'static [&'static str]);

const ENGINES: &[Case] = &[
    (
        |facts| alone(facts, Unreachable::Forbidden),
        Wrong,
        "endpoint-forbidden",
        &["group", "docker.sock"],
    ),
    (
        |facts| and_another(facts, Unreachable::Forbidden),
        Wrong,
        "endpoint-forbidden",
        &["2375"],
    ),
    (
        |facts| alone(facts, Unreachable::Missing),
        Wrong,
        "endpoint-missing",
        &["mounted"],
    ),
    (
        |facts| alone(facts, Unreachable::Unusable("TLS needs ca.pem".to_owned())),
        Wrong,
        "endpoint-unusable",
        &["ca.pem", "docker.endpoints"],
    ),
    (
        |facts| alone(facts, Unreachable::Refused),
        Wrong,
        "manager-unreachable",
        &["nobody listens", "daemon.json"],
    ),
    (
        |facts| and_another(facts, Unreachable::Silent),
        Note,
        "manager-unreachable",
        &["no answer in time", "the other managers are asked"],
    ),
    (
        |facts| {
            let words = "status 400: Client sent an HTTP request to an HTTPS server.";
            alone(facts, Unreachable::Other(words.to_owned()));
        },
        Wrong,
        "manager-unreachable",
        &["TLS", "[docker.tls]"],
    ),
    (
        |facts| {
            let words = "invalid peer certificate: Expired";
            alone(facts, Unreachable::Other(words.to_owned()));
        },
        Wrong,
        "manager-unreachable",
        &["Expired", "openssl x509"],
    ),
    (
        |facts| about(facts).is_manager = false,
        Wrong,
        "not-a-manager",
        &["worker", "docker node ls"],
    ),
    (
        |facts| about(facts).swarm = "inactive".to_owned(),
        Wrong,
        "not-in-a-swarm",
        &["docker swarm init"],
    ),
    (
        |facts| about(facts).swarm = "locked".to_owned(),
        Wrong,
        "swarm-locked",
        &["unlock"],
    ),
    (
        |facts| about(facts).problem = "rpc error".to_owned(),
        Wrong,
        "swarm-problem",
        &["rpc error"],
    ),
    (
        |facts| {
            let words = "status 500: The swarm does not have a leader. It's possible …";
            facts.engines.members = Some(Err(words.to_owned()));
            facts.engines.services = None;
        },
        Wrong,
        "no-quorum",
        &["more than half", "force-new-cluster"],
    ),
    (
        |facts| facts.engines.members = Some(Err("status 403: no".to_owned())),
        Wrong,
        "nodes-unreadable",
        &["403"],
    ),
    (
        |facts| {
            let other = Manager {
                is_leader: false,
                is_reachable: true,
            };
            members(facts)[1].manager = Some(other);
        },
        Note,
        "quorum-thin",
        &["2 of 2 managers", "three or five"],
    ),
    (
        |facts| {
            for member in members(facts) {
                let is_leader = member.manager.is_some();
                member.manager = Some(Manager {
                    is_leader,
                    is_reachable: true,
                });
            }
        },
        Note,
        "one-endpoint",
        &["3 managers", "docker.endpoints"],
    ),
    (
        |facts| members(facts)[0].state = "down".to_owned(),
        Note,
        "node-down",
        &["node1"],
    ),
];

const SERVICES: &[Case] = &[
    (
        |facts| facts.engines.services = Some(Ok(Vec::new())),
        Wrong,
        "service-missing",
        &["service apache", "STACK_SERVICE"],
    ),
    (
        |facts| facts.engines.services = Some(Err("status 500".to_owned())),
        Wrong,
        "services-unreadable",
        &["500"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Global,
        Wrong,
        "service-not-scalable",
        &["global", "replicated"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Job,
        Wrong,
        "service-not-scalable",
        &["job"],
    ),
    (
        |facts| service(facts).rollout = Rollout::Running,
        Note,
        "rollout-running",
        &["wait"],
    ),
    (
        |facts| service(facts).rollout = Rollout::Paused,
        Wrong,
        "rollout-paused",
        &["docker service rollback"],
    ),
    (
        |facts| service(facts).scaling = Scaling::Replicated { replicas: 9 },
        Note,
        "outside-bounds",
        &["9 replicas", "1 to 6", "would be"],
    ),
    (
        |facts| configure(facts, "max = 6", "min = 3\nmax = 3"),
        Note,
        "no-room",
        &["both 3"],
    ),
    (
        |facts| {
            let task = Task {
                state: TaskState::Pending,
                node: None,
                error: Some("no suitable node (insufficient resources)".to_owned()),
                ..service(facts).tasks[0].clone()
            };
            service(facts).tasks.push(task);
        },
        Wrong,
        "tasks-waiting",
        &[
            "1 task should run and does not",
            "no suitable node",
            "docker service ps",
        ],
    ),
    (
        |facts| {
            service(facts).tasks[1].failures = 3;
            service(facts).tasks[1].error = Some("task: non-zero exit (1)".to_owned());
        },
        Wrong,
        "tasks-failing",
        &["3 times", "non-zero exit", "docker service logs apache"],
    ),
    (
        |facts| {
            let task = Task {
                state: TaskState::Pending,
                ..service(facts).tasks[0].clone()
            };
            service(facts).tasks.extend([task.clone(), task]);
        },
        Note,
        "tasks-starting",
        &["2 tasks should run and do not"],
    ),
    (
        |facts| {
            configure(
                facts,
                "vir_cpu_cores\", target = 0.2",
                "vir_cpu_limit_utilization\", target = 70",
            );
            service(facts).cpu_limit = None;
        },
        Wrong,
        "limit-missing",
        &["--limit-cpu"],
    ),
    (
        |facts| {
            configure(
                facts,
                "vir_cpu_cores\", target = 0.2",
                "vir_cpu_limit_utilization\", target = 70",
            );
        },
        Note,
        "limit-not-whole",
        &["0.5 CPUs", "whole"],
    ),
    (
        |facts| configure(facts, "target = 0.2", "target = 0.5"),
        Wrong,
        "limit-below-rule",
        &["vir_cpu_cores must exceed 0.55", "0.5 CPUs"],
    ),
];

const TELEMETRY: &[Case] = &[
    (
        |facts| {
            facts.heard = Some(Err(NotListening {
                address: ([0, 0, 0, 0], 6343).into(),
                is_in_use: true,
                error: "Address already in use".to_owned(),
            }));
        },
        Wrong,
        "port-in-use",
        &["6343", "/api/v1/agents", "ss -ulpn"],
    ),
    (
        |facts| {
            facts.heard = Some(Err(NotListening {
                address: ([10, 9, 9, 9], 6343).into(),
                is_in_use: false,
                error: "Cannot assign requested address".to_owned(),
            }));
        },
        Wrong,
        "port-unusable",
        &["10.9.9.9", "0.0.0.0:6343"],
    ),
    (
        |facts| *heard(facts) = Heard::default(),
        Wrong,
        "no-datagram",
        &["firewall", "hsflowd.conf", "elb agent", "tcpdump"],
    ),
    (
        |facts| heard(facts).dropped = Some(12),
        Wrong,
        "kernel-drops",
        &["12", "rmem_max"],
    ),
    (
        |facts| {
            heard(facts).refused = BTreeMap::from([
                ("NetFlow".to_owned(), 3),
                ("overflow of the socket".to_owned(), 7),
            ]);
        },
        Note,
        "strangers",
        &["3 × NetFlow"],
    ),
    (
        |facts| {
            let heard = heard(facts);
            heard.agents.remove(1);
            heard.containers.remove(1);
        },
        Wrong,
        "node-silent",
        &["node2", "1 task", "start an agent"],
    ),
    (
        |facts| {
            let mut node = members(facts)[1].clone();
            node.name = "spare".to_owned();
            members(facts).push(node);
        },
        Note,
        "node-silent",
        &["node spare", "before tasks are placed"],
    ),
    (
        |facts| agent(facts).hosts = vec!["ip-10-0-0-2".to_owned()],
        Wrong,
        "node-silent",
        &["node2", "ip-10-0-0-2"],
    ),
    (
        |facts| {
            let stray = AgentFacts {
                key: key(9),
                hosts: vec!["switch".to_owned()],
                ..heard(facts).agents[0].clone()
            };
            heard(facts).agents.push(stray);
        },
        Note,
        "host-unknown",
        &["switch", "docker node ls"],
    ),
    (
        |facts| drop(heard(facts).containers.remove(1)),
        Wrong,
        "no-containers",
        &["node2", "min-api-version", "elb agent"],
    ),
    (
        |facts| {
            members(facts)[1].engine = "20.10.24".to_owned();
            heard(facts).containers.remove(1);
        },
        Wrong,
        "no-containers",
        &["node2", "docker { }"],
    ),
    (
        |facts| drop(heard(facts).containers.remove(1)),
        Wrong,
        "containers-unheard",
        &["1 of 3 containers", "apache.2."],
    ),
    (
        |facts| heard(facts).containers[1].host = Some("node3".to_owned()),
        Wrong,
        "containers-elsewhere",
        &["apache.2.", "does not count"],
    ),
    (
        |facts| {
            let signals = heard(facts).signals.get_mut("apache").unwrap();
            signals[1].contributing = 0;
        },
        Wrong,
        "metric-unreported",
        &["vir_cpu_cores", "22 s", "--listen-for"],
    ),
    (
        |facts| {
            let signals = heard(facts).signals.get_mut("apache").unwrap();
            signals[1].contributing = 2;
        },
        Note,
        "metric-partial",
        &["2 of 3", "vir_cpu_cores"],
    ),
    (
        |facts| {
            for agent in &mut heard(facts).agents {
                agent.packet_samples = 0;
            }
        },
        Note,
        "no-packet-samples",
        &["fast signal", "sampling = 400"],
    ),
];

const AGENTS: &[Case] = &[
    (
        |facts| agent(facts).interval = Some(Duration::from_secs(30)),
        Note,
        "polling-slow",
        &[
            "10.0.0.2/100000 on node2.example.org",
            "30 s",
            "polling = 10",
        ],
    ),
    (
        |facts| agent(facts).lost = 30,
        Note,
        "loss",
        &["30 of 330", "9 %"],
    ),
    (
        |facts| {
            agent(facts).uptime = Some(Pace {
                rate: 0.001,
                is_backwards: false,
            });
        },
        Note,
        "uptime-wrong",
        &["in seconds"],
    ),
    (
        |facts| {
            agent(facts).uptime = Some(Pace {
                rate: 0.0,
                is_backwards: false,
            });
        },
        Note,
        "uptime-wrong",
        &["stands still"],
    ),
    (
        |facts| {
            agent(facts).uptime = Some(Pace {
                rate: 3.0,
                is_backwards: false,
            });
        },
        Note,
        "uptime-wrong",
        &["3.00 times"],
    ),
    (
        |facts| {
            agent(facts).uptime = Some(Pace {
                rate: 1.0,
                is_backwards: true,
            });
        },
        Note,
        "uptime-backwards",
        &["goes back"],
    ),
    (
        |facts| agent(facts).is_contested = true,
        Wrong,
        "address-contested",
        &["two senders"],
    ),
    (
        |facts| agent(facts).restarts = 4,
        Wrong,
        "agent-restarts",
        &["4 times", "two agents"],
    ),
    (
        |facts| agent(facts).unscaled_samples = 5,
        Note,
        "sampling-unscaled",
        &["5 packet samples"],
    ),
    (
        |facts| {
            let mut bare = heard(facts).containers[1].clone();
            bare.has_adapter = false;
            heard(facts).containers[1].has_adapter = false;
            heard(facts).containers.push(bare);
        },
        Note,
        "no-adapters",
        &["of 2 of its 2 containers", "MAC"],
    ),
    (
        |facts| {
            let hosts = vec!["NODE1".to_owned()];
            let twin = AgentFacts {
                key: key(7),
                hosts,
                ..heard(facts).agents[0].clone()
            };
            heard(facts).agents.push(twin);
        },
        Wrong,
        "host-twice",
        &["host node1", "2 agents", "10.0.0.7"],
    ),
];

const CONFIGURATIONS: &[Case] = &[
    (
        |facts| facts.configuration = Config::load(std::path::Path::new("/no/such.toml")),
        Wrong,
        "configuration-unreadable",
        &["elb.toml", "--example"],
    ),
    (
        |facts| facts.configuration = Config::from_toml("[control]\nintervall = \"2s\""),
        Wrong,
        "configuration-refused",
        &["intervall"],
    ),
    (
        |facts| {
            facts.configuration = Config::from_toml(&CONFIG.replace("max = 6", "min = 7\nmax = 6"));
        },
        Wrong,
        "configuration-refused",
        &["service[0].policy.min", "more than max"],
    ),
    (
        |facts| {
            let text = format!("[collector]\nlisten = \"127.0.0.1:6343\"\n{CONFIG}");
            facts.configuration = Ok(config(&text));
        },
        Note,
        "collector-loopback",
        &["0.0.0.0:6343"],
    ),
    (
        |facts| {
            let text = format!("[docker]\nendpoints = [\"tcp://10.0.0.1:2375\"]\n{CONFIG}");
            facts.configuration = Ok(config(&text));
        },
        Note,
        "docker-unencrypted",
        &["10.0.0.1:2375", "[docker.tls]"],
    ),
];

#[test]
fn every_fault_is_found_and_says_what_to_do() {
    for cases in [CONFIGURATIONS, ENGINES, SERVICES, TELEMETRY, AGENTS] {
        for (fault, level, id, words) in cases {
            let mut facts = healthy();
            fault(&mut facts);
            let findings = Findings::of(&facts);
            let mut found = findings.iter().filter(|finding| finding.id == *id);
            let finding = found
                .find(|finding| finding.level == *level)
                .unwrap_or_else(|| panic!("{id} ({level:?}) is not in\n{findings}"));
            let line = finding.to_string();
            for word in *words {
                assert!(line.contains(word), "{word:?} is not in {line}");
            }
            assert!(!line.contains('\n'), "{line:?}");
            assert!(finding.advice.is_some(), "{line}");
        }
    }
}

#[test]
fn where_one_thing_is_wrong_nothing_else_is_said_to_be() {
    // What follows from the fault, and is told as well.
    let follows = |id: &str| -> &[&str] {
        match id {
            "no-containers" => &["containers-unheard"],
            "containers-unheard" => &["no-containers"],
            "node-silent" => &["containers-unheard", "containers-elsewhere", "host-unknown"],
            _ => &[],
        }
    };
    for (fault, level, id, _) in [ENGINES, SERVICES, TELEMETRY, AGENTS].concat() {
        let mut facts = healthy();
        fault(&mut facts);
        let findings = Findings::of(&facts);
        for finding in findings.iter() {
            let is_meant = finding.id == id || follows(id).contains(&finding.id);
            assert!(
                finding.level < level || is_meant,
                "for {id} it is said, too: {finding}"
            );
        }
    }
}

#[test]
fn nobody_listened_is_not_nothing_heard() {
    let facts = Facts {
        heard: None,
        ..healthy()
    };
    let findings = Findings::of(&facts);
    assert!(findings.iter().all(|finding| finding.about != "telemetry"));
    assert_eq!(findings.count(Wrong), 0);
}

#[test]
fn names_that_were_cut_are_known_with_and_without_an_id() {
    for uuid in [Some([1; 16]), None] {
        let mut facts = healthy();
        let long = format!("apache.1.{}", "x".repeat(80));
        heard(&mut facts).containers[0].name = long[..64].to_owned();
        service(&mut facts).tasks[0].container = long;
        service(&mut facts).tasks[0].uuid = uuid;
        assert_eq!(Findings::of(&facts).count(Wrong), 0);
        // Two that are the same up to there are told apart by their ids.
        heard(&mut facts).containers[0].uuid = Some([9; 16]);
        let wrong = usize::from(uuid.is_some());
        assert_eq!(Findings::of(&facts).count(Wrong), wrong);
    }
}
