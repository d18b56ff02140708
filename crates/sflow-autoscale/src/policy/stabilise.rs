use std::collections::VecDeque;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::decision::{Decision, Stage};
use super::reason::Reason;
use super::settings::Settings;

/// A gap between two recommendations interrupts the observation if it is longer than three regular
/// intervals, and longer than the whole window or three regular intervals plus this time.
const MIN_GAP: Duration = Duration::from_secs(15);

/// Recent recommendations, for the longer of the two windows.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    began: Option<Timestamp>,
    /// The last regular interval between two recommendations.
    usual: Option<Duration>,
    recent: VecDeque<(Timestamp, u32)>,
}

impl Window {
    /// Growth takes the smallest recommendation of its window, shrinking the largest of its own. Without
    /// one whole window of observation nothing shrinks.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        replicas: u32,
        decision: &mut Decision,
    ) {
        let began = self.push(now, settings, decision.result);
        if decision.result > replicas {
            let window = settings.up.stabilise;
            let recent = self.recent.iter().filter(|(at, _)| now - *at <= window);
            let least = recent
                .map(|(_, number)| *number)
                .min()
                .unwrap_or(replicas)
                .max(replicas);
            if least < decision.result {
                let reason = Reason::Stabilised {
                    recommendation: least,
                    window: window.as_secs_f64(),
                };
                decision.change(Stage::Stabilise, least, reason);
            }
        } else if decision.result < replicas {
            let window = settings.down.stabilise;
            let recent = self.recent.iter().filter(|(at, _)| now - *at <= window);
            let most = recent
                .map(|(_, number)| *number)
                .max()
                .unwrap_or(replicas)
                .min(replicas);
            let seconds = window.as_secs_f64();
            if now - began < window {
                let reason = Reason::WatchingFirst { window: seconds };
                decision.change(Stage::Stabilise, replicas, reason);
                decision.next_change = Some(began + window);
            } else if most > decision.result {
                let reason = Reason::Stabilised {
                    recommendation: most,
                    window: seconds,
                };
                decision.change(Stage::Stabilise, most, reason);
            }
        }
    }

    /// The last recommendation.
    pub(super) fn last(&self) -> Option<u32> {
        self.recent.back().map(|(_, number)| *number)
    }

    /// The largest recommendation of the window of shrinking.
    pub(super) fn most(&self, now: Timestamp, settings: &Settings) -> Option<u32> {
        let window = settings.down.stabilise;
        let recent = self.recent.iter().filter(|(at, _)| now - *at <= window);
        recent.map(|(_, number)| *number).max()
    }

    /// Without a recommendation the present number counts as one.
    pub(super) fn hold(&mut self, now: Timestamp, settings: &Settings, replicas: u32) {
        self.push(now, settings, replicas);
    }

    /// Adds a recommendation and removes those that are too old for both windows. Returns the start of the
    /// uninterrupted observation.
    fn push(&mut self, now: Timestamp, settings: &Settings, recommendation: u32) -> Timestamp {
        // A gap interrupts the observation.
        let longest = settings.up.stabilise.max(settings.down.stabilise);
        if let Some((last, _)) = self.recent.back() {
            let gap = now - *last;
            let usual = self.usual.unwrap_or(gap);
            let tolerated = usual * 3;
            if gap > tolerated.max(longest.min(MIN_GAP + tolerated)) {
                self.began = None;
                self.recent.clear();
            } else {
                self.usual = Some(gap);
            }
        }
        self.recent.push_back((now, recommendation));
        while self
            .recent
            .front()
            .is_some_and(|(at, _)| now - *at > longest)
        {
            self.recent.pop_front();
        }
        *self.began.get_or_insert(now)
    }
}
