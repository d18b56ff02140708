//! What a person sees: one value, drawn by the terminal, the page and the chart alike.

use serde::Serialize;
use sflow_metrics::Timestamp;

use crate::policy::{Band, Signal, SubjectKind};
use sflow_autoscale::node_pools::{PoolEvent, PoolStatus};
use sflow_autoscale::observe::IngestStats;
use sflow_autoscale::problem::ProblemReason;

/// The state of the loop at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// What runs: `demo`, `run`, …
    pub title: String,
    /// Where the page is served, if it is.
    pub page: Option<String>,
    /// Seconds since the loop started, in the loop's own time.
    pub elapsed: f64,
    /// How many times faster than the wall clock the loop runs; 1 is real time.
    pub speed: f64,
    /// What the load is doing now, in words (`simulated load: 750 kB/s`), where that is known.
    pub load: Option<String>,
    /// When the loop started, in seconds since 1970, where its time is that of the clock.
    pub began: Option<i64>,
    /// What is done at most for any service: `off`, `advise` or `act`.
    pub mode: String,
    /// Each service.
    pub services: Vec<ServiceView>,
    /// Each pool of machines.
    pub pools: Vec<PoolView>,
    /// The last decisions, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Current problems, in words.
    pub troubles: Vec<String>,
    /// The same with their reasons.
    pub problems: Vec<ProblemView>,
    /// What has arrived.
    pub intake: IngestStats,
}

/// A current problem.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemView {
    /// Its kind.
    pub reason: ProblemReason,
    /// The service, pool or node; empty if it concerns all of them.
    pub about: String,
    /// When it began, in seconds since the loop started.
    pub since: f64,
    /// The problem, and what to do.
    pub words: String,
}

/// One pool of machines at one moment, with its past.
#[derive(Clone, Debug, Serialize)]
pub struct PoolView {
    /// How it stands.
    #[serde(flatten)]
    pub standing: PoolStatus,
    /// Load and size over time, oldest first, bounded.
    pub past: Vec<Point>,
    /// What has happened last, oldest first.
    pub events: Vec<PoolEvent>,
}

impl PoolView {
    /// The same in the form of a service, for who draws either: its replicas are machines.
    pub fn as_service(&self) -> ServiceView {
        let standing = &self.standing;
        let inputs = standing.last.as_ref();
        let inputs = inputs.map_or(&[][..], |last| last.inputs.as_slice());
        let signals = SignalView::all(&standing.signals, inputs);
        ServiceView {
            name: standing.name.clone(),
            mode: standing.mode.name().to_owned(),
            wanted: standing.known.then(|| standing.desired()),
            running: standing.known.then_some(standing.serving),
            seen: inputs.iter().map(|input| input.matched).max(),
            recommended: standing.last.as_ref().map(|last| last.result),
            bounds: (standing.min, standing.max),
            signals,
            past: self.past.clone(),
        }
    }
}

/// One service at one moment, with its past.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServiceView {
    /// Name.
    pub name: String,
    /// `off`, `advise` or `act`.
    pub mode: String,
    /// Replicas that the orchestrator has been told to keep; `None` if unknown.
    pub wanted: Option<u32>,
    /// Tasks that run; `None` if unknown.
    pub running: Option<u32>,
    /// Containers of it that telemetry knows; `None` if it is unknown which it should know.
    pub seen: Option<u32>,
    /// Replicas that the last decision would set in any mode; `None` if there is none.
    pub recommended: Option<u32>,
    /// Bounds.
    pub bounds: (u32, u32),
    /// The signals that decisions use.
    pub signals: Vec<SignalView>,
    /// Load and size over time, oldest first, bounded.
    pub past: Vec<Point>,
}

/// One signal of a service, as mean per container.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignalView {
    /// Name of the metric (`vir_cpu_utilization`, `vir_bytes_in+vir_bytes_out`).
    pub metric: String,
    /// Unit (`%`, `B/s`).
    pub unit: String,
    /// Mean per container; `None` when nothing is known.
    pub value: Option<f64>,
    /// The value above which the service grows, or the target.
    pub upper: f64,
    /// The value below which it shrinks, or the target.
    pub lower: f64,
    /// The least loaded container; `None` when nothing is known.
    pub least: Option<f64>,
    /// The most loaded one.
    pub most: Option<f64>,
    /// Containers that contributed a fresh value.
    pub contributing: u32,
    /// Containers that match.
    pub matched: u32,
    /// Containers with a fresh value that are younger than the warm-up and do not contribute.
    pub warming: u32,
    /// Whether the last round did not read the service: then no number of containers is known.
    pub unknown: bool,
}

impl SignalView {
    /// Each metric of a rule, with what the last decision had of it.
    pub fn all(rule: &[Band], inputs: &[Signal]) -> Vec<Self> {
        let view = |(place, band): (usize, &Band)| {
            let input = inputs.get(place);
            Self {
                metric: band.metric.clone(),
                unit: band.unit.clone(),
                value: input.and_then(|input| input.value),
                least: input.and_then(|input| input.least),
                most: input.and_then(|input| input.most),
                upper: band.upper,
                lower: band.lower,
                contributing: input.map_or(0, |input| input.contributing),
                matched: input.map_or(0, |input| input.matched),
                warming: input.map_or(0, |input| input.warming),
                unknown: input.is_none(),
            }
        };
        rule.iter().enumerate().map(view).collect()
    }
}

/// One moment of a service's past.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Point {
    /// Seconds since the loop started.
    pub at: f64,
    /// Mean per container of the first signal; `None` where nothing was known.
    pub load: Option<f64>,
    /// The least loaded container.
    pub least: Option<f32>,
    /// The most loaded one.
    pub most: Option<f32>,
    /// Replicas wanted.
    pub wanted: u32,
    /// Tasks running.
    pub running: u32,
}

/// One decision in words.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DecisionView {
    /// Its number in the history; 0 of what is none.
    pub id: u64,
    /// When, in nanoseconds since 1970.
    pub time: Timestamp,
    /// Seconds since the loop started.
    pub at: f64,
    /// What it is for.
    pub kind: SubjectKind,
    /// The service, or the pool.
    pub service: String,
    /// Replicas before.
    pub from: u32,
    /// Replicas decided.
    pub to: u32,
    /// What came of it: `done`, `advised`, `failed` or `kept`.
    pub outcome: &'static str,
    /// Whether packet samples, and not counters alone, have led to it.
    pub fast: bool,
    /// Why, in words, most important first.
    pub reasons: Vec<String>,
    /// Of a pool: what was done with its machines, in words.
    pub machines: Vec<String>,
}
