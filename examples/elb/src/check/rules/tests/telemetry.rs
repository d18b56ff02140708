use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use sflow_metrics::Timestamp;
use sflow_v5::{Encoder, Header};

use super::{Case, agent, key, members, received};
use crate::check::Level::{Note, Wrong};
use crate::check::{AgentFacts, Facts, NotListening, TelemetryFacts};
use sflow_autoscale::observe::Telemetry;

/// Refuses the datagrams of a proxy that sends for several agents: either all datagrams, or besides
/// those of accepted agents.
fn refuse(facts: &mut Facts, is_all: bool) {
    let proxy = IpAddr::V4(Ipv4Addr::new(172, 18, 0, 1));
    let mut telemetry = Telemetry::default();
    for agent in [1u8, 2] {
        let header = Header {
            agent_address: key(agent).address,
            ..Header::default()
        };
        let mut buffer = [0; 64];
        let datagram = Encoder::new(&mut buffer, &header).unwrap().finish();
        telemetry.refuse_sender(Timestamp::from_secs(1), (proxy, 4_000).into(), datagram);
    }
    let received = received(facts);
    received.refused_senders = telemetry.refused_senders(Timestamp::from_secs(1));
    received.turned_away = BTreeMap::from([(proxy, 12)]);
    if is_all {
        received.datagrams = 0;
    }
}

pub(super) const CASES: &[Case] = &[
    (
        |facts| {
            facts.telemetry = Some(Err(NotListening {
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
            facts.telemetry = Some(Err(NotListening {
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
        |facts| *received(facts) = TelemetryFacts::default(),
        Wrong,
        "no-datagram",
        &["firewall", "hsflowd.conf", "elb agent", "tcpdump"],
    ),
    (
        |facts| {
            let sender = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
            received(facts).turned_away = BTreeMap::from([(sender, 12)]);
        },
        Note,
        "turned-away",
        &["12 datagrams", "192.0.2.7", "not sFlow"],
    ),
    (
        |facts| refuse(facts, false),
        Note,
        "turned-away",
        &[
            "12 datagrams",
            "collector.agents does not contain 172.18.0.1",
            r#"agents = ["10.0.0.0/24", "172.18.0.1"]"#,
        ],
    ),
    (
        |facts| refuse(facts, true),
        Wrong,
        "turned-away",
        &[
            "All sFlow datagrams are refused",
            r#"agents = ["10.0.0.0/24", "172.18.0.1"] under [collector]"#,
            r#""*" = ["172.18.0.1"] under [collector.nodes]"#,
            "host's network",
        ],
    ),
    (
        |facts| received(facts).dropped = Some(12),
        Wrong,
        "kernel-drops",
        &["12", "rmem_max"],
    ),
    (
        |facts| {
            received(facts).refused = BTreeMap::from([
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
            let received = received(facts);
            received.agents.remove(1);
            received.containers.remove(1);
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
                ..received(facts).agents[0].clone()
            };
            received(facts).agents.push(stray);
        },
        Note,
        "host-unknown",
        &["switch", "collector.nodes"],
    ),
    (
        |facts| drop(received(facts).containers.remove(1)),
        Wrong,
        "no-containers",
        &["node2", "min-api-version", "elb agent"],
    ),
    (
        |facts| {
            members(facts)[1].engine = "20.10.24".to_owned();
            received(facts).containers.remove(1);
        },
        Wrong,
        "no-containers",
        &["node2", "docker { markTraffic = on }"],
    ),
    (
        |facts| drop(received(facts).containers.remove(1)),
        Wrong,
        "containers-unheard",
        &["1 of 3 containers", "apache.2."],
    ),
    (
        |facts| received(facts).containers[1].host = Some("node3".to_owned()),
        Wrong,
        "containers-elsewhere",
        &["apache.2.", "does not count"],
    ),
    (
        |facts| {
            let signals = received(facts).signals.get_mut("apache").unwrap();
            signals[1].contributing = 0;
        },
        Wrong,
        "metric-unreported",
        &["vir_cpu_cores", "22 s", "--listen-for"],
    ),
    (
        |facts| {
            let signals = received(facts).signals.get_mut("apache").unwrap();
            signals[1].contributing = 2;
        },
        Note,
        "metric-partial",
        &["2 of 3", "vir_cpu_cores"],
    ),
    (
        |facts| {
            for agent in &mut received(facts).agents {
                agent.packet_samples = 0;
            }
        },
        Note,
        "no-packet-samples",
        &["once per polling", "sampling = 100"],
    ),
];
