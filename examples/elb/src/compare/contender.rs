use std::time::Duration;

use serde::Serialize;

use super::course::{CAPACITY, Course, MOST};
use crate::config::{Config, ConfigError, ControlSettings, ServiceSettings};
use crate::policy::{Mode, Pace, Rule, Saturation, Select, Settings, Target};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// The policy of this program, with every default that a configuration leaves alone.
    Elb,
    /// The same, but shrinking after one minute instead of five: what the window costs.
    ElbMinute,
    /// The rule of the article, with its thresholds and its pace.
    Article,
    /// Kubernetes' horizontal pod autoscaler, with its published defaults.
    Hpa,
    /// As many replicas as can just carry the highest load, always.
    FixedPeak,
    /// As many as can just carry the mean load, always.
    FixedMean,
}

/// Bytes per second of the load that a replica carries.
const BYTES: f64 = CAPACITY * 1_000.0;

/// What is balanced by.
const METRIC: &str = "vir_bytes_in+vir_bytes_out";

impl Contender {
    /// All of them, ours first.
    pub const ALL: [Self; 6] = [
        Self::Elb,
        Self::ElbMinute,
        Self::Article,
        Self::Hpa,
        Self::FixedPeak,
        Self::FixedMean,
    ];

    /// The name in table and chart.
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

    /// Whether its number never changes.
    pub const fn is_fixed(self) -> bool {
        matches!(self, Self::FixedPeak | Self::FixedMean)
    }

    /// Whether it is not ours.
    pub const fn is_rival(self) -> bool {
        !matches!(self, Self::Elb | Self::ElbMinute)
    }

    /// Replicas at the start: what a load of the beginning needs, or the fixed number.
    pub fn replicas(self, course: &Course, target: f64) -> u32 {
        match self {
            Self::Elb | Self::ElbMinute | Self::Article | Self::Hpa => {
                need(course.at(Duration::ZERO), target)
            }
            Self::FixedPeak => need(course.peak(), 1.0),
            Self::FixedMean => need(course.mean(), 1.0),
        }
    }

    /// How it balances the service, and how often it decides. `target` is the part of its
    /// capacity that a replica is to be loaded with; only the article's rule has none.
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

/// The defaults that Kubernetes documents for its autoscaler: a tolerance of 10 %, growing at
/// once by the larger of 100 % and four pods in 15 s, shrinking by 100 % in 15 s to the
/// largest recommendation of five minutes. (It synchronises every 15 s, and takes no heed of
/// pods that are younger than 30 s.)
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
