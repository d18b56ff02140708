//! Datagrams with a forged source address, from a sender that cannot observe the datagrams of the
//! agent.

use proptest::prelude::*;
use sflow_metrics::{Config, Registry, event};

use crate::support::world::{BYTES, CORES};
use crate::support::{Agent, Container, Counted, ask, at, entity, host, interface, metric};

const INTERVAL: f64 = 10.0;

/// Sequence number and uptime of forged datagrams.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbering {
    /// Random numbers.
    Random,
    /// Random numbers of an agent that started some hours ago.
    Small,
    /// Numbers close to those that the agent sends, and a random uptime.
    Near,
    /// Consecutive numbers and uptimes, as after a restart.
    Restart,
    /// Consecutive numbers as after a restart, without an uptime.
    RestartWithoutUptime,
}

impl Numbering {
    /// A consistent sequence of an agent with or without an uptime.
    fn consistent(has_uptime: bool) -> Self {
        if has_uptime {
            Self::Restart
        } else {
            Self::RestartWithoutUptime
        }
    }
}

/// Random content of a forged datagram.
#[derive(Clone, Copy, Debug)]
struct Forged {
    random: [u32; 8],
}

fn forged() -> impl Strategy<Value = Forged> {
    prop::array::uniform8(any::<u32>()).prop_map(|random| Forged { random })
}

/// An agent with a host, a container and an interface, and a forger of its datagrams.
struct World {
    registry: Registry,
    agent: Agent,
    has_uptime: bool,
    web: Container<'static>,
    octets: u64,
    sequence: u32,
    forged: u32,
    now: f64,
}

impl World {
    fn new(has_uptime: bool) -> Self {
        Self {
            registry: Registry::new(Config::default()),
            agent: Agent {
                sequence: 500,
                started: -5000.0,
                ..Agent::new(1)
            },
            has_uptime,
            web: Container::new("web.1", 1),
            octets: 1 << 33,
            sequence: 500,
            forged: 0,
            now: 0.0,
        }
    }

    fn work(&mut self) {
        self.sequence += 1;
        self.octets += 5_000_000;
        self.web.work(INTERVAL, 0.5, 1e6);
    }

    fn poll(&mut self) {
        self.work();
        let busy = (self.now * 1e3) as u32;
        let samples = [
            host("node1", self.sequence, 4, busy, busy),
            self.web.sample(self.sequence),
            interface(3, self.sequence, 1_000_000_000, self.octets),
        ];
        let mut agent = self.agent.clone();
        if !self.has_uptime {
            agent.started = self.now;
        }
        agent.report(&mut self.registry, self.now, &samples);
        self.agent.sequence = agent.sequence;
    }

    fn polls(&mut self, polls: usize) {
        for _ in 0..polls {
            self.now += INTERVAL;
            self.poll();
            self.rates();
        }
    }

    fn forge(&mut self, kind: Numbering, forged: Forged) {
        let [sequence, uptime, a, b, c, d, e, f] = forged.random;
        self.forged += 1;
        let (sequence, started) = match kind {
            Numbering::Random => (sequence, self.now - f64::from(uptime) / 1e3),
            Numbering::Small => (
                sequence % 100_000,
                self.now - f64::from(uptime % 10_000_000) / 1e3,
            ),
            Numbering::Near => {
                let near = self.agent.sequence.wrapping_add(sequence % 200);
                (near.wrapping_sub(100), self.now - f64::from(uptime) / 1e3)
            }
            Numbering::Restart => (self.forged, -1.0),
            Numbering::RestartWithoutUptime => (self.forged, self.now),
        };
        let mut web = Container::new("web.1", 1);
        web.cpu_ms = b;
        web.rx_bytes = u64::from(c) << 16;
        web.tx_bytes = u64::from(d) << 20;
        web.packets = e;
        let samples = [
            host("node1", a, 4, b, c),
            web.sample(a),
            interface(3, f, 1_000_000_000, u64::from(d) << 10),
        ];
        let mut agent = Agent {
            sequence: sequence.wrapping_sub(1),
            started,
            ..Agent::new(1)
        };
        agent.report(&mut self.registry, self.now, &samples);
    }

    /// Whether all rates are known. Asserts that the known ones are those of the agent.
    fn rates(&self) -> bool {
        let octets = entity(&self.registry, self.now, "");
        let octets = octets.and_then(|port| port.value(metric("ifinoctets")));
        let values = [
            (ask(&self.registry, self.now, CORES).value, 0.5),
            (ask(&self.registry, self.now, BYTES).value, 3e6),
            (octets, 500_000.0),
            (
                ask(&self.registry, self.now, "avg:vir_pkts_in").value,
                1000.0,
            ),
        ];
        for (value, expected) in values {
            if let Some(value) = value {
                assert!((value / expected - 1.0_f64).abs() < 1e-3, "{values:?}");
            }
        }
        values.iter().all(|(value, _)| value.is_some())
    }

    fn has_event(&self, is_it: impl Fn(&event::Kind) -> bool) -> bool {
        let mut events = self.registry.events(event::Id::START);
        events.any(|event| is_it(&event.kind))
    }

    /// Polls the agent, with a forged datagram every 3 s. Returns the number of intervals at the end
    /// of which a rate is unknown.
    fn attack(&mut self, kind: Numbering, forged: &[Forged]) -> usize {
        self.attack_with_loss(kind, forged, &[])
    }

    /// As [`attack`](Self::attack); the polls with these numbers are lost.
    fn attack_with_loss(&mut self, kind: Numbering, forged: &[Forged], lost: &[usize]) -> usize {
        let (mut absent, mut polls) = (0, 0);
        let mut next = self.now + INTERVAL;
        for forged in forged {
            self.now += 3.0;
            if self.now >= next {
                self.now = next;
                polls += 1;
                if lost.contains(&polls) {
                    self.work();
                    self.agent.sequence += 1;
                } else {
                    self.poll();
                }
                absent += usize::from(!self.rates());
                next += INTERVAL;
            }
            self.forge(kind, *forged);
            self.rates();
            self.registry.expire(at(self.now));
        }
        self.now = next;
        absent
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t22_forged_datagrams_never_make_a_wrong_rate(
        kind in prop_oneof![
            Just(Numbering::Random),
            Just(Numbering::Small),
            Just(Numbering::Near),
            Just(Numbering::Restart),
            Just(Numbering::RestartWithoutUptime),
        ],
        has_uptime in any::<bool>(),
        forged in prop::collection::vec(forged(), 20..60),
    ) {
        let mut world = World::new(has_uptime);
        world.polls(4);
        prop_assert!(world.rates());
        let absent = world.attack(kind, &forged);
        prop_assert!(absent <= forged.len(), "at most the intervals with a forged datagram");
        if kind == Numbering::Random {
            prop_assert_eq!(absent, 0, "the agent's sequence has gone on");
        }
        // Rates are known again soon after the end.
        world.now -= INTERVAL;
        world.polls(14);
        prop_assert!(world.rates());

        let health = world.registry.health();
        let agent = world.registry.agents().next().unwrap();
        prop_assert!(health.datagrams_lost < 10_000, "{health:?}");
        prop_assert!(health.counter_samples_lost < 1_000, "{health:?}");
        if kind == Numbering::Random {
            prop_assert_eq!(health.datagrams_rejected, forged.len() as u64);
            prop_assert_eq!(agent.rejected, forged.len() as u64);
            prop_assert_eq!(health.agent_restarts, 0);
        }
    }

    /// The first datagram is forged.
    #[test]
    fn t22_agent_that_starts_under_attack_is_found(
        has_uptime in any::<bool>(),
        forged in prop::collection::vec(forged(), 40..60),
    ) {
        let mut world = World::new(has_uptime);
        world.forge(Numbering::Random, forged[0]);
        world.attack(Numbering::Random, &forged[1..]);
        world.now -= INTERVAL;
        world.polls(3);
        prop_assert!(world.rates());
    }
}

#[test]
fn t22_forged_datagrams_are_reported() {
    let mut world = World::new(true);
    world.polls(4);
    let random = |number: u32| Forged {
        random: std::array::from_fn(|place| {
            (number * 8 + place as u32 + 1).wrapping_mul(2_654_435_761)
        }),
    };
    let forged: Vec<Forged> = (0..20).map(random).collect();
    assert_eq!(world.attack(Numbering::Random, &forged), 0);
    world.poll();
    let agent = world.registry.agents().next().unwrap();
    assert_eq!((agent.rejected, agent.restarts), (20, 0));
    assert!(agent.last_rejected.is_some());
    assert_eq!(world.registry.health().datagrams_rejected, 20);
    let mut events = world.registry.events(event::Id::START);
    let is_it = |kind: &event::Kind| matches!(kind, event::Kind::DatagramsRejected { .. });
    assert_eq!(
        events.by_ref().filter(|event| is_it(&event.kind)).count(),
        1
    );
}

/// A second process with the identity of an agent, or forged datagrams with a consistent sequence:
/// nothing distinguishes the genuine sequence.
#[test]
fn t22_values_are_unknown_while_two_sequences_report_the_same() {
    for has_uptime in [true, false] {
        let mut world = World::new(has_uptime);
        world.polls(4);
        let forged = [Forged { random: [7; 8] }; 40];
        let absent = world.attack(Numbering::consistent(has_uptime), &forged);
        assert!(absent >= 8, "{absent} of 12");
        assert!(!world.rates());
        let agent = world.registry.agents().next().unwrap();
        assert!(agent.doubtful && agent.restarts == 0, "{agent:?}");
        assert_eq!(agent.sequences, 2);
        let health = world.registry.health();
        assert_eq!((health.agents_doubted, health.datagrams_lost), (1, 0));
        assert!(health.counter_samples_doubted > 30, "{health:?}");
        assert!(world.has_event(|kind| matches!(kind, event::Kind::AgentDoubtful { .. })));

        // No more forged datagrams.
        world.now -= INTERVAL;
        world.polls(3);
        world.registry.expire(at(world.now));
        assert!(world.rates());
        let agent = world.registry.agents().next().unwrap();
        assert!(!agent.doubtful && agent.sequences == 1, "{agent:?}");
    }
}

/// The forged sequence is older, as it may be after a restart of the collector.
#[test]
fn t22_values_are_unknown_if_the_forger_was_first() {
    for has_uptime in [true, false] {
        let mut world = World::new(has_uptime);
        let kind = Numbering::consistent(has_uptime);
        world.agent.sequence = 500_000;
        world.sequence = 500_000;
        for _ in 0..4 {
            world.forge(kind, Forged { random: [7; 8] });
            world.now += 3.0;
        }
        // The sequence of the agent is recognised at its second datagram.
        for forged in 1..=6 {
            world.forge(kind, Forged { random: [7; 8] });
            world.now += 3.0;
            if forged % 3 == 0 {
                world.poll();
            }
        }
        let forged = [Forged { random: [7; 8] }; 40];
        let absent = world.attack(kind, &forged);
        assert!(absent >= 8, "{absent} of 12");
        let agent = world.registry.agents().next().unwrap();
        assert!(agent.doubtful, "{agent:?}");
        world.now -= INTERVAL;
        world.polls(14);
        assert!(world.rates());
    }
}

/// Forged datagrams arrive before and after the restart of the agent.
#[test]
fn t22_forged_sequence_is_not_used_when_the_agent_restarts() {
    let mut world = World::new(true);
    world.polls(4);
    let forged = [Forged { random: [7; 8] }; 40];
    world.attack(Numbering::Restart, &forged);
    world.agent.restart(world.now - INTERVAL + 2.0);
    world.sequence = 0;
    world.octets = 0;
    world.web = Container::new("web.1", 1);
    let absent = world.attack(Numbering::Restart, &forged);
    assert!(absent >= 10, "{absent} of 12");
    world.now -= INTERVAL;
    world.polls(14);
    assert!(world.rates());
}

/// The agent stops, so that only the forged sequence remains.
#[test]
fn t22_doubt_ends_with_either_sequence() {
    let mut registry = Registry::new(Config::default());
    let mut agents = [5000.0, 300.0].map(|up| Agent {
        sequence: up as u32,
        started: -up,
        ..Agent::new(1)
    });
    let mut web = Container::new("web.1", 1);
    let value = |registry: &Registry, now: f64| ask(registry, now, CORES).value;
    for poll in 1..=20_u32 {
        web.work(INTERVAL, 0.5, 1e6);
        for (agent, offset) in agents.iter_mut().zip([0.0, 4.0]) {
            let now = f64::from(poll) * INTERVAL + offset;
            agent.report(&mut registry, now, &[web.sample(poll)]);
        }
    }
    assert_eq!(value(&registry, 205.0), None);
    for poll in 21..=40_u32 {
        web.work(INTERVAL, 0.5, 1e6);
        let now = f64::from(poll) * INTERVAL + 4.0;
        agents[1].report(&mut registry, now, &[web.sample(poll)]);
        registry.expire(at(now));
        assert!(poll > 22 || value(&registry, now).is_none(), "poll {poll}");
        assert!(poll < 35 || value(&registry, now).is_some(), "poll {poll}");
    }
    assert_eq!(value(&registry, 405.0), Some(0.5));
}

/// Only data sources that both sequences report are doubtful.
#[test]
fn t22_data_sources_that_one_sequence_reports_are_known() {
    let mut registry = Registry::new(Config::default());
    let mut agents = [5000.0, 300.0].map(|up| Agent {
        sequence: up as u32,
        started: -up,
        ..Agent::new(1)
    });
    for poll in 1..=20_u32 {
        let octets = u64::from(poll) * 5_000_000;
        for (number, agent) in (0..).zip(&mut agents) {
            let now = f64::from(poll) * INTERVAL + f64::from(number) * 4.0;
            let own = interface(10 + number, poll, 1_000_000_000, octets);
            let shared = interface(5, poll, 1_000_000_000, octets);
            agent.report(&mut registry, now, &[own, shared]);
        }
    }
    let octets = ask(&registry, 205.0, "sum:ifinoctets");
    assert_eq!((octets.value, octets.contributing), (Some(1_000_000.0), 2));
    assert_eq!((octets.matched, octets.warming), (3, 1));
}

#[test]
fn t22_rejected_restart_leaves_values_known_between_polls() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent {
        sequence: 500,
        started: -5000.0,
        ..Agent::new(1)
    };
    let mut web = Container::new("web.1", 1);
    for sequence in 1..=6 {
        web.work(INTERVAL, 0.5, 1e6);
        let now = f64::from(sequence) * INTERVAL;
        agent.report(&mut registry, now, &[web.sample(sequence)]);
    }
    let value = |registry: &Registry, now: f64| ask(registry, now, CORES).value;
    assert_eq!(value(&registry, 60.0), Some(0.5));
    let mut forger = Agent {
        started: 60.0,
        ..Agent::new(1)
    };
    forger.report(&mut registry, 61.0, &[web.sample(1)]);
    // The agent reports its host before the container is polled again.
    agent.report(&mut registry, 62.0, &[host("node1", 1, 4, 0, 0)]);
    assert_eq!(value(&registry, 62.0), Some(0.5));
    assert_eq!(registry.health().datagrams_rejected, 1);
}

#[test]
fn t22_agent_that_was_silent_is_not_replaced_by_the_forger() {
    let mut world = World::new(true);
    world.polls(4);
    let forged = [Forged { random: [7; 8] }; 100];
    world.attack_with_loss(Numbering::Restart, &forged, &[3, 4, 8, 9, 15, 16, 17]);
    assert!(!world.rates());
    world.now -= INTERVAL;
    world.polls(14);
    assert!(world.rates());
}

#[test]
fn t22_jump_is_not_loss() {
    let mut world = World::new(false);
    world.polls(4);
    // The numbers jump, and nothing else changes.
    world.agent.sequence = 3_000_000_000;
    world.sequence = 2_000_000_000;
    world.polls(3);
    let health = world.registry.health();
    assert_eq!((health.datagrams_lost, health.counter_samples_lost), (0, 0));
    assert_eq!((health.agent_restarts, health.datagrams_rejected), (1, 0));
    assert!(world.rates());
}

/// The samples of one poll are sent in several datagrams at once.
#[test]
fn t5_restart_of_agent_with_bursts_costs_one_interval() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let names: Vec<String> = (0..40).map(|number| format!("web.{number}")).collect();
    let mut sequence = 0;
    for poll in 0..9_u32 {
        let now = f64::from(poll) * INTERVAL;
        sequence += 1;
        if poll == 6 {
            agent.restart(now - 4.0);
            sequence = 1;
        }
        for (index, name) in (0..).zip(&names) {
            let mut task = Container::new(name, index);
            task.work(now, 0.5, 1e6);
            agent.report(&mut registry, now, &[task.sample(sequence)]);
        }
        let cores = ask(&registry, now, CORES);
        let expected = if poll == 0 || poll == 6 { 0 } else { 40 };
        assert_eq!(cores.contributing, expected, "poll {poll}");
        assert_eq!(cores.value, (expected > 0).then_some(0.5));
    }
    assert_eq!(registry.health().agent_restarts, 1);
    assert_eq!(registry.health().datagrams_rejected, 0);
}

#[test]
fn t5_agent_without_uptime_that_restarts_costs_one_interval() {
    let mut world = World::new(false);
    world.polls(4);
    world.agent.sequence = 0;
    world.sequence = 0;
    world.polls(2);
    assert!(world.rates());
    assert_eq!(world.registry.health().agent_restarts, 1);
}

#[test]
fn uptime_in_microseconds_is_not_a_restart() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    for sequence in 1..=10 {
        let arrival = f64::from(sequence) * INTERVAL;
        let bytes = agent.send(arrival * 1e3, &[web.sample(sequence)]);
        agent.deliver(&mut registry, arrival, &bytes);
        web.work(INTERVAL, 0.5, 1e6);
    }
    assert_eq!(ask(&registry, 100.0, CORES).value, Some(0.5));
    assert_eq!(registry.health().agent_restarts, 1, "only once");
}

/// Each sub-agent has its own sequence.
#[test]
fn sub_agents_are_independent() {
    let mut registry = Registry::new(Config::default());
    let mut agents: Vec<Agent> = (0..4)
        .map(|number| Agent {
            sub_agent: 100_000 + number,
            sequence: number * 1_000_000,
            ..Agent::new(1)
        })
        .collect();
    for poll in 1..=5_u32 {
        let now = f64::from(poll) * INTERVAL;
        for (index, agent) in (0..).zip(&mut agents) {
            let name = format!("web.{index}");
            let mut task = Container::new(&name, index);
            task.work(now, 0.5, 1e6);
            let samples: [Counted<'_>; 1] = [task.sample(poll)];
            agent.report(&mut registry, now, &samples);
        }
    }
    assert_eq!(ask(&registry, 50.0, CORES).contributing, 4);
    let health = registry.health();
    assert_eq!((health.datagrams_rejected, health.agent_restarts), (0, 0));
}
