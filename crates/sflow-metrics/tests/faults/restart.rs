use sflow_metrics::entity::Lifecycle;

use crate::support::lifecycle;
use crate::support::world::World;

#[test]
fn t5_agent_restart_costs_one_interval() {
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
fn t5_container_restart_costs_one_interval() {
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
