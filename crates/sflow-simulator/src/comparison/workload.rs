use std::time::Duration;

use crate::error::Error;
use crate::experiment::{Scenario, ServiceBounds};
use crate::spec::Delay;
use crate::workload::Workload;

/// Requests per second that a replica can serve; more is an overload. A request transfers 1,000
/// bytes, so the limit is 100 kB/s.
pub const CAPACITY: f64 = 100.0;
/// Maximum number of replicas.
pub const MAX_REPLICAS: u32 = 20;

/// A workload of the comparison.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NamedWorkload {
    /// Name.
    pub name: &'static str,
    /// Description.
    pub about: &'static str,
    /// Duration.
    pub duration: Duration,
    /// Time from which the load is constant, if any.
    pub rest: Option<Duration>,
    load: Workload,
}

/// Name, description, duration and start of the constant load in seconds, and the load for a seed.
type Row = (
    &'static str,
    &'static str,
    u64,
    Option<u64>,
    fn(u64) -> Workload,
);

const WORKLOADS: [Row; 6] = [
    ("step", "200 requests/s, then 600", 900, Some(67), |_| {
        step(200.0, 600.0, s(67))
    }),
    (
        "ramp",
        "from 200 to 1,000 within five minutes, then constant",
        900,
        Some(367),
        |_| Workload::Ramp {
            from: 200.0,
            to: 1_000.0,
            begin: s(67),
            end: s(367),
        },
    ),
    (
        "spike",
        "constant 200, with 900 for one minute",
        900,
        Some(142),
        |_| Workload::Spike {
            base: 200.0,
            peak: 900.0,
            begin: s(67),
            rise: s(5),
            hold: s(60),
            fall: s(10),
        },
    ),
    (
        "sine",
        "between 150 and 850, three periods of ten minutes",
        1_800,
        None,
        |_| Workload::Sine {
            mean: 500.0,
            amplitude: 350.0,
            period: s(600),
        },
    ),
    (
        "noise",
        "500, with random deviations of up to 25 % every 15 seconds",
        1_200,
        None,
        |seed| Workload::Noise {
            workload: Box::new(Workload::Constant(500.0)),
            fraction: 0.25,
            interval: s(15),
            seed,
        },
    ),
    (
        "sawtooth",
        "from 200 to 900 within five minutes, then back to 200, four times",
        1_200,
        None,
        |_| Workload::Sawtooth {
            low: 200.0,
            high: 900.0,
            period: s(300),
        },
    ),
];

impl NamedWorkload {
    /// All workloads, with noise from `seed`.
    pub fn all(seed: u64) -> Vec<Self> {
        let workload = |&(name, about, duration, rest, load): &Row| Self {
            name,
            about,
            duration: s(duration),
            rest: rest.map(s),
            load: load(seed),
        };
        WORKLOADS.iter().map(workload).collect()
    }

    /// The same workload with noise from another seed.
    pub(super) fn with_seed(&self, seed: u64) -> Self {
        let row = WORKLOADS.iter().find(|row| row.0 == self.name);
        Self {
            load: row.map_or_else(|| self.load.clone(), |row| row.4(seed)),
            ..self.clone()
        }
    }

    /// The load at a time, in replicas that can just serve it.
    pub fn at(&self, time: Duration) -> f64 {
        self.load.at(time) / CAPACITY
    }

    /// The highest load, in replicas that can just serve it.
    pub fn peak(&self) -> f64 {
        self.seconds().fold(0.0, f64::max)
    }

    /// The mean load, in replicas that can just serve it.
    pub fn mean(&self) -> f64 {
        self.seconds().sum::<f64>() / self.duration.as_secs_f64()
    }

    fn seconds(&self) -> impl Iterator<Item = f64> {
        (0..self.duration.as_secs()).map(|second| self.at(s(second)))
    }

    /// The cluster of the comparison under this workload, with an initial number of replicas.
    pub(super) fn scenario(&self, replicas: u32) -> Result<Scenario, Error> {
        scenario(&self.load, self.duration, replicas)
    }
}

/// The cluster of the comparison: that of the scenario `article`, three hosts whose counters are polled
/// every ten seconds, with 1 % of the datagrams lost and a start-up time of three to eight seconds.
pub(super) fn scenario(
    load: &Workload,
    duration: Duration,
    replicas: u32,
) -> Result<Scenario, Error> {
    let mut scenario = Scenario::named("article")?;
    scenario.duration = duration;
    scenario.cluster.network.loss = 0.01;
    let bounds = ServiceBounds {
        max: MAX_REPLICAS,
        ..ServiceBounds::default()
    };
    for service in &mut scenario.cluster.services {
        service.workload = load.clone();
        service.replicas = replicas;
        service.start = Delay::millis(3_000, 8_000);
        service.stop = Delay::millis(500, 2_000);
        scenario.bounds.insert(service.name.clone(), bounds);
    }
    Ok(scenario)
}

pub(super) const fn step(before: f64, after: f64, at: Duration) -> Workload {
    Workload::Step { before, after, at }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
