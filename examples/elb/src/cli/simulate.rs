use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use sflow_simulator::ServiceSpec;
use sflow_simulator::experiment::{Experiment, Outcome, Point, PoolOutcome, Scenario};

use super::{Log, PolicyName, say, say_part, write_chart};
use crate::charts::{self, Multiple};
use crate::config::ServiceSettings;
use crate::format;
use crate::policy::{Mode, Settings};
use crate::terminal::set_replicas;
use crate::view;
use untrusted::printable;

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
    let lines = Scenario::predefined().map(|(name, what)| format!("  {name:<14} {what}\n"));
    format!("Scenarios:\n{}", lines.collect::<String>())
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("error")?;
        let mut scenario = Scenario::named(&self.scenario)?;
        if let Some(path) = &self.trace {
            let failed = || format!("cannot use --trace {}", path.display());
            let text = fs::read_to_string(path).with_context(failed)?;
            let lines: Vec<&str> = text.lines().collect();
            let with_trace = scenario.with_trace(&lines, self.trace_factor);
            scenario = with_trace.with_context(failed)?;
        }
        let services = self.policy.services(&scenario);
        let mut experiment = Experiment::new(scenario, services);
        let with = experiment.run(self.seed)?;
        experiment.control.mode = Mode::Advise;
        let without = experiment.run(self.seed)?;

        for change in &with.changes {
            let unix = format::unix(change.at);
            say_part!("{}", set_replicas(unix, &change.service, change.replicas))?;
            if self.reasons {
                say_part!(" ({})", printable(&change.reasons.join("; ")))?;
            }
            say!()?;
        }
        if let Some(pool) = &with.pool {
            for event in &pool.events {
                let at = (event.at - Experiment::START).as_secs_f64();
                say!("{} {}", format::duration(at), printable(&event.words))?;
            }
        }
        say!()?;
        let without_lines = without.summary("without the balancer");
        for (with, without) in with.summary("with the balancer").iter().zip(without_lines) {
            say!("{with}\n{without}")?;
        }
        say!("{} datagrams decoded.", format::count(with.datagrams))?;

        let path = self
            .out
            .unwrap_or_else(|| PathBuf::from(format!("elb-{}.svg", experiment.scenario.name)));
        write_chart(&path, &picture(&experiment, &with, &without))?;
        say!("Chart written to {}", path.display())?;
        Ok(())
    }
}

/// With one service, a chart of load and replicas; with several, the replicas of each service and
/// its demand.
fn picture(experiment: &Experiment, with: &Outcome, without: &Outcome) -> String {
    let policies = &experiment.services;
    let is_alone = with.pool.is_none() && with.services.len() == 1;
    if let (true, Some(service), Some(alone)) =
        (is_alone, with.services.first(), without.services.first())
    {
        let title = format!("{}: average load per container", service.name);
        let band = policies.first().and_then(|it| it.settings.rule.band(0));
        let upper = band.map_or(0.0, |(_, upper)| upper);
        let (balanced, alone) = (points(&service.past), points(&alone.past));
        return charts::comparison(&title, &balanced, &alone, upper, "B/s");
    }
    let services = experiment.scenario.cluster.services.iter();
    let panels = services.zip(policies).zip(&with.services);
    let panels = panels.map(|((service, policy), outcome)| demand(service, policy, &outcome.past));
    let panels: Vec<Multiple> = panels.chain(with.pool.as_ref().map(machines)).collect();
    let title = match experiment.scenario.budget {
        Some(budget) => format!("Replicas of each service, budget {budget}"),
        None if with.pool.is_some() => "Replicas and machines".to_owned(),
        None => "Replicas of each service".to_owned(),
    };
    charts::multiples(&title, &["replicas"], &panels)
}

/// The replicas of a service, and the number that would be at the target.
fn demand(service: &ServiceSpec, policy: &ServiceSettings, past: &[Point]) -> Multiple {
    let target = middle(&policy.settings);
    Multiple {
        title: service.name.clone(),
        about: format!("priority {}", policy.priority),
        pasts: vec![loads(past, |point| {
            Some(service.workload.at(point.at) * service.request.bytes() / target)
        })],
    }
}

/// The machines, and the number that would be at the target.
fn machines(outcome: &PoolOutcome) -> Multiple {
    let target = middle(&outcome.pool.settings);
    let (least, most) = (outcome.status.min, outcome.status.max);
    Multiple {
        title: "machines".to_owned(),
        about: format!("{least} to {most}, at {target:.0} % CPU"),
        pasts: vec![loads(&outcome.past, |point| {
            Some(point.load? * f64::from(point.running) / target)
        })],
    }
}

/// The middle of the range in which the size does not change.
fn middle(settings: &Settings) -> f64 {
    let (lower, upper) = settings.rule.band(0).unwrap_or((1.0, 1.0));
    f64::midpoint(lower, upper)
}

/// The decisions of a run for a chart.
pub(super) fn points(past: &[Point]) -> Vec<view::Point> {
    let short = |value: Option<f64>| value.map(|value| value as f32);
    let point = |point: &Point| view::Point {
        at: point.at.as_secs_f64(),
        load: point.load,
        least: short(point.least),
        most: short(point.most),
        wanted: point.desired,
        running: point.running,
    };
    past.iter().map(point).collect()
}

/// The decisions of a run with another value in place of the measured load.
fn loads(past: &[Point], load: impl Fn(&Point) -> Option<f64>) -> Vec<view::Point> {
    let mut points = points(past);
    for (drawn, point) in points.iter_mut().zip(past) {
        drawn.load = load(point);
        (drawn.least, drawn.most) = (None, None);
    }
    points
}
