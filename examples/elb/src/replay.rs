//! A capture through the same decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::Serialize;
use sflow_collector::capture::Capture;
use sflow_collector::replay::Ticks;
use sflow_metrics::Timestamp;
use stop::Stop;

use crate::balancer::Balancer;
use crate::config::{Config, ServiceSettings as Configured};
use crate::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Rollout,
    Scaling, Service, ServiceId, Task, TaskState,
};
use crate::policy::{Decision, Mode, Signal};
use sflow_autoscale::observe::MetricQuery;

/// What each line reports beside the decision.
const REPORTED: [&str; 3] = ["vir_cpu_cores", "vir_bytes_in", "vir_bytes_out"];

/// One tick and service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Seconds since 1970, by the capture.
    pub time: f64,
    /// The service.
    pub service: String,
    /// Containers of it that run, as far as telemetry knows.
    pub replicas_seen: u32,
    /// Containers that match.
    pub matched: u32,
    /// Containers that contributed to the means.
    pub contributing: u32,
    /// Mean cores used per container.
    pub vir_cpu_cores: Option<f64>,
    /// Mean bytes per second into each container.
    pub vir_bytes_in: Option<f64>,
    /// Mean bytes per second out of each container.
    pub vir_bytes_out: Option<f64>,
    /// `hold`, or what the replicas would be set to.
    pub decision: String,
    /// Why, the last step first.
    pub reasons: Vec<String>,
}

/// Plays a capture and writes one line for each tick and service, until the end is requested.
///
/// Services are those whose containers are seen, or only `only`; they are balanced by the
/// configuration of their name, else by that of the first service in it.
///
/// # Errors
///
/// If the capture cannot be read; lines before that place have been written. Or what `out`
/// returns.
pub async fn replay(
    stop: &Stop,
    path: &Path,
    config: &Config,
    only: &[String],
    every: Duration,
    out: &mut dyn FnMut(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut capture = Capture::open_until(path, stop.flag())?;
    let mut ticks = Ticks::new(every);
    let mut player: Option<Player<'_>> = None;
    loop {
        let received = match capture.next_datagram() {
            Ok(Some(received)) => received,
            Ok(None) => break,
            Err(error) => {
                report(path, &capture);
                return Err(error).with_context(|| format!("{}", path.display()));
            }
        };
        if stop.is_requested() {
            break;
        }
        let now = timestamp(received.received_at);
        let player = match &mut player {
            Some(player) => player,
            None => player.insert(Player::new(now, config, only)?),
        };
        while let Some(due) = ticks.due(received.received_at) {
            if stop.is_requested() {
                return Ok(());
            }
            player.tick(timestamp(due), out).await?;
        }
        player
            .balancer
            .receive(now, received.source, received.bytes);
    }
    report(path, &capture);
    match (&mut player, ticks.next()) {
        (Some(player), Some(next)) => player.tick(timestamp(next), out).await,
        _ if stop.is_requested() => Ok(()),
        _ => anyhow::bail!(
            "{}: no datagram to port {} in it",
            path.display(),
            sflow_collector::SFLOW_PORT,
        ),
    }
}

/// Logs the packets of a capture that were passed over, and why.
fn report(path: &Path, capture: &Capture) {
    let passed_over = capture.passed_over();
    if !passed_over.is_empty() {
        tracing::warn!("{}: {passed_over}", path.display());
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from(since.unwrap_or_default())
}

struct Player<'c> {
    balancer: Balancer<Recorded>,
    config: &'c Config,
    only: &'c [String],
    managed: BTreeSet<String>,
    reported: MetricQuery,
}

impl<'c> Player<'c> {
    fn new(start: Timestamp, config: &'c Config, only: &'c [String]) -> anyhow::Result<Self> {
        let balancer = Balancer::new(start, Recorded::default(), config.control, &[])?;
        Ok(Self {
            balancer,
            config,
            only,
            managed: BTreeSet::new(),
            reported: MetricQuery::new(&REPORTED)?,
        })
    }

    async fn tick(
        &mut self,
        now: Timestamp,
        out: &mut dyn FnMut(&Line) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let seen = self.balancer.telemetry().lock().containers(now);
        for service in seen.keys() {
            let is_wanted = self.only.is_empty() || self.only.contains(service);
            if is_wanted && !self.managed.contains(service) {
                self.balancer.manage(&self.configured(service)?)?;
                self.managed.insert(service.clone());
            }
        }
        let recorded = self.balancer.orchestrator_mut();
        recorded.seen = self
            .managed
            .iter()
            .map(|name| service(name, seen.get(name).map_or(&[], Vec::as_slice)))
            .collect();
        let signals: BTreeMap<String, Vec<Signal>> = {
            let recorded = self.balancer.controller().orchestrator();
            let telemetry = self.balancer.telemetry().lock();
            let look = telemetry.snapshot(now, [&self.reported]);
            let signals = recorded.seen.iter().map(|service| {
                let signals = look.signals(&self.reported, service, Duration::ZERO);
                (service.name.clone(), signals)
            });
            signals.collect()
        };
        let round = self.balancer.round(now).await;
        for decision in round.decisions.iter().map(|decided| &decided.decision) {
            let Some(observed) = signals.get(&decision.subject.name) else {
                continue;
            };
            let value = |index: usize| observed.get(index).and_then(|signal| signal.value);
            let contributing = observed.iter().map(|signal| signal.contributing).min();
            out(&Line {
                time: (now.as_secs_f64() * 1000.0).round() / 1000.0,
                service: decision.subject.name.clone(),
                replicas_seen: decision.replicas,
                matched: observed
                    .iter()
                    .map(|signal| signal.matched)
                    .max()
                    .unwrap_or(0),
                contributing: contributing.unwrap_or(0),
                vir_cpu_cores: value(0),
                vir_bytes_in: value(1),
                vir_bytes_out: value(2),
                decision: word(decision),
                reasons: decision.reasons(),
            })?;
        }
        Ok(())
    }

    fn configured(&self, service: &str) -> anyhow::Result<Configured> {
        let by_name = self
            .config
            .services
            .iter()
            .find(|known| known.name == service);
        let mut configured = by_name
            .or(self.config.services.first())
            .context("the configuration names no service to decide like")?
            .clone();
        service.clone_into(&mut configured.name);
        configured.settings.mode = Mode::Advise;
        Ok(configured)
    }
}

fn word(decision: &Decision) -> String {
    if decision.is_change() {
        format!("set replicas={}", decision.result)
    } else {
        "hold".to_owned()
    }
}

/// What a capture tells of an orchestrator: as many replicas as are seen, and none can be set.
#[derive(Debug, Default)]
struct Recorded {
    seen: Vec<Service>,
}

impl Orchestrator for Recorded {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        let known = self.seen.iter();
        let known = known.filter(|service| names.contains(&service.name));
        Ok(known.cloned().collect())
    }

    async fn scale(&mut self, service: &Service, _replicas: u32) -> Result<(), OrchestratorError> {
        let why = "it is a recording".to_owned();
        Err(OrchestratorError::NotScalable {
            name: service.name.clone(),
            why,
        })
    }

    async fn labelled(&mut self, _label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        Ok(Vec::new())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        Vec::new()
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        Ok(Census::default())
    }

    async fn set_availability(
        &mut self,
        _node: &Node,
        _availability: Availability,
        _drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        Err(OrchestratorError::Refused("it is a recording".to_owned()))
    }
}

fn service(name: &str, containers: &[String]) -> Service {
    let task = |container: &String| Task {
        container: container.clone(),
        node: None,
        state: TaskState::Running,
        age: Duration::MAX,
        ..Task::default()
    };
    Service {
        id: ServiceId(name.to_owned()),
        name: name.to_owned(),
        scaling: Scaling::Replicated {
            replicas: u32::try_from(containers.len()).unwrap_or(u32::MAX),
        },
        version: 0,
        rollout: Rollout::Settled,
        labels: BTreeMap::new(),
        cpu_limit: None,
        tasks: containers.iter().map(task).collect(),
    }
}
