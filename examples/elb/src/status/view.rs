//! View models for the terminal, the page and charts.

use serde::Serialize;
use sflow_metrics::Timestamp;
use utoipa::ToSchema;

use super::history::Entry;
use super::leader::LeaderView;
use crate::format::limits;
use crate::policy::{Band, Mode, Signal, SubjectKind};
use sflow_autoscale::node_pools::{PoolEvent, PoolStatus};
use sflow_autoscale::observe::IngestStats;
use sflow_autoscale::problem::ProblemReason;

/// Status of the loop at one time.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Snapshot {
    /// The subcommand: `demo`, `run`, …
    pub title: String,
    /// URL of the page, if it is served.
    pub page: Option<String>,
    /// Seconds since the loop started, in the loop's own time.
    pub elapsed: f64,
    /// Factor by which the loop runs faster than the wall clock; 1 is real time.
    pub speed: f64,
    /// Description of the simulated load (`simulated load: 750 kB/s`), if known.
    pub load: Option<String>,
    /// Start of the loop in Unix seconds; `None` if the loop does not run by the wall clock.
    pub began: Option<i64>,
    /// Mode of the loop: `off`, `advise` or `act`.
    pub mode: String,
    /// Leadership of this instance.
    pub leader: LeaderView,
    /// Services.
    pub services: Vec<ServiceView>,
    /// Node pools.
    pub pools: Vec<PoolView>,
    /// The last decisions, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Current problems.
    pub problems: Vec<ProblemView>,
    /// Statistics of received datagrams.
    pub intake: IngestStats,
}

/// A current problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProblemView {
    /// Kind of the problem.
    pub reason: ProblemReason,
    /// The service, pool or node; empty if all are affected.
    pub about: String,
    /// Beginning, in seconds since the start of the loop.
    pub since: f64,
    /// Message with a recommended action.
    pub words: String,
}

/// A node pool at one time, with its history.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PoolView {
    /// Status of the pool.
    #[serde(flatten)]
    pub status: PoolStatus,
    /// Load and size over time, oldest first, bounded.
    pub past: Vec<Point>,
    /// Last events, oldest first.
    pub events: Vec<PoolEvent>,
}

impl PoolView {
    /// The pool in the form of a service: its replicas are machines.
    pub fn as_service(&self) -> ServiceView {
        let status = &self.status;
        let inputs = status.last.as_ref();
        let inputs = inputs.map_or(&[][..], |last| last.inputs.as_slice());
        let signals = SignalView::all(&status.signals, inputs);
        ServiceView {
            name: status.name.clone(),
            mode: status.mode.name().to_owned(),
            wanted: status.known.then(|| status.desired()),
            running: status.known.then_some(status.serving),
            seen: inputs.iter().map(|input| input.matched).max(),
            recommended: status.last.as_ref().map(|last| last.result),
            bounds: (status.min, status.max),
            signals,
            past: self.past.clone(),
        }
    }
}

/// A service at one time, with its history.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ServiceView {
    /// Name.
    pub name: String,
    /// `off`, `advise` or `act`.
    pub mode: String,
    /// Replicas configured in the orchestrator; `None` if unknown.
    pub wanted: Option<u32>,
    /// Running tasks; `None` if unknown.
    pub running: Option<u32>,
    /// Containers known to the telemetry; `None` if the expected number is unknown.
    pub seen: Option<u32>,
    /// Replicas that the last decision would set in mode `act`; `None` without a decision.
    pub recommended: Option<u32>,
    /// Minimum and maximum number of replicas.
    pub bounds: (u32, u32),
    /// Signals of the rule.
    pub signals: Vec<SignalView>,
    /// Load and size over time, oldest first, bounded.
    pub past: Vec<Point>,
}

/// A signal of a service, as mean per container.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct SignalView {
    /// Name of the metric (`vir_cpu_utilization`, `vir_bytes_in+vir_bytes_out`).
    pub metric: String,
    /// Unit (`%`, `B/s`).
    pub unit: String,
    /// Mean per container; `None` if unknown.
    pub value: Option<f64>,
    /// Value above which the size grows.
    pub upper: f64,
    /// Value below which the size shrinks.
    pub lower: f64,
    /// Target of the rule; `None` if it has two thresholds.
    pub target: Option<f64>,
    /// Value of the least loaded container; `None` if unknown.
    pub least: Option<f64>,
    /// Value of the most loaded container.
    pub most: Option<f64>,
    /// Containers with a fresh value.
    pub contributing: u32,
    /// Containers that match.
    pub matched: u32,
    /// Containers that are younger than the warm-up time and do not contribute.
    pub warming: u32,
    /// Whether the last round could not read the service, so that numbers of containers are
    /// unknown.
    pub unknown: bool,
}

impl SignalView {
    /// The metrics of a rule with the signals of the last decision.
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
                target: band.target,
                contributing: input.map_or(0, |input| input.contributing),
                matched: input.map_or(0, |input| input.matched),
                warming: input.map_or(0, |input| input.warming),
                unknown: input.is_none(),
            }
        };
        rule.iter().enumerate().map(view).collect()
    }

    /// Both thresholds, or twice the target.
    pub(crate) fn shown_limits(&self) -> (f64, f64) {
        let target = self.target.map(|target| (target, target));
        target.unwrap_or((self.lower, self.upper))
    }

    /// `50–100 kB/s`, or `target 100 kB/s`.
    pub(crate) fn limits(&self) -> String {
        let (lower, upper) = self.shown_limits();
        limits(lower, upper, &self.unit)
    }
}

/// A point of a service's history.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Point {
    /// Seconds since the start of the loop.
    pub at: f64,
    /// Mean of the first signal per container; `None` if unknown.
    pub load: Option<f64>,
    /// Value of the least loaded container.
    pub least: Option<f32>,
    /// Value of the most loaded container.
    pub most: Option<f32>,
    /// Desired replicas.
    pub wanted: u32,
    /// Tasks running.
    pub running: u32,
}

impl Point {
    /// A point with the values of the first of `inputs`.
    pub(super) fn new(at: f64, inputs: &[Signal], wanted: u32, running: u32) -> Self {
        let first = inputs.first();
        Self {
            at,
            load: first.and_then(|input| input.value),
            least: first.and_then(|input| input.least).map(|load| load as f32),
            most: first.and_then(|input| input.most).map(|load| load as f32),
            wanted,
            running,
        }
    }
}

/// A decision as text.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct DecisionView {
    /// Number in the history; 0 if it is not in the history.
    pub id: u64,
    /// Time in nanoseconds since 1970.
    #[schema(value_type = u64)]
    pub time: Timestamp,
    /// Seconds since the start of the loop.
    pub at: f64,
    /// Whether the subject is a service or a pool.
    pub kind: SubjectKind,
    /// Name of the service or pool.
    pub service: String,
    /// Replicas before the decision.
    pub from: u32,
    /// Replicas after the decision.
    pub to: u32,
    /// Outcome: `done`, `advised`, `failed` or `kept`.
    pub outcome: &'static str,
    /// Whether packet samples were decisive.
    pub fast: bool,
    /// Reasons, most important first.
    pub reasons: Vec<String>,
    /// Operations on machines, if the subject is a pool.
    pub machines: Vec<String>,
}

impl DecisionView {
    /// The text of an entry of the history of a loop that started at this time.
    pub(super) fn of(entry: &Entry, started: Timestamp) -> Self {
        let decision = &entry.decision;
        Self {
            id: entry.id,
            time: decision.time,
            at: super::seconds(started, decision.time),
            kind: decision.subject.kind,
            service: decision.subject.name.clone(),
            from: decision.replicas,
            to: decision.result,
            outcome: entry.outcome.name(),
            fast: decision.is_fast(),
            reasons: decision.reasons(),
            machines: match decision.mode {
                Mode::Act => entry.machines.iter().map(ToString::to_string).collect(),
                Mode::Advise | Mode::Off => Vec::new(),
            },
        }
    }
}
