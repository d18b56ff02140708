//! What goes wrong on the way and in agents, one scenario each; the numbers are those of the
//! promises that the README makes.

mod support;

use sflow_metrics::{Config, Lifecycle, Registry};
use sflow_v5::{Counter32, DomainState};
use support::{Agent, Container, ask, at, entity, host, interface, lifecycle, metric};

const CORES: &str = "avg:vir_cpu_cores{vir_host_name=web.*}";
const BYTES: &str = "avg:vir_bytes_in+vir_bytes_out{vir_host_name=web.*}";

/// A host with one container that uses half a processor and receives 1 MB/s.
struct World {
    registry: Registry,
    agent: Agent,
    web: Container<'static>,
    sequence: u32,
    now: f64,
}

impl World {
    fn new() -> Self {
        Self::after(0)
    }

    /// A world in which so many datagrams and samples have been sent.
    fn after(sequence: u32) -> Self {
        let mut world = Self {
            registry: Registry::new(Config::default()),
            agent: Agent {
                sequence,
                ..Agent::new(1)
            },
            web: Container::new("web.1", 1),
            sequence,
            now: 0.0,
        };
        let host = host("node1", 1, 4, 0, 0);
        world.agent.report(&mut world.registry, 0.0, &[host]);
        world
    }

    fn work(&mut self, seconds: f64) {
        self.now += seconds;
        self.web.work(seconds, 0.5, 1e6);
    }

    /// The next sample, in a datagram that has not arrived.
    fn send(&mut self) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        self.agent.send(self.now, &[self.web.sample(self.sequence)])
    }

    fn deliver(&mut self, bytes: &[u8]) {
        self.agent.deliver(&mut self.registry, self.now, bytes);
    }

    fn poll(&mut self) {
        self.work(10.0);
        let bytes = self.send();
        self.deliver(&bytes);
    }

    fn cores(&self) -> Option<f64> {
        ask(&self.registry, self.now, CORES).value
    }

    fn bytes(&self) -> Option<f64> {
        ask(&self.registry, self.now, BYTES).value
    }

    #[track_caller]
    fn assert_rates(&self) {
        assert_eq!(self.cores(), Some(0.5));
        assert_eq!(self.bytes(), Some(3e6));
    }
}

#[test]
fn rates_need_two_samples() {
    let mut world = World::new();
    world.poll();
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!(
        (summary.value, summary.matched, summary.warming),
        (None, 1, 1)
    );
    let memory = ask(&world.registry, world.now, "avg:vir_mem_used");
    assert_eq!(memory.value, Some(1_048_576.0), "a gauge needs one");
    world.poll();
    world.assert_rates();
    assert_eq!(
        lifecycle(&world.registry, world.now, "web.1"),
        Some(Lifecycle::Live)
    );
}

#[test]
fn t1_lost_datagrams_do_not_spoil_a_difference() {
    let mut world = World::new();
    world.poll();
    for _ in 0..3 {
        world.work(10.0);
        world.send();
    }
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_lost, 3);
    assert_eq!(world.registry.health().counter_samples_lost, 3);
    let agent = world.registry.agents().next().unwrap();
    assert_eq!(
        (agent.received, agent.lost, agent.loss()),
        (3, 3, Some(0.5))
    );
}

#[test]
fn t2_a_datagram_counts_once() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let bytes = world.send();
    for _ in 0..3 {
        world.deliver(&bytes);
    }
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_repeated, 2);
    world.poll();
    world.assert_rates();
}

#[test]
fn t3_an_overtaken_sample_is_in_the_difference_already() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let first = world.send();
    world.work(10.0);
    let second = world.send();
    world.deliver(&second);
    world.assert_rates();
    assert_eq!(world.registry.health().datagrams_lost, 1);
    world.deliver(&first);
    world.assert_rates();
    let health = world.registry.health();
    assert_eq!(
        (health.datagrams_reordered, health.datagrams_lost),
        (1, 0),
        "found again"
    );
    assert_eq!(health.counter_samples_old, 1);
    world.poll();
    world.assert_rates();
}

#[test]
fn t3_what_comes_in_an_overtaken_datagram_for_another_source_counts() {
    let mut world = World::new();
    let mut other = Container::new("web.2", 2);
    world.poll();
    world
        .agent
        .report(&mut world.registry, 10.0, &[other.sample(1)]);
    world.work(10.0);
    other.work(10.0, 1.5, 0.0);
    let others = world.agent.send(world.now, &[other.sample(2)]);
    let ours = world.send();
    world.deliver(&ours);
    world.deliver(&others);
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!((summary.value, summary.contributing), (Some(1.0), 2));
}

#[test]
fn t4_sequences_wrap() {
    let mut world = World::after(u32::MAX - 3);
    world.poll();
    for _ in 0..6 {
        world.poll();
        world.assert_rates();
    }
    let health = world.registry.health();
    assert_eq!((health.datagrams_lost, health.counter_samples_lost), (0, 0));
    assert_eq!((health.agent_restarts, health.source_restarts), (0, 0));
}

#[test]
fn t5_an_agent_restart_costs_one_interval() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.agent.restart(world.now + 5.0);
    world.sequence = 0;
    world.poll();
    assert_eq!((world.cores(), world.bytes()), (None, None));
    assert_eq!(
        lifecycle(&world.registry, world.now, "web.1"),
        Some(Lifecycle::Warming)
    );
    world.poll();
    world.assert_rates();
    let health = world.registry.health();
    assert_eq!((health.agent_restarts, health.counter_resets), (1, 0));
}

#[test]
fn t5_a_container_that_starts_again_costs_one_interval() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.web.cpu_ms = 0;
    world.web.rx_bytes = 0;
    world.web.tx_bytes = 0;
    world.sequence = 0;
    world.poll();
    assert_eq!((world.cores(), world.bytes()), (None, None));
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().source_restarts, 1);
}

#[test]
fn t6_resets_and_jumps_without_a_sign_are_gaps() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.web.cpu_ms = 0;
    world.poll();
    assert_eq!(world.cores(), None);
    assert_eq!(world.bytes(), Some(3e6), "only what went back");
    world.poll();
    world.assert_rates();

    world.web.cpu_ms += 3_000_000;
    world.web.rx_bytes += 1 << 50;
    world.poll();
    assert_eq!(
        (world.cores(), world.bytes()),
        (None, None),
        "more than four processors can"
    );
    world.poll();
    world.assert_rates();
    let health = world.registry.health();
    assert_eq!((health.counter_resets, health.counter_jumps), (1, 2));
}

#[test]
fn t6_an_interface_cannot_be_faster_than_its_line() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let gigabit = 1_000_000_000;
    for (sequence, octets) in [(1, 0), (2, 600_000_000), (3, 90_000_000_000)] {
        let seconds = f64::from(sequence) * 10.0;
        agent.report(
            &mut registry,
            seconds,
            &[interface(3, sequence, gigabit, octets)],
        );
        let value = |name| entity(&registry, seconds, "").unwrap().value(metric(name));
        let expected = (sequence == 2).then_some(60_000_000.0);
        assert_eq!(value("ifinoctets"), expected);
        assert_eq!(value("ifinutilization"), expected.map(|_| 48.0));
        assert_eq!(value("ifspeed"), Some(1e9));
        assert_eq!(value("ifoutoctets"), None, "never counted");
    }
}

#[test]
fn t7_32_bit_counters_wrap() {
    let mut world = World::new();
    world.web.cpu_ms = u32::MAX - 7_000;
    world.web.rx_bytes = u64::from(u32::MAX) - 5_000_000;
    for _ in 0..2 {
        world.poll();
    }
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().counter_wraps, 1);
}

#[test]
fn t8_unknown_is_absent() {
    let mut world = World::new();
    world.poll();
    world.work(10.0);
    let known = world.web;
    world.web.cpu_ms = Counter32::UNKNOWN.0;
    let bytes = world.send();
    world.deliver(&bytes);
    assert_eq!((world.cores(), world.bytes()), (None, Some(3e6)));
    let summary = ask(&world.registry, world.now, CORES);
    assert_eq!(
        (summary.matched, summary.contributing, summary.missing()),
        (1, 0, 1)
    );
    world.web = known;
    world.poll();
    assert_eq!(world.cores(), None, "known again, for the first time");
    world.poll();
    world.assert_rates();
}

#[test]
fn t10_clocks_may_be_wrong() {
    let mut world = World::new();
    world.poll();
    world.poll();
    // Ours is set forward by an hour.
    world.agent.started += 3600.0;
    world.now += 3600.0;
    world.poll();
    assert_eq!(world.cores(), None, "one interval in doubt");
    world.poll();
    world.assert_rates();
    assert_eq!(world.registry.health().disputed_intervals, 1);
    assert_eq!(world.registry.health().agent_restarts, 0);
}

#[test]
fn t10_an_agent_that_counts_uptime_in_other_units_is_found_out() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    for sequence in 1..=8 {
        let arrival = f64::from(sequence) * 10.0;
        let bytes = agent.send(arrival / 10.0, &[web.sample(sequence)]);
        agent.deliver(&mut registry, arrival, &bytes);
        web.work(10.0, 0.5, 1e6);
    }
    assert_eq!(ask(&registry, 80.0, CORES).value, Some(0.5));
}

#[test]
fn two_samples_in_one_datagram_leave_the_rate_alone() {
    let mut world = World::new();
    world.poll();
    world.poll();
    world.work(10.0);
    let samples = [world.web.sample(3), world.web.sample(4)];
    world.sequence = 4;
    world.agent.report(&mut world.registry, world.now, &samples);
    world.assert_rates();
    world.poll();
    world.assert_rates();
}

#[test]
fn the_first_sample_twice_is_no_rate() {
    let mut world = World::new();
    let samples = [world.web.sample(1), world.web.sample(2)];
    world.sequence = 2;
    world.agent.report(&mut world.registry, 0.0, &samples);
    assert_eq!(world.cores(), None);
    world.poll();
    world.assert_rates();
}

#[test]
fn t11_silence_is_stale_after_three_intervals_and_then_gone() {
    let mut world = World::new();
    for _ in 0..6 {
        world.poll();
    }
    let state = |seconds| lifecycle(&world.registry, world.now + seconds, "web.1");
    assert_eq!(state(29.0), Some(Lifecycle::Live));
    assert_eq!(state(31.0), Some(Lifecycle::Stale));
    assert_eq!(state(119.0), Some(Lifecycle::Stale));
    assert_eq!(state(121.0), None);
    let summary = ask(&world.registry, world.now + 31.0, CORES);
    assert_eq!(
        (summary.value, summary.matched, summary.stale),
        (None, 1, 1)
    );
    assert_eq!(ask(&world.registry, world.now + 121.0, CORES).matched, 0);

    world.registry.expire(at(world.now + 121.0));
    assert_eq!(world.registry.health().gone, 2, "the host, too");
    world.registry.expire(at(world.now + 4000.0));
    assert_eq!(world.registry.entities(at(0.0)).count(), 0);
    assert_eq!(world.registry.agents().count(), 0);
}

#[test]
fn a_container_that_stopped_leaves_at_once() {
    for (state, is_empty) in [
        (DomainState::SHUT_OFF, false),
        (DomainState::SHUTDOWN, true),
        (DomainState::SHUTDOWN, false),
    ] {
        let mut world = World::new();
        world.poll();
        world.poll();
        world.web.state = state;
        if is_empty {
            // Killed: everything reads zero, and the sequence starts again.
            world.sequence = 0;
            world.web = Container {
                state,
                memory: 0,
                ..Container::new("web.1", 1)
            };
        } else if state == DomainState::SHUT_OFF {
            world.web.cpu_ms = 0;
        }
        let sequence = world.sequence + 1;
        let last = world
            .agent
            .send(world.now + 3.0, &[world.web.sample(sequence)]);
        world.deliver(&last);
        assert_eq!(ask(&world.registry, world.now, CORES).matched, 0, "{state}");
        assert_eq!(world.registry.health().stopped, 1);

        let again = world
            .agent
            .send(world.now + 4.0, &[world.web.sample(sequence + 1)]);
        world.deliver(&again);
        assert_eq!(
            world.registry.entities(at(world.now)).count(),
            1,
            "only the host"
        );
    }
}

#[test]
fn a_late_datagram_does_not_bring_back_who_left() {
    let mut world = World::new();
    world.poll();
    world.work(1.0);
    let late = world.send();
    world.web.state = DomainState::SHUTDOWN;
    let last = world.send();
    world.deliver(&last);
    world.deliver(&late);
    assert_eq!(ask(&world.registry, world.now, CORES).matched, 0);
}

#[test]
fn a_data_source_that_is_taken_over_is_somebody_else() {
    let mut world = World::new();
    world.poll();
    world.poll();
    let before = entity(&world.registry, world.now, "web.1").unwrap().id();
    world.web = Container {
        uuid: 0xaa,
        name: "web.2",
        ..world.web
    };
    world.poll();
    assert!(entity(&world.registry, world.now, "web.1").is_none());
    let after = entity(&world.registry, world.now, "web.2").unwrap();
    assert_ne!(after.id(), before);
    assert_eq!(after.value(metric("vir_cpu_cores")), None);
    assert_eq!(world.registry.health().replaced, 1);
    world.poll();
    world.assert_rates();
}

#[test]
fn a_container_may_be_renamed() {
    let mut world = World::new();
    world.poll();
    let before = entity(&world.registry, world.now, "web.1").unwrap().id();
    world.web.name = "web.one";
    world.poll();
    assert_eq!(
        entity(&world.registry, world.now, "web.one").unwrap().id(),
        before
    );
    world.assert_rates();
}

#[test]
fn t14_agents_are_told_apart_by_sender_too() {
    let mut registry = Registry::new(Config::default());
    let mut here = Agent::new(1);
    let mut there = Agent {
        sender: "192.0.2.7".parse().unwrap(),
        ..Agent::new(1)
    };
    let mut web = Container::new("web.1", 1);
    let mut other = Container::new("web.2", 1);
    for sequence in 1..=2 {
        let seconds = f64::from(sequence) * 10.0;
        here.report(&mut registry, seconds, &[web.sample(sequence)]);
        there.report(&mut registry, seconds, &[other.sample(sequence)]);
        web.work(10.0, 1.0, 0.0);
        other.work(10.0, 2.0, 0.0);
    }
    assert_eq!(registry.agents().count(), 2);
    assert_eq!(
        ask(&registry, 20.0, "avg:vir_cpu_cores{sender=192.0.2.7}").value,
        Some(2.0)
    );
    assert_eq!(
        ask(&registry, 20.0, "sum:vir_cpu_cores{agent=10.0.0.1}").value,
        Some(3.0)
    );
    assert_eq!(registry.health().foreign_senders, 2);
}

#[test]
fn t17_strangers_do_not_use_up_memory() {
    let config = Config {
        max_agents: 3,
        max_sources: 50,
        max_sources_per_agent: 20,
        max_name_bytes: 16,
        ..Config::default()
    };
    let mut registry = Registry::new(config);
    let mut world = Agent::new(1);
    let name = "web.1".repeat(20);
    for index in 0..1000 {
        world.report(
            &mut registry,
            0.0,
            &[Container::new(&name, index).sample(1)],
        );
    }
    assert_eq!(registry.entities(at(0.0)).count(), 20);
    assert!(
        registry
            .entities(at(0.0))
            .all(|entity| entity.name().len() == 16)
    );
    for last_byte in 2..100 {
        let mut agent = Agent::new(last_byte);
        for index in 0..100 {
            agent.report(&mut registry, 0.0, &[Container::new("x", index).sample(1)]);
        }
    }
    assert_eq!(
        (
            registry.agents().count(),
            registry.entities(at(0.0)).count()
        ),
        (3, 50)
    );
    let health = registry.health();
    assert_eq!(health.counter_samples_refused, 980 + 170);
    assert_eq!(health.datagrams_refused, 96 * 100);
    assert_eq!(health.names_cut, 20);

    registry.expire(at(600.0));
    world.report(&mut registry, 600.0, &[Container::new("new", 1).sample(1)]);
    assert_eq!(
        registry.entities(at(600.0)).count(),
        1,
        "there is room again"
    );
}
