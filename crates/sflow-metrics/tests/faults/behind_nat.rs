//! Several agents with one address behind one sender.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sflow_metrics::{Config, Registry, event};
use sflow_v5::Datagram;

use crate::support::{Agent, Container, Counted, ask, at, host, interface};

const INTERVAL: f64 = 10.0;
const NAT: [u8; 4] = [192, 0, 2, 1];

/// The properties in which the agents differ.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Differences {
    host: bool,
    port: bool,
    sub_agent: bool,
    uptime: bool,
    sequence: bool,
}

const NONE: Differences = Differences {
    host: false,
    port: false,
    sub_agent: false,
    uptime: true,
    sequence: true,
};

struct World {
    registry: Registry,
    agents: Vec<Agent>,
    differences: Differences,
    polls: u32,
    /// The number of agents, from the first, that do not report.
    stopped: usize,
}

impl World {
    fn new(agents: u32, differences: Differences) -> Self {
        Self::with(Config::default(), agents, differences)
    }

    fn with(config: Config, agents: u32, differences: Differences) -> Self {
        let agent = |number: u32| Agent {
            sender: IpAddr::from(NAT),
            sub_agent: 100_000 + if differences.sub_agent { number } else { 0 },
            sequence: 100
                + if differences.sequence {
                    number * 7_000
                } else {
                    0
                },
            started: -100.0
                - if differences.uptime {
                    f64::from(number) * 5_000.0
                } else {
                    0.0
                },
            ..Agent::new(1)
        };
        Self {
            registry: Registry::new(config),
            agents: (0..agents).map(agent).collect(),
            differences,
            polls: 0,
            stopped: 0,
        }
    }

    fn now(&self) -> f64 {
        f64::from(self.polls) * INTERVAL
    }

    /// Each agent reports its interfaces, and its host and container if hosts differ.
    fn poll(&mut self) {
        self.polls += 1;
        let (poll, now) = (self.polls, self.now());
        for (number, agent) in (0_u32..).zip(&mut self.agents).skip(self.stopped) {
            let name = format!("node{number}");
            let task = format!("web.{number}");
            let octets = u64::from(poll) * 5_000_000 + (u64::from(number) << 33);
            let mut samples: Vec<Counted<'_>> = vec![interface(3, poll, 1_000_000_000, octets)];
            let mut web = Container::new(&task, 1);
            web.work(now, 0.5, 1e6);
            if self.differences.host {
                samples.push(host(&name, poll, 4, poll * 1000, poll * 1000));
                samples.push(web.sample(poll));
            }
            let bytes = agent.send(now, &samples);
            let port = 40_000 + if self.differences.port { number } else { 0 };
            let sender = SocketAddr::from((NAT, port as u16));
            let datagram = Datagram::parse(&bytes).unwrap();
            self.registry.ingest_from(at(now), sender, &datagram);
        }
        self.registry.expire(at(now));
    }

    fn events(&self, is_counted: impl Fn(&event::Kind) -> bool) -> usize {
        let events = self.registry.events(event::Id::START);
        events.filter(|event| is_counted(&event.kind)).count()
    }

    fn octets(&self) -> (Option<f64>, usize) {
        let octets = ask(&self.registry, self.now(), "sum:ifinoctets");
        (octets.value, octets.contributing)
    }
}

#[test]
fn t30_agents_behind_one_address_are_distinguished() {
    let cases = [
        ("host", Differences { host: true, ..NONE }),
        ("port", Differences { port: true, ..NONE }),
        (
            "port alone",
            Differences {
                port: true,
                uptime: false,
                sequence: false,
                ..NONE
            },
        ),
        (
            "port and number",
            Differences {
                port: true,
                uptime: false,
                ..NONE
            },
        ),
        (
            "port and uptime",
            Differences {
                port: true,
                sequence: false,
                ..NONE
            },
        ),
        (
            "sub-agent",
            Differences {
                sub_agent: true,
                ..NONE
            },
        ),
        (
            "host and port",
            Differences {
                host: true,
                port: true,
                ..NONE
            },
        ),
        (
            "host and port, started together",
            Differences {
                host: true,
                port: true,
                uptime: false,
                sequence: false,
                ..NONE
            },
        ),
    ];
    for (case, differences) in cases {
        for agents in 2..=5 {
            let mut world = World::new(agents, differences);
            for _ in 0..12 {
                world.poll();
            }
            let all = agents as usize;
            let expected = (Some(f64::from(agents) * 500_000.0), all);
            assert_eq!(world.octets(), expected, "{case}, {agents}");
            let status: Vec<_> = world.registry.agents().collect();
            assert_eq!(status.len(), all, "{case}, {agents}: {status:?}");
            for agent in status {
                assert!(
                    agent.loss().is_some_and(|loss| loss == 0.0),
                    "{case}: {agent:?}"
                );
                assert!(!agent.doubtful && !agent.odd_numbering, "{case}: {agent:?}");
            }
            if differences.host {
                let cores = ask(&world.registry, world.now(), "sum:vir_cpu_cores");
                let expected = (Some(0.5 * f64::from(agents)), all);
                assert_eq!(
                    (cores.value, cores.contributing),
                    expected,
                    "{case}, {agents}"
                );
            }
        }
    }
}

#[test]
fn t30_agents_that_nothing_distinguishes_are_reported() {
    for agents in 2..=5 {
        let mut world = World::new(agents, NONE);
        for _ in 0..12 {
            world.poll();
        }
        assert_eq!(world.octets(), (None, 0), "{agents}");
        let status = world.registry.agents().next().unwrap();
        assert!(status.doubtful, "{status:?}");
        assert_eq!(status.sequences, agents as usize);
        assert_eq!(status.lost, 0, "{status:?}");
        let mut events = world.registry.events(event::Id::START);
        assert!(events.any(|event| matches!(event.kind, event::Kind::AgentDoubtful { .. })));
    }
}

/// Two agents with the same port and numbers that started at the same time, or some seconds apart:
/// a datagram with an equal number and another uptime or host is not a duplicate.
#[test]
fn t30_equal_numbers_with_other_uptime_are_not_copies() {
    for (started, has_host, apart) in [
        (0.0, true, 5.0),
        (0.0, true, 0.0),
        (-1.0, true, 5.0),
        (1.0, true, 5.0),
        (-20.0, true, 5.0),
        (-3.0, true, 5.0),
        (3.0, true, 5.0),
        (20.0, true, 5.0),
        (-3.0, false, 5.0),
        (3.0, false, 5.0),
    ] {
        let case = format!("started {started} s later, host {has_host}, {apart} s apart");
        let mut registry = Registry::new(Config::default());
        let mut agents = [Agent::new(1), Agent::new(1)];
        agents[1].started += started;
        for poll in 1..=30_u32 {
            for (number, agent) in (0_u32..).zip(&mut agents) {
                let now = f64::from(poll) * INTERVAL + f64::from(number) * apart;
                let octets = u64::from(poll) * 5_000_000 + (u64::from(number) << 33);
                let mut samples = vec![interface(3, poll, 1_000_000_000, octets)];
                let name = format!("node{number}");
                if has_host {
                    samples.insert(0, host(&name, poll, 4, poll * 1000, poll * 1000));
                }
                let bytes = agent.send(now, &samples);
                let sender = SocketAddr::from((NAT, 40_000));
                registry.ingest_from(at(now), sender, &Datagram::parse(&bytes).unwrap());
            }
            registry.expire(at(f64::from(poll) * INTERVAL + 5.0));
        }
        let octets = ask(&registry, 305.0, "sum:ifinoctets");
        let statuses: Vec<_> = registry.agents().collect();
        if has_host {
            assert_eq!(octets.value, Some(1_000_000.0), "{case}: {statuses:?}");
            assert_eq!(statuses.len(), 2, "{case}: {statuses:?}");
        } else {
            assert_eq!(octets.value, None, "{case}: {statuses:?}");
            assert!(statuses[0].doubtful, "{case}: {statuses:?}");
        }
        assert_eq!(registry.health().datagrams_repeated, 0, "{case}");
        let (lost, restarts) = (statuses[0].lost, statuses[0].restarts);
        assert_eq!((lost, restarts), (0, 0), "{case}: {statuses:?}");
    }
}

#[test]
fn t30_agent_behind_nat_that_restarts_is_the_same() {
    let differences = Differences {
        host: true,
        port: true,
        ..NONE
    };
    let mut world = World::new(3, differences);
    for _ in 0..6 {
        world.poll();
    }
    let restarted = world.now() + 5.0;
    world.agents[1].restart(restarted);
    for _ in 0..4 {
        world.poll();
    }
    assert_eq!(world.octets(), (Some(1_500_000.0), 3));
    assert_eq!(world.registry.agents().count(), 3);
    let restarts: u64 = world.registry.agents().map(|agent| agent.restarts).sum();
    assert_eq!(restarts, 1);
}

/// The other agents keep their instance numbers and values when the first one is removed.
#[test]
fn t30_agents_remain_when_first_one_is_forgotten() {
    for (host, port) in [(false, true), (true, false), (true, true)] {
        let differences = Differences { host, port, ..NONE };
        let config =
            Config::default().with(|config| config.forget_agent_after = Duration::from_secs(300));
        let mut world = World::with(config, 3, differences);
        for stopped in 0..3 {
            world.stopped = stopped;
            for _ in 0..60 {
                world.poll();
            }
            let case = format!("{differences:?}, {stopped} stopped");
            let left = 3 - stopped;
            assert_eq!(
                world.octets(),
                (Some(left as f64 * 500_000.0), left),
                "{case}"
            );
            let mut instances: Vec<u32> = world
                .registry
                .agents()
                .map(|agent| agent.key.instance)
                .collect();
            instances.sort_unstable();
            assert_eq!(instances, (stopped as u32..3).collect::<Vec<_>>(), "{case}");
            assert!(world.registry.agents().all(|agent| !agent.silent), "{case}");
            let appeared = |event: &event::Kind| matches!(event, event::Kind::AgentAppeared { .. });
            assert_eq!(world.events(appeared), 3, "{case}");
        }
        world.stopped = 0;
        for _ in 0..60 {
            world.poll();
        }
        assert_eq!(world.octets(), (Some(1_500_000.0), 3), "{differences:?}");
        assert_eq!(world.registry.agents().count(), 3, "{differences:?}");
    }
}

/// If the memory limit refuses a new agent, its sequence remains a sequence of the existing agent.
#[test]
fn sequence_that_memory_does_not_allow_to_split_is_kept() {
    let differences = Differences { port: true, ..NONE };
    let mut world = World::new(1, differences);
    for _ in 0..4 {
        world.poll();
    }
    let one_agent = world.registry.bytes();
    let mut refused = 0;
    for spare in (0..4_000).step_by(50) {
        let config =
            Config::default().with(|config| config.max_bytes_per_sender = one_agent + spare);
        let mut world = World::with(config, 2, differences);
        for _ in 0..4 {
            world.poll();
            let added = |event: &event::Kind| matches!(event, event::Kind::SequenceAdded { .. });
            let added = world.events(added);
            let agents: Vec<_> = world.registry.agents().collect();
            assert_eq!(agents[0].sequences, 1 + added, "{spare}: {agents:?}");
            refused += added;
        }
    }
    assert!(refused > 0, "the case was not reached");
}
