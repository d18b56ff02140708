use std::collections::HashMap;

use super::{Threshold, ThresholdId, ThresholdStatus};
use crate::entity::EntityId;
use crate::entity::Identity;
use crate::timestamp::Timestamp;

/// The watched thresholds and their states.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    armed: Vec<Alarm>,
    next: u64,
}

/// A watched threshold.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) id: ThresholdId,
    pub(crate) threshold: Threshold,
    whole: State,
    round: u64,
    /// States of entities beyond the threshold.
    entities: HashMap<EntityId, Tracked>,
}

/// The change that a value causes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Crossed,
    Cleared,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Normal,
    Pending {
        since: Timestamp,
    },
    Crossed,
}

#[derive(Debug)]
struct Tracked {
    state: State,
    round: u64,
    /// The entity, once the threshold is crossed.
    identity: Option<Box<Identity>>,
}

impl Alarms {
    pub(crate) fn len(&self) -> usize {
        self.armed.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    pub(crate) fn arm(&mut self, threshold: Threshold) -> ThresholdId {
        let id = ThresholdId(self.next);
        self.next += 1;
        self.armed.push(Alarm {
            id,
            threshold,
            whole: State::Normal,
            round: 0,
            entities: HashMap::new(),
        });
        id
    }

    pub(crate) fn disarm(&mut self, id: ThresholdId) -> Option<Threshold> {
        let place = self.armed.iter().position(|alarm| alarm.id == id)?;
        Some(self.armed.remove(place).threshold)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Alarm> {
        self.armed.iter_mut()
    }

    pub(crate) fn thresholds(&self) -> impl Iterator<Item = &Threshold> {
        self.armed.iter().map(|alarm| &alarm.threshold)
    }

    pub(crate) fn status(&self) -> impl Iterator<Item = ThresholdStatus<'_>> {
        self.armed.iter().map(|alarm| {
            let states = alarm.entities.values().map(|tracked| tracked.state);
            let states = || states.clone().chain([alarm.whole]);
            let is_pending = |state: &State| matches!(state, State::Pending { .. });
            ThresholdStatus {
                id: alarm.id,
                threshold: &alarm.threshold,
                crossed: states().filter(|state| *state == State::Crossed).count(),
                pending: states().filter(is_pending).count(),
            }
        })
    }

    /// Number of entities with a state.
    pub(crate) fn tracked(&self) -> usize {
        self.armed.iter().map(Alarm::tracked).sum()
    }
}

impl Alarm {
    /// Updates the state with the answer to the query.
    pub(crate) fn whole(&mut self, now: Timestamp, value: Option<f64>) -> Option<Change> {
        let (state, change) = step(self.whole, &self.threshold, now, value);
        self.whole = state;
        change
    }

    /// Begins an iteration over all entities.
    pub(crate) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Number of entities with a state.
    pub(crate) fn tracked(&self) -> usize {
        self.entities.len()
    }

    /// Updates the state with the value of an entity. Fails if a new state is necessary and
    /// `may_add` is false.
    pub(crate) fn entity(
        &mut self,
        now: Timestamp,
        entity: EntityId,
        value: Option<f64>,
        may_add: bool,
    ) -> Result<Option<Change>, LimitReached> {
        let known = self.entities.get(&entity).map(|tracked| tracked.state);
        let (state, change) = step(known.unwrap_or_default(), &self.threshold, now, value);
        match (known, state) {
            (None, State::Normal) => {}
            (None, _) if !may_add => return Err(LimitReached),
            (_, State::Normal) => {
                self.entities.remove(&entity);
            }
            (..) => {
                let tracked = self.entities.entry(entity).or_insert(Tracked {
                    state,
                    round: self.round,
                    identity: None,
                });
                tracked.state = state;
                tracked.round = self.round;
            }
        }
        Ok(change)
    }

    /// Stores the identity of an entity that crossed the threshold, for the event that reports its
    /// end.
    pub(crate) fn remember(&mut self, identity: &Identity) {
        if let Some(tracked) = self.entities.get_mut(&identity.id) {
            tracked.identity = Some(Box::new(identity.clone()));
        }
    }

    /// Removes the entities that did not occur in this iteration; returns those that had crossed.
    pub(crate) fn end_round(&mut self) -> Vec<Identity> {
        let (mut crossed, round) = (Vec::new(), self.round);
        self.entities.retain(|_, tracked| {
            let is_kept = tracked.round == round;
            if !is_kept && let Some(identity) = tracked.identity.take() {
                crossed.push(*identity);
            }
            is_kept
        });
        crossed.sort_unstable_by_key(|identity| identity.id);
        crossed
    }
}

/// The limit on states is reached.
#[derive(Debug, PartialEq)]
pub(crate) struct LimitReached;

/// The next state.
fn step(
    state: State,
    threshold: &Threshold,
    now: Timestamp,
    value: Option<f64>,
) -> (State, Option<Change>) {
    let Some(value) = value.filter(|value| !value.is_nan()) else {
        return match state {
            State::Crossed => (State::Crossed, None),
            State::Normal | State::Pending { .. } => (State::Normal, None),
        };
    };
    let since = match state {
        State::Crossed if threshold.is_back(value) => {
            return (State::Normal, Some(Change::Cleared));
        }
        State::Crossed => return (State::Crossed, None),
        State::Normal => now,
        // The clock may have been set back.
        State::Pending { since } => since.min(now),
    };
    if !threshold.is_beyond(value) {
        (State::Normal, None)
    } else if now - since >= threshold.hold {
        (State::Crossed, Some(Change::Crossed))
    } else {
        (State::Pending { since }, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    use Change::{Cleared, Crossed};

    /// The changes that these values cause, ten seconds apart.
    fn changes(threshold: &Threshold, values: &[Option<f64>]) -> Vec<(u64, Change)> {
        let mut state = State::Normal;
        let mut changes = Vec::new();
        for (second, value) in (0..).step_by(10).zip(values) {
            let (next, change) = step(state, threshold, Timestamp::from_secs(second), *value);
            state = next;
            changes.extend(change.map(|change| (second, change)));
        }
        changes
    }

    fn query() -> crate::query::Query {
        "avg:load_one".parse().unwrap()
    }

    #[test]
    fn threshold_is_crossed_and_cleared() {
        let plain = Threshold::above("t", query(), 10.0);
        let wide = plain.clone().clearing_at(5.0);
        let slow = wide.clone().holding(Duration::from_secs(20));
        let low = Threshold::below("t", query(), 10.0).clearing_at(20.0);
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let cases = [
            ("equal", &plain, some(&[10.0]), vec![]),
            (
                "above and back",
                &plain,
                some(&[11.0, 12.0, 10.0]),
                vec![(0, Crossed), (20, Cleared)],
            ),
            (
                "no change between the two values",
                &wide,
                some(&[6.0, 11.0, 6.0, 11.0, 9.0, 5.0, 6.0]),
                vec![(10, Crossed), (50, Cleared)],
            ),
            (
                "hold time",
                &slow,
                some(&[11.0, 11.0, 9.0, 11.0, 11.0, 11.0]),
                vec![(50, Crossed)],
            ),
            (
                "missing value restarts hold time",
                &slow,
                vec![Some(11.0), Some(11.0), None, Some(11.0), Some(11.0)],
                vec![],
            ),
            (
                "missing value clears nothing",
                &wide,
                vec![Some(11.0), None, None, Some(6.0), Some(4.0)],
                vec![(0, Crossed), (40, Cleared)],
            ),
            (
                "NaN is a missing value",
                &wide,
                some(&[11.0, f64::NAN, 11.0, 5.0]),
                vec![(0, Crossed), (30, Cleared)],
            ),
            (
                "below",
                &low,
                some(&[30.0, 9.0, 19.0, 20.0]),
                vec![(10, Crossed), (30, Cleared)],
            ),
        ];
        for (case, threshold, values, expected) in cases {
            assert_eq!(changes(threshold, &values), expected, "{case}");
        }
    }

    #[test]
    fn only_entities_beyond_threshold_have_state() {
        let mut alarms = Alarms::default();
        let slow = Threshold::above("t", query(), 10.0).holding(Duration::from_secs(60));
        alarms.arm(slow.for_each_entity());
        let alarm = alarms.iter_mut().next().unwrap();
        let now = Timestamp::ZERO;
        for (id, value) in [(1, 3.0), (2, 30.0), (3, 30.0)] {
            let change = alarm.entity(now, EntityId(id), Some(value), true);
            assert_eq!(change, Ok(None));
        }
        let refused = alarm.entity(now, EntityId(4), Some(30.0), false);
        assert_eq!(refused, Err(LimitReached));
        assert_eq!(alarm.tracked(), 2);
        alarm.begin_round();
        let known = alarm.entity(now, EntityId(2), Some(30.0), false);
        assert_eq!(known, Ok(None));
        assert!(alarm.end_round().is_empty(), "it had not crossed");
        assert_eq!(alarms.tracked(), 1);
    }
}
