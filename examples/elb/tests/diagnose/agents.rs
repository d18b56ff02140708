use std::time::Duration;

use elb::diagnose::Level::{Note, Wrong};
use elb::diagnose::{AgentFacts, ClockRate, Facts, Findings};

use super::{Case, agent, agent_of, received, samples};

fn clock(facts: &mut Facts, rate: f64, is_backwards: bool) {
    samples(facts).uptime = Some(ClockRate { rate, is_backwards });
}

pub(crate) const CASES: &[Case] = &[
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
        |facts| agent(facts).status.lost = 30,
        Note,
        "loss",
        &["30 of 330", "9 %"],
    ),
    (
        |facts| clock(facts, 0.001, false),
        Note,
        "uptime-wrong",
        &["in seconds"],
    ),
    (
        |facts| clock(facts, 0.0, false),
        Note,
        "uptime-wrong",
        &["does not advance"],
    ),
    (
        |facts| clock(facts, 3.0, false),
        Note,
        "uptime-wrong",
        &["3.00 times"],
    ),
    (
        |facts| clock(facts, 1.0, true),
        Note,
        "uptime-backwards",
        &["decreases"],
    ),
    (
        |facts| agent(facts).status.contested = true,
        Wrong,
        "address-contested",
        &["two agents have this identity"],
    ),
    (
        |facts| agent(facts).status.restarts = 4,
        Wrong,
        "agent-restarts",
        &["4 times", "two agents"],
    ),
    (
        |facts| samples(facts).unscaled = 5,
        Note,
        "sampling-unscaled",
        &["5 packet samples"],
    ),
    (
        |facts| {
            agent(facts).containers = 2;
            samples(facts).without_adapter = 1;
        },
        Note,
        "no-adapters",
        &["1 of its 2 containers", "docker { markTraffic = on }"],
    ),
    (
        |facts| {
            for (number, host) in [(7, "db"), (8, "DB.example.org")] {
                received(facts).agents.push(AgentFacts {
                    hosts: vec![host.to_owned()],
                    ..agent_of(number)
                });
            }
        },
        Wrong,
        "host-twice",
        &["host db", "2 agents", "10.0.0.7", "10.0.0.8"],
    ),
    (
        |facts| {
            agent(facts).status.silent = true;
            agent(facts).age = Duration::from_secs(90);
        },
        Wrong,
        "silent-agent",
        &["agent 10.0.0.2/100000 on node2", "no data for 1:30"],
    ),
];

#[test]
fn host_of_many_agents_has_a_short_finding() {
    let mut facts = super::healthy();
    for _ in 0..4_000 {
        received(&mut facts).agents.push(AgentFacts {
            hosts: vec!["db".to_owned()],
            ..agent_of(7)
        });
    }
    let findings = Findings::of(&facts);
    let finding = findings.iter().find(|it| it.kind == "host_twice").unwrap();
    assert!(finding.what.starts_with("4000 agents report"), "{finding}");
    assert!(finding.what.ends_with(" and 3997 more"), "{finding}");
}
