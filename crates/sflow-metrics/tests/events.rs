//! Events of entities, agents and thresholds.

mod support;

use std::time::Duration;

use sflow_metrics::{
    Config, Registry, Timestamp, entity,
    event::{self, Event, Threshold, ThresholdError},
    query::Query,
};
use support::world::World;
use support::{Agent, Container, at};

/// Time and name of each event after one.
fn events_after(registry: &Registry, after: event::Id) -> Vec<(f64, &'static str)> {
    let second = |event: &Event| (event.at - at(0.0)).as_secs_f64();
    registry
        .events(after)
        .map(|event| (second(event), event.kind.name()))
        .collect()
}

fn query(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn changes_of_agent_and_container_are_recorded() {
    let mut world = World::new();
    for _ in 0..6 {
        world.poll();
        world.registry.expire(at(world.now));
    }
    let begin = [
        (0.0, "agent_appeared"),
        (0.0, "entity_appeared"),
        (10.0, "entity_appeared"),
        (20.0, "entity_live"),
    ];
    assert_eq!(events_after(&world.registry, event::Id::START), begin);

    // The host sent one sample, so 30 s are assumed for it; the container has an interval of 10 s. The
    // agent is silent after the time of its slowest source with a known interval.
    let seen = world.registry.last_event();
    for second in 61..300 {
        world.registry.expire(at(f64::from(second)));
    }
    let of_expiry = [
        (91.0, "entity_stale"),
        (91.0, "entity_stale"),
        (91.0, "agent_silent"),
        (121.0, "entity_gone"),
        (181.0, "entity_gone"),
    ];
    assert_eq!(events_after(&world.registry, seen), of_expiry);
    let gone: Vec<&str> = world
        .registry
        .events(seen)
        .filter(|event| matches!(event.kind, event::Kind::EntityGone { .. }))
        .filter_map(|event| Some(&*event.kind.entity()?.name))
        .collect();
    assert_eq!(gone, ["node1", "web.1"]);

    let seen = world.registry.last_event();
    world.now = 300.0;
    world.poll();
    let back = [(310.0, "agent_returned"), (310.0, "entity_appeared")];
    assert_eq!(events_after(&world.registry, seen), back);
}

#[test]
fn return_of_silent_agent_is_reported() {
    let mut world = World::new();
    for _ in 0..6 {
        world.poll();
        world.registry.expire(at(world.now));
    }
    let seen = world.registry.last_event();
    world.work(40.0);
    world.registry.expire(at(world.now));
    world.poll();
    world.registry.expire(at(world.now));
    let names: Vec<_> = world
        .registry
        .events(seen)
        .filter(|event| {
            event
                .kind
                .entity()
                .is_none_or(|who| who.kind == entity::Kind::Container)
        })
        .map(|event| event.kind.name())
        .collect();
    let expected = [
        "entity_stale",
        "agent_silent",
        "agent_returned",
        "entity_live",
    ];
    assert_eq!(names, expected);
}

#[test]
fn threshold_is_crossed_and_cleared_once() {
    let mut world = World::new();
    let busy = Threshold::above("busy", query("avg:vir_cpu_cores{container=web.*}"), 0.8)
        .clearing_at(0.6)
        .holding(Duration::from_secs(20));
    let id = world.registry.watch_threshold(busy).unwrap();
    let mut crossings = Vec::new();
    let loads = [
        0.5, 0.9, 0.7, 0.9, 0.9, 0.9, 0.9, 0.7, 0.7, 0.9, 0.7, 0.5, 0.7,
    ];
    for load in loads {
        let seen = world.registry.last_event();
        world.now += 10.0;
        world.web.work(10.0, load, 1e6);
        let bytes = world.send();
        world.deliver(&bytes);
        world.registry.expire(at(world.now));
        for event in world.registry.events(seen) {
            match &event.kind {
                event::Kind::ThresholdCrossed {
                    value,
                    name,
                    threshold,
                    entity,
                } => {
                    assert_eq!((&**name, *threshold, entity), ("busy", id, &None));
                    crossings.push((world.now, "crossed", *value));
                }
                event::Kind::ThresholdCleared { value, .. } => {
                    crossings.push((world.now, "cleared", value.unwrap()));
                }
                _ => {}
            }
        }
    }
    // The hold time of 20 s begins at 40 s. Values between the two limits cause no event.
    assert_eq!(crossings, [(60.0, "crossed", 0.9), (120.0, "cleared", 0.5)]);
    let status = world.registry.thresholds().next().unwrap();
    assert_eq!((status.crossed, status.pending), (0, 0));
    assert!(world.registry.unwatch_threshold(id).is_some());
    assert_eq!(world.registry.thresholds().count(), 0);
}

#[test]
fn threshold_is_checked_for_each_entity() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let each = Threshold::above("busy", query("avg:vir_cpu_cores"), 0.8).for_each_entity();
    let id = registry.watch_threshold(each).unwrap();
    let mut tasks = [Container::new("web.1", 1), Container::new("web.2", 2)];
    let mut recorded = Vec::new();
    for (round, loads) in [
        (1, [0.5, 0.5]),
        (2, [0.9, 0.5]),
        (3, [0.9, 0.9]),
        (4, [0.2, 0.9]),
    ] {
        let now = f64::from(round) * 10.0;
        for (task, load) in tasks.iter_mut().zip(loads) {
            task.work(10.0, load, 1e6);
        }
        let samples = tasks.map(|task| task.sample(round));
        agent.report(&mut registry, now, &samples);
        let seen = registry.last_event();
        registry.expire(at(now));
        for event in registry.events(seen) {
            if let event::Kind::ThresholdCrossed { entity, .. }
            | event::Kind::ThresholdCleared { entity, .. } = &event.kind
            {
                let who = entity.as_ref().unwrap().name.to_string();
                recorded.push((now, event.kind.name(), who));
            }
        }
    }
    let expected = [
        (20.0, "threshold_crossed", "web.1"),
        (30.0, "threshold_crossed", "web.2"),
        (40.0, "threshold_cleared", "web.1"),
    ];
    let expected = expected.map(|(at, what, who)| (at, what, who.to_owned()));
    assert_eq!(recorded, expected);

    // web.2 disappears, which clears the threshold.
    let seen = registry.last_event();
    registry.expire(at(100.0));
    assert_eq!(
        registry.thresholds().next().unwrap().crossed,
        1,
        "stale is not gone"
    );
    registry.expire(at(200.0));
    let cleared: Vec<_> = registry
        .events(seen)
        .filter_map(|event| match &event.kind {
            event::Kind::ThresholdCleared {
                threshold, value, ..
            } => Some((*threshold, *value)),
            _ => None,
        })
        .collect();
    assert_eq!(cleared, [(id, None)]);
}

#[test]
fn invalid_thresholds_are_rejected() {
    let mut registry = Registry::new(Config::default().with(|config| config.max_thresholds = 1));
    let load = || query("avg:load_one");
    let cases = [
        (
            Threshold::above("t", query("avg:load_one,max:load_one"), 1.0),
            ThresholdError::Expressions { expressions: 2 },
        ),
        (
            Threshold::above("t", load(), f64::NAN),
            ThresholdError::NotFinite,
        ),
    ];
    for (threshold, expected) in cases {
        assert_eq!(registry.watch_threshold(threshold), Err(expected));
    }
    let beyond = Threshold::above("t", load(), 1.0).clearing_at(2.0);
    let error = registry.watch_threshold(beyond).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a threshold above 1 cannot be cleared at 2: use 1 or a value below"
    );
    registry
        .watch_threshold(Threshold::above("t", load(), 1.0))
        .unwrap();
    let more = registry.watch_threshold(Threshold::below("t", load(), 1.0));
    assert_eq!(more, Err(ThresholdError::TooMany { limit: 1 }));
}

#[test]
fn log_is_bounded_and_gaps_are_visible() {
    let mut registry = Registry::new(Config::default().with(|config| config.max_events = 8));
    let mut agent = Agent::new(1);
    for round in 1..=20 {
        let now = f64::from(round) * 31.0;
        let task = Container::new("web.1", round);
        agent.report(&mut registry, now, &[task.sample(1)]);
        registry.expire(at(now));
    }
    let numbers: Vec<u64> = registry
        .events(event::Id::START)
        .map(|event| event.id.number())
        .collect();
    assert_eq!(numbers.len(), 8);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(registry.last_event().number() >= numbers[7]);
    let health = registry.health();
    assert_eq!(health.events - health.events_dropped, 8);
    assert_eq!(
        health.events + health.events_suppressed,
        registry.last_event().number(),
        "each id is that of a recorded or suppressed event"
    );
    assert_eq!(registry.events(registry.last_event()).count(), 0);
    assert!(Timestamp::ZERO < registry.events(event::Id::START).next().unwrap().at);
}
