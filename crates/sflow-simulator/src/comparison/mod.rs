//! Compares scaling policies under the same workloads, with delayed and lossy telemetry and slow
//! container starts.
//!
//! All policies use the same simulated cluster. Scores are computed from its real state. For policies
//! and workloads of your own use [`Experiment`](crate::experiment::Experiment) and
//! [`Trace::score`].
//!
//! ```no_run
//! use sflow_simulator::comparison::{Comparison, Options};
//!
//! let comparison = Comparison::run(Options { seed: 1, seeds: 5, target: 0.8 })?;
//! println!("{comparison}");
//! # Ok::<(), sflow_simulator::Error>(())
//! ```

mod candidate;
mod grid;
mod summary;
mod table;
mod workload;

use serde::Serialize;

pub use candidate::Candidate;
pub use grid::{Cell, Grid, GridResult};
pub use workload::{CAPACITY, MAX_REPLICAS, NamedWorkload};

use crate::error::Error;
use crate::experiment::{Score, Trace};
use candidate::{need, trace};

/// Settings of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Options {
    /// First seed.
    pub seed: u64,
    /// Number of consecutive seeds to average; at least 1.
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
#[non_exhaustive]
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
#[non_exhaustive]
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

impl Comparison {
    /// Runs every policy under every workload, one after the other. To use several cores, call
    /// [`WorkloadResult::run`] for each of [`NamedWorkload::all`] in its own thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the target is not positive, or without seeds.
    pub fn run(options: Options) -> Result<Self, Error> {
        let workloads = NamedWorkload::all(options.seed);
        let results = workloads
            .iter()
            .map(|workload| WorkloadResult::run(workload, &options));
        Ok(Self {
            options,
            workloads: results.collect::<Result<_, _>>()?,
        })
    }
}

impl WorkloadResult {
    /// Runs every policy under one workload.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the target is not positive, or without seeds.
    pub fn run(workload: &NamedWorkload, options: &Options) -> Result<Self, Error> {
        check_target(options.target)?;
        let results = Candidate::ALL.map(|policy| PolicyResult::run(policy, workload, options));
        let results: Vec<PolicyResult> = results.into_iter().collect::<Result<_, _>>()?;
        Ok(Self {
            name: workload.name,
            about: workload.about,
            why: summary::why(&results, options.target),
            results,
        })
    }
}

impl PolicyResult {
    fn run(policy: Candidate, workload: &NamedWorkload, options: &Options) -> Result<Self, Error> {
        let target = options.target;
        let settings = policy.settings(target);
        let mut scores = Vec::new();
        let mut first = None;
        for seed in options.seed..options.seed.saturating_add(options.seeds.into()) {
            let workload = workload.with_seed(seed);
            let scenario = workload.scenario(policy.replicas(&workload, target))?;
            let trace = trace(policy.experiment(scenario, &settings), seed)?;
            let need = need(workload.peak(), target);
            scores.push(trace.score(CAPACITY, workload.rest, need));
            first.get_or_insert(trace);
        }
        match (Score::mean(&scores), first) {
            (Some(score), Some(trace)) => Ok(Self {
                policy,
                score,
                trace,
            }),
            _ => Err(Error::out_of_range("seeds", options.seeds, "at least 1")),
        }
    }
}

fn check_target(target: f64) -> Result<(), Error> {
    if target.is_finite() && target > 0.0 {
        return Ok(());
    }
    Err(Error::out_of_range("target", target, "a number above 0"))
}
