//! T17: somebody invents containers and agents, a million of them.

mod support;

use std::net::{IpAddr, Ipv4Addr};

use allocation_counter::AllocationInfo;
use sflow_metrics::{Config, Registry, event, query::Summary};
use support::{Agent, Container, Counted, ask, at, host};

const AGENTS: u8 = 4;
const TASKS_OF_AN_AGENT: u32 = 10;
const INVENTED: u32 = 1_000_000;
const POLLS: u32 = 20;

/// Room for two hundred times the real ones: a flood of ten times that has to be refused.
fn config() -> Config {
    Config::default().with(|config| {
        config.max_agents = 500;
        config.max_sources = 5_000;
        config.max_sources_per_agent = 2_000;
        config.max_agents_per_sender = 250;
        config.max_sources_per_sender = 2_500;
        config.max_events = 1_000;
    })
}

/// What such a registry may hold at most: a kibibyte for each source, agent and event.
const BOUND: u64 = (5_000 + 500 + 1_000) << 10;

/// Who sends the flood, and under which names.
#[derive(Clone, Copy, Debug)]
enum Flood {
    /// A stranger makes agents up, with a container each.
    Agents,
    /// Many strangers, with an agent and a container each.
    Senders,
    /// A real agent has lost its mind.
    ByAnAgent(u8),
    /// Somebody forges the sender, the agent and numbers that it may have sent.
    InTheNameOf(u8),
}

struct Cluster {
    registry: Registry,
    agents: Vec<Agent>,
    names: Vec<Vec<String>>,
    sequence: u32,
    now: f64,
    invented: u32,
}

impl Cluster {
    fn new() -> Self {
        let name = |agent: u8, task| format!("apache.{}.{agent:025}", task * u32::from(AGENTS));
        let names = |agent| {
            (0..TASKS_OF_AN_AGENT)
                .map(|task| name(agent, task))
                .collect()
        };
        Self {
            registry: Registry::new(config()),
            agents: (1..=AGENTS).map(Agent::new).collect(),
            names: (1..=AGENTS).map(names).collect(),
            sequence: 0,
            now: 0.0,
            invented: 0,
        }
    }

    /// Ten seconds pass, and every real agent reports.
    fn poll(&mut self) {
        self.now += 10.0;
        self.sequence += 1;
        for (agent, names) in self.agents.iter_mut().zip(&self.names) {
            let busy_ms = (self.now * 1e3) as u32;
            let mut samples = vec![host("node", self.sequence, 4, busy_ms, busy_ms)];
            for (index, name) in (0..).zip(names) {
                let mut task = Container::new(name, index);
                task.work(self.now, 0.5, 1e6);
                samples.push(task.sample(self.sequence));
            }
            agent.report(&mut self.registry, self.now, &samples);
        }
    }

    /// So many containers are invented within these ten seconds.
    fn flood(&mut self, flood: Flood, containers: u32) {
        const IN_A_DATAGRAM: u32 = 16;
        for part in 0..containers / IN_A_DATAGRAM {
            let number = self.invented;
            self.invented += IN_A_DATAGRAM;
            let [_, a, b, c] = (number / IN_A_DATAGRAM).to_be_bytes();
            let mut invented = match flood {
                Flood::ByAnAgent(agent) => self.agents[usize::from(agent - 1)].clone(),
                Flood::InTheNameOf(agent) => Agent {
                    sequence: self.agents[usize::from(agent - 1)].sequence + 1 + part,
                    ..Agent::new(agent)
                },
                Flood::Agents | Flood::Senders => Agent {
                    address: [11, a, b, c],
                    sender: match flood {
                        Flood::Senders => IpAddr::from([12, a, b, c]),
                        _ => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
                    },
                    ..Agent::new(1)
                },
            };
            let names: Vec<String> = (number..self.invented)
                .map(|number| format!("invented.{number}"))
                .collect();
            let samples: Vec<Counted<'_>> = (number..)
                .zip(&names)
                .map(|(number, name)| Container::new(name, 1_000 + number).sample(1))
                .collect();
            let second = self.now + 10.0 * f64::from(part * IN_A_DATAGRAM) / f64::from(containers);
            invented.report(&mut self.registry, second, &samples);
            if let Flood::ByAnAgent(agent) = flood {
                self.agents[usize::from(agent - 1)] = invented;
            }
        }
    }

    fn cores(&self) -> Summary {
        ask(
            &self.registry,
            self.now,
            "avg:vir_cpu_cores{vir_host_name=apache.*}",
        )
    }
}

fn run(flood: Flood) -> (Cluster, AllocationInfo) {
    let mut cluster = None;
    let memory = allocation_counter::measure(|| {
        let mut world = Cluster::new();
        for _ in 0..6 {
            world.poll();
            world.registry.expire(at(world.now));
        }
        for _ in 0..POLLS {
            world.flood(flood, INVENTED / POLLS);
            world.poll();
            world.registry.expire(at(world.now));
        }
        cluster = Some(world);
    });
    (cluster.unwrap(), memory)
}

fn survives(flood: Flood) {
    let (mut cluster, memory) = run(flood);
    println!(
        "{flood:?}: at most {} KiB for {} invented containers",
        memory.bytes_max >> 10,
        cluster.invented
    );
    assert!(cluster.invented >= INVENTED - 16 * POLLS);
    assert!(memory.bytes_max < BOUND, "{} bytes", memory.bytes_max);

    let agents = usize::from(AGENTS);
    let cores = cluster.cores();
    let real = agents * TASKS_OF_AN_AGENT as usize;
    assert_eq!(cores.contributing, real, "{cores:?}");
    assert!((cores.value.unwrap() - 0.5).abs() < 1e-9, "{cores:?}");
    let hosts = ask(&cluster.registry, cluster.now, "avg:cpu_utilization");
    assert_eq!(hosts.contributing, agents);

    let health = cluster.registry.health();
    let refused = health.datagrams_refused + health.counter_samples_refused;
    assert!(refused > 0 && health.events_suppressed > 0, "{health:?}");

    // Whoever starts on a real host now gets in, and what happens there is told.
    let seen = cluster.registry.last_event();
    cluster.names[1].push("apache.new".to_owned());
    let stopped = cluster.names[2].pop().unwrap();
    for _ in 0..20 {
        cluster.flood(flood, 1_600);
        cluster.poll();
        cluster.registry.expire(at(cluster.now));
    }
    let started = ask(
        &cluster.registry,
        cluster.now,
        "avg:vir_cpu_cores{vir_host_name=apache.new}",
    );
    assert_eq!(started.contributing, 1, "{started:?}");
    let told = |is_it: fn(&event::Kind) -> bool, name: &str| {
        cluster
            .registry
            .events(seen)
            .filter(|event| is_it(&event.kind))
            .any(|event| event.kind.entity().is_some_and(|who| *who.name == *name))
    };
    assert!(told(
        |kind| matches!(kind, event::Kind::EntityAppeared { .. }),
        "apache.new"
    ));
    assert!(told(
        |kind| matches!(kind, event::Kind::EntityGone { .. }),
        &stopped
    ));

    // When it is over, everybody is as before.
    for _ in 0..20 {
        cluster.poll();
        cluster.registry.expire(at(cluster.now));
    }
    let real = usize::from(AGENTS) * TASKS_OF_AN_AGENT as usize;
    assert_eq!(cluster.cores().contributing, real, "one more, one less");
    let invented = ask(
        &cluster.registry,
        cluster.now,
        "count:vir_cpu_cores{vir_host_name=invented.*}",
    );
    assert_eq!(invented.matched, 0);
}

#[test]
fn t17_a_stranger_with_a_million_containers_of_invented_agents() {
    survives(Flood::Agents);
}

#[test]
fn t17_a_million_containers_of_invented_senders() {
    survives(Flood::Senders);
}

#[test]
fn t17_a_million_containers_of_an_agent_that_lost_its_mind() {
    survives(Flood::ByAnAgent(1));
}

/// The forger knows the agent's uptime and numbers, but reports other containers.
#[test]
fn t17_a_million_containers_in_the_name_of_a_real_agent() {
    survives(Flood::InTheNameOf(1));
}
