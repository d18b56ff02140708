//! Compares scaling policies under the same workloads, with delayed and lossy telemetry and slow
//! container starts.
//!
//! All policies use the same simulator and the real decoder. Scores are computed from the real
//! state of the simulation. Results do not depend on the wall clock.

mod candidate;
mod grid;
mod summary;
mod table;
mod trace;
mod workload;

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use sflow_metrics::Timestamp;

pub use candidate::Candidate;
pub use grid::{Cell, Grid, Grown};
pub use trace::{Moment, Score, Settling, Trace};
pub use workload::{CAPACITY, MOST, NamedWorkload};

use crate::balancer::Balancer;
use crate::charts::{Multiple, multiples};
use crate::config::{ControlSettings, ServiceSettings};
use crate::experiment::deliver;
use crate::simulator::{Scenario, Simulation};
use candidate::need;

/// Settings of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Options {
    /// First seed.
    pub seed: u64,
    /// Number of consecutive seeds to average.
    pub seeds: u32,
    /// Target load per replica as a fraction of its capacity.
    pub target: f64,
}

/// Result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The settings.
    pub options: Options,
    /// Results for each workload.
    #[serde(rename = "courses")]
    pub workloads: Vec<WorkloadResult>,
}

/// Results for one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadResult {
    /// Name of the workload.
    pub name: &'static str,
    /// Description of the workload.
    pub about: &'static str,
    /// Result of each policy, elb first.
    pub results: Vec<PolicyResult>,
    /// Explanations of the cases in which elb is not best.
    pub why: Vec<String>,
}

/// Result of one policy under one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyResult {
    /// The policy.
    pub policy: Candidate,
    /// Mean score.
    #[serde(flatten)]
    pub score: Score,
    /// Trace of the run with the first seed.
    #[serde(skip)]
    pub trace: Trace,
}

/// Simulates every policy under every workload.
///
/// # Errors
///
/// If the target is not positive.
pub async fn compare(options: Options) -> anyhow::Result<Comparison> {
    let mut workloads = Vec::new();
    for (place, workload) in NamedWorkload::all(options.seed).iter().enumerate() {
        let mut results = Vec::new();
        for policy in Candidate::ALL {
            let mut scores = Vec::new();
            let mut first = None;
            for seed in options.seed..options.seed.saturating_add(options.seeds.into()) {
                let Some(workload) = NamedWorkload::all(seed).into_iter().nth(place) else {
                    continue;
                };
                let scenario = workload.scenario(policy.replicas(&workload, options.target))?;
                let (control, service) = policy.service(options.target)?;
                let trace = drive(&scenario, seed, control, &service).await?;
                scores.push(trace.score(workload.rest, need(workload.peak(), options.target)));
                first.get_or_insert(trace);
            }
            results.push(PolicyResult {
                policy,
                score: Score::mean(&scores).context("--seeds: at least one")?,
                trace: first.context("--seeds: at least one")?,
            });
        }
        workloads.push(WorkloadResult {
            name: workload.name,
            about: workload.about,
            why: summary::why(&results, options.target),
            results,
        });
    }
    Ok(Comparison { options, workloads })
}

impl Comparison {
    /// Load and replicas of all policies over time, for the first seed, as SVG.
    pub fn chart(&self) -> String {
        // More points than pixels would only enlarge the file.
        const POINTS: usize = 450;
        let panel = |workload: &WorkloadResult| Multiple {
            title: workload.name.to_owned(),
            about: workload.about.to_owned(),
            pasts: workload
                .results
                .iter()
                .map(|result| result.trace.past(POINTS))
                .collect(),
        };
        let panels: Vec<Multiple> = self.workloads.iter().map(panel).collect();
        let names = Candidate::ALL.map(Candidate::name);
        multiples("Desired replicas of each policy", &names, &panels)
    }
}

/// Sampling interval of the real state.
const EVERY: Duration = Duration::from_millis(500);
/// Start of the simulated time; results do not depend on it.
const START: Timestamp = Timestamp::from_secs(1_474_678_630);

/// One run. The time of the first decision within the interval depends on the seed, so that changes
/// of the load do not always precede a decision.
async fn drive(
    scenario: &Scenario,
    seed: u64,
    control: ControlSettings,
    service: &ServiceSettings,
) -> anyhow::Result<Trace> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let simulation = Simulation::new(scenario, seed, START)?;
    let mut balancer = Balancer::new(START, simulation, control, std::slice::from_ref(service))?;
    let phase = (seed as f64 * GOLDEN).fract();
    let mut round = START + control.interval.mul_f64(phase);
    let (mut now, end) = (START, START + scenario.duration);
    let mut moments = Vec::new();
    while now < end {
        now = now + EVERY;
        deliver(&mut balancer, now);
        if now >= round {
            round = balancer.round(now).await.again;
        }
        let truth = balancer.controller().orchestrator().truth(&service.name);
        let truth = truth.unwrap_or_default();
        moments.push(Moment {
            load: truth.offered / CAPACITY,
            wanted: truth.replicas,
            running: truth.running,
        });
    }
    Ok(Trace {
        every: EVERY,
        moments,
    })
}
