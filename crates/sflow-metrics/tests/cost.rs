//! Memory and allocations of data sources.

mod support;

use sflow_metrics::{Config, Registry, query::Query};
use support::{Agent, Container, ask};

const CONTAINERS: u32 = 1000;

/// A registry and an agent with a thousand containers.
struct World {
    registry: Registry,
    agent: Agent,
    names: Vec<String>,
    sequence: u32,
}

impl World {
    fn new() -> Self {
        let mut agent = Agent::new(1);
        let mut registry = Registry::new(Config::default());
        agent.report(&mut registry, 0.0, &[support::host("node1", 1, 64, 0, 0)]);
        let names = (0..CONTAINERS).map(|task| format!("apache.{task}.rsm0h0ay4dbn6zbusp3ta9pf7"));
        Self {
            registry,
            agent,
            names: names.collect(),
            sequence: 0,
        }
    }

    /// Ingests a sample of each container; returns the allocations of the registry.
    fn poll(&mut self) -> allocation_counter::AllocationInfo {
        self.sequence += 1;
        let seconds = f64::from(self.sequence) * 10.0;
        let datagrams: Vec<_> = (0..)
            .zip(&self.names)
            .map(|(index, name)| {
                let mut container = Container::new(name, index);
                container.work(seconds, 0.5, 1e6);
                self.agent.send(seconds, &[container.sample(self.sequence)])
            })
            .collect();
        allocation_counter::measure(|| {
            for bytes in &datagrams {
                self.agent.deliver(&mut self.registry, seconds, bytes);
            }
        })
    }
}

#[test]
fn container_uses_at_most_2_kib() {
    let mut world = World::new();
    let bytes = world.poll().bytes_current / i64::from(CONTAINERS);
    println!("{bytes} bytes");
    assert!(bytes <= 2048, "{bytes} bytes for each container");
}

#[test]
fn known_sources_cost_no_allocation() {
    let mut world = World::new();
    world.poll();
    assert_eq!(world.poll().count_total, 0);
    assert_eq!(world.poll().count_total, 0);
    let cores = ask(&world.registry, 30.0, "avg:vir_cpu_cores");
    assert_eq!((cores.value, cores.contributing), (Some(0.5), 1000));
}

#[test]
fn only_watched_windows_use_memory() {
    let mut world = World::new();
    world.poll();
    assert_eq!(world.poll().bytes_current, 0);
    let query: Query = "avg:vir_cpu_cores[60s]".parse().unwrap();
    world.registry.watch(&query);
    let bytes = world.poll().bytes_current / i64::from(CONTAINERS);
    println!("{bytes} bytes for a window of a minute");
    assert!(
        (1..=1200).contains(&bytes),
        "{bytes} bytes for each container"
    );
    assert_eq!(world.poll().count_total, 0);
}
