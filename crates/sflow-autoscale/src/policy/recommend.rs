use std::time::Duration;

use super::decision::{Decision, Stage};
use super::observation::{Fast, Observation, Signal};
use super::parts::Parts;
use super::reason::{Beyond, Reason};
use super::settings::{Rule, Settings, Target, Thresholds};

/// The recommendation of the rule, with the missing-data rule applied.
///
/// A container without a fresh value, and one that is younger than the warm-up, counts as idle for
/// growth and as fully loaded for shrinking. Missing data dampens a change and never reverses it. Without
/// any value the number stays.
///
/// Readings show the load at a time when `then` replicas shared it. For growth they count for at most
/// that many containers; otherwise a service that has just grown would grow again for load that its new
/// containers have taken over already.
pub(super) fn recommend(
    settings: &Settings,
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    if observation.is_silent() {
        let warming = observation.signals.iter().map(|signal| signal.warming);
        let reason = match warming.max() {
            None | Some(0) => Reason::NothingKnown,
            Some(warming) => Reason::WarmingUp {
                warming,
                of: observation.containers(),
                warm_up: settings.warm_up.as_secs_f64(),
            },
        };
        decision.note(Stage::Recommend, reason);
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
            target(
                metrics,
                tolerance,
                settings.fast,
                observation,
                then,
                decision,
            );
        }
        Rule::TwoThreshold {
            metrics,
            step_up,
            step_down,
        } => {
            let steps = (*step_up, *step_down);
            two_threshold(metrics, steps, settings.fast, observation, then, decision);
        }
    }
    // With most containers unknown the service does not shrink at all.
    let of = observation.containers();
    if decision.result < decision.replicas && 2 * known < of {
        let reason = Reason::TooFewKnown { known, of };
        decision.change(Stage::MissingData, decision.replicas, reason);
    }
}

/// Notes how many containers do not contribute, and why. Returns the number of those that do.
fn note_missing(settings: &Settings, observation: &Observation, decision: &mut Decision) -> u32 {
    let all = observation.containers();
    let signals = observation.signals.iter();
    let contributing = |signal: &Signal| signal.known().map_or(0, |(_, count)| count);
    let fewest = signals.min_by_key(|signal| contributing(signal));
    let known = fewest.map_or(0, contributing);
    let missing = all.saturating_sub(known);
    if missing > 0 {
        let starting = observation.starting().min(missing);
        let is_young = |age: &&Duration| **age < settings.warm_up;
        let young = observation.running.iter().filter(is_young).count();
        let young = u32::try_from(young).unwrap_or(u32::MAX);
        let reason = Reason::ContainersMissing {
            missing,
            of: all,
            warming: young.min(missing - starting),
            starting,
            warm_up: settings.warm_up.as_secs_f64(),
        };
        decision.note(Stage::MissingData, reason);
    }
    known
}

fn target(
    metrics: &[Target],
    (tolerance_up, tolerance_down): (f64, f64),
    fast: bool,
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    let all = observation.containers();
    let mut proposed: Option<(u32, Reason)> = None;
    for (place, metric) in metrics.iter().enumerate() {
        let name = &metric.metric;
        let Some(load) = Load::of(observation, place, fast) else {
            // The other metrics can still decide growth, but not shrinking.
            proposed = largest(
                proposed,
                (decision.replicas, missing(observation, place, name)),
            );
            continue;
        };
        let limit = metric.target * (1.0 + tolerance_up);
        let least = metric.target * (1.0 - tolerance_down);
        let growing = load.growing(then, limit, name, decision);
        let shrinking = load.missing_at(metric.target);
        let proposal = if growing.value > limit {
            let replicas = whole(f64::from(all) * growing.value / metric.target);
            let reason = Reason::Above(growing.beyond(name, metric.target));
            (replicas.max(decision.replicas), reason)
        } else if shrinking.value < least {
            let replicas = whole(f64::from(all) * shrinking.value / metric.target);
            let reason = Reason::Below(shrinking.beyond(name, metric.target));
            (replicas.min(decision.replicas), reason)
        } else {
            let reason = within(name, growing, &shrinking, (least, limit));
            (decision.replicas, reason)
        };
        proposed = largest(proposed, proposal);
    }
    if let Some((to, reason)) = proposed {
        decision.change(Stage::Recommend, to, reason);
    }
}

/// The reason for a metric without a value.
fn missing(observation: &Observation, place: usize, metric: &str) -> Reason {
    let signal = observation.signals.get(place);
    Reason::MetricMissing {
        metric: metric.to_owned(),
        warming: signal.map_or(0, |signal| signal.warming),
    }
}

/// The reason for a metric within its limits.
fn within(metric: &str, growing: Mean, shrinking: &Mean, (lower, upper): (f64, f64)) -> Reason {
    Reason::Within {
        metric: metric.to_owned(),
        value: growing.value,
        most: shrinking.value.max(growing.value),
        lower,
        upper,
        parts: Parts {
            others: None,
            ..growing.parts
        },
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
    fast: bool,
    observation: &Observation,
    then: u32,
    decision: &mut Decision,
) {
    // Of the metrics below their threshold, the one closest to it.
    let mut all_below: Option<(f64, Reason)> = None;
    let mut hold: Option<Reason> = None;
    for (place, metric) in metrics.iter().enumerate() {
        let name = &metric.metric;
        let Some(load) = Load::of(observation, place, fast) else {
            hold.get_or_insert_with(|| missing(observation, place, name));
            continue;
        };
        let growing = load.growing(then, metric.upper, name, decision);
        if growing.value > metric.upper {
            let to = decision.replicas.saturating_add(step_up);
            let reason = Reason::Above(growing.beyond(name, metric.upper));
            decision.change(Stage::Recommend, to, reason);
            return;
        }
        let shrinking = load.missing_at(metric.upper);
        if shrinking.value < metric.lower {
            let part = shrinking.value / metric.lower;
            if all_below.as_ref().is_none_or(|(most, _)| part > *most) {
                let reason = Reason::Below(shrinking.beyond(name, metric.lower));
                all_below = Some((part, reason));
            }
        } else {
            let limits = (metric.lower, metric.upper);
            hold.get_or_insert_with(|| within(name, growing, &shrinking, limits));
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

/// A mean over some containers, and the number of all containers.
struct Load {
    value: f64,
    known: f64,
    all: f64,
    parts: Parts,
    /// The mean over all containers by packet samples.
    fast: Option<Fast>,
}

/// A mean over all containers, and its parts.
struct Mean {
    value: f64,
    parts: Parts,
}

impl Mean {
    fn beyond(self, metric: &str, limit: f64) -> Beyond {
        Beyond {
            metric: metric.to_owned(),
            value: self.value,
            limit,
            parts: self.parts,
        }
    }
}

impl Load {
    fn of(observation: &Observation, place: usize, fast: bool) -> Option<Self> {
        let signal = observation.signals.get(place)?;
        let (value, known) = signal.known()?;
        let of = observation.containers().max(known);
        let all = f64::from(of);
        // Starting containers will share the load of the running ones.
        let running = observation.running.len() as f64;
        let fast = signal.fast.filter(|_| fast).map(|fast| Fast {
            value: fast.value * running / all,
            ..fast
        });
        let starting = observation.starting().min(of - known);
        let warming = signal.warming.min(of - known - starting);
        Some(Self {
            value,
            known: f64::from(known),
            all,
            parts: Parts {
                unit: signal.unit.clone(),
                measured: value,
                containers: known,
                of,
                missing: of - known - starting - warming,
                warming,
                starting,
                ..Parts::default()
            },
            fast,
        })
    }

    /// The mean for growth: by packet samples if they show more than the counters and are above the limit
    /// with certainty, otherwise by counters.
    fn growing(&self, then: u32, limit: f64, metric: &str, decision: &mut Decision) -> Mean {
        /// The minimum of packet samples.
        const MIN_SAMPLES: u64 = 16;
        /// Agents send their samples once a second. Right after that a mean over two seconds is too high by
        /// this factor.
        const BURST_FACTOR: f64 = 1.28;
        let counters = self.missing_idle(then);
        let Some(fast) = self.fast.filter(|fast| fast.samples >= MIN_SAMPLES) else {
            return counters;
        };
        let sure = fast.value * (1.0 - 2.0 * fast.error) / BURST_FACTOR;
        if sure.is_nan() || sure <= limit || fast.value <= counters.value {
            return counters;
        }
        let reason = Reason::FastSignal {
            metric: metric.to_owned(),
            unit: self.parts.unit.clone(),
            value: fast.value,
            counters: counters.value,
            samples: fast.samples,
        };
        decision.note(Stage::Recommend, reason);
        Mean {
            value: fast.value,
            parts: Parts {
                samples: Some(fast.samples),
                ..counters.parts
            },
        }
    }

    /// The mean over all, with unknown containers idle and the readings shared by at most `then`.
    fn missing_idle(&self, then: u32) -> Mean {
        let then = then.max(1);
        let counted = self.known.min(f64::from(then));
        let is_diluted = counted < self.known;
        Mean {
            value: self.value * counted / self.all,
            parts: Parts {
                shared_by: is_diluted.then_some(then),
                others: Some(0.0),
                ..self.parts.clone()
            },
        }
    }

    /// The mean over all, with unknown containers at `level`.
    fn missing_at(&self, level: f64) -> Mean {
        Mean {
            value: (self.value * self.known + level * (self.all - self.known)) / self.all,
            parts: Parts {
                others: Some(level),
                ..self.parts.clone()
            },
        }
    }
}

impl Observation {
    /// Whether no container has a fresh value of any metric.
    pub(super) fn is_silent(&self) -> bool {
        self.signals.iter().all(|signal| signal.known().is_none())
    }

    /// Replicas that do not run yet.
    pub(super) fn starting(&self) -> u32 {
        let running = u32::try_from(self.running.len()).unwrap_or(u32::MAX);
        self.replicas.saturating_sub(running)
    }

    /// Present and future containers. Pending ones count, so that a task that never starts is not
    /// ignored.
    pub(super) fn containers(&self) -> u32 {
        u32::try_from(self.running.len())
            .unwrap_or(u32::MAX)
            .max(self.replicas)
            .max(1)
    }
}

/// The next whole number of replicas, with a tolerance for rounding errors.
fn whole(value: f64) -> u32 {
    let rounded = (value - 1e-9).ceil();
    if rounded >= f64::from(u32::MAX) {
        u32::MAX
    } else {
        rounded.max(0.0) as u32
    }
}
