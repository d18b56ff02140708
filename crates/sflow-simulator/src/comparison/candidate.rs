use std::time::Duration;

use serde::Serialize;
use sflow_autoscale::policy::{Mode, Rule, Settings};

use super::workload::{CAPACITY, MAX_REPLICAS, NamedWorkload};
use crate::error::Error;
use crate::experiment::{Experiment, Scenario, Trace, kubernetes, pace, two_thresholds};

/// A policy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Candidate {
    /// A target with the default settings of the autoscaler elb: decisions every 2 s with packet
    /// samples, scaling down after five minutes.
    Elb,
    /// The same, but scaling down after one minute.
    ElbMinute,
    /// [Two thresholds](two_thresholds), without packet samples.
    Article,
    /// [Kubernetes' horizontal pod autoscaler](kubernetes) with its documented defaults.
    Hpa,
    /// Constant: the replicas that can just serve the highest load.
    FixedPeak,
    /// Constant: the replicas that can just serve the mean load.
    FixedMean,
}

/// Load that a replica can serve, in bytes per second.
const BYTES: f64 = CAPACITY * 1_000.0;

/// The metric of all policies.
const METRIC: &str = "vir_bytes_in+vir_bytes_out";

impl Candidate {
    /// All policies, elb first.
    pub const ALL: [Self; 6] = [
        Self::Elb,
        Self::ElbMinute,
        Self::Article,
        Self::Hpa,
        Self::FixedPeak,
        Self::FixedMean,
    ];

    /// Name in table and chart.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elb => "elb",
            Self::ElbMinute => "elb-minute",
            Self::Article => "article",
            Self::Hpa => "hpa",
            Self::FixedPeak => "fixed-peak",
            Self::FixedMean => "fixed-mean",
        }
    }

    /// Whether the number of replicas is constant.
    pub const fn is_fixed(self) -> bool {
        matches!(self, Self::FixedPeak | Self::FixedMean)
    }

    /// Whether it is compared with elb.
    pub const fn is_rival(self) -> bool {
        !matches!(self, Self::Elb | Self::ElbMinute)
    }

    /// Replicas at the start: those that the initial load needs, or the constant number.
    pub(super) fn replicas(self, workload: &NamedWorkload, target: f64) -> u32 {
        match self {
            Self::Elb | Self::ElbMinute | Self::Article | Self::Hpa => {
                need(workload.at(Duration::ZERO), target)
            }
            Self::FixedPeak => need(workload.peak(), 1.0),
            Self::FixedMean => need(workload.mean(), 1.0),
        }
    }

    /// The settings of the policy. `target` is the target load per replica as a fraction of its
    /// capacity; two thresholds do not use it.
    pub fn settings(self, target: f64) -> Settings {
        let rule = Rule::target(METRIC, target * BYTES);
        let settings = match self {
            Self::Elb | Self::FixedPeak | Self::FixedMean => elb(rule, 300),
            Self::ElbMinute => elb(rule, 60),
            Self::Article => Settings {
                fast: false,
                ..two_thresholds()
            },
            Self::Hpa => kubernetes(rule),
        };
        Settings {
            mode: Mode::Act,
            max: MAX_REPLICAS,
            ..settings
        }
    }

    /// The experiment with these settings on the cluster of a comparison.
    pub(super) fn experiment(self, scenario: Scenario, settings: &Settings) -> Experiment {
        let services = scenario.services(settings);
        let mut experiment = Experiment::new(scenario, services);
        if self == Self::Hpa {
            experiment.control.interval = Duration::from_secs(15);
        }
        if self.is_fixed() {
            experiment.control.mode = Mode::Advise;
        }
        experiment
    }
}

/// The real state of the service in one run. The time of the first decision within the interval depends
/// on the seed, so that changes of the load do not always precede a decision.
pub(super) fn trace(mut experiment: Experiment, seed: u64) -> Result<Trace, Error> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let phase = (seed as f64 * GOLDEN).fract();
    experiment.first_round = experiment.control.interval.mul_f64(phase);
    let outcome = experiment.run(seed)?;
    let trace = outcome.services.into_iter().next().map(|it| it.trace);
    Ok(trace.unwrap_or_default())
}

/// Defaults of the autoscaler elb, which shrinks after this number of seconds.
fn elb(rule: Rule, shrink: u64) -> Settings {
    Settings {
        warm_up: Duration::from_secs(15),
        up: pace(Duration::ZERO),
        down: pace(Duration::from_secs(shrink)),
        ..Settings::new(rule)
    }
}

/// Replicas that bring a load to the target.
pub(super) fn need(load: f64, target: f64) -> u32 {
    ((load / target - 1e-9).ceil() as u32).clamp(1, MAX_REPLICAS)
}
