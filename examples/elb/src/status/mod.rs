//! Status of the control loop: services, pools, decision history, problems and counters. The loop
//! writes it; page, API, metrics and terminal read it.

mod history;
mod latency;
mod leader;
mod points;
mod pools;
mod service;
pub mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sflow_metrics::Timestamp;

pub(crate) use self::points::POINTS;
use self::points::Points;
use self::view::{DecisionView, Point, ProblemView, ServiceView, Snapshot};
use crate::format::unix;
use crate::history::{Health, Restored};
use crate::policy::{Mode, Subject, SubjectKind};
use sflow_autoscale::controller::{Decided, ManagedService, Outcome, Round};
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::observe::IngestStats;
use sflow_autoscale::problem::{Changed, Current, Problem, ProblemReason, Tracker};

pub(crate) use self::history::DECISIONS;
pub use self::history::{Entry, History};
pub use self::latency::Latency;
use self::leader::Leader;
pub use self::leader::{LeaderStatus, LeaderView};
pub use self::pools::MachineTally;
use self::pools::Pools;
pub use self::service::ServiceStatus;

/// Decisions in a snapshot.
const SHOWN: usize = 200;

/// Status of the loop.
#[derive(Debug)]
pub struct LoopStatus {
    about: About,
    started: Timestamp,
    now: Timestamp,
    /// The loop's time and the end of the last round, by this machine's monotonic clock.
    updated: Instant,
    ended: Instant,
    mode: Mode,
    rounds: u64,
    reached: Option<Timestamp>,
    /// Start of the last round.
    last_round: Timestamp,
    services: Vec<ServiceStatus>,
    points: BTreeMap<Subject, Points>,
    history: History,
    problems: Tracker<(ProblemReason, String)>,
    tally: Tally,
    outcomes: BTreeMap<&'static str, u64>,
    latency: Latency,
    pools: Pools,
    stored: Option<Health>,
    leader: Leader,
}

/// Values that only the program around the loop knows.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The subcommand: `demo`, `run`, …
    pub title: String,
    /// URL of the page, if it is served.
    pub page: Option<String>,
    /// Factor by which the loop runs faster than the wall clock; 1 is real time.
    pub speed: f64,
    /// Description of the current simulated load, if known.
    pub load: Option<String>,
}

/// Counters since the start of the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions made.
    pub decisions: u64,
    /// Changes that added replicas.
    pub grown: u64,
    /// Changes that removed replicas.
    pub shrunk: u64,
    /// Recommended changes in mode `advise`; each is counted once.
    pub advised: u64,
    /// Decisions repeated because the service had changed in the meantime.
    pub conflicts: u64,
    /// Rounds in which the orchestrator could not be read.
    pub unreachable: u64,
}

impl LoopStatus {
    /// An empty status.
    pub fn new(started: Timestamp) -> Self {
        Self {
            about: About {
                speed: 1.0,
                ..About::default()
            },
            started,
            now: started,
            updated: Instant::now(),
            ended: Instant::now(),
            mode: Mode::Act,
            rounds: 0,
            reached: None,
            last_round: started,
            services: Vec::new(),
            points: BTreeMap::new(),
            history: History::default(),
            problems: Tracker::default(),
            tally: Tally::default(),
            outcomes: BTreeMap::new(),
            latency: Latency::default(),
            pools: Pools::default(),
            stored: None,
            leader: Leader::default(),
        }
    }

    /// Sets the values that only the program around the loop knows.
    pub fn set_context(&mut self, now: Timestamp, about: About) {
        self.now = now;
        self.updated = Instant::now();
        self.about = about;
    }

    /// Continues with a stored history: its decisions and charts. `interval` is the time between two
    /// rounds.
    pub fn restore(&mut self, restored: Restored, interval: Duration) {
        /// A longer time without an observation is a gap, in seconds.
        const GAP: f64 = 15.0;
        let gap = (3.0 * interval.as_secs_f64()).max(GAP);
        let newest: BTreeMap<Subject, Vec<String>> = restored
            .inputs
            .iter()
            .map(|it| (it.observation.subject.clone(), it.metrics()))
            .collect();
        for input in restored.inputs {
            let observation = &input.observation;
            let metrics = input.metrics();
            // Values of another rule are not comparable.
            if newest.get(&observation.subject) != Some(&metrics) {
                continue;
            }
            let at = self.seconds(input.time);
            let points = self.points.entry(observation.subject.clone());
            let points = points.or_default();
            points.push_gap(at, gap);
            let running = u32::try_from(observation.running.len()).unwrap_or(u32::MAX);
            let point = Point::new(at, &observation.signals, input.wanted(), running);
            points.push(Some(point), metrics.len(), &observation.signals);
        }
        for points in self.points.values_mut() {
            points.push_gap(0.0, 0.0);
        }
        self.history.restore(restored.decisions, restored.last);
    }

    /// Sets the state of the stored history.
    pub fn set_stored(&mut self, health: Health) {
        self.stored = Some(health);
    }

    /// State of the stored history; `None` if it is not stored.
    pub const fn stored(&self) -> Option<&Health> {
        self.stored.as_ref()
    }

    /// Records the result of a round. Returns what is new.
    pub fn record_round(
        &mut self,
        now: Timestamp,
        mode: Mode,
        managed: &[ManagedService],
        round: &Round,
    ) -> News {
        self.now = now;
        self.ended = Instant::now();
        // The time when the round began.
        let stages = &round.stages;
        let lasted = stages.read + stages.observe + stages.decide + stages.act;
        self.updated = self.ended.checked_sub(lasted).unwrap_or(self.ended);
        self.rounds += 1;
        self.last_round = now;
        if round.reached {
            self.reached = Some(now);
        } else {
            self.tally.unreachable += 1;
        }
        self.tally.conflicts += round.conflicts;
        self.latency.record_round(stages);
        let mut news = News::default();
        for decided in &round.decisions {
            let is_news = self.history.is_news(decided);
            self.count(decided, is_news);
            if is_news {
                news.entries.push(self.history.add(decided, &[]));
            }
        }
        self.update_services(mode, managed);
        let at = self.seconds(now);
        for service in &self.services {
            let points = self.points.entry(Subject::service(&service.name));
            let points = points.or_default();
            let inputs = service.inputs();
            // The size of a service that has never been read is unknown.
            let before = points.newest();
            let is_known = service.state.is_some() || before.is_some();
            let point = is_known.then(|| service.point(at, before));
            points.push(point, service.signals.len(), inputs);
        }
        let names: HashSet<&str> = managed.iter().map(|it| it.name.as_str()).collect();
        // Before the orchestrator has answered, services with labels are unknown.
        self.points.retain(|subject, _| {
            self.reached.is_none()
                || subject.kind != SubjectKind::Service
                || names.contains(subject.name.as_str())
        });
        news.problems = self.record_problems(now, &round.problems, round.reached);
        news
    }

    /// Updates the current problems. While the orchestrator does not answer, problems that are
    /// found in its answers are kept.
    pub fn record_problems(
        &mut self,
        now: Timestamp,
        found: &[Problem],
        is_reached: bool,
    ) -> Changed<(ProblemReason, String)> {
        let found = found.iter().map(|problem| {
            let Problem {
                reason,
                about,
                message,
            } = problem;
            ((*reason, about.clone()), message.clone(), reason.delays())
        });
        let is_unknown = |(reason, _): &(ProblemReason, String)| {
            !is_reached && !matches!(reason, ProblemReason::ModeUnset | ProblemReason::History)
        };
        self.problems.update(now, found, is_unknown)
    }

    /// Updates the status of all services without a round.
    pub fn update_services(&mut self, mode: Mode, managed: &[ManagedService]) {
        self.mode = mode;
        let is_current = self.reached == Some(self.last_round);
        let services = managed.iter();
        self.services = services
            .map(|managed| ServiceStatus::of(managed, mode, is_current))
            .collect();
    }

    fn count(&mut self, decided: &Decided, is_news: bool) {
        let decision = &decided.decision;
        self.tally.decisions += 1;
        *self.outcomes.entry(decided.outcome.name()).or_default() += 1;
        self.latency.record_readings(decision);
        match &decided.outcome {
            Outcome::Done if decision.result > decision.replicas => self.tally.grown += 1,
            Outcome::Done => self.tally.shrunk += 1,
            Outcome::Advised if is_news => self.tally.advised += 1,
            Outcome::Kept | Outcome::Advised | Outcome::Failed { .. } => {}
        }
    }

    /// Status of every service.
    pub fn services(&self) -> &[ServiceStatus] {
        &self.services
    }

    /// Status of one service.
    pub fn service(&self, service: &str) -> Option<&ServiceStatus> {
        self.services.iter().find(|known| known.name == service)
    }

    /// Decision history.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Current problems, by reason and subject.
    pub fn problems(&self) -> impl Iterator<Item = (&(ProblemReason, String), &Current)> {
        self.problems.current()
    }

    /// Counters since the start of the loop.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Number of decisions by outcome.
    pub const fn outcomes(&self) -> &BTreeMap<&'static str, u64> {
        &self.outcomes
    }

    /// Latency statistics since the start of the loop.
    pub const fn latency(&self) -> &Latency {
        &self.latency
    }

    /// Number of rounds.
    pub const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Time of the last round or of the last update.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The loop's current time: its time at the last update plus the time since then.
    pub fn present(&self) -> Timestamp {
        let speed = self.about.speed;
        let speed = if speed.is_finite() { speed } else { 0.0 };
        self.now + self.updated.elapsed().mul_f64(speed.clamp(0.0, 1_000.0))
    }

    /// Time since the last round ended or the loop started, by this machine's clock.
    pub fn idle(&self) -> Duration {
        self.ended.elapsed()
    }

    /// Start of the loop, in its own time.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Last time that the orchestrator answered.
    pub const fn reached(&self) -> Option<Timestamp> {
        self.reached
    }

    /// Whether the orchestrator answered the last round, and the current round has not waited
    /// longer than `interval` plus `timeout`.
    pub fn is_orchestrator_up(&self, interval: Duration, timeout: Duration) -> bool {
        self.reached == Some(self.last_round) && self.updated.elapsed() <= interval + timeout
    }

    /// Mode of the loop.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Own and effective mode of a service or pool; `None` if it does not exist.
    pub fn mode_of(&self, subject: &Subject) -> Option<(Mode, Mode)> {
        match subject.kind {
            SubjectKind::Service => {
                let service = self.service(&subject.name)?;
                Some((service.own_mode, service.mode))
            }
            SubjectKind::Pool => {
                let pool = self.pool(&subject.name)?;
                Some((pool.own_mode, pool.mode))
            }
        }
    }

    /// History of a service or pool with the values of its first metric, oldest first.
    pub fn points(&self, subject: &Subject) -> Vec<Point> {
        self.points_of_metric(subject, 0)
    }

    /// History of a service or pool with the values of its metric number `metric`, oldest first.
    pub fn points_of_metric(&self, subject: &Subject, metric: usize) -> Vec<Point> {
        let points = self.points.get(subject);
        points.map_or_else(Vec::new, |points| points.of_metric(metric))
    }

    /// At most `most` points of a history, including the newest.
    fn thinned(&self, subject: &Subject, most: usize) -> Vec<Point> {
        let points = self.points.get(subject);
        points.map_or_else(Vec::new, |points| points.thinned(most))
    }

    /// A snapshot for the terminal and the page, with at most `points` points of each service's
    /// history.
    pub fn snapshot(&self, intake: IngestStats, points: usize) -> Snapshot {
        let shown = self.history.newest(SHOWN);
        let mut decisions: Vec<DecisionView> = shown
            .map(|entry| DecisionView::of(entry, self.started))
            .collect();
        let problem = |(key, current): (&(ProblemReason, String), &Current)| ProblemView {
            reason: key.0,
            about: key.1.clone(),
            since: self.seconds(current.since),
            words: current.message.clone(),
        };
        let problems: Vec<ProblemView> = self.problems().map(problem).collect();
        decisions.extend(problems.iter().map(|problem| DecisionView {
            at: self.seconds(self.now),
            reasons: vec![problem.words.clone()],
            ..DecisionView::default()
        }));
        Snapshot {
            title: self.about.title.clone(),
            page: self.about.page.clone(),
            elapsed: self.seconds(self.now),
            speed: self.about.speed,
            load: self.about.load.clone(),
            began: self.began(),
            mode: self.mode.name().to_owned(),
            leader: self.leader_view(),
            services: self
                .services
                .iter()
                .map(|service| service.view(self.thinned(&Subject::service(&service.name), points)))
                .collect(),
            pools: self.pool_views(points),
            decisions,
            problems,
            intake,
        }
    }

    /// A service for the terminal and the page.
    pub fn view(&self, service: &str) -> Option<ServiceView> {
        let known = self.service(service)?;
        Some(known.view(self.points(&Subject::service(service))))
    }

    /// Decisions about a service or a pool, oldest first.
    pub fn decisions(&self, subject: &Subject) -> Vec<DecisionView> {
        let own = self.history.about(subject);
        own.map(|entry| DecisionView::of(entry, self.started))
            .collect()
    }

    /// The last decision about each service, if it is still in the history.
    pub fn last_decisions(&self) -> HashMap<String, DecisionView> {
        let entries = self.history.after(0);
        let entries = entries.map(|entry| (&entry.decision.subject, entry));
        let last: BTreeMap<_, _> = entries
            .filter(|(subject, _)| subject.kind == SubjectKind::Service)
            .collect();
        let view = |entry| DecisionView::of(entry, self.started);
        last.into_iter()
            .map(|(subject, entry)| (subject.name.clone(), view(entry)))
            .collect()
    }

    /// Start of the loop in Unix seconds; `None` if the loop does not run by the wall clock.
    pub(crate) fn began(&self) -> Option<i64> {
        const REAL: f64 = 1.0;
        (self.about.speed == REAL).then(|| unix(self.started))
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        seconds(self.started, at)
    }
}

/// Seconds from the start of the loop to a time, which may be earlier.
fn seconds(started: Timestamp, at: Timestamp) -> f64 {
    (at - started).as_secs_f64() - (started - at).as_secs_f64()
}

/// New decisions, problems and events of a round.
#[derive(Debug, Default)]
pub struct News {
    /// New decisions.
    pub entries: Vec<Arc<Entry>>,
    /// Problems that began and problems that ended.
    pub problems: Changed<(ProblemReason, String)>,
    /// Events of node pools.
    pub machines: Vec<PoolEvent>,
}
