use sflow_metrics::{Config, Registry};

use crate::support::world::{CORES, World};
use crate::support::{Agent, Container, ask};

#[test]
fn t10_wrong_clocks_are_tolerated() {
    let mut world = World::new();
    world.poll();
    world.poll();
    // The local clock is set forward by an hour.
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
fn t10_uptime_in_other_units_is_detected() {
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
