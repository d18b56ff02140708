//! Identity of entities and agents whose names, places and UUIDs change or are shared.

mod support;

use sflow_metrics::{
    Config, Registry,
    entity::{self, Lifecycle},
    event,
};
use sflow_v5::DataSource;
use sflow_v5::counter::{AppOperations, AppWorkers, IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, IfDirection};
use support::world::World;
use support::{Agent, Container, ask, at, counted, entity, host, interface_source, metric};

const CORES: &str = "sum:vir_cpu_cores";

/// The kinds of all events, in order.
fn events_named(registry: &Registry) -> Vec<&'static str> {
    registry
        .events(event::Id::START)
        .map(|event| event.kind.name())
        .collect()
}

/// A container that is reported every ten seconds, by one agent and then by another.
struct Move {
    registry: Registry,
    old: Agent,
    new: Agent,
    web: Container<'static>,
    sequence: u32,
    now: f64,
}

impl Move {
    fn new() -> Self {
        let mut world = Self {
            registry: Registry::new(Config::default()),
            old: Agent::new(1),
            new: Agent::new(2),
            web: Container::new("web.1", 1),
            sequence: 0,
            now: 0.0,
        };
        for _ in 0..6 {
            world.poll(true, false);
        }
        assert_eq!(ask(&world.registry, world.now, CORES).value, Some(0.5));
        world
    }

    /// Advances by 10 s; the old and the new place may report.
    fn poll(&mut self, is_at_old: bool, is_at_new: bool) {
        self.now += 10.0;
        self.web.work(10.0, 0.5, 1e6);
        self.sequence += 1;
        if is_at_old {
            let sample = self.web.sample(self.sequence);
            self.old.report(&mut self.registry, self.now, &[sample]);
        }
        if is_at_new {
            let sample = Container {
                cpu_ms: self.web.cpu_ms * 3,
                ..self.web
            }
            .sample(self.sequence);
            self.new
                .report(&mut self.registry, self.now + 1.0, &[sample]);
        }
    }

    fn listed(&self) -> usize {
        self.registry.entities(at(self.now + 1.0)).count()
    }
}

#[test]
fn container_that_moves_to_another_agent_keeps_id() {
    let mut world = Move::new();
    let before = entity(&world.registry, world.now, "web.1").unwrap();
    let (id, since) = (before.id(), before.first_seen());

    world.poll(false, true);
    let summary = ask(&world.registry, world.now + 1.0, "sum:vir_mem_used");
    assert_eq!((summary.matched, summary.value), (1, Some(1_048_576.0)));
    assert_eq!(world.listed(), 1, "once, not twice");

    world.poll(false, true);
    let after = entity(&world.registry, world.now + 1.0, "web.1").unwrap();
    assert_eq!((after.id(), after.first_seen()), (id, since));
    assert_eq!(after.agent().address, sflow_v5::Address::V4([10, 0, 0, 2]));
    assert_eq!(after.value(metric("vir_cpu_cores")), Some(1.5));
    assert_eq!(world.listed(), 1);

    world.registry.expire(at(world.now + 1.0));
    assert_eq!(world.registry.health().moved, 1);
    assert_eq!(world.registry.health().gone, 0);
    let recorded = events_named(&world.registry);
    let expected = [
        "agent_appeared",
        "entity_appeared",
        "agent_appeared",
        "entity_moved",
        "entity_live",
    ];
    assert_eq!(recorded, expected);
}

#[test]
fn container_that_moves_to_another_data_source_keeps_id() {
    let mut world = World::new();
    for _ in 0..6 {
        world.poll();
    }
    let before = entity(&world.registry, world.now, "web.1").unwrap().id();
    // The number of a data source comes from a table that may have changed with a restart.
    world.web.index = 2;
    world.agent.restart(world.now + 5.0);
    world.sequence = 0;
    world.poll();
    // The second datagram confirms the restart.
    world.poll();
    let after = entity(&world.registry, world.now, "web.1").unwrap();
    assert_eq!(after.id(), before);
    assert_eq!(
        after.data_source().map(|source| source.index),
        Some(100_002)
    );
    assert_eq!(world.registry.health().moved, 1, "it has not waited");
    world.assert_rates();
}

#[test]
fn first_entity_keeps_uuid_while_reported() {
    let mut world = Move::new();
    let first = entity(&world.registry, world.now, "web.1").unwrap().id();
    world.poll(true, true);
    assert_eq!(world.listed(), 1, "it may be about to move");
    world.poll(true, true);
    world.poll(true, true);
    assert_eq!(world.listed(), 2, "both are reported, so they are two");
    let summary = ask(&world.registry, world.now + 1.0, CORES);
    assert_eq!((summary.matched, summary.value), (2, Some(2.0)));
    let of_old = world
        .registry
        .entities(at(world.now + 1.0))
        .find(|entity| entity.agent().address == sflow_v5::Address::V4([10, 0, 0, 1]));
    assert_eq!(of_old.unwrap().id(), first);
    let health = world.registry.health();
    assert_eq!((health.uuid_conflicts, health.moved), (1, 0));
    assert_eq!(
        events_named(&world.registry)[2..],
        ["agent_appeared", "entity_appeared", "uuid_conflict"]
    );

    for _ in 0..20 {
        world.poll(false, true);
        world.registry.expire(at(world.now + 1.0));
    }
    assert_eq!(world.listed(), 1);
    let health = world.registry.health();
    assert_eq!((health.gone, health.moved), (1, 0), "they stay two");
    assert_eq!(
        ask(&world.registry, world.now + 1.0, CORES).value,
        Some(1.5)
    );
}

#[test]
fn late_sample_of_former_place_is_not_a_conflict() {
    let mut world = Move::new();
    world.poll(false, true);
    let late = world
        .old
        .send(world.now + 2.0, &[world.web.sample(world.sequence)]);
    world
        .old
        .deliver(&mut world.registry, world.now + 2.0, &late);
    for _ in 0..3 {
        world.poll(false, true);
    }
    assert_eq!(world.listed(), 1);
    let health = world.registry.health();
    assert_eq!((health.moved, health.uuid_conflicts), (1, 0));
}

#[test]
fn source_with_claimed_uuid_is_not_listed() {
    let mut world = Move::new();
    world.poll(true, true);
    for _ in 0..20 {
        world.poll(true, false);
        world.registry.expire(at(world.now));
        assert_eq!(world.listed(), 1);
    }
    assert_eq!(ask(&world.registry, world.now, CORES).value, Some(0.5));
    assert!(!events_named(&world.registry).contains(&"entity_gone"));
}

#[test]
fn reserved_sender_keeps_its_uuids() {
    // The foreign agent reports the UUID first.
    let mut world = Move::new();
    world.registry.reserve([world.new.sender]);
    let listed_at_new = |world: &Move| {
        let mut entities = world.registry.entities(at(world.now + 1.0));
        entities.any(|entity| entity.agent().sender == world.new.sender)
    };
    world.poll(true, true);
    assert!(listed_at_new(&world), "no interval is lost");
    for _ in 0..3 {
        world.poll(true, true);
    }
    assert_eq!(world.listed(), 2);
    assert_eq!(world.registry.health().uuid_conflicts, 1, "reported once");
    // After one lost report, the UUID remains that of the reserved sender.
    world.poll(true, false);
    for _ in 0..3 {
        world.poll(true, true);
    }
    assert!(listed_at_new(&world));
    assert_eq!(world.registry.health().moved, 0);

    // The foreign agent reports the UUID later, and also while the other agent is late.
    let mut world = Move::new();
    world.registry.reserve([world.old.sender]);
    world.poll(true, true);
    world.poll(false, true);
    world.poll(true, true);
    let mut entities = world.registry.entities(at(world.now + 1.0));
    assert!(entities.any(|entity| entity.agent().sender == world.old.sender));
    assert_eq!(world.registry.health().moved, 0);
}

#[test]
fn host_of_two_sub_agents_counts_once() {
    let mut registry = Registry::new(Config::default());
    let mut before = Agent::new(1);
    let mut after = Agent {
        sub_agent: 100_001,
        ..Agent::new(1)
    };
    for sequence in 1..=12 {
        let seconds = f64::from(sequence) * 10.0;
        let agent = if sequence <= 6 {
            &mut before
        } else {
            &mut after
        };
        let busy = sequence * 10_000;
        agent.report(
            &mut registry,
            seconds,
            &[host("node1", sequence, 4, busy, busy)],
        );
        let count = ask(&registry, seconds, "count:load_one");
        assert_eq!(count.matched, 1, "poll {sequence}");
    }
    assert_eq!(
        ask(&registry, 120.0, "avg:cpu_utilization").value,
        Some(50.0)
    );
    assert_eq!((registry.health().moved, registry.agents().count()), (1, 2));
}

#[test]
fn equal_names_are_two_containers() {
    let mut registry = Registry::new(Config::default());
    let mut node1 = Agent::new(1);
    let mut node2 = Agent::new(2);
    for sequence in 1..=2 {
        let seconds = f64::from(sequence) * 10.0;
        let here = |index, uuid| {
            Container {
                uuid,
                ..Container::new("web", index)
            }
            .sample(sequence)
        };
        node1.report(&mut registry, seconds, &[here(1, 0x11), here(2, 0x22)]);
        node1.report(&mut registry, seconds, &[here(3, 0), here(4, 0)]);
        node2.report(&mut registry, seconds, &[here(1, 0x55), here(3, 0)]);
    }
    let summary = ask(&registry, 20.0, "count:vir_cpu_cores{container=web}");
    assert_eq!(summary.value, Some(6.0), "with and without UUIDs");
}

#[test]
fn equal_truncated_names_remain_two_containers() {
    let config = Config::default().with(|config| config.max_name_bytes = 32);
    let mut registry = Registry::new(config);
    let mut agent = Agent::new(1);
    let long = "stack_service.1.rsm0h0ay4dbn6zbusp3ta9pf7".repeat(2);
    // The agent truncated the second of these names; the registry truncates both.
    let mut first = Container::new(&long, 1);
    let mut second = Container::new(&long[..64], 2);
    for sequence in 1..=3 {
        let seconds = f64::from(sequence) * 10.0;
        let samples = [first.sample(sequence), second.sample(sequence)];
        agent.report(&mut registry, seconds, &samples);
        first.work(10.0, 1.0, 0.0);
        second.work(10.0, 2.0, 0.0);
    }
    let mut cores: Vec<_> = registry
        .entities(at(30.0))
        .map(|entity| (entity.name().len(), entity.value(metric("vir_cpu_cores"))))
        .collect();
    cores.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap());
    assert_eq!(cores, [(32, Some(1.0)), (32, Some(2.0))]);
    let health = registry.health();
    assert_eq!(
        (health.names_cut, health.replaced),
        (2, 0),
        "each is truncated once"
    );

    // An agent that begins to truncate names has renamed the container.
    let mut first = Container {
        name: "stack",
        ..first
    };
    first.work(10.0, 1.0, 0.0);
    agent.report(&mut registry, 40.0, &[first.sample(4)]);
    assert_eq!(registry.health().replaced, 0);
    assert!(entity(&registry, 40.0, "stack").is_some());
}

#[test]
fn reused_data_source_is_another_entity() {
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
    let recorded = events_named(&world.registry);
    assert_eq!(
        recorded[recorded.len() - 2..],
        ["entity_replaced", "entity_appeared"]
    );
    world.poll();
    world.assert_rates();
}

#[test]
fn name_distinguishes_containers_without_uuid() {
    let mut world = World::new();
    world.web.uuid = 0;
    world.poll();
    world.poll();
    world.assert_rates();
    world.web.name = "web.2";
    world.poll();
    assert_eq!(world.registry.health().replaced, 1);
    // It reports a UUID later, and one sample without it.
    for uuid in [7, 7, 0, 7] {
        world.web.uuid = uuid;
        world.poll();
        world.assert_rates();
    }
    assert_eq!(world.registry.health().replaced, 1);
    let entity = entity(&world.registry, world.now, "web.2").unwrap();
    assert_eq!(
        entity.uuid(),
        Some(sflow_v5::types::Uuid(7_u128.to_be_bytes()))
    );
}

#[test]
fn renamed_container_keeps_id() {
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
fn t14_agents_are_distinguished_by_sender() {
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
fn t15_two_senders_with_one_address_are_reported() {
    let mut registry = Registry::new(Config::default());
    let mut first = Agent::new(1);
    let mut second = Agent {
        sender: "192.0.2.7".parse().unwrap(),
        ..Agent::new(1)
    };
    let mut web = Container::new("web.1", 1);
    let id = |registry: &Registry| entity(registry, 30.0, "web.1").map(|entity| entity.id());
    let mut ids = Vec::new();
    for sequence in 1..=3 {
        let seconds = f64::from(sequence) * 10.0;
        first.report(&mut registry, seconds, &[web.sample(sequence)]);
        second.report(&mut registry, seconds + 1.0, &[]);
        web.work(10.0, 1.0, 0.0);
        ids.extend(id(&registry));
    }
    assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "it is not touched"
    );
    assert_eq!(registry.health().address_conflicts, 1, "reported once");
    assert!(registry.agents().all(|agent| agent.contested));
    let conflict = registry
        .events(event::Id::START)
        .find(|event| event.kind.name() == "address_conflict")
        .unwrap();
    assert_eq!(conflict.kind.agent().unwrap().sender, second.sender);
}

#[test]
fn agent_with_new_sender_is_not_a_conflict() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    for sequence in 1..=12 {
        if sequence == 7 {
            agent.sender = "192.0.2.7".parse().unwrap();
        }
        agent.report(&mut registry, f64::from(sequence) * 10.0, &[]);
    }
    assert_eq!(registry.health().address_conflicts, 0);
    assert!(registry.agents().all(|agent| !agent.contested));
}

#[test]
fn interfaces_have_name_speed_and_direction() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut report = |index: u32, speed: u64, direction, status: u32| {
        let counters = IfCounters {
            if_index: index,
            if_speed: speed.into(),
            if_direction: direction,
            if_status: status.into(),
            ..IfCounters::default()
        };
        let port = PortName {
            name: "eth0".into(),
        };
        let sample = counted(interface_source(index), 1, [port.into(), counters.into()]);
        agent.report(&mut registry, f64::from(index), &[sample]);
        let entity = registry
            .entities(at(f64::from(index)))
            .find(|entity| entity.if_index() == Some(index))
            .unwrap();
        assert_eq!(
            (entity.name(), entity.kind()),
            ("eth0", entity::Kind::Interface)
        );
        assert_eq!(entity.lifecycle(), Lifecycle::Warming);
        (entity.speed(), entity.direction(), entity.is_up())
    };
    let up = (
        Some(10_000_000_000),
        Some(IfDirection::FULL_DUPLEX),
        Some(true),
    );
    assert_eq!(report(1, 10_000_000_000, IfDirection::FULL_DUPLEX, 3), up);
    let unplugged = (None, None, Some(false));
    assert_eq!(report(2, 0, IfDirection::UNKNOWN, 1), unplugged);
}

#[test]
fn applications_are_entities() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let source = DataSource::new(DataSourceKind::LOGICAL, 80);
    for sequence in 1..=2 {
        let operations = AppOperations {
            application: "shop".into(),
            success: (sequence * 500).into(),
            ..AppOperations::default()
        };
        let workers = AppWorkers {
            workers_active: 7.into(),
            ..AppWorkers::default()
        };
        let sample = counted(source, sequence, [workers.into(), operations.into()]);
        agent.report(&mut registry, f64::from(sequence) * 10.0, &[sample]);
    }
    let shop = entity(&registry, 20.0, "shop").unwrap();
    assert_eq!(shop.kind(), entity::Kind::Application);
    assert_eq!(shop.is_up(), None);
    assert_eq!(shop.value(metric("app_success")), Some(50.0));
    assert_eq!(shop.value(metric("app_workers_active")), Some(7.0));
    assert_eq!(ask(&registry, 20.0, "sum:app_success").value, Some(50.0));
}
