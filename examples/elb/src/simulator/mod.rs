//! A cluster that exists only in numbers: hosts, services, tasks and load are simulated, but
//! the datagrams that its agents send are real sFlow, and it is scaled as Docker would be.
//!
//! No clock, no socket, no thread: the caller says how late it is and takes what arrives. The
//! same scenario, seed and calls give the same bytes; how finely the caller slices time makes
//! no difference.
//!
//! ```
//! use elb::simulator::{Scenario, Simulation};
//! use sflow_metrics::Timestamp;
//!
//! let scenario = Scenario::named("article")?;
//! let start = Timestamp::from_secs(1_474_675_030);
//! let mut simulation = Simulation::new(&scenario, 1, start)?;
//! let mut datagrams = 0;
//! while simulation.next_due() <= start + scenario.duration {
//!     let due = simulation.next_due();
//!     simulation.advance(due, |delivery| {
//!         sflow_v5::Datagram::parse(delivery.bytes).expect("real sFlow");
//!         datagrams += 1;
//!     });
//! }
//! assert!(datagrams > 100);
//! # Ok::<(), elb::simulator::ScenarioError>(())
//! ```

mod agent;
mod cluster;
mod desk;
mod host;
mod load;
mod named;
mod network;
mod orchestrate;
mod packets;
mod pool;
mod random;
mod reading;
mod sampler;
mod scenario;
mod strangers;
mod task;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_metrics::Timestamp;

pub use desk::SimulatedHook;
pub use load::Load;
pub use network::{Delivery, Sent};
pub use scenario::{
    AgentSpec, Delay, Event, HostSpec, Idle, MachineSpec, Network, Scenario, ScenarioError,
    Scripted, ServiceSpec, Work,
};

use crate::pool::hook::Action;
use agent::Agent;
use cluster::Cluster;
use desk::Desk;
use host::Host;
use network::Path;
use pool::Pool;
use random::Random;
use task::Phase;

/// A scenario under way.
#[derive(Clone, Debug)]
pub struct Simulation {
    start: Timestamp,
    /// How late it is, as the caller said.
    now: Timestamp,
    next_tick: Timestamp,
    cluster: Cluster,
    agents: Vec<Agent>,
    path: Path,
    /// What will happen, in order of time.
    script: VecDeque<(Timestamp, Event)>,
    /// How agents measure, those of machines that come included.
    spec: AgentSpec,
    /// What can be ordered, and where orders are put down.
    machines: Option<MachineSpec>,
    desk: Desk,
    random: Random,
    node_address: NodeAddress,
}

/// The address that the orchestrator reports of each node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeAddress {
    /// That of the host, from which its agent sends.
    #[default]
    Own,
    /// One for all nodes.
    Shared(Ipv4Addr),
    /// None: the orchestrator does not know any.
    Unknown,
}

/// What is really the case with a service, whether or not telemetry has told yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// Replicas wanted.
    pub wanted: u32,
    /// Tasks that run.
    pub running: u32,
    /// Requests per second that come.
    pub demand: f64,
    /// Bytes per second, in and out, that they would make altogether.
    pub demand_bytes: f64,
    /// Requests per second that are served.
    pub served: f64,
    /// Bytes per second, in and out, of each task that runs; `None` when none does.
    pub bytes_per_task: Option<f64>,
    /// Cores that each task uses that runs; `None` when none does.
    pub cores_per_task: Option<f64>,
    /// Task seconds, so far, in which more was asked than the task could do.
    pub overload: f64,
    /// Requests, so far, that nobody served.
    pub unserved: f64,
}

/// Load changes, and packets are sampled, at least so often.
const TICK: Duration = Duration::from_millis(100);

impl Simulation {
    /// Everything runs, and the agents start. The first counters arrive within one polling
    /// interval.
    ///
    /// # Errors
    ///
    /// If the scenario contradicts itself, or names what it does not have.
    pub fn new(scenario: &Scenario, seed: u64, start: Timestamp) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let random = Random::new(seed);
        let agents = scenario.hosts.iter().enumerate().map(|(position, host)| {
            let address = IpAddr::V4(host.address).into();
            let random = random.fork(1).fork(position as u64);
            Agent::new(position, address, scenario.agents, random, start)
        });
        let mut script: Vec<_> = scenario
            .script
            .iter()
            .map(|scripted| (start + scripted.at, scripted.event.clone()))
            .collect();
        script.sort_by_key(|(at, _)| *at);
        Ok(Self {
            start,
            now: start,
            next_tick: start,
            cluster: Cluster::new(scenario, &random, start),
            agents: agents.collect(),
            path: Path::new(random.fork(2)),
            script: script.into(),
            spec: scenario.agents,
            machines: scenario.machines.clone(),
            desk: Desk::default(),
            random: random.fork(3),
            node_address: NodeAddress::Own,
        })
    }

    /// How late it is: the last moment that it was advanced to.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When it began.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When something happens next; nothing does until then.
    pub fn next_due(&self) -> Timestamp {
        let script = self.script.front().map(|(at, _)| *at);
        let others = [script, self.cluster.next_due(), self.path.next_due()]
            .into_iter()
            .flatten();
        let agents = self.agents.iter().filter_map(Agent::next_due);
        // What was ordered for a moment that has passed happens now.
        others.chain(agents).fold(self.next_tick, Timestamp::min)
    }

    /// Lets time pass until `to`, and hands out what arrives at the collector, in order.
    pub fn advance(&mut self, to: Timestamp, mut emit: impl FnMut(Delivery<'_>)) {
        self.take_orders();
        loop {
            let due = self.next_due();
            if due > to {
                break;
            }
            self.step(due, &mut emit);
        }
        self.now = self.now.max(to);
    }

    /// Who takes orders for machines, if there are any to be had: they join after a while. A
    /// simulation and its clones have one desk for them.
    pub fn hook(&self) -> Option<SimulatedHook> {
        let is_open = self.machines.is_some();
        is_open.then(|| SimulatedHook(self.desk.clone()))
    }

    /// How many datagrams were sent, and what has become of them.
    pub fn sent(&self) -> Sent {
        self.path.sent
    }

    /// What is really the case with a service; `None` if there is none of this name.
    pub fn truth(&self, service: &str) -> Option<Truth> {
        let named = |pool: &Pool| pool.spec.name == service;
        let position = self.cluster.pools.iter().position(named)?;
        let pool = self.cluster.pools.get(position)?;
        let tasks = self.cluster.wanted(position);
        let now = &pool.now;
        let each = |sum: f64| (now.running > 0).then(|| sum / f64::from(now.running));
        Some(Truth {
            wanted: pool.replicas,
            running: tasks.filter(|task| task.phase == Phase::Running).count() as u32,
            demand: now.demand,
            demand_bytes: now.demand * pool.spec.work.bytes(),
            served: now.served,
            bytes_per_task: each(now.served * pool.spec.work.bytes()),
            cores_per_task: each(now.cores),
            overload: pool.overload,
            unserved: pool.unserved,
        })
    }

    fn step(&mut self, at: Timestamp, emit: &mut dyn FnMut(Delivery<'_>)) {
        self.count_to(at);
        while self.script.front().is_some_and(|(due, _)| *due <= at) {
            if let Some((_, event)) = self.script.pop_front() {
                self.happen(&event, at);
            }
        }
        self.cluster.turn(at);
        for change in self.cluster.take_changes() {
            for agent in &mut self.agents {
                agent.notice(&change, &self.cluster, at);
            }
        }
        let (cluster, path) = (&self.cluster, &mut self.path);
        for (agent, host) in self.agents.iter_mut().zip(&cluster.hosts) {
            let source = IpAddr::V4(host.spec.address);
            agent.work(cluster, at, &mut |bytes| path.send(at, source, bytes, emit));
        }
        path.work(at, emit);
        while self.next_tick <= at {
            self.next_tick = self.next_tick + TICK;
        }
    }

    /// Counts up to `at`, and lets agents see the packets of that time.
    fn count_to(&mut self, at: Timestamp) {
        if self.cluster.count_to(at) {
            for agent in &mut self.agents {
                agent.sample(&self.cluster, at);
            }
        }
    }

    fn happen(&mut self, event: &Event, at: Timestamp) {
        let service = |name: &str| {
            self.cluster
                .pools
                .iter()
                .position(|pool| pool.spec.name == name)
        };
        let host = |name: &str| {
            self.cluster
                .hosts
                .iter()
                .position(|host| host.spec.name == name)
        };
        match event {
            Event::Crash {
                service: name,
                slot,
            } => {
                if let Some(service) = service(name) {
                    self.cluster.crash(service, *slot, at);
                }
            }
            Event::CrashLoop {
                service: name,
                slot,
                after,
                lasting,
            } => {
                if let Some(service) = service(name) {
                    self.cluster
                        .crash_loop(service, *slot, *after, at, *lasting);
                }
            }
            Event::Scale {
                service: name,
                replicas,
            } => {
                if let Some(service) = service(name) {
                    self.cluster.scale(service, *replicas, at);
                }
            }
            Event::Silence {
                host: name,
                lasting,
            } => {
                if let Some(host) = host(name).and_then(|host| self.cluster.hosts.get(host)) {
                    self.path
                        .silence(IpAddr::V4(host.spec.address), at + *lasting);
                }
            }
            Event::AgentRestart { host: name, down } => {
                if let Some(agent) = host(name).and_then(|host| self.agents.get_mut(host)) {
                    agent.restart(at, *down);
                }
            }
            Event::Steal { host: name, part } => {
                if let Some(host) = host(name).and_then(|host| self.cluster.hosts.get_mut(host)) {
                    host.steal = *part;
                }
            }
            Event::Slow { host: name, factor } => {
                if let Some(host) = host(name).and_then(|host| self.cluster.hosts.get_mut(host)) {
                    host.slowness = *factor;
                }
            }
            Event::Join(spec) => self.join(spec, at),
            Event::Leave { host: name } => {
                if let Some(host) = host(name) {
                    self.cluster.lose(host, at);
                    if let Some(agent) = self.agents.get_mut(host) {
                        agent.end();
                    }
                }
            }
            Event::Network(network) => self.path.quality = *network,
            Event::Strangers { every, lasting } => self.path.invite(at, *every, *lasting),
        }
    }

    /// Promises what was ordered, and lets it happen after a while.
    fn take_orders(&mut self) {
        let Some(machines) = self.machines.clone() else {
            return;
        };
        for order in self.desk.take() {
            match (order.action, order.machine.clone()) {
                (Action::Add, _) => {
                    let after = self.random.between(machines.join.least, machines.join.most);
                    let spec = self.next_machine(&machines.like);
                    let name = spec.name.clone();
                    self.will(self.now + after, Event::Join(spec));
                    self.desk.promise(order, Some(name));
                }
                (Action::Remove, Some(host)) => {
                    let after = self
                        .random
                        .between(machines.leave.least, machines.leave.most);
                    self.will(self.now + after, Event::Leave { host });
                    self.desk.promise(order, None);
                }
                (Action::Remove, None) => {}
            }
        }
    }

    /// One like this, with the next name and address.
    fn next_machine(&self, like: &HostSpec) -> HostSpec {
        let to_come = self.script.iter();
        let to_come = to_come.filter(|(_, event)| matches!(event, Event::Join(_)));
        let number = self.cluster.hosts.len() + to_come.count() + 1;
        let [a, b, c, _] = like.address.octets();
        HostSpec {
            name: format!("node{number}"),
            address: Ipv4Addr::new(a, b, c, u8::try_from(number).unwrap_or(u8::MAX)),
            ..like.clone()
        }
    }

    fn will(&mut self, at: Timestamp, event: Event) {
        let place = self.script.partition_point(|(due, _)| *due <= at);
        self.script.insert(place, (at, event));
    }

    fn join(&mut self, spec: &HostSpec, at: Timestamp) {
        let position = self.cluster.hosts.len();
        let uuid = self.random.bytes();
        self.cluster.hosts.push(Host::booted(spec, uuid));
        let address = IpAddr::V4(spec.address).into();
        let random = self.random.fork(position as u64);
        let agent = Agent::new(position, address, self.spec, random, at);
        self.agents.push(agent);
    }
}
