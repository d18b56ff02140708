//! Watching of thresholds.

use super::Registry;
use super::evaluate::values_of_entities;
use crate::entity::Identity;
use crate::event;
use crate::event::threshold::{
    Alarm, Change, LimitReached, Scope, Threshold, ThresholdError, ThresholdId, ThresholdStatus,
};
use crate::timestamp::Timestamp;

/// Bytes of the state of one entity, without its name.
const STATE: usize = size_of::<Identity>() + 128;

impl Registry {
    /// Watches a threshold and the window of its query.
    ///
    /// [`expire`](Self::expire) checks it, and [`events`](Self::events) reports when it is crossed
    /// or cleared. Changes between two calls of `expire` are missed; use a window with `max` or
    /// `min` to detect them.
    ///
    /// # Errors
    ///
    /// If the threshold is invalid, or the limit
    /// [`max_thresholds`](crate::Config::max_thresholds) is reached.
    pub fn watch_threshold(&mut self, threshold: Threshold) -> Result<ThresholdId, ThresholdError> {
        threshold.check()?;
        let limit = self.config.max_thresholds;
        if self.alarms.len() >= limit {
            return Err(ThresholdError::TooMany { limit });
        }
        self.keep_windows_of(threshold.query());
        Ok(self.alarms.arm(threshold))
    }

    /// Stops watching a threshold and returns it. No event is recorded, and the window of its query
    /// is dropped unless a watched query or another threshold needs it.
    pub fn unwatch_threshold(&mut self, id: ThresholdId) -> Option<Threshold> {
        let threshold = self.alarms.disarm(id)?;
        self.drop_unneeded_windows();
        Some(threshold)
    }

    /// The watched thresholds, in the order in which they were added.
    pub fn thresholds(&self) -> impl Iterator<Item = ThresholdStatus<'_>> {
        self.alarms.status()
    }

    pub(super) fn check_thresholds(&mut self, now: Timestamp) {
        if self.alarms.is_empty() {
            return;
        }
        let mut alarms = core::mem::take(&mut self.alarms);
        let mut tracked = alarms.tracked();
        for alarm in alarms.iter_mut() {
            match alarm.threshold.scope() {
                Scope::Whole => self.check_whole(now, alarm),
                Scope::EachEntity => self.check_entities(now, alarm, &mut tracked),
            }
        }
        self.alarms = alarms;
    }

    fn check_whole(&mut self, now: Timestamp, alarm: &mut Alarm) {
        let answer = self.query(now, alarm.threshold.query());
        let value = answer.first().and_then(|summary| summary.value);
        if let Some(change) = alarm.whole(now, value)
            && let Some(event) = event(alarm, change, None, value)
        {
            self.record_event(now, event);
        }
    }

    fn check_entities(&mut self, now: Timestamp, alarm: &mut Alarm, tracked: &mut usize) {
        let query = alarm.threshold.query().clone();
        // Each state may contain a name of maximum length, converted to UTF-8.
        let largest = STATE + 3 * self.config.max_name_bytes;
        let max = self.config.max_threshold_states;
        let max = max.min(self.config.max_bytes / 8 / largest);
        alarm.begin_round();
        let mut changes: Vec<(u32, Identity, Change, Option<f64>)> = Vec::new();
        let mut refused = 0;
        for (source, value) in values_of_entities(self, now, &query) {
            let before = alarm.tracked();
            match alarm.entity(now, source.id, value, *tracked < max) {
                Ok(None) => {}
                Ok(Some(change)) => {
                    if let Some(identity) = self.identity_of(source) {
                        if change == Change::Crossed {
                            alarm.remember(&identity);
                        }
                        changes.push((source.agent, identity, change, value));
                    }
                }
                Err(LimitReached) => refused += 1,
            }
            *tracked = *tracked + alarm.tracked() - before;
        }
        self.health.threshold_states_refused += refused;
        let before = alarm.tracked();
        let left = alarm.end_round();
        *tracked = *tracked + alarm.tracked() - before;
        for (agent, identity, change, value) in changes {
            if self.may_record_event(now, agent)
                && let Some(event) = event(alarm, change, Some(identity), value)
            {
                self.record_event(now, event);
            }
        }
        for identity in left {
            if let Some(event) = event(alarm, Change::Cleared, Some(identity), None) {
                self.record_event(now, event);
            }
        }
    }
}

fn event(
    alarm: &Alarm,
    change: Change,
    entity: Option<Identity>,
    value: Option<f64>,
) -> Option<event::Kind> {
    let (threshold, name) = (alarm.id, alarm.threshold.name().into());
    Some(match change {
        Change::Crossed => event::Kind::ThresholdCrossed {
            threshold,
            name,
            entity,
            value: value?,
        },
        Change::Cleared => event::Kind::ThresholdCleared {
            threshold,
            name,
            entity,
            value,
        },
    })
}
