use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::{AgentKey, Timestamp, entity::Kind as EntityKind};

use super::monitor::{AgentMonitor, Seen};
use crate::check::{AgentFacts, ContainerFacts, EngineFacts, NotListening, TelemetryFacts};
use crate::config::{Collector, ServiceSettings};
use crate::notices;
use crate::orchestrator::{Service, Task, TaskState};
use crate::policy::Signal;
use sflow_autoscale::observe::{
    MetricQuery, SENDER_NOT_ALLOWED, Telemetry, reporting_interval, short_name,
};

/// Receives telemetry like the balancer does.
#[derive(Debug)]
pub struct Listening {
    receiver: AsyncUdpReceiver,
    address: SocketAddr,
    telemetry: Telemetry,
    monitor: AgentMonitor,
    takes: Collector,
    turned_away: BTreeMap<IpAddr, u64>,
    begun: Timestamp,
}

/// Maximum number of rejected senders that are recorded.
const MAX_REJECTED: usize = 64;

impl Listening {
    /// Starts to receive. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// If the port cannot be opened.
    pub fn begin(collector: &Collector, now: Timestamp) -> Result<Self, NotListening> {
        let address = collector.listen;
        let failed = |error: &io::Error, text: String| NotListening {
            address,
            is_in_use: error.kind() == ErrorKind::AddrInUse,
            error: text,
        };
        let receiver = UdpReceiver::bind(address, &SocketSettings::default())
            .map_err(|error| failed(&error.source, error.source.to_string()))?;
        let receiver =
            AsyncUdpReceiver::new(receiver).map_err(|error| failed(&error, error.to_string()))?;
        Ok(Self {
            address: receiver.local_addr().unwrap_or(address),
            receiver,
            telemetry: {
                let mut telemetry = Telemetry::default().with_services(swarm::service_of);
                telemetry.set_node_senders(collector.nodes.clone());
                telemetry
            },
            monitor: AgentMonitor::default(),
            takes: collector.clone(),
            turned_away: BTreeMap::new(),
            begun: now,
        })
    }

    /// The local address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives and processes one datagram. Cancellation-safe.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn receive(&mut self) -> io::Result<()> {
        let received = self.receiver.receive().await?;
        let sender = received.source.ip().to_canonical();
        let since = received.received_at.duration_since(SystemTime::UNIX_EPOCH);
        let at = Timestamp::from(since.unwrap_or_default());
        if !self.takes.takes(sender) {
            let (source, bytes) = (received.source, received.bytes);
            self.telemetry.refuse_sender(at, source, bytes);
            notices::log(&mut self.telemetry);
            if self.turned_away.len() < MAX_REJECTED || self.turned_away.contains_key(&sender) {
                *self.turned_away.entry(sender).or_default() += 1;
            }
            return Ok(());
        }
        self.monitor.see(at, sender, received.bytes);
        self.telemetry.receive(at, received.source, received.bytes);
        notices::log(&mut self.telemetry);
        Ok(())
    }

    /// Facts about the telemetry received so far, for these services.
    pub fn facts(
        &self,
        now: Timestamp,
        managed: &[ServiceSettings],
        engines: Option<&EngineFacts>,
    ) -> TelemetryFacts {
        let services = engines.and_then(|engines| engines.services.as_ref()?.as_ref().ok());
        let services = services.map_or(&[][..], Vec::as_slice);
        let nodes = engines.map(|engines| engines.addresses.clone());
        let registry = self.telemetry.registry();
        let mut containers = Vec::new();
        let mut hosts: HashMap<AgentKey, BTreeSet<&str>> = HashMap::new();
        let mut intervals: HashMap<AgentKey, Duration> = HashMap::new();
        for entity in registry.entities(now) {
            let agent = entity.agent();
            match entity.kind() {
                EntityKind::Host => {
                    hosts.entry(agent).or_default().insert(entity.name());
                }
                EntityKind::Container => containers.push(ContainerFacts {
                    name: entity.name().to_owned(),
                    uuid: entity.uuid().map(|uuid| uuid.0),
                    host: entity
                        .parent()
                        .map(|host| host.name().to_owned())
                        .filter(|host| !host.is_empty()),
                    agent,
                    has_adapter: entity
                        .data_source()
                        .is_some_and(|source| self.monitor.has_adapter(agent, source)),
                }),
                _ => continue,
            }
            if let Some(interval) = reporting_interval(&entity) {
                let longest = intervals.entry(agent).or_default();
                *longest = interval.max(*longest);
            }
        }
        let agents = registry.agents().map(|status| {
            let seen = self.monitor.agent(status.key);
            AgentFacts {
                key: status.key,
                hosts: hosts
                    .get(&status.key)
                    .into_iter()
                    .flatten()
                    .filter(|name| !name.is_empty())
                    .map(|name| (*name).to_owned())
                    .collect(),
                received: status.received,
                lost: status.lost,
                restarts: status.restarts,
                is_contested: status.contested || status.doubtful,
                interval: intervals.get(&status.key).copied(),
                packet_samples: seen.map_or(0, |seen| seen.packet_samples),
                unscaled_samples: seen.map_or(0, |seen| seen.unscaled_samples),
                named_samples: seen.map_or(0, |seen| seen.named_samples),
                uptime: seen.and_then(Seen::uptime),
            }
        });
        let mut agents: Vec<AgentFacts> = agents.collect();
        agents.sort_by_key(|agent| agent.key);
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut intake = self.telemetry.ingest_stats();
        let turned_away = intake.refused.remove(SENDER_NOT_ALLOWED).unwrap_or(0);
        TelemetryFacts {
            address: self.address,
            listened: now - self.begun,
            datagrams: intake.datagrams - turned_away,
            refused: intake.refused,
            turned_away: self.turned_away.clone(),
            refused_senders: self.telemetry.refused_senders(now),
            reports: self.telemetry.reports(now, nodes.unwrap_or_default()),
            dropped: self.receiver.stats().kernel_drops,
            agents,
            containers,
            signals: self.signals(now, managed, services),
        }
    }

    fn signals(
        &self,
        now: Timestamp,
        managed: &[ServiceSettings],
        services: &[Service],
    ) -> BTreeMap<String, Vec<Signal>> {
        let mut signals = BTreeMap::new();
        for service in services {
            let entry = managed.iter().find(|entry| entry.name == service.name);
            let query =
                entry.and_then(|entry| MetricQuery::new(&entry.settings.rule.metrics()).ok());
            if let Some(query) = query {
                let snapshot = self.telemetry.snapshot(now, [&query]);
                signals.insert(
                    service.name.clone(),
                    snapshot.signals(&query, service, Duration::ZERO),
                );
            }
        }
        signals
    }
}

/// Progress of listening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nodes whose agent has reported.
    pub nodes: usize,
    /// Nodes of the swarm.
    pub of_nodes: usize,
    /// Containers with values for all required metrics.
    pub containers: usize,
    /// Containers of all services.
    pub of_containers: usize,
    /// Whether packet samples were received.
    pub is_sampled: bool,
}

impl Progress {
    /// Computes the progress from the facts so far.
    pub fn of(telemetry: &TelemetryFacts, engines: &EngineFacts) -> Self {
        let names: BTreeSet<String> = telemetry
            .agents
            .iter()
            .flat_map(|agent| &agent.hosts)
            .map(|name| short_name(name))
            .collect();
        let members = engines.members.iter().flatten().flatten();
        let ready: Vec<_> = members.filter(|member| member.state == "ready").collect();
        let services = engines.services.iter().flatten().flatten();
        let mut progress = Self {
            nodes: ready
                .iter()
                .filter(|member| names.contains(&short_name(&member.name)))
                .count(),
            of_nodes: ready.len(),
            is_sampled: telemetry
                .agents
                .iter()
                .any(|agent| agent.packet_samples > 0),
            ..Self::default()
        };
        for service in services {
            let running = |task: &&Task| task.state == TaskState::Running;
            let running = service.tasks.iter().filter(running).count();
            let signals = telemetry.signals.get(&service.name);
            let known = signals.and_then(|signals| {
                signals
                    .iter()
                    .map(|signal| signal.contributing as usize)
                    .min()
            });
            progress.of_containers += running;
            progress.containers += known.unwrap_or(0).min(running);
        }
        progress
    }

    /// Whether all expected data was received.
    pub const fn is_complete(self) -> bool {
        self.of_nodes > 0
            && self.nodes == self.of_nodes
            && self.containers == self.of_containers
            && self.is_sampled
    }
}
