//! Policies against each other: the same loads, the same late and lossy sensing, the same
//! slow containers; and what each makes of them.
//!
//! Everybody is simulated by the same engine and reads the same telemetry through the real
//! decoder; what is measured is what really was the case. Nothing depends on the clock.

mod contender;
mod course;
mod grid;
mod table;
mod trace;
mod verdict;

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use sflow_metrics::Timestamp;

pub use contender::Contender;
pub use course::{CAPACITY, Course, MOST};
pub use grid::{Cell, Grid, Grown};
pub use trace::{Moment, Score, Settling, Trace};

use crate::balancer::Balancer;
use crate::chart::{Multiple, multiples};
use crate::config::{ControlSettings, ServiceSettings};
use crate::simulator::{Scenario, Simulation};
use crate::trial::deliver;
use contender::need;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Options {
    /// The first seed.
    pub seed: u64,
    /// How many seeds, one after the other, are averaged.
    pub seeds: u32,
    /// The part of its capacity that a replica is to be loaded with.
    pub target: f64,
}

/// How everybody did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What was compared.
    pub options: Options,
    /// For each load, how everybody followed it.
    pub courses: Vec<CourseResult>,
}

/// How everybody followed a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CourseResult {
    /// The load's name.
    pub name: &'static str,
    /// What happens.
    pub about: &'static str,
    /// Everybody, ours first.
    pub results: Vec<PolicyResult>,
    /// Where ours did not win, and why.
    pub why: Vec<String>,
}

/// How one policy followed a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyResult {
    /// Which policy.
    pub policy: Contender,
    /// How well, on average.
    #[serde(flatten)]
    pub score: Score,
    /// What happened with the first seed.
    #[serde(skip)]
    pub trace: Trace,
}

/// Lets everybody follow every load.
///
/// # Errors
///
/// If a policy cannot be configured so: a target that is none.
pub async fn compare(options: Options) -> anyhow::Result<Comparison> {
    let mut courses = Vec::new();
    for (place, course) in Course::all(options.seed).iter().enumerate() {
        let mut results = Vec::new();
        for policy in Contender::ALL {
            let mut scores = Vec::new();
            let mut first = None;
            for seed in options.seed..options.seed.saturating_add(options.seeds.into()) {
                let Some(course) = Course::all(seed).into_iter().nth(place) else {
                    continue;
                };
                let scenario = course.scenario(policy.replicas(&course, options.target))?;
                let (control, service) = policy.service(options.target)?;
                let trace = drive(&scenario, seed, control, &service).await?;
                scores.push(trace.score(course.rest, need(course.peak(), options.target)));
                first.get_or_insert(trace);
            }
            results.push(PolicyResult {
                policy,
                score: Score::mean(&scores).context("--seeds: at least one")?,
                trace: first.context("--seeds: at least one")?,
            });
        }
        courses.push(CourseResult {
            name: course.name,
            about: course.about,
            why: verdict::why(&results, options.target),
            results,
        });
    }
    Ok(Comparison { options, courses })
}

impl Comparison {
    /// The load and everybody's replicas over time, with the first seed, as SVG.
    pub fn chart(&self) -> String {
        // More points than pixels would only make the file larger.
        const POINTS: usize = 450;
        let panel = |course: &CourseResult| Multiple {
            title: course.name.to_owned(),
            about: course.about.to_owned(),
            pasts: course
                .results
                .iter()
                .map(|result| result.trace.past(POINTS))
                .collect(),
        };
        let panels: Vec<Multiple> = self.courses.iter().map(panel).collect();
        let names = Contender::ALL.map(Contender::name);
        multiples("Replicas ordered by each policy", &names, &panels)
    }
}

/// What really is the case is looked at so often.
const EVERY: Duration = Duration::from_millis(500);
/// When simulated time begins; no result depends on it.
const START: Timestamp = Timestamp::from_secs(1_474_678_630);

/// One run. Where in its interval a policy first decides depends on the seed, so that a load
/// does not always change just before.
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
