//! What the loop has come to: how each service stands, every decision worth telling, what went
//! wrong. The loop writes it; page, API, metrics and terminal read it.

mod history;
mod others;
mod pools;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sflow_metrics::Timestamp;

use crate::latency::Latency;
use crate::orchestrator::{Scaling, Service};
use crate::policy::{Band, Decision, Mode, Signal, SubjectKind};
use crate::view::{DecisionView, Point, ProblemView, ServiceView, SignalView, Snapshot};
use sflow_autoscale::controller::{Decided, ManagedService, Outcome, Round, Stages};
use sflow_autoscale::node_pools::PoolEvent;
use sflow_autoscale::observe::IngestStats;
use sflow_autoscale::problem::{Changed, Current, Problem, ProblemReason, Tracker};

pub use self::history::{Entry, History};
use self::others::Others;
pub use self::pools::MachineTally;
use self::pools::Pools;

/// Points of a service's past that are kept: an hour at one every two seconds.
const PAST: usize = 1_800;
/// Decisions that a snapshot shows.
const SHOWN: usize = 200;

/// How the loop stands.
#[derive(Debug)]
pub struct Board {
    about: About,
    started: Timestamp,
    now: Timestamp,
    /// When `now` was told, and when the last round ended, by this machine's clock.
    told: Instant,
    ticked: Instant,
    mode: Mode,
    rounds: u64,
    reached: Option<Timestamp>,
    /// When the last round began.
    last_round: Timestamp,
    standings: Vec<Standing>,
    past: BTreeMap<String, VecDeque<Point>>,
    others: BTreeMap<String, Others>,
    history: History,
    troubles: Tracker<(ProblemReason, String)>,
    tally: Tally,
    outcomes: BTreeMap<&'static str, u64>,
    stages: Stages,
    latency: Latency,
    pools: Pools,
}

/// What only who runs the loop knows of it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// What runs: `demo`, `run`, …
    pub title: String,
    /// Where the page is served, if it is.
    pub page: Option<String>,
    /// How many times faster than the wall clock the loop runs; 1 is real time.
    pub speed: f64,
    /// What the load is doing now, in words, where that is known.
    pub load: Option<String>,
}

/// How a service stands after a round.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// The orchestrator's identity of it; `None` if it does not know it.
    pub id: Option<String>,
    /// What the loop does for it: its own mode, or the loop's where that allows less.
    pub mode: Mode,
    /// Its own mode.
    pub own_mode: Mode,
    /// Larger is served first when the budget is short.
    pub priority: i32,
    /// Replicas that the orchestrator keeps; `None` if it has no such number, or if that is
    /// unknown.
    pub replicas: Option<u32>,
    /// Tasks that run; `None` if the last round did not read it.
    pub running: Option<u32>,
    /// Tasks that should run; `None` if the last round did not read it.
    pub tasks: Option<u32>,
    /// Replicas that the last decision would set in any mode; `None` if the last round made no
    /// decision.
    pub recommended: Option<u32>,
    /// Never fewer replicas.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// What it is balanced by, with the values between which nothing happens.
    pub signals: Vec<Band>,
    /// What was decided last.
    pub last: Option<Arc<Decision>>,
    /// As the orchestrator described it last, with its tasks.
    #[serde(skip)]
    pub state: Option<Arc<Service>>,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Decisions made.
    pub decisions: u64,
    /// Times that the orchestrator was told to add replicas.
    pub grown: u64,
    /// Times that it was told to take some away.
    pub shrunk: u64,
    /// Changes that were advised, each once.
    pub advised: u64,
    /// Requests that the orchestrator refused or did not answer.
    pub failed: u64,
    /// Decisions made anew because the service had changed meanwhile.
    pub conflicts: u64,
    /// Rounds in which the orchestrator could not be read.
    pub unreachable: u64,
}

impl Board {
    /// A board with nothing on it.
    pub fn new(started: Timestamp) -> Self {
        Self {
            about: About {
                speed: 1.0,
                ..About::default()
            },
            started,
            now: started,
            told: Instant::now(),
            ticked: Instant::now(),
            mode: Mode::Act,
            rounds: 0,
            reached: None,
            last_round: started,
            standings: Vec::new(),
            past: BTreeMap::new(),
            others: BTreeMap::new(),
            history: History::default(),
            troubles: Tracker::default(),
            tally: Tally::default(),
            outcomes: BTreeMap::new(),
            stages: Stages::default(),
            latency: Latency::default(),
            pools: Pools::default(),
        }
    }

    /// Says what only who runs the loop knows.
    pub fn tell(&mut self, now: Timestamp, about: About) {
        self.now = now;
        self.told = Instant::now();
        self.about = about;
    }

    /// Takes down what a round came to; answers what of it is news.
    pub fn note(
        &mut self,
        now: Timestamp,
        mode: Mode,
        managed: &[ManagedService],
        round: &Round,
    ) -> News {
        self.now = now;
        self.ticked = Instant::now();
        // That was the time when the round began.
        let stages = &round.stages;
        let lasted = stages.read + stages.observe + stages.decide + stages.act;
        self.told = self.ticked.checked_sub(lasted).unwrap_or(self.ticked);
        self.rounds += 1;
        self.last_round = now;
        if round.reached {
            self.reached = Some(now);
        } else {
            self.tally.unreachable += 1;
        }
        self.tally.conflicts += round.conflicts;
        self.stages = round.stages;
        self.latency.note(&round.stages);
        let mut news = News::default();
        for decided in &round.decisions {
            let is_news = self.history.is_news(decided);
            self.count(decided, is_news);
            if is_news {
                news.entries.push(self.history.add(decided, &[]));
            }
        }
        self.stand(mode, managed);
        let at = self.seconds(now);
        for (managed, standing) in managed.iter().zip(&self.standings) {
            let past = match self.past.get_mut(&managed.name) {
                Some(past) => past,
                None => self.past.entry(managed.name.clone()).or_default(),
            };
            let inputs = standing.inputs();
            // A service that has never been read has no size to show.
            if standing.state.is_some() || !past.is_empty() {
                if past.len() == PAST {
                    past.pop_front();
                }
                past.push_back(standing.point(at, inputs, past.back()));
            }
            let others = match self.others.get_mut(&managed.name) {
                Some(others) => others,
                None => self.others.entry(managed.name.clone()).or_default(),
            };
            others.note(standing.signals.len(), inputs);
        }
        if self.past.len() > managed.len() {
            let names: HashSet<&str> = managed.iter().map(|it| it.name.as_str()).collect();
            self.past.retain(|name, _| names.contains(name.as_str()));
            self.others.retain(|name, _| names.contains(name.as_str()));
        }
        news.troubles = self.record_problems(now, &round.problems, round.reached);
        news
    }

    /// Updates the current problems. Without an answer of the orchestrator, what it would have
    /// shown is unknown.
    pub fn record_problems(
        &mut self,
        now: Timestamp,
        troubles: &[Problem],
        is_reached: bool,
    ) -> Changed<(ProblemReason, String)> {
        let found = troubles.iter().map(|trouble| {
            let Problem {
                reason,
                about,
                message,
            } = trouble;
            ((*reason, about.clone()), message.clone(), reason.delays())
        });
        let is_unknown = |(reason, _): &(ProblemReason, String)| {
            !is_reached && *reason != ProblemReason::ModeUnset
        };
        self.troubles.update(now, found, is_unknown)
    }

    /// Takes down how services stand, without a round.
    pub fn stand(&mut self, mode: Mode, managed: &[ManagedService]) {
        self.mode = mode;
        let is_current = self.reached == Some(self.last_round);
        let standings = managed.iter();
        self.standings = standings
            .map(|managed| Standing::of(managed, mode, is_current))
            .collect();
    }

    fn count(&mut self, decided: &Decided, is_news: bool) {
        let decision = &decided.decision;
        self.tally.decisions += 1;
        *self.outcomes.entry(decided.outcome.name()).or_default() += 1;
        self.latency.note_readings(decision);
        match &decided.outcome {
            Outcome::Done if decision.result > decision.replicas => self.tally.grown += 1,
            Outcome::Done => self.tally.shrunk += 1,
            Outcome::Advised if is_news => self.tally.advised += 1,
            Outcome::Failed { .. } => self.tally.failed += 1,
            Outcome::Kept | Outcome::Advised => {}
        }
    }

    /// How every service stands.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// How one does.
    pub fn standing(&self, service: &str) -> Option<&Standing> {
        self.standings.iter().find(|known| known.name == service)
    }

    /// The decisions worth telling.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Current problems, by reason and by what they are about.
    pub fn troubles(&self) -> impl Iterator<Item = (&(ProblemReason, String), &Current)> {
        self.troubles.current()
    }

    /// How often what happened.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many decisions came to what.
    pub const fn outcomes(&self) -> &BTreeMap<&'static str, u64> {
        &self.outcomes
    }

    /// How long things took since the loop began.
    pub const fn latency(&self) -> &Latency {
        &self.latency
    }

    /// How long each stage of the last round took.
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// Rounds so far.
    pub const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// The last round's time, or the time that it was told last.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The loop's own time at this moment: what it was told last, and what has passed since then.
    pub fn present(&self) -> Timestamp {
        let speed = self.about.speed;
        let speed = if speed.is_finite() { speed } else { 0.0 };
        self.now + self.told.elapsed().mul_f64(speed.clamp(0.0, 1_000.0))
    }

    /// How long ago the last round ended, or the loop began, by this machine's clock.
    pub fn idle(&self) -> Duration {
        self.ticked.elapsed()
    }

    /// When the loop started, in its own time.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// When the orchestrator last answered a round.
    pub const fn reached(&self) -> Option<Timestamp> {
        self.reached
    }

    /// Whether the orchestrator answered the last round, and the present one has not waited for
    /// it longer than a round every `interval` and one request may take.
    pub fn is_orchestrator_up(&self, interval: Duration, timeout: Duration) -> bool {
        self.reached == Some(self.last_round) && self.told.elapsed() <= interval + timeout
    }

    /// What the loop may do at most.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// A service's past, oldest first.
    pub fn past(&self, service: &str) -> Vec<Point> {
        let past = self.past.get(service).into_iter().flatten();
        past.copied().collect()
    }

    /// What a person sees now, with at most so many points of each service's past.
    pub fn snapshot(&self, intake: IngestStats, points: usize) -> Snapshot {
        let shown = self.history.newest(SHOWN);
        let mut decisions: Vec<DecisionView> = shown.map(|entry| self.view_of(entry)).collect();
        let problem = |(key, current): (&(ProblemReason, String), &Current)| ProblemView {
            reason: key.0,
            about: key.1.clone(),
            since: self.seconds(current.since),
            words: current.message.clone(),
        };
        let problems: Vec<ProblemView> = self.troubles().map(problem).collect();
        let troubles: Vec<String> = problems.iter().map(|it| it.words.clone()).collect();
        decisions.extend(troubles.iter().map(|trouble| DecisionView {
            at: self.seconds(self.now),
            reasons: vec![trouble.clone()],
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
            services: self
                .standings
                .iter()
                .map(|standing| standing.view(thinned(self.past.get(&standing.name), points)))
                .collect(),
            pools: self.pool_views(points),
            decisions,
            troubles,
            problems,
            intake,
        }
    }

    /// The same with the loads of another of its metrics, by its place.
    pub fn past_by(&self, service: &str, metric: usize) -> Vec<Point> {
        let past = self.past(service);
        match self.others.get(service) {
            Some(others) => others.in_place(past, metric),
            None => past,
        }
    }

    /// A service as a person sees it.
    pub fn view(&self, service: &str) -> Option<ServiceView> {
        let standing = self.standing(service)?;
        Some(standing.view(self.past(service)))
    }

    /// The decisions about a service or a pool that are kept, oldest first, for people.
    pub fn decisions(&self, kind: SubjectKind, name: &str) -> Vec<DecisionView> {
        let own = self.history.about(kind, name);
        own.map(|entry| self.view_of(entry)).collect()
    }

    /// The last decision about each service, for people, as far as it is kept.
    pub fn last_decisions(&self) -> HashMap<String, DecisionView> {
        let mut last = HashMap::new();
        for entry in self.history.after(0).rev() {
            let decision = &entry.decision;
            if decision.subject.kind == SubjectKind::Service
                && !last.contains_key(&decision.subject.name)
            {
                last.insert(decision.subject.name.clone(), self.view_of(entry));
            }
        }
        last
    }

    fn view_of(&self, entry: &Entry) -> DecisionView {
        let decision = &entry.decision;
        DecisionView {
            id: entry.id,
            time: decision.time,
            at: self.seconds(decision.time),
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

    /// When the loop began, in seconds since 1970, where its time is that of the clock.
    fn began(&self) -> Option<i64> {
        const REAL: f64 = 1.0;
        let seconds = i64::try_from(self.started.as_nanos() / 1_000_000_000);
        seconds.ok().filter(|_| self.about.speed == REAL)
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        (at - self.started).as_secs_f64()
    }
}

/// A past in so many points at most, the newest among them.
fn thinned(past: Option<&VecDeque<Point>>, points: usize) -> Vec<Point> {
    let Some(past) = past.filter(|_| points > 0) else {
        return Vec::new();
    };
    let stride = past.len().div_ceil(points).max(1);
    let mut thinned: Vec<Point> = past.iter().rev().step_by(stride).copied().collect();
    thinned.reverse();
    thinned
}

/// What of a round is worth telling.
#[derive(Debug, Default)]
pub struct News {
    /// Decisions that say something new.
    pub entries: Vec<Arc<Entry>>,
    /// Problems that began and ended.
    pub troubles: Changed<(ProblemReason, String)>,
    /// What has happened in pools of machines.
    pub machines: Vec<PoolEvent>,
}

impl Standing {
    fn of(managed: &ManagedService, mode: Mode, is_current: bool) -> Self {
        let settings = managed.policy.settings();
        let mode = managed.mode.least(mode);
        let state = managed.state.as_ref().filter(|_| is_current);
        let last = managed.last.as_ref();
        let last = last.filter(|_| state.is_some() && mode != Mode::Off);
        Self {
            name: managed.name.clone(),
            id: managed.state.as_ref().map(|state| state.id.0.clone()),
            mode,
            own_mode: managed.mode,
            priority: managed.priority,
            replicas: state.and_then(|state| match state.scaling {
                Scaling::Replicated { replicas } => Some(replicas),
                Scaling::Global | Scaling::Job => None,
            }),
            running: state.map(|state| state.running()),
            tasks: state.map(|state| u32::try_from(state.tasks.len()).unwrap_or(u32::MAX)),
            recommended: last.map(|last| last.result),
            min: settings.min,
            max: settings.max,
            signals: managed.query.bands(&settings.rule),
            last: managed.last.clone(),
            state: managed.state.clone(),
        }
    }

    /// What it is balanced by.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.signals.iter().map(|band| band.metric.as_str())
    }

    /// Replicas that the orchestrator has been told to keep; `None` if the last round did not read
    /// it.
    fn wanted(&self) -> Option<u32> {
        self.running?;
        match &self.last {
            Some(decision) if decision.mode == Mode::Act => Some(decision.result),
            Some(decision) => Some(decision.replicas),
            None => self.replicas,
        }
    }

    /// What the last round decided from; nothing if it could not read the service.
    fn inputs(&self) -> &[Signal] {
        match &self.last {
            Some(last) if self.recommended.is_some() => &last.inputs,
            _ => &[],
        }
    }

    /// The present moment. An unknown number of replicas is drawn as it was before.
    fn point(&self, at: f64, inputs: &[Signal], before: Option<&Point>) -> Point {
        let first = inputs.first();
        let before = before.copied().unwrap_or_default();
        Point {
            at,
            load: first.and_then(|input| input.value),
            least: first.and_then(|input| input.least).map(|load| load as f32),
            most: first.and_then(|input| input.most).map(|load| load as f32),
            wanted: self.wanted().unwrap_or(before.wanted),
            running: self.running.unwrap_or(before.running),
        }
    }

    fn view(&self, past: Vec<Point>) -> ServiceView {
        let inputs = self.inputs();
        let signals = SignalView::all(&self.signals, inputs);
        ServiceView {
            name: self.name.clone(),
            mode: self.mode.name().to_owned(),
            wanted: self.wanted(),
            running: self.running,
            seen: inputs.iter().map(|input| input.matched).max(),
            recommended: self.recommended,
            bounds: (self.min, self.max),
            signals,
            past,
        }
    }
}
