use super::decision::{Decision, Stage};
use super::observation::{Fast, Observation, Signal};
use super::reason::Reason;
use super::settings::{Rule, Settings, Target, Thresholds};

/// What the rule asks for, with the missing-data rule applied.
///
/// A container without a fresh value counts as idle when growing and as fully loaded when
/// shrinking: what is not known dampens a change and never turns it round. With nothing known
/// at all the number stays.
///
/// Readings speak of the past, when only `then` replicas shared the load: when growing, they
/// count for no more containers than that, or a service that has just grown would grow again
/// for the load that its new containers have already taken over.
pub(super) fn recommend(
    settings: &Settings,
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    if observation.is_silent() {
        decision.note(Stage::Recommend, Reason::NothingKnown);
        return;
    }
    let known = note_missing(settings, observation, decision);
    match &settings.rule {
        Rule::Target {
            metrics,
            tolerance_up,
            tolerance_down,
        } => {
            let tolerance = (*tolerance_up, *tolerance_down);
            target(metrics, tolerance, observation, then, decision);
        }
        Rule::TwoThreshold {
            metrics,
            step_up,
            step_down,
        } => {
            two_threshold(metrics, (*step_up, *step_down), observation, then, decision);
        }
    }
    // What is not known dampens; where most is not known, it decides.
    let of = observation.containers();
    if decision.result < decision.replicas && 2 * known < of {
        let reason = Reason::TooFewKnown { known, of };
        decision.change(Stage::MissingData, decision.replicas, reason);
    }
}

/// Says how many containers are missing; answers how many are not.
fn note_missing(settings: &Settings, observation: &Observation, decision: &mut Decision) -> u32 {
    let all = observation.containers();
    let seen = observation
        .signals
        .iter()
        .map(|signal| signal.known().map_or(0, |(_, count)| count));
    let seen = seen.min().unwrap_or(0);
    let missing = all.saturating_sub(seen);
    if missing > 0 {
        let warming = observation
            .running
            .iter()
            .filter(|age| **age < settings.warm_up)
            .count();
        let warming = u32::try_from(warming).unwrap_or(u32::MAX).min(missing);
        let reason = Reason::ContainersMissing {
            missing,
            of: all,
            warming,
        };
        decision.note(Stage::MissingData, reason);
    }
    seen
}

fn target(
    metrics: &[Target],
    (tolerance_up, tolerance_down): (f64, f64),
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    let all = observation.containers();
    let mut wish: Option<(u32, Reason)> = None;
    for (place, metric) in metrics.iter().enumerate() {
        let Some(load) = Load::of(observation, place) else {
            // Growing may be decided by the others; shrinking may not.
            let reason = Reason::MetricMissing {
                metric: metric.metric.clone(),
            };
            wish = largest(wish, (decision.replicas, reason));
            continue;
        };
        let growing = load.missing_idle(then);
        let shrinking = load.missing_at(metric.target);
        let limit = metric.target * (1.0 + tolerance_up);
        let growing = load.surge(growing, limit, &metric.metric, decision);
        let proposal = if growing > limit {
            let reason = Reason::Above {
                metric: metric.metric.clone(),
                value: growing,
                limit: metric.target,
            };
            (
                whole(f64::from(all) * growing / metric.target).max(decision.replicas),
                reason,
            )
        } else if shrinking < metric.target * (1.0 - tolerance_down) {
            let reason = Reason::Below {
                metric: metric.metric.clone(),
                value: shrinking,
                limit: metric.target,
            };
            (
                whole(f64::from(all) * shrinking / metric.target).min(decision.replicas),
                reason,
            )
        } else {
            (decision.replicas, Reason::Within)
        };
        wish = largest(wish, proposal);
    }
    if let Some((to, reason)) = wish {
        decision.change(Stage::Recommend, to, reason);
    }
}

fn largest(a: Option<(u32, Reason)>, b: (u32, Reason)) -> Option<(u32, Reason)> {
    Some(match a {
        Some(a) if a.0 >= b.0 => a,
        _ => b,
    })
}

fn two_threshold(
    metrics: &[Thresholds],
    (step_up, step_down): (u32, u32),
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    // Of the metrics that are below, the one that is least so.
    let mut all_below: Option<(f64, Reason)> = None;
    let mut hold: Option<Reason> = None;
    for (place, metric) in metrics.iter().enumerate() {
        let Some(load) = Load::of(observation, place) else {
            hold.get_or_insert(Reason::MetricMissing {
                metric: metric.metric.clone(),
            });
            continue;
        };
        let growing = load.missing_idle(then);
        let growing = load.surge(growing, metric.upper, &metric.metric, decision);
        if growing > metric.upper {
            let to = decision.replicas.saturating_add(step_up);
            let name = metric.metric.clone();
            let reason = Reason::Above {
                metric: name,
                value: growing,
                limit: metric.upper,
            };
            decision.change(Stage::Recommend, to, reason);
            return;
        }
        let shrinking = load.missing_at(metric.upper);
        if shrinking < metric.lower {
            let part = shrinking / metric.lower;
            if all_below.as_ref().is_none_or(|(most, _)| part > *most) {
                let name = metric.metric.clone();
                let reason = Reason::Below {
                    metric: name,
                    value: shrinking,
                    limit: metric.lower,
                };
                all_below = Some((part, reason));
            }
        } else {
            hold.get_or_insert(Reason::Within);
        }
    }
    match (hold, all_below) {
        (None, Some((_, reason))) => {
            let to = decision.replicas.saturating_sub(step_down);
            decision.change(Stage::Recommend, to, reason);
        }
        (Some(reason), _) => decision.note(Stage::Recommend, reason),
        (None, None) => {}
    }
}

/// A mean over some containers, and how many there are in all.
struct Load {
    value: f64,
    known: f64,
    all: f64,
    /// What packet samples say, as mean over all.
    fast: Option<Fast>,
}

impl Load {
    fn of(observation: &Observation, place: usize) -> Option<Self> {
        let (value, known) = observation.signals.get(place).and_then(Signal::known)?;
        let all = f64::from(observation.containers().max(known));
        let fast = observation.signals.get(place).and_then(|it| it.fast);
        // Those that are coming will share what those that run have now.
        let running = observation.running.len() as f64;
        let fast = fast.map(|fast| Fast {
            value: fast.value * running / all,
            ..fast
        });
        Some(Self {
            value,
            known: f64::from(known),
            all,
            fast,
        })
    }

    /// The mean over all, if those without a value are idle, and no more than `then` shared
    /// what was read.
    fn missing_idle(&self, then: u32) -> f64 {
        self.value * self.known.min(f64::from(then.max(1))) / self.all
    }

    /// The mean that growth goes by: what packet samples say, where they say more than counters
    /// do, and leave no doubt that it is above the limit. They never speak for less.
    fn surge(&self, counters: f64, limit: f64, metric: &str, decision: &mut Decision) -> f64 {
        /// Fewer samples are anecdotes.
        const LEAST: u64 = 16;
        /// Agents hand their samples on once a second: right after that, a mean over two seconds
        /// is so many times too high.
        const AT_ONCE: f64 = 1.28;
        let Some(fast) = self.fast.filter(|fast| fast.samples >= LEAST) else {
            return counters;
        };
        let sure = fast.value * (1.0 - 2.0 * fast.error) / AT_ONCE;
        if sure.is_nan() || sure <= limit || fast.value <= counters {
            return counters;
        }
        let reason = Reason::FastSignal {
            metric: metric.to_owned(),
            value: fast.value,
            counters,
            samples: fast.samples,
        };
        decision.note(Stage::Recommend, reason);
        fast.value
    }

    /// The mean over all, if those without a value are at `level`.
    fn missing_at(&self, level: f64) -> f64 {
        (self.value * self.known + level * (self.all - self.known)) / self.all
    }
}

impl Observation {
    /// Whether no container has a fresh value of any metric.
    pub(super) fn is_silent(&self) -> bool {
        self.signals.iter().all(|signal| signal.known().is_none())
    }

    /// Containers that there are or will be: pending ones count, so that a task that never
    /// starts holds nothing up and still is not taken for idle capacity.
    pub(super) fn containers(&self) -> u32 {
        u32::try_from(self.running.len())
            .unwrap_or(u32::MAX)
            .max(self.replicas)
            .max(1)
    }
}

/// The next whole number of replicas; a hair above a whole number is that number.
fn whole(value: f64) -> u32 {
    let rounded = (value - 1e-9).ceil();
    if rounded >= f64::from(u32::MAX) {
        u32::MAX
    } else {
        rounded.max(0.0) as u32
    }
}
