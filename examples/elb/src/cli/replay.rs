//! Replays a capture through the controller.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use sflow_collector::capture::Capture;
use sflow_collector::replay::Ticks;
use sflow_metrics::Timestamp;
use stop::Stop;

use super::{Log, runtime};
use crate::balancer::Balancer;
use crate::config::{Config, ServiceSettings};
use crate::policy::{Decision, Mode, Signal};
use sflow_autoscale::observe::MetricQuery;
use sflow_simulator::experiment::RecordedCluster;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Capture file (pcap or pcapng, also compressed with gzip, zstd, xz, bzip2 or LZ4), or a
    /// directory of captures, which are read in the order of their names.
    file: PathBuf,

    /// Only this service (repeatable); default: all services in the capture.
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,

    /// Configuration of the policies; default: two thresholds.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Interval between decisions, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    every: Duration,
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match (0.1..=86_400.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("must be between 0.1 and 86400 seconds"),
    }
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("warn")?;
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::article(),
        };
        let mut out = BufWriter::new(io::stdout().lock());
        let mut write = |line: &Line| -> anyhow::Result<()> {
            untrusted::json::to_writer(&mut out, line).map_err(io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        };
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        let (file, only) = (&self.file, &self.service);
        let played = replay(&stop, file, &config, only, self.every, &mut write);
        let played = runtime()?.block_on(played);
        match played.and_then(|()| Ok(out.flush()?)) {
            // A closed output ends the replay.
            Err(error) => match error.downcast_ref::<io::Error>() {
                Some(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }
}

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

impl Line {
    /// The line of a decision; `signals` are the [`REPORTED`] metrics.
    fn new(now: Timestamp, decision: &Decision, signals: &[Signal]) -> Self {
        let value = |index: usize| signals.get(index).and_then(|signal| signal.value);
        let contributing = signals.iter().map(|signal| signal.contributing);
        Self {
            time: (now.as_secs_f64() * 1000.0).round() / 1000.0,
            service: decision.subject.name.clone(),
            replicas_seen: decision.replicas,
            matched: signals.iter().map(|it| it.matched).max().unwrap_or(0),
            contributing: contributing.min().unwrap_or(0),
            vir_cpu_cores: value(0),
            vir_bytes_in: value(1),
            vir_bytes_out: value(2),
            decision: match decision.is_change() {
                true => format!("set replicas={}", decision.result),
                false => "hold".to_owned(),
            },
            reasons: decision.reasons(),
        }
    }
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
    let cluster = RecordedCluster::default();
    let mut player = Player {
        balancer: Balancer::new(Timestamp::ZERO, cluster, config.control, &[])?,
        config,
        only,
        managed: BTreeSet::new(),
        reported: MetricQuery::new(&REPORTED)?,
    };
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
        while let Some(due) = ticks.due(received.received_at) {
            if stop.is_requested() {
                return Ok(());
            }
            player.tick(due.into(), out).await?;
        }
        let (now, source) = (received.received_at.into(), received.source);
        player.balancer.receive(now, source, received.bytes);
    }
    report(path, &capture);
    match ticks.next() {
        Some(next) => player.tick(next.into(), out).await,
        None if stop.is_requested() => Ok(()),
        None => anyhow::bail!(
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

impl Player<'_> {
    async fn tick(
        &mut self,
        now: Timestamp,
        out: &mut dyn FnMut(&Line) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let seen = self.balancer.telemetry().lock().containers(now);
        for service in seen.keys() {
            let is_wanted = self.only.is_empty() || self.only.contains(service);
            if is_wanted && !self.managed.contains(service) {
                self.balancer.manage(&self.settings(service)?)?;
                self.managed.insert(service.clone());
            }
        }
        let recorded = self.balancer.orchestrator_mut();
        for name in &self.managed {
            recorded.observe(name, seen.get(name).map_or(&[], Vec::as_slice));
        }
        let round = self.balancer.round(now).await;
        let telemetry = self.balancer.telemetry().lock();
        let snapshot = telemetry.snapshot(now, [&self.reported]);
        for decision in round.decisions.iter().map(|decided| &decided.decision) {
            let mut services = self.balancer.controller().orchestrator().services();
            let service = services.find(|service| service.name == decision.subject.name);
            if let Some(service) = service {
                let signals = snapshot.signals(&self.reported, service, Duration::ZERO);
                out(&Line::new(now, decision, &signals))?;
            }
        }
        Ok(())
    }

    fn settings(&self, service: &str) -> anyhow::Result<ServiceSettings> {
        let services = &self.config.services;
        let by_name = services.iter().find(|known| known.name == service);
        let mut configured = by_name
            .or(services.first())
            .context("the configuration contains no service")?
            .clone();
        service.clone_into(&mut configured.name);
        configured.settings.mode = Mode::Advise;
        Ok(configured)
    }
}
