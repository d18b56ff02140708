use std::collections::VecDeque;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::decision::{Decision, Stage};
use super::observation::Observation;
use super::reason::Reason;
use super::settings::{Pace, Select, Settings};

/// Tasks that do not start prevent growth, and nothing else.
pub(super) fn pending(observation: &Observation, decision: &mut Decision) {
    if observation.pending > 0 && decision.result > decision.replicas {
        let reason = Reason::TasksPending {
            pending: observation.pending,
            error: observation.pending_error.clone(),
        };
        decision.change(Stage::Pending, decision.replicas, reason);
    }
}

/// Growth does not help if every host that runs the service is saturated and so are all others.
pub(super) fn saturated(settings: &Settings, observation: &Observation, decision: &mut Decision) {
    if decision.result <= decision.replicas || observation.hosts.is_empty() {
        return;
    }
    let hosts = observation.hosts.iter();
    let saturated = hosts.map(|host| Some((host, host.saturated(&settings.saturation)?)));
    let Some(saturated) = saturated.collect::<Option<Vec<_>>>() else {
        return;
    };
    let Some((host, shortage)) = saturated.first() else {
        return;
    };
    let (host, shortage) = (host.name.clone(), shortage.clone());
    match observation.elsewhere {
        0 => {
            let reason = Reason::HostsSaturated { host, shortage };
            decision.change(Stage::Saturation, decision.replicas, reason);
        }
        elsewhere => decision.note(
            Stage::Saturation,
            Reason::HostsSaturatedHere {
                host,
                shortage,
                elsewhere,
            },
        ),
    }
}

/// The recent changes of the service.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    known: Option<u32>,
    last: Option<Timestamp>,
    past: VecDeque<Change>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Timestamp,
    from: u32,
    to: u32,
}

impl Change {
    /// Tasks added or removed.
    const fn distance(self, growing: bool) -> u32 {
        if growing {
            self.to.saturating_sub(self.from)
        } else {
            self.from.saturating_sub(self.to)
        }
    }
}

/// Limit of stored changes. They serve the rate limit and the number of replicas at the time of a reading.
const MAX_CHANGES: usize = 256;

impl Changes {
    /// Records the present number. Returns the former one if it was changed, and not by this policy.
    pub(super) fn observe(&mut self, now: Timestamp, replicas: u32) -> Option<u32> {
        let before = self.known.replace(replicas)?;
        if before == replicas {
            return None;
        }
        self.push(Change {
            at: now,
            from: before,
            to: replicas,
        });
        Some(before)
    }

    /// Records a change by this policy.
    pub(super) fn record(&mut self, now: Timestamp, from: u32, to: u32) {
        self.known = Some(to);
        self.push(Change { at: now, from, to });
    }

    fn push(&mut self, change: Change) {
        self.last = Some(change.at);
        if self.past.len() == MAX_CHANGES {
            self.past.pop_front();
        }
        self.past.push_back(change);
    }

    /// The number of replicas at the time `then`; at present there are `now`.
    pub(super) fn replicas_at(&self, then: Timestamp, now: u32) -> u32 {
        self.past
            .iter()
            .find(|change| change.at > then)
            .map_or(now, |change| change.from)
    }

    /// Cooldown and rate limit of the direction that the decision takes.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        replicas: u32,
        decision: &mut Decision,
    ) {
        let growing = decision.result > replicas;
        if decision.result == replicas {
            return;
        }
        let pace = if growing {
            &settings.up
        } else {
            &settings.down
        };

        if pace.select == Select::None {
            decision.change(Stage::RateLimit, replicas, Reason::DirectionOff);
            return;
        }
        if let Some(last) = self.last {
            let free = last + pace.cooldown;
            if now < free {
                let reason = Reason::Cooldown {
                    left: (free - now).as_secs_f64(),
                };
                decision.change(Stage::Cooldown, replicas, reason);
                decision.next_change = Some(free);
                return;
            }
        }
        if let Some(allowed) = self.allowed(now, pace, growing, replicas)
            && (if growing {
                decision.result > allowed
            } else {
                decision.result < allowed
            })
        {
            let reason = Reason::RateLimited {
                allowed,
                period: pace.period.as_secs_f64(),
            };
            decision.change(Stage::RateLimit, allowed, reason);
            if allowed == replicas {
                decision.next_change = self.freed(now, pace, growing);
            }
        }
    }

    /// The number that the rate limit allows in this direction: the limit of one period less the changes in
    /// the same direction. A growth does not increase the allowance for shrinking.
    fn allowed(&self, now: Timestamp, pace: &Pace, growing: bool, replicas: u32) -> Option<u32> {
        if pace.period == Duration::ZERO {
            return None;
        }
        let mut changes = self.in_period(now, pace).peekable();
        let base = changes.peek().map_or(replicas, |change| change.from);
        let used = changes
            .map(|change| change.distance(growing))
            .fold(0u32, u32::saturating_add);
        let by_tasks = pace.tasks;
        let by_percent = pace.percent.map(|percent| {
            let tasks = (f64::from(base) * percent.max(0.0) / 100.0).ceil();
            if tasks >= f64::from(u32::MAX) {
                u32::MAX
            } else {
                tasks as u32
            }
        });
        let distance = match (by_tasks, by_percent, pace.select) {
            (Some(a), Some(b), Select::Max) => a.max(b),
            (Some(a), Some(b), Select::Min) => a.min(b),
            (Some(a), None, _) | (None, Some(a), _) => a,
            (None, None, _) => return None,
            (_, _, Select::None) => 0,
        };
        let left = distance.saturating_sub(used);
        Some(if growing {
            replicas.saturating_add(left)
        } else {
            replicas.saturating_sub(left)
        })
    }

    /// When the oldest change in this direction leaves the period.
    fn freed(&self, now: Timestamp, pace: &Pace, growing: bool) -> Option<Timestamp> {
        let mut changes = self.in_period(now, pace);
        changes
            .find(|change| change.distance(growing) > 0)
            .map(|change| change.at + pace.period)
    }

    fn in_period(&self, now: Timestamp, pace: &Pace) -> impl Iterator<Item = &Change> {
        let period = pace.period;
        self.past
            .iter()
            .filter(move |change| now - change.at < period)
    }
}
