//! Log lines for the beginning and the end of incomplete data.

use std::collections::BTreeSet;
use std::time::Duration;

use sflow_metrics::Timestamp;
use tracing::{info, warn};

use super::Gap;
use crate::format::duration;
use sflow_autoscale::problem::{Delays, Tracker};

/// Time without the problem until its end is logged.
const BACK: Duration = Duration::from_secs(30);
/// Maximum number of lines per period: forged datagrams can contain any number of agents.
const LINES: u32 = 64;
const PERIOD: Duration = Duration::from_secs(600);

/// Logs when data becomes incomplete and when it is complete again. Refused senders are logged
/// again if the suggested configuration changes.
#[derive(Debug, Default)]
pub struct GapLog {
    known: Tracker<(&'static str, String)>,
    refusals: BTreeSet<String>,
    period: Option<Timestamp>,
    lines: u32,
}

impl GapLog {
    /// Check interval.
    pub const EVERY: Duration = Duration::from_secs(10);

    /// Logs changes.
    pub fn log(&mut self, now: Timestamp, missing: &[Gap]) {
        for (is_warning, text) in self.lines(now, missing) {
            match is_warning {
                true => warn!("{text}"),
                false => info!("{text}"),
            }
        }
    }

    /// The lines to log, and whether each is a warning.
    fn lines(&mut self, now: Timestamp, missing: &[Gap]) -> Vec<(bool, String)> {
        let delays = Delays {
            begin: Duration::ZERO,
            end: BACK,
        };
        let logged = missing.iter().filter(|missing| missing.is_logged());
        let found = logged.map(|it| ((it.kind(), it.about()), it.to_string(), delays));
        let changed = self.known.update(now, found, |_| false);
        let is_refusal = |kind: &str| {
            missing
                .iter()
                .any(|it| it.is_refusal() && it.kind() == kind)
        };
        let begun = changed.begun.into_iter();
        let begun = begun.filter(|((kind, _), _)| !is_refusal(kind));
        let mut lines: Vec<(bool, String)> = begun.map(|(_, it)| (true, it.message)).collect();
        for refusal in missing.iter().filter(|missing| missing.is_refusal()) {
            const MOST: usize = 64;
            let text = refusal.to_string();
            if self.refusals.len() < MOST && self.refusals.insert(text.clone()) {
                lines.push((true, text));
            }
        }
        for (_, ended) in changed.ended {
            let lasted = duration((now - ended.since).as_secs_f64());
            lines.push((false, format!("ended after {lasted}: {}", ended.message)));
        }
        self.bounded(now, lines)
    }

    fn bounded(&mut self, now: Timestamp, mut lines: Vec<(bool, String)>) -> Vec<(bool, String)> {
        if self.period.is_none_or(|begin| now - begin >= PERIOD) {
            self.period = Some(now);
            self.lines = 0;
        }
        let left = LINES.saturating_sub(self.lines) as usize;
        self.lines = self.lines.saturating_add(lines.len() as u32);
        if left > 0 && lines.len() > left {
            lines.truncate(left);
            let more = "further lines about missing agents are suppressed; see the page".to_owned();
            lines.push((true, more));
            return lines;
        }
        lines.truncate(left);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn silent(agent: usize) -> Gap {
        Gap::SilentAgent {
            agent: agent.to_string(),
            host: None,
            age: 30.0,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn silent_agent_is_logged_when_it_begins_and_when_it_ends() {
        let mut log = GapLog::default();
        let mut lines = Vec::new();
        for second in (0..200).step_by(10) {
            let missing = match second {
                // A short interruption does not end the problem.
                20..60 | 70..100 => vec![silent(1)],
                _ => Vec::new(),
            };
            lines.extend(log.lines(at(second), &missing));
        }
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].0 && lines[0].1.starts_with("No data from agent 1"));
        assert!(
            !lines[1].0
                && lines[1]
                    .1
                    .starts_with("ended after 1:40: No data from agent 1")
        );
    }

    #[test]
    fn contested_node_is_logged() {
        let mut log = GapLog::default();
        let contested = Gap::NodeContested {
            node: "node1".to_owned(),
            senders: vec!["10.0.0.1".to_owned()],
        };
        let lines = log.lines(at(0), &[contested]);
        assert!(
            lines.len() == 1 && lines[0].1.contains("node1"),
            "{lines:?}"
        );
    }

    #[test]
    fn invented_agents_do_not_fill_the_log() {
        let mut log = GapLog::default();
        let mut lines = 0;
        for round in 0..50 {
            let missing: Vec<Gap> = (0..20).map(|it| silent(round * 20 + it)).collect();
            lines += log.lines(at(10 * round as u64), &missing).len();
        }
        assert_eq!(lines, LINES as usize + 1);
        let again = log.lines(at(700), &[silent(5_000)]);
        assert!(
            again.iter().any(|(_, text)| text.contains("5000")),
            "{again:?}"
        );
    }
}
