use std::time::Duration;

use super::{Case, agent, key, received};
use crate::check::Level::{Note, Wrong};
use crate::check::{AgentFacts, Pace};

pub(super) const CASES: &[Case] = &[
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
        &["does not advance"],
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
        &["decreases"],
    ),
    (
        |facts| agent(facts).is_contested = true,
        Wrong,
        "address-contested",
        &["two agents have this identity"],
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
            let mut bare = received(facts).containers[1].clone();
            bare.has_adapter = false;
            received(facts).containers.push(bare);
        },
        Note,
        "no-adapters",
        &["1 of its 2 containers", "docker { markTraffic = on }"],
    ),
    (
        |facts| {
            let hosts = vec!["NODE1".to_owned()];
            let twin = AgentFacts {
                key: key(7),
                hosts,
                ..received(facts).agents[0].clone()
            };
            received(facts).agents.push(twin);
        },
        Wrong,
        "host-twice",
        &["host node1", "2 agents", "10.0.0.7"],
    ),
];
