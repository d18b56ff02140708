use std::time::Duration;

use sflow_simulator::{Delay, Workload};

use crate::simulator::{Scenario, ServicePolicy};

/// Requests per second that a replica can serve; more is an overload. A request transfers 1,000
/// bytes, so the limit is 100 kB/s.
pub const CAPACITY: f64 = 100.0;
/// Maximum number of replicas.
pub const MOST: u32 = 20;

/// A workload.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedWorkload {
    /// Name of the workload.
    pub name: &'static str,
    /// Description.
    pub about: &'static str,
    /// Duration.
    pub duration: Duration,
    /// Time from which the load is constant, if any.
    pub rest: Option<Duration>,
    load: Workload,
}

/// Names and descriptions.
const ABOUT: [(&str, &str); 6] = [
    ("step", "200 requests/s, then 600"),
    (
        "ramp",
        "from 200 to 1,000 within five minutes, then constant",
    ),
    ("spike", "constant 200, with 900 for one minute"),
    ("sine", "between 150 and 850, three periods of ten minutes"),
    (
        "noise",
        "500, with random deviations of up to 25 % every 15 seconds",
    ),
    (
        "sawtooth",
        "from 200 to 900 within five minutes, then back to 200, four times",
    ),
];

impl NamedWorkload {
    /// All workloads, with noise from `seed`.
    pub fn all(seed: u64) -> Vec<Self> {
        ABOUT
            .iter()
            .map(|&(name, about)| Self::new(name, about, seed))
            .collect()
    }

    fn new(name: &'static str, about: &'static str, seed: u64) -> Self {
        let (duration, rest, load) = match name {
            "step" => (900, Some(67), step(200.0, 600.0, s(67))),
            "ramp" => (900, Some(367), ramp()),
            "spike" => (900, Some(142), spike()),
            "sine" => (1800, None, sine()),
            "sawtooth" => (1200, None, sawtooth()),
            _ => (1200, None, noise(500.0, 0.25, seed)),
        };
        Self {
            name,
            about,
            duration: s(duration),
            rest: rest.map(s),
            load,
        }
    }

    /// The load at a time, in replicas that can just serve it.
    pub fn at(&self, time: Duration) -> f64 {
        self.load.at(time) / CAPACITY
    }

    /// The highest load.
    pub fn peak(&self) -> f64 {
        self.seconds().fold(0.0, f64::max)
    }

    /// The mean load.
    pub fn mean(&self) -> f64 {
        self.seconds().sum::<f64>() / self.duration.as_secs_f64()
    }

    fn seconds(&self) -> impl Iterator<Item = f64> {
        (0..self.duration.as_secs()).map(|second| self.at(s(second)))
    }

    /// The cluster of the scenario `article` under this workload: three hosts, counters every ten
    /// seconds, 1 % of datagrams lost, and a container start-up time of three to eight seconds.
    ///
    /// # Errors
    ///
    /// If the scenario does not exist.
    pub fn scenario(&self, replicas: u32) -> anyhow::Result<Scenario> {
        cluster(&self.load, self.duration, replicas)
    }
}

/// The cluster of all comparisons.
pub(super) fn cluster(
    load: &Workload,
    duration: Duration,
    replicas: u32,
) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::named("article")?;
    scenario.duration = duration;
    scenario.cluster.network.loss = 0.01;
    for service in &mut scenario.cluster.services {
        service.workload = load.clone();
        service.replicas = replicas;
        let bounds = (1, MOST);
        let policy = ServicePolicy {
            bounds,
            ..ServicePolicy::default()
        };
        scenario.policies.insert(service.name.clone(), policy);
        service.start = Delay::millis(3_000, 8_000);
        service.stop = Delay::millis(500, 2_000);
    }
    Ok(scenario)
}

pub(super) const fn step(before: f64, after: f64, at: Duration) -> Workload {
    Workload::Step { before, after, at }
}

fn ramp() -> Workload {
    Workload::Ramp {
        from: 200.0,
        to: 1_000.0,
        begin: s(67),
        end: s(367),
    }
}

fn spike() -> Workload {
    Workload::Spike {
        base: 200.0,
        peak: 900.0,
        begin: s(67),
        rise: s(5),
        hold: s(60),
        fall: s(10),
    }
}

fn sine() -> Workload {
    Workload::Sine {
        mean: 500.0,
        amplitude: 350.0,
        period: s(600),
    }
}

fn noise(mean: f64, fraction: f64, seed: u64) -> Workload {
    Workload::Noise {
        workload: Box::new(Workload::Constant(mean)),
        fraction,
        interval: s(15),
        seed,
    }
}

fn sawtooth() -> Workload {
    Workload::Sawtooth {
        low: 200.0,
        high: 900.0,
        period: s(300),
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
