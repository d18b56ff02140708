use std::time::Duration;

use serde::Serialize;

use super::workload::{CAPACITY, MOST, NamedWorkload};
use crate::config::{Config, ConfigError, ControlSettings, ServiceSettings};
use crate::policy::{Mode, Pace, Rule, Saturation, Select, Settings, Target};

/// A policy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidate {
    /// elb with default settings.
    Elb,
    /// elb, but scaling down after one minute instead of five.
    ElbMinute,
    /// Two thresholds.
    Article,
    /// Kubernetes' horizontal pod autoscaler with its documented defaults.
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
    pub fn replicas(self, workload: &NamedWorkload, target: f64) -> u32 {
        match self {
            Self::Elb | Self::ElbMinute | Self::Article | Self::Hpa => {
                need(workload.at(Duration::ZERO), target)
            }
            Self::FixedPeak => need(workload.peak(), 1.0),
            Self::FixedMean => need(workload.mean(), 1.0),
        }
    }

    /// Settings and decision interval. `target` is the target load per replica as a fraction of its
    /// capacity; the rule with two thresholds does not use it.
    pub(super) fn service(
        self,
        target: f64,
    ) -> Result<(ControlSettings, ServiceSettings), ConfigError> {
        let ours = Config::from_toml(&format!(
            "[control]\nmode = \"act\"\n\
             [[service]]\n\
             name = \"apache\"\n\
             [service.policy]\n\
             mode = \"act\"\n\
             max = {MOST}\n\
             metric = [{{ name = \"{METRIC}\", target = {target} }}]\n",
            target = target * BYTES,
        ))?;
        let config = match self {
            Self::Article => Config::article(),
            _ => ours,
        };
        let mut control = config.control;
        let mut services = config.services;
        let mut service = services.swap_remove(0);
        match self {
            Self::Elb => {}
            Self::ElbMinute => service.settings.down.stabilise = Duration::from_secs(60),
            Self::Article => {
                service.settings.max = MOST;
                service.settings.fast = false;
            }
            Self::Hpa => {
                control.interval = Duration::from_secs(15);
                service.settings = hpa(target);
            }
            Self::FixedPeak | Self::FixedMean => service.settings.mode = Mode::Advise,
        }
        Ok((control, service))
    }
}

/// Replicas that bring a load to the target.
pub(super) fn need(load: f64, target: f64) -> u32 {
    ((load / target - 1e-9).ceil() as u32).clamp(1, MOST)
}

/// Documented defaults of Kubernetes' autoscaler: tolerance 10 %; scale up immediately by the
/// larger of 100 % and four pods in 15 s; scale down by 100 % in 15 s to the largest recommendation
/// of five minutes. It synchronises every 15 s and ignores pods that are younger than 30 s.
fn hpa(target: f64) -> Settings {
    let period = Duration::from_secs(15);
    Settings {
        mode: Mode::Act,
        min: 1,
        max: MOST,
        rule: Rule::Target {
            metrics: vec![Target {
                metric: METRIC.to_owned(),
                target: target * BYTES,
            }],
            tolerance_up: 0.1,
            tolerance_down: 0.1,
        },
        warm_up: Duration::from_secs(30),
        fast: false,
        schedules: Vec::new(),
        saturation: Saturation::default(),
        up: Pace {
            tasks: Some(4),
            percent: Some(100.0),
            period,
            select: Select::Max,
            ..Pace::default()
        },
        down: Pace {
            stabilise: Duration::from_secs(300),
            percent: Some(100.0),
            period,
            ..Pace::default()
        },
    }
}
