use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_metrics::Timestamp;
use sflow_v5::{Encoder, Header};

use elb::diagnose::Level::{Note, Wrong};
use elb::diagnose::{AgentFacts, EngineFacts, Facts, NotListening, TelemetryFacts, progress};
use sflow_autoscale::observe::{Reporter, Telemetry};

use super::{
    Case, agent, agent_of, claimant, containers, healthy, key, members, node, received, signals,
    unreport,
};

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
    if is_all {
        received.datagrams = 0;
        received.agents.clear();
    }
}

pub(crate) const CASES: &[Case] = &[
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
            received(facts).not_allowed = BTreeMap::from([(sender, 12)]);
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
            "2 datagrams",
            "collector.agents does not contain 172.18.0.1",
            r#"agents = ["10.0.0.0/24", "172.18.0.1"]"#,
        ],
    ),
    (
        |facts| refuse(facts, true),
        Wrong,
        "turned-away",
        &[
            "all sFlow datagrams are refused",
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
            received(facts).discarded = BTreeMap::from([
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
            unreport(facts);
            received(facts).agents.remove(1);
            containers(facts).remove(1);
        },
        Wrong,
        "node-silent",
        &["node2", "1 task", "start an agent"],
    ),
    (
        |facts| {
            let mut spare = node(4);
            spare.report.name = "spare".to_owned();
            spare.report.reporter = Reporter::None;
            spare.containers = None;
            received(facts).nodes.push(spare);
        },
        Note,
        "node-silent",
        &["node spare", "start an agent"],
    ),
    (
        |facts| {
            unreport(facts).report.addresses.clear();
            agent(facts).hosts = vec!["ip-10-0-0-2".to_owned()];
        },
        Wrong,
        "node-silent",
        &["node2", "ip-10-0-0-2"],
    ),
    (
        |facts| {
            let stray = AgentFacts {
                hosts: vec!["switch".to_owned()],
                ..agent_of(9)
            };
            received(facts).agents.push(stray);
        },
        Note,
        "host-unknown",
        &["switch", "collector.nodes"],
    ),
    (
        |facts| received(facts).nodes[1].containers = Some(0),
        Wrong,
        "no-containers",
        &["node2", "min-api-version", "elb agent"],
    ),
    (
        |facts| {
            members(facts)[1].engine = "20.10.24".to_owned();
            received(facts).nodes[1].containers = Some(0);
        },
        Wrong,
        "no-containers",
        &["node2", "docker { markTraffic = on }"],
    ),
    (
        |facts| drop(containers(facts).remove(1)),
        Wrong,
        "containers-unheard",
        &["1 of 3 containers", "apache.2."],
    ),
    (
        |facts| containers(facts)[1].host = Some("node3".to_owned()),
        Wrong,
        "containers-elsewhere",
        &["apache.2.", "does not count"],
    ),
    (
        |facts| signals(facts)[1].contributing = 0,
        Wrong,
        "metric-unreported",
        &["vir_cpu_cores", "22 s", "--listen-for"],
    ),
    (
        |facts| signals(facts)[1].contributing = 2,
        Note,
        "metric-partial",
        &["2 of 3", "vir_cpu_cores"],
    ),
    (
        |facts| received(facts).packet_samples = 0,
        Note,
        "no-packet-samples",
        &["once per polling", "sampling = 100"],
    ),
    (
        |facts| {
            let node = unreport(facts);
            node.report.reporter = Reporter::Contested(vec![claimant(2), claimant(9)]);
        },
        Wrong,
        "host-twice",
        &["node node2", "10.0.0.2, 10.0.0.9", "stop all but one"],
    ),
    (
        |facts| unreport(facts).report.foreign = vec![claimant(9)],
        Wrong,
        "foreign-sender",
        &[
            "node node2",
            "not its address 10.0.0.2",
            "add node2 = [\"10.0.0.9\"] under [collector.nodes]",
        ],
    ),
    (
        |facts| received(facts).nodes[1].report.foreign = vec![claimant(9)],
        Note,
        "foreign-sender",
        &["from 10.0.0.9 are ignored", "firewall"],
    ),
    (
        |facts| {
            for node in &mut received(facts).nodes[..2] {
                node.report.reporter = Reporter::None;
                node.report.foreign = vec![claimant(9)];
                node.containers = None;
            }
        },
        Wrong,
        "foreign-sender",
        &[
            "sender 10.0.0.9",
            "the nodes node1, node2",
            "add \"*\" = [\"10.0.0.9\"] under [collector.nodes]",
        ],
    ),
    (
        |facts| received(facts).agents.clear(),
        Wrong,
        "no-datagram",
        &["no agent reports on 0.0.0.0:6343", "900"],
    ),
];

#[test]
fn progress_is_one_short_line_with_what_is_missing() {
    let time = Duration::from_secs;
    let mut facts = healthy();
    received(&mut facts).datagrams = 57;
    let line = progress(&facts, time(12), time(30));
    let expected = "[########------------] 18 s left: 3 agents, 57 datagrams; complete";
    assert_eq!(line, expected);
    unreport(&mut facts);
    let line = progress(&facts, time(12), time(30));
    assert!(line.ends_with("; no data of node node2"), "{line}");
    signals(&mut facts)[0].contributing = 2;
    received(&mut facts).packet_samples = 0;
    let line = progress(&facts, time(12), time(30));
    assert!(
        line.ends_with("; no data of node node2 and 2 more"),
        "{line}"
    );
    let names = ["node node2", "service apache", "packet samples"].map(str::to_owned);
    assert_eq!(facts.awaited().as_deref(), Some(&names[..]));
    facts.engines.members = None;
    let line = progress(&facts, time(12), time(30));
    assert!(line.ends_with("no manager lists the nodes"), "{line}");
    facts.engines = EngineFacts::default();
    let line = progress(&facts, time(60), time(30));
    assert!(line.starts_with("[####################] 0 s"), "{line}");
    assert!(line.ends_with("querying the managers"), "{line}");
    assert!(line.chars().count() < 80, "{line}");
}
