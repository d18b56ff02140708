//! Replays a capture through the controller.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use sflow_collector::capture::Capture;
use sflow_collector::replay::Ticks;
use sflow_metrics::Timestamp;
use stop::Stop;

use crate::balancer::Balancer;
use crate::config::{Config, ServiceSettings as Configured};
use crate::policy::{Decision, Mode, Signal};
use sflow_autoscale::observe::MetricQuery;
use sflow_simulator::experiment::RecordedCluster;

/// Metrics that each line reports in addition to the decision.
const REPORTED: [&str; 3] = ["vir_cpu_cores", "vir_bytes_in", "vir_bytes_out"];

/// Result of one decision interval for one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Unix time of the capture, in seconds.
    pub time: f64,
    /// Name of the service.
    pub service: String,
    /// Running containers according to the telemetry.
    pub replicas_seen: u32,
    /// Containers that match.
    pub matched: u32,
    /// Containers with a fresh value.
    pub contributing: u32,
    /// Mean CPU usage per container, in cores.
    pub vir_cpu_cores: Option<f64>,
    /// Mean received bytes per second and container.
    pub vir_bytes_in: Option<f64>,
    /// Mean sent bytes per second and container.
    pub vir_bytes_out: Option<f64>,
    /// `hold`, or the new number of replicas.
    pub decision: String,
    /// Reasons, the last step first.
    pub reasons: Vec<String>,
}

/// Replays a capture and writes one line per decision interval and service, until the end is
/// requested.
///
/// Services are those in the capture, or only those in `only`. Each uses the configuration of its
/// name, else that of the first configured service.
///
/// # Errors
///
/// If the capture cannot be read; preceding lines have been written. Also errors of `out`.
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
        let now = Timestamp::from(received.received_at);
        let player = match &mut player {
            Some(player) => player,
            None => player.insert(Player::new(now, config, only)?),
        };
        while let Some(due) = ticks.due(received.received_at) {
            if stop.is_requested() {
                return Ok(());
            }
            player.tick(due.into(), out).await?;
        }
        player
            .balancer
            .receive(now, received.source, received.bytes);
    }
    report(path, &capture);
    match (&mut player, ticks.next()) {
        (Some(player), Some(next)) => player.tick(next.into(), out).await,
        _ if stop.is_requested() => Ok(()),
        _ => anyhow::bail!(
            "{}: contains no datagrams to port {}",
            path.display(),
            sflow_collector::SFLOW_PORT,
        ),
    }
}

/// Logs the number of packets that were skipped, by cause.
fn report(path: &Path, capture: &Capture) {
    let passed_over = capture.passed_over();
    if !passed_over.is_empty() {
        tracing::warn!("{}: {passed_over}", path.display());
    }
}

struct Player<'c> {
    balancer: Balancer<RecordedCluster>,
    config: &'c Config,
    only: &'c [String],
    managed: BTreeSet<String>,
    reported: MetricQuery,
}

impl<'c> Player<'c> {
    fn new(start: Timestamp, config: &'c Config, only: &'c [String]) -> anyhow::Result<Self> {
        let balancer = Balancer::new(start, RecordedCluster::default(), config.control, &[])?;
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
        for name in &self.managed {
            recorded.observe(name, seen.get(name).map_or(&[], Vec::as_slice));
        }
        let signals: BTreeMap<String, Vec<Signal>> = {
            let recorded = self.balancer.controller().orchestrator();
            let telemetry = self.balancer.telemetry().lock();
            let snapshot = telemetry.snapshot(now, [&self.reported]);
            let signals = recorded.services().map(|service| {
                let signals = snapshot.signals(&self.reported, service, Duration::ZERO);
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
            .context("the configuration contains no service")?
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
