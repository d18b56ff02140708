use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::engines::{ask_engines, ask_leader};
use super::facts::{EngineFacts, Facts, NodeFacts, NotListening, ServiceFacts, TelemetryFacts};
use crate::config::{Collector, Config};
use crate::format::shortened;
use crate::notices;
use sflow_autoscale::observe::{AgentMonitor, ContainerFacts, MetricQuery, Telemetry};

/// Collects the facts for `elb check`: asks the engines, and listens until all expected data was
/// received, `listen_for` is over, or `end` completes. Calls `show` four times per second with the
/// time since the start.
pub async fn collect(
    path: String,
    config: Config,
    listen_for: Duration,
    end: impl Future<Output = ()>,
    mut show: impl FnMut(&Facts, Duration),
) -> Facts {
    let mut facts = Facts {
        configuration: Ok(config.clone()),
        path,
        engines: EngineFacts::default(),
        leader: None,
        telemetry: None,
    };
    let mut asking = pin!(async { tokio::join!(ask_engines(&config), ask_leader(&config)) });
    let listening = (!listen_for.is_zero()).then(|| Listening::begin(&config.collector));
    let mut listening = match listening {
        Some(Ok(listening)) => listening,
        not_listening => {
            (facts.engines, facts.leader) = asking.await;
            facts.telemetry = not_listening.and_then(Result::err).map(Err);
            return facts;
        }
    };
    let begun = Instant::now();
    let mut is_answered = false;
    let mut end = pin!(end);
    let mut tick = interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            received = listening.receive() => {
                // A temporary socket error must not end the check; a permanent one ends it with the
                // time limit.
                if received.is_err() {
                    sleep(Duration::from_millis(50)).await;
                }
            }
            answer = &mut asking, if !is_answered => {
                (facts.engines, facts.leader) = answer;
                is_answered = true;
            }
            _ = tick.tick() => {
                facts.telemetry = Some(Ok(listening.facts(&config, &facts.engines)));
                let elapsed = begun.elapsed();
                show(&facts, elapsed);
                let is_complete = facts.awaited().is_some_and(|awaited| awaited.is_empty());
                if is_answered && (elapsed >= listen_for || is_complete) {
                    break;
                }
            }
            () = &mut end => break,
        }
    }
    facts.telemetry = Some(Ok(listening.facts(&config, &facts.engines)));
    facts
}

/// One line for a terminal: a progress bar, what was received and what is missing.
pub fn progress(facts: &Facts, elapsed: Duration, listen_for: Duration) -> String {
    const WIDTH: usize = 20;
    let part = elapsed.div_duration_f64(listen_for);
    let full = ((part * WIDTH as f64) as usize).min(WIDTH);
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH - full));
    let left = listen_for.saturating_sub(elapsed).as_secs();
    let received = facts.received();
    let agents = received.map_or(0, |received| received.agents.len());
    let datagrams = received.map_or(0, |received| received.datagrams);
    let state = match facts.awaited().as_deref() {
        None if facts.engines.managers.is_empty() => "querying the managers".to_owned(),
        None => "no manager lists the nodes".to_owned(),
        Some([]) => "complete".to_owned(),
        Some([first, more @ ..]) => {
            let more = match more.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            format!("no data of {}{more}", shortened(first, 20))
        }
    };
    format!("[{bar}] {left} s left: {agents} agents, {datagrams} datagrams; {state}")
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
        let receiver = UdpReceiver::bind(address, &SocketSettings::default());
        let receiver = receiver.map_err(|error| error.source);
        let receiver = receiver.and_then(AsyncUdpReceiver::new);
        let receiver = receiver.map_err(|error| NotListening {
            address,
            is_in_use: error.kind() == ErrorKind::AddrInUse,
            error: error.to_string(),
        })?;
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
        if self.collector.accepts(sender) {
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
    fn facts(&self, config: &Config, engines: &EngineFacts) -> TelemetryFacts {
        let now = Timestamp::from(SystemTime::now());
        let registry = self.telemetry.registry();
        let agents = self.monitor.agents(registry, now);
        let reports = self.telemetry.reports(now, engines.addresses.clone());
        let nodes = reports.into_iter().map(|report| {
            let containers = None;
            let mut node = NodeFacts { report, containers };
            node.containers = node.reporter().map(|reporter| {
                let own = agents.iter().filter(|agent| agent.origin() == reporter);
                own.map(|agent| agent.containers).sum()
            });
            node
        });
        TelemetryFacts {
            not_allowed: self.not_allowed.clone(),
            dropped: self.receiver.stats().kernel_drops,
            nodes: nodes.collect(),
            containers: Some(ContainerFacts::all(registry, now)),
            services: self.services(now, config, engines),
            agents,
            ..TelemetryFacts::new(&self.telemetry, now, now - self.begun)
        }
    }

    fn services(
        &self,
        now: Timestamp,
        config: &Config,
        engines: &EngineFacts,
    ) -> Vec<ServiceFacts> {
        let managed = engines.managed_services(config);
        let services = engines.services.iter().flatten().flatten();
        let facts = services.map(|service| {
            let entry = managed.iter().find(|entry| entry.name == service.name);
            let query = entry.map(|entry| MetricQuery::new(&entry.settings.rule.metrics()));
            let signals = query.and_then(Result::ok).map(|query| {
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
