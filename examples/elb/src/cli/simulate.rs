use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use sflow_metrics::Timestamp;
use sflow_simulator::{ServiceSpec, Workload};

use super::{Log, PolicyName, runtime, say, say_part};
use crate::charts::{self, Multiple};
use crate::config::{Config, ControlSettings, ServiceSettings};
use crate::experiment::{Outcome, PoolOutcome, ServiceOutcome, run};
use crate::format;
use crate::policy::Mode;
use crate::simulator::Scenario;
use crate::terminal::set_replicas;
use crate::view::Point;
use untrusted::printable;

/// Start of the simulated time: 2016-09-24T00:57:10Z.
const BEGINNING: u64 = 1_474_678_630;

#[derive(Debug, clap::Args)]
#[command(after_help = scenarios())]
pub(super) struct Args {
    /// Name of the scenario.
    #[arg(long, value_name = "NAME", default_value = "article")]
    scenario: String,

    /// Scaling policy.
    #[arg(long, value_enum, default_value = "target")]
    policy: PolicyName,

    /// Recorded workload for the scenario's first service: a text file with one number per line,
    /// the requests per second in each second. It also sets the duration of the simulation.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Factor for the numbers of the recorded workload.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "trace")]
    trace_factor: f64,

    /// Seed of the random numbers: the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// File for the chart; default: `elb-SCENARIO.svg` in the current directory.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Also print the reasons of each change.
    #[arg(long)]
    reasons: bool,
}

/// List of scenarios for `--help`.
fn scenarios() -> String {
    let lines = Scenario::NAMES
        .iter()
        .map(|(name, what)| format!("  {name:<14} {what}\n"));
    format!("Scenarios:\n{}", lines.collect::<String>())
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("error")?;
        let mut scenario = Scenario::named(&self.scenario)?;
        if let Some(path) = &self.trace {
            use_trace(&mut scenario, path, self.trace_factor)
                .with_context(|| format!("cannot use --trace {}", path.display()))?;
        }
        let control = ControlSettings {
            budget: scenario.budget,
            ..Config::article().control
        };
        let start = Timestamp::from_secs(BEGINNING);
        let simulate = |mode: Mode| {
            let services = self.policy.services(&scenario, mode);
            runtime()?.block_on(run(&scenario, self.seed, start, control, &services))
        };
        let with = simulate(Mode::Act)?;
        let without = simulate(Mode::Advise)?;

        for change in &with.changes {
            let unix = i64::try_from(change.at.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
            say_part!("{}", set_replicas(unix, &change.service, change.replicas))?;
            if self.reasons {
                say_part!(" ({})", printable(&change.reasons.join("; ")))?;
            }
            say!()?;
        }
        if let Some(pool) = &with.pool {
            for event in &pool.events {
                let at = (event.at - start).as_secs_f64();
                say!("{} {}", format::duration(at), printable(&event.words))?;
            }
        }
        summarise(&with, &without)?;

        let path = self
            .out
            .unwrap_or_else(|| PathBuf::from(format!("elb-{}.svg", scenario.name)));
        fs::write(&path, picture(&scenario, self.policy, &with, &without))
            .with_context(|| format!("cannot write the chart to {}", path.display()))?;
        say!("Chart written to {}", path.display())?;
        Ok(())
    }
}

/// Replaces workload and duration of the first service by those of a file.
fn use_trace(scenario: &mut Scenario, path: &Path, factor: f64) -> anyhow::Result<()> {
    let text = fs::read_to_string(path)?;
    let workload = Workload::from_lines(text.lines())?.scaled(factor);
    scenario.duration = Duration::from_secs(text.lines().count() as u64);
    if let Some(service) = scenario.cluster.services.first_mut() {
        service.workload = workload;
    }
    Ok(())
}

fn summarise(with: &Outcome, without: &Outcome) -> anyhow::Result<()> {
    say!()?;
    for (with, without) in with.services.iter().zip(&without.services) {
        say!(
            "{}: overloaded for {:.0} task seconds instead of {:.0}, at {:.0} replica seconds \
             instead of {:.0}; ends with {} replicas.",
            with.name,
            with.truth.overload_seconds,
            without.truth.overload_seconds,
            with.replica_seconds,
            without.replica_seconds,
            with.truth.replicas,
        )?;
    }
    if let (Some(with), Some(without)) = (&with.pool, &without.pool) {
        say!(
            "machines: {:.0} machine seconds instead of {:.0}; ends with {} active.",
            with.machine_seconds,
            without.machine_seconds,
            with.status.serving,
        )?;
    }
    say!("{} datagrams decoded.", format::count(with.datagrams))?;
    Ok(())
}

/// With one service, a chart of load and replicas; with several, the replicas of each service and
/// its demand.
pub(super) fn picture(
    scenario: &Scenario,
    policy: PolicyName,
    with: &Outcome,
    without: &Outcome,
) -> String {
    if scenario.cluster.services.len() > 1 || with.pool.is_some() {
        return side_by_side(scenario, policy, with);
    }
    alone(scenario, policy, with, without)
}

fn side_by_side(scenario: &Scenario, policy: PolicyName, with: &Outcome) -> String {
    let policies = policy.services(scenario, Mode::Act);
    let panel =
        |((service, outcome), policy): ((&ServiceSpec, &ServiceOutcome), &ServiceSettings)| {
            let (lower, upper) = policy.settings.rule.band(0).unwrap_or((1.0, 1.0));
            let one = f64::midpoint(lower, upper);
            let needed = |at: f64| {
                let requests = service.workload.at(Duration::from_secs_f64(at));
                requests * service.request.bytes() / one
            };
            let point = |point: &Point| Point {
                load: Some(needed(point.at)),
                least: None,
                most: None,
                ..*point
            };
            Multiple {
                title: service.name.clone(),
                about: format!("priority {}", scenario.policy(&service.name).priority),
                pasts: vec![outcome.past.iter().map(point).collect()],
            }
        };
    let services = scenario
        .cluster
        .services
        .iter()
        .zip(&with.services)
        .zip(&policies);
    let mut panels: Vec<Multiple> = services.map(panel).collect();
    panels.extend(with.pool.as_ref().map(machines));
    let title = match scenario.budget {
        Some(budget) => format!("Replicas of each service, budget {budget}"),
        None if with.pool.is_some() => "Replicas and machines".to_owned(),
        None => "Replicas of each service".to_owned(),
    };
    charts::multiples(&title, &["replicas"], &panels)
}

/// The machines, and the number that would be at the target.
fn machines(outcome: &PoolOutcome) -> Multiple {
    let (lower, upper) = outcome.pool.settings.rule.band(0).unwrap_or((1.0, 1.0));
    let target = f64::midpoint(lower, upper);
    let point = |point: &Point| Point {
        load: point
            .load
            .map(|load| load * f64::from(point.running) / target),
        least: None,
        most: None,
        ..*point
    };
    let (least, most) = (outcome.status.min, outcome.status.max);
    Multiple {
        title: "machines".to_owned(),
        about: format!("{least} to {most}, at {target:.0} % CPU"),
        pasts: vec![outcome.past.iter().map(point).collect()],
    }
}

/// Load and replicas of a single service.
fn alone(scenario: &Scenario, policy: PolicyName, with: &Outcome, without: &Outcome) -> String {
    let (Some(balanced), Some(alone)) = (with.services.first(), without.services.first()) else {
        return String::new();
    };
    let services = policy.services(scenario, Mode::Act);
    let band = services
        .first()
        .and_then(|service| service.settings.rule.band(0));
    let title = format!("{}: average load per container", balanced.name);
    let upper = band.map_or(0.0, |(_, upper)| upper);
    charts::comparison(&title, &balanced.past, &alone.past, upper, "B/s")
}
