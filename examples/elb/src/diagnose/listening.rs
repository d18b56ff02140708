use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::{AgentKey, Timestamp, entity::Kind as EntityKind};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::engines::ask_engines;
use super::facts::{
    AgentFacts, ContainerFacts, EngineFacts, Facts, NodeFacts, NotListening, ServiceFacts,
    TelemetryFacts,
};
use super::monitor::AgentMonitor;
use crate::config::{Collector, Config, ServiceSettings};
use crate::notices;
use crate::orchestrator::{Service, TaskState};
use sflow_autoscale::observe::{MetricQuery, NodeReport, Reporter, SENDER_NOT_ALLOWED, Telemetry};

/// Collects the facts for `elb check`: asks the engines, and listens until all expected data was
/// received, `listen_for` is over, or `end` completes. Calls `show` four times per second.
pub async fn collect(
    path: String,
    config: Config,
    listen_for: Duration,
    end: impl Future<Output = ()>,
    mut show: impl FnMut(&Progress),
) -> Facts {
    let facts = |engines, telemetry, config| Facts {
        configuration: Ok(config),
        path,
        engines,
        telemetry,
    };
    if listen_for.is_zero() {
        return facts(ask_engines(&config).await, None, config);
    }
    let mut listening = match Listening::begin(&config.collector) {
        Ok(listening) => listening,
        Err(why) => return facts(ask_engines(&config).await, Some(Err(why)), config),
    };
    let begun = Instant::now();
    let mut engines: Option<EngineFacts> = None;
    {
        let mut asking = pin!(ask_engines(&config));
        let mut end = pin!(end);
        let mut tick = interval(Duration::from_millis(250));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = listening.receive() => {
                    // A temporary socket error must not end the check; a permanent one ends it with
                    // the time limit.
                    if received.is_err() {
                        sleep(Duration::from_millis(50)).await;
                    }
                }
                answer = &mut asking, if engines.is_none() => engines = Some(answer),
                _ = tick.tick() => {
                    let telemetry = listening.facts(&config, engines.as_ref());
                    let progress = Progress::of(begun.elapsed(), &telemetry, engines.as_ref());
                    show(&progress);
                    let is_over = progress.elapsed >= listen_for && engines.is_some();
                    if is_over || progress.is_complete() {
                        break;
                    }
                }
                () = &mut end => break,
            }
        }
    }
    let telemetry = listening.facts(&config, engines.as_ref());
    facts(engines.unwrap_or_default(), Some(Ok(telemetry)), config)
}

/// Receives telemetry like the balancer does.
#[derive(Debug)]
struct Listening {
    receiver: AsyncUdpReceiver,
    telemetry: Telemetry,
    monitor: AgentMonitor,
    collector: Collector,
    not_allowed: BTreeMap<IpAddr, u64>,
    begun: Timestamp,
}

/// Maximum number of senders that are recorded without being allowed.
const MAX_NOT_ALLOWED: usize = 64;

impl Listening {
    fn begin(collector: &Collector) -> Result<Self, NotListening> {
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
        let mut telemetry = Telemetry::default().with_services(swarm::service_of);
        telemetry.set_node_senders(collector.nodes.clone());
        Ok(Self {
            receiver,
            telemetry,
            monitor: AgentMonitor::default(),
            collector: collector.clone(),
            not_allowed: BTreeMap::new(),
            begun: SystemTime::now().into(),
        })
    }

    /// Receives and processes one datagram. Cancellation-safe.
    async fn receive(&mut self) -> io::Result<()> {
        let received = self.receiver.receive().await?;
        let (source, bytes) = (received.source, received.bytes);
        let sender = source.ip().to_canonical();
        let at = Timestamp::from(received.received_at);
        if self.collector.takes(sender) {
            if let Some(datagram) = self.telemetry.receive(at, source, bytes) {
                self.monitor.observe(at, sender, &datagram);
            }
        } else {
            self.telemetry.refuse_sender(at, source, bytes);
            let is_known = self.not_allowed.contains_key(&sender);
            if is_known || self.not_allowed.len() < MAX_NOT_ALLOWED {
                *self.not_allowed.entry(sender).or_default() += 1;
            }
        }
        notices::log(&mut self.telemetry);
        Ok(())
    }

    /// Facts about the telemetry received so far, for the services known so far.
    fn facts(&self, config: &Config, engines: Option<&EngineFacts>) -> TelemetryFacts {
        let now = Timestamp::from(SystemTime::now());
        let registry = self.telemetry.registry();
        let mut containers = Vec::new();
        let mut without_adapter: HashMap<AgentKey, u32> = HashMap::new();
        let mut agents = AgentFacts::all(registry, now, |entity| {
            if entity.kind() != EntityKind::Container {
                return;
            }
            let host = entity.parent().map(|host| host.name().to_owned());
            containers.push(ContainerFacts {
                name: entity.name().to_owned(),
                uuid: entity.uuid().map(|uuid| uuid.0),
                host: host.filter(|host| !host.is_empty()),
            });
            let source = entity.data_source();
            let has_adapter =
                source.is_some_and(|source| self.monitor.has_adapter(entity.agent(), source));
            *without_adapter.entry(entity.agent()).or_default() += u32::from(!has_adapter);
        });
        for agent in &mut agents {
            let key = agent.status.key;
            let mut samples = self.monitor.samples(key);
            samples.without_adapter = without_adapter.get(&key).copied().unwrap_or(0);
            agent.samples = Some(samples);
        }
        let addresses = engines.map(|engines| engines.addresses.clone());
        let reports = self.telemetry.reports(now, addresses.unwrap_or_default());
        let nodes = reports.into_iter().map(|report| NodeFacts {
            containers: containers_of(&report, &agents),
            report,
        });
        let mut intake = self.telemetry.ingest_stats();
        let not_allowed = intake.refused.remove(SENDER_NOT_ALLOWED).unwrap_or(0);
        TelemetryFacts {
            listened: now - self.begun,
            settled_after: Duration::ZERO,
            datagrams: intake.datagrams - not_allowed,
            packet_samples: registry.health().flow_samples,
            discarded: intake.refused,
            not_allowed: self.not_allowed.clone(),
            refused_senders: self.telemetry.refused_senders(now),
            refuses_all: self.telemetry.refuses_all(now),
            dropped: self.receiver.stats().kernel_drops,
            nodes: nodes.collect(),
            containers: Some(containers),
            services: engines.map_or_else(Vec::new, |engines| self.services(now, config, engines)),
            agents,
        }
    }

    fn services(
        &self,
        now: Timestamp,
        config: &Config,
        engines: &EngineFacts,
    ) -> Vec<ServiceFacts> {
        let managed = engines.managed_services(config);
        let managed: HashMap<&str, &ServiceSettings> =
            managed.iter().map(|it| (it.name.as_str(), it)).collect();
        let services = engines.services.iter().flatten().flatten();
        let facts = services.map(|service: &Service| {
            let settings = managed.get(service.name.as_str());
            let query =
                settings.and_then(|entry| MetricQuery::new(&entry.settings.rule.metrics()).ok());
            let signals = query.map(|query| {
                let snapshot = self.telemetry.snapshot(now, [&query]);
                snapshot.signals(&query, service, Duration::ZERO)
            });
            ServiceFacts {
                service: Arc::new(service.clone()),
                signals: Some(signals.unwrap_or_default()),
            }
        });
        facts.collect()
    }
}

/// Number of containers that the agent of a node reports.
fn containers_of(report: &NodeReport, agents: &[AgentFacts]) -> Option<u32> {
    let (Reporter::Agent(reporter) | Reporter::Probation(reporter)) = &report.reporter else {
        return None;
    };
    let own = agents.iter().filter(|agent| {
        let key = agent.status.key;
        (key.sender, key.address) == (reporter.sender, reporter.address)
    });
    Some(own.map(|agent| agent.containers).sum())
}

/// Progress of listening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Duration of listening.
    pub elapsed: Duration,
    /// Datagrams received.
    pub datagrams: u64,
    /// Agents that report.
    pub agents: usize,
    /// Whether the engines have answered; otherwise nodes and containers are unknown.
    pub is_answered: bool,
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
    fn of(elapsed: Duration, telemetry: &TelemetryFacts, engines: Option<&EngineFacts>) -> Self {
        let mut progress = Self {
            elapsed,
            datagrams: telemetry.datagrams,
            agents: telemetry.agents.len(),
            is_answered: engines.is_some(),
            is_sampled: telemetry.packet_samples > 0,
            ..Self::default()
        };
        let reported = telemetry.nodes.iter();
        let reported: BTreeSet<&str> = reported
            .filter(|node| node.containers.is_some())
            .map(|node| node.report.name.as_str())
            .collect();
        let members = engines.and_then(|engines| engines.members.as_ref());
        for member in members.into_iter().flatten().flatten() {
            if member.state == "ready" {
                progress.of_nodes += 1;
                progress.nodes += usize::from(reported.contains(member.name.as_str()));
            }
        }
        for ServiceFacts { service, signals } in &telemetry.services {
            let running = |state: TaskState| state == TaskState::Running;
            let running = service
                .tasks
                .iter()
                .filter(|task| running(task.state))
                .count();
            let signals = signals.iter().flatten();
            let known = signals.map(|signal| signal.contributing as usize).min();
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
