use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::cluster_spec::ClusterSpec;
use crate::error::{Error, check_known};
use crate::event::Event;
use crate::host::Host;
use crate::network::{Delivery, Link, Stats};
use crate::random::Random;
use crate::spec::{AgentSpec, Delay, HostSpec};
use crate::task::Phase;

/// A running simulation of a cluster.
///
/// Time is virtual, and passes only in [`advance`](Self::advance). The same specification, seed
/// and calls give the same datagrams on every machine; into how many calls the time is divided
/// does not matter. A clone continues independently.
///
/// ```
/// use std::time::Duration;
///
/// use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};
///
/// let mut cluster = ClusterSpec::with_hosts(3);
/// cluster.services.push(ServiceSpec::new("web", Workload::Constant(500.0)));
/// let mut simulation = Simulation::new(&cluster, 1)?;
/// let mut samples = 0;
/// simulation.advance(Duration::from_secs(60), |delivery| {
///     let datagram = sflow_v5::Datagram::parse(delivery.bytes).expect("sFlow version 5");
///     samples += datagram.samples().count();
/// });
/// assert!(samples > 100);
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulation {
    now: Duration,
    next_tick: Duration,
    pub(crate) cluster: Cluster,
    /// The agent of each host, in the order of `cluster.hosts`.
    agents: Vec<Agent>,
    link: Link,
    /// In the order of time.
    events: VecDeque<(Duration, Event)>,
    /// For agents of hosts that join.
    agent_spec: AgentSpec,
    epoch: Duration,
    random: Random,
}

/// The real state of a service, which measurements can be compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Truth {
    /// Desired number of tasks.
    pub replicas: u32,
    /// Running tasks.
    pub running: u32,
    /// Requests per second that arrive.
    pub offered: f64,
    /// Bytes per second, in both directions, if all requests were served.
    pub offered_bytes: f64,
    /// Requests per second that are served.
    pub served: f64,
    /// Bytes per second, in both directions, of each running task; `None` without one.
    pub bytes_per_task: Option<f64>,
    /// Cores used by each running task on average; `None` without one.
    pub cores_per_task: Option<f64>,
    /// Task-seconds since the start in which a task received more requests than it could serve.
    pub overload_seconds: f64,
    /// Requests since the start that were not served.
    pub unserved_requests: f64,
}

/// Interval at which workloads change and packets are sampled.
const TICK: Duration = Duration::from_millis(100);

impl Simulation {
    /// Starts a simulation at time 0. All replicas run, and have for five minutes; the agents
    /// start now, and send first counters within one polling interval.
    ///
    /// # Errors
    ///
    /// If the specification has no hosts, duplicate names or addresses, values out of range, or
    /// events for unknown services or hosts.
    pub fn new(spec: &ClusterSpec, seed: u64) -> Result<Self, Error> {
        spec.check()?;
        let random = Random::new(seed);
        let agents = spec.hosts.iter().enumerate().map(|(position, host)| {
            let address = IpAddr::V4(host.address).into();
            let random = random.fork(1).fork(position as u64);
            Agent::new(
                position,
                address,
                spec.agents,
                random,
                Duration::ZERO,
                spec.epoch,
            )
        });
        let events = spec.events.iter();
        let mut events: Vec<_> = events
            .map(|scheduled| (scheduled.at, scheduled.event.clone()))
            .collect();
        events.sort_by_key(|(at, _)| *at);
        Ok(Self {
            now: Duration::ZERO,
            next_tick: Duration::ZERO,
            cluster: Cluster::new(spec, &random),
            agents: agents.collect(),
            link: Link::new(spec.network, random.fork(2)),
            events: events.into(),
            agent_spec: spec.agents,
            epoch: spec.epoch,
            random: random.fork(3),
        })
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Time of the next change in the simulation; nothing happens before.
    ///
    /// A program that runs a simulation in real time sleeps until then.
    pub fn next_due(&self) -> Duration {
        let event = self.events.front().map(|(at, _)| *at);
        let single = [event, self.cluster.next_due(), self.link.next_due()];
        let agents = self.agents.iter().filter_map(Agent::next_due);
        let due = single.into_iter().flatten().chain(agents);
        due.fold(self.next_tick, Duration::min)
    }

    /// Lets time pass until `to`, and passes the datagrams that the collector receives to `emit`,
    /// in the order of arrival. If `to` is in the past, nothing happens.
    pub fn advance(&mut self, to: Duration, mut emit: impl FnMut(Delivery<'_>)) {
        loop {
            let due = self.next_due();
            if due > to {
                break;
            }
            self.step(due, &mut emit);
        }
        self.now = self.now.max(to);
    }

    /// Adds an event. If `at` is in the past, it happens at the next call of
    /// [`advance`](Self::advance).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::{ClusterSpec, Event, Simulation};
    ///
    /// let mut simulation = Simulation::new(&ClusterSpec::with_hosts(2), 1)?;
    /// simulation.advance(Duration::from_secs(60), |_| {});
    /// let event = Event::Leave { host: "node2".to_owned() };
    /// simulation.schedule(Duration::from_secs(90), event)?;
    /// simulation.advance(Duration::from_secs(120), |_| {});
    /// assert_eq!(simulation.hosts().count(), 1);
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a value is out of range, or the event is for a service or host that is unknown.
    pub fn schedule(&mut self, at: Duration, event: Event) -> Result<(), Error> {
        event.check()?;
        if let Some(name) = event.service()
            && self.cluster.service_position(name).is_none()
        {
            return Err(self.cluster.unknown_service(name));
        }
        if let Some(name) = event.host() {
            let hosts = self.cluster.hosts.iter().filter(|host| !host.has_left);
            let known = hosts.map(|host| &host.spec).chain(self.joining());
            check_known("host", name, known.map(|host| host.name.as_str()))?;
        }
        self.insert(at.max(self.now), event);
        Ok(())
    }

    /// Numbers of datagrams that were sent, and what happened to them.
    pub fn stats(&self) -> Stats {
        self.link.stats
    }

    /// The real state of a service; `None` if no service has this name.
    pub fn truth(&self, service: &str) -> Option<Truth> {
        let position = self.cluster.service_position(service)?;
        let service = self.cluster.services.get(position)?;
        let tasks = self.cluster.desired(position);
        let rates = &service.rates;
        let mean = |sum: f64| (rates.running > 0).then(|| sum / f64::from(rates.running));
        let request = &service.spec.request;
        Some(Truth {
            replicas: service.replicas,
            running: tasks.filter(|task| task.phase == Phase::Running).count() as u32,
            offered: rates.offered,
            offered_bytes: rates.offered * request.bytes(),
            served: rates.served,
            bytes_per_task: mean(rates.served * request.bytes()),
            cores_per_task: mean(rates.cores),
            overload_seconds: service.overload_seconds,
            unserved_requests: service.unserved_requests,
        })
    }

    fn step(&mut self, at: Duration, emit: &mut dyn FnMut(Delivery<'_>)) {
        self.count_to(at);
        while self.events.front().is_some_and(|(due, _)| *due <= at) {
            if let Some((_, event)) = self.events.pop_front() {
                self.apply(&event, at);
            }
        }
        self.cluster.advance_tasks(at);
        for change in self.cluster.take_changes() {
            for agent in &mut self.agents {
                agent.notice(&change, &self.cluster, at);
            }
        }
        let (cluster, link) = (&self.cluster, &mut self.link);
        for (agent, host) in self.agents.iter_mut().zip(&cluster.hosts) {
            let source = IpAddr::V4(host.spec.address);
            agent.work(cluster, at, &mut |bytes| link.send(at, source, bytes, emit));
        }
        link.deliver(at, emit);
        while self.next_tick <= at {
            self.next_tick = self.next_tick.saturating_add(TICK);
        }
    }

    /// Adds the usage up to `at`, and lets agents sample the packets of that time.
    pub(crate) fn count_to(&mut self, at: Duration) {
        if self.cluster.count_to(at) {
            for agent in &mut self.agents {
                agent.sample(&self.cluster, at);
            }
        }
    }

    /// Applies an event. Events for a host that has left have no effect.
    fn apply(&mut self, event: &Event, at: Duration) {
        let service = event.service();
        let service = service.and_then(|name| self.cluster.service_position(name));
        let host = event.host();
        let host = host.and_then(|name| self.cluster.host_position(name));
        match (event, service, host) {
            (Event::Crash { slot, .. }, Some(service), _) => self.cluster.crash(service, *slot, at),
            (
                Event::CrashLoop {
                    slot,
                    after,
                    duration,
                    ..
                },
                Some(service),
                _,
            ) => self
                .cluster
                .crash_loop(service, *slot, *after, at, *duration),
            (Event::Scale { replicas, .. }, Some(service), _) => {
                self.cluster.scale(service, *replicas, at);
            }
            (Event::Disconnect { duration, .. }, _, Some(host)) => {
                if let Some(host) = self.cluster.hosts.get(host) {
                    let until = at.saturating_add(*duration);
                    self.link.disconnect(IpAddr::V4(host.spec.address), until);
                }
            }
            (Event::AgentRestart { downtime, .. }, _, Some(host)) => {
                if let Some(agent) = self.agents.get_mut(host) {
                    agent.restart(at, *downtime);
                }
            }
            (Event::CpuSteal { fraction, .. }, _, Some(host)) => {
                if let Some(host) = self.cluster.hosts.get_mut(host) {
                    host.steal = *fraction;
                }
            }
            (Event::Slowdown { factor, .. }, _, Some(host)) => {
                if let Some(host) = self.cluster.hosts.get_mut(host) {
                    host.slowdown = *factor;
                }
            }
            (Event::Leave { .. }, _, Some(host)) => {
                self.cluster.remove_host(host, at);
                if let Some(agent) = self.agents.get_mut(host) {
                    agent.stop();
                }
            }
            (Event::Join(spec), ..) => self.join(spec, at),
            (Event::Network(network), ..) => self.link.faults = *network,
            (Event::ForeignTraffic { interval, duration }, ..) => {
                self.link.start_foreign_traffic(at, *interval, *duration);
            }
            _ => {}
        }
    }

    /// Adds a host, unless one in the cluster has its name or address.
    fn join(&mut self, spec: &HostSpec, at: Duration) {
        let mut present = self.cluster.hosts.iter().filter(|host| !host.has_left);
        if present.any(|host| host.spec.conflicts_with(spec)) {
            return;
        }
        let position = self.cluster.hosts.len();
        let uuid = self.random.bytes();
        self.cluster.hosts.push(Host::booted(spec, uuid));
        let address = IpAddr::V4(spec.address).into();
        let random = self.random.fork(position as u64);
        self.agents.push(Agent::new(
            position,
            address,
            self.agent_spec,
            random,
            at,
            self.epoch,
        ));
    }

    pub(crate) fn join_after(&mut self, spec: HostSpec, delay: Delay) {
        let at = self.after(delay);
        self.insert(at, Event::Join(spec));
    }

    pub(crate) fn leave_after(&mut self, host: &str, delay: Delay) {
        let at = self.after(delay);
        let host = host.to_owned();
        self.insert(at, Event::Leave { host });
    }

    fn after(&mut self, delay: Delay) -> Duration {
        self.now
            .saturating_add(self.random.between(delay.min, delay.max))
    }

    /// A specification with the next name and address that are not in use.
    pub(crate) fn next_host(&self, like: &HostSpec) -> HostSpec {
        const NETWORK: u32 = 0xffff_ff00;
        let network = like.address.to_bits() & NETWORK;
        let spec = |number: u32| HostSpec {
            name: format!("node{number}"),
            address: Ipv4Addr::from_bits(network.wrapping_add(number)),
            ..like.clone()
        };
        let hosts = self.cluster.hosts.iter().map(|host| &host.spec);
        let used = hosts.chain(self.joining());
        let first = used.clone().count() as u32 + 1;
        let mut candidates = (first..).map(spec);
        candidates
            .find(|candidate| !used.clone().any(|used| used.conflicts_with(candidate)))
            .unwrap_or_else(|| like.clone())
    }

    /// Hosts that will join.
    fn joining(&self) -> impl Iterator<Item = &HostSpec> + Clone {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Join(spec) => Some(spec),
            _ => None,
        })
    }

    fn insert(&mut self, at: Duration, event: Event) {
        let position = self.events.partition_point(|(due, _)| *due <= at);
        self.events.insert(position, (at, event));
    }
}
