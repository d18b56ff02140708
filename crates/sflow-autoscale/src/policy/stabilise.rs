use std::collections::VecDeque;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::decision::{Decision, Stage};
use super::reason::Reason;
use super::settings::Settings;

/// A pause that is longer than three of the usual ones and this is one in which nobody watched. So
/// is one that is longer than three of the usual ones and the whole window: nothing in it was seen.
const AWAY: Duration = Duration::from_secs(15);

/// The recommendations of the recent past, for the longer of the two windows.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    began: Option<Timestamp>,
    /// From one look to the next, as it was last.
    usual: Option<Duration>,
    past: VecDeque<(Timestamp, u32)>,
}

impl Window {
    /// Growing takes the smallest recommendation of its window, shrinking the largest of its
    /// own; and nothing shrinks before one whole window has been seen.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        replicas: u32,
        decision: &mut Decision,
    ) {
        let began = self.remember(now, settings, decision.result);
        if decision.result > replicas {
            let window = settings.up.stabilise;
            let past = self.past.iter().filter(|(at, _)| now - *at <= window);
            let least = past
                .map(|(_, wish)| *wish)
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
            let past = self.past.iter().filter(|(at, _)| now - *at <= window);
            let most = past
                .map(|(_, wish)| *wish)
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
        self.past.back().map(|(_, wish)| *wish)
    }

    /// The largest recommendation of the window of shrinking, if there is any.
    pub(super) fn most(&self, now: Timestamp, settings: &Settings) -> Option<u32> {
        let window = settings.down.stabilise;
        let past = self.past.iter().filter(|(at, _)| now - *at <= window);
        past.map(|(_, wish)| *wish).max()
    }

    /// A moment at which no recommendation could be made counts as one to stay.
    pub(super) fn hold(&mut self, now: Timestamp, settings: &Settings, replicas: u32) {
        self.remember(now, settings, replicas);
    }

    /// Keeps a recommendation, forgets those too old for both windows, and says when the first
    /// of all was made.
    fn remember(&mut self, now: Timestamp, settings: &Settings, recommendation: u32) -> Timestamp {
        // Who has looked away has not watched: what happened meanwhile is not known.
        let longest = settings.up.stabilise.max(settings.down.stabilise);
        if let Some((last, _)) = self.past.back() {
            let gap = now - *last;
            let usual = self.usual.unwrap_or(gap);
            let patience = usual * 3;
            if gap > patience.max(longest.min(AWAY + patience)) {
                self.began = None;
                self.past.clear();
            } else {
                self.usual = Some(gap);
            }
        }
        self.past.push_back((now, recommendation));
        while self.past.front().is_some_and(|(at, _)| now - *at > longest) {
            self.past.pop_front();
        }
        *self.began.get_or_insert(now)
    }
}
