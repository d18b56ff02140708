use sflow_metrics::entity::Lifecycle;
use sflow_v5::enums::DomainState;

use crate::support::world::{CORES, World};
use crate::support::{Container, ask, at, lifecycle};

#[test]
fn t11_source_is_stale_after_three_intervals_and_then_gone() {
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
fn t11_new_container_does_not_delay_silence_of_agent() {
    let mut world = World::new();
    for _ in 0..6 {
        world.poll();
    }
    // One sample: its interval is unknown and does not delay the state of the agent.
    let new = Container::new("web.2", 2).sample(1);
    let bytes = world.agent.send(world.now, &[new]);
    world.deliver(&bytes);
    for (seconds, is_silent) in [(25.0, false), (35.0, true)] {
        world.registry.expire(at(world.now + seconds));
        let silent = world.registry.agents().all(|agent| agent.silent);
        assert_eq!(silent, is_silent, "{seconds}");
    }
}

#[test]
fn stopped_container_is_removed_at_once() {
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
            // Killed: all values are zero, and the sequence restarts.
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
fn late_datagram_does_not_restore_removed_container() {
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
