use std::collections::BTreeSet;
use std::time::Duration;

use sflow_metrics::Timestamp;
use tracing::{info, warn};

use super::Finding;
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
pub struct FindingLog {
    known: Tracker<(&'static str, String)>,
    refusals: BTreeSet<String>,
    period: Option<Timestamp>,
    lines: u32,
}

impl FindingLog {
    /// Check interval.
    pub const EVERY: Duration = Duration::from_secs(10);

    /// Logs changes.
    pub fn log(&mut self, now: Timestamp, found: &[Finding]) {
        for (is_warning, text) in self.lines(now, found) {
            match is_warning {
                true => warn!("{text}"),
                false => info!("{text}"),
            }
        }
    }

    /// The lines to log, and whether each is a warning.
    fn lines(&mut self, now: Timestamp, found: &[Finding]) -> Vec<(bool, String)> {
        /// Maximum number of different refusals.
        const REFUSALS: usize = 64;
        let delays = Delays {
            begin: Duration::ZERO,
            end: BACK,
        };
        let logged = found.iter().filter(|finding| is_logged(finding));
        let logged = logged.map(|it| ((it.kind, it.about.clone()), it.sentences(), delays));
        let changed = self.known.update(now, logged, |_| false);
        let mut lines = Vec::new();
        for ((kind, _), begun) in changed.begun {
            let is_refusal = found.iter().any(|it| it.is_refusal() && it.kind == kind);
            if !is_refusal {
                lines.push((true, begun.message));
            }
        }
        for refusal in found.iter().filter(|finding| finding.is_refusal()) {
            // The text also contains numbers that change.
            let configuration = format!("{} {:?}", refusal.about, refusal.details);
            if self.refusals.len() < REFUSALS && self.refusals.insert(configuration) {
                lines.push((true, refusal.sentences()));
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

/// Whether beginning and end of the finding are logged. Others are logged at the start or as a problem
/// of a service.
fn is_logged(finding: &Finding) -> bool {
    !matches!(
        finding.kind,
        "service_unseen" | "metric_unknown" | "metric_partial" | "any_sender" | "more"
    )
}

#[cfg(test)]
mod tests {
    use super::super::Findings;
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn found(kind: &'static str, subjects: impl IntoIterator<Item = usize>) -> Vec<Finding> {
        let mut findings = Findings::default();
        for subject in subjects {
            let mut subject = findings.about(format!("subject {subject}"));
            subject.wrong(kind, "no data", "check it");
        }
        findings.iter().cloned().collect()
    }

    fn at(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn silent_agent_is_logged_when_it_begins_and_when_it_ends() {
        let mut log = FindingLog::default();
        let mut lines = Vec::new();
        for second in (0..200).step_by(10) {
            let found = match second {
                // A short interruption does not end the problem.
                20..60 | 70..100 => found("silent_agent", [1]),
                _ => Vec::new(),
            };
            lines.extend(log.lines(at(second), &found));
        }
        assert_eq!(lines.len(), 2, "{lines:?}");
        let text = "Subject 1: no data. Check it.";
        assert_eq!(lines[0], (true, text.to_owned()));
        assert_eq!(lines[1], (false, format!("ended after 1:40: {text}")));
    }

    #[test]
    fn incomplete_data_of_services_is_not_logged() {
        let mut log = FindingLog::default();
        assert_eq!(log.lines(at(0), &found("service_unseen", [1])), []);
        assert_eq!(log.lines(at(0), &found("node_contested", [1])).len(), 1);
    }

    #[test]
    fn refusal_is_logged_again_if_its_configuration_changes() {
        let mut log = FindingLog::default();
        let mut count = |datagrams: u64, line: &str| {
            let what = format!("{datagrams} datagrams are refused");
            let mut findings = Findings::default();
            let mut telemetry = findings.about("telemetry");
            telemetry.wrong("sender_refused", what, "");
            telemetry.with([("line", line.into())]);
            log.lines(at(datagrams), &findings.incomplete()).len()
        };
        assert_eq!([count(1, "a"), count(2, "a"), count(3, "b")], [1, 0, 1]);
    }

    #[test]
    fn invented_agents_do_not_fill_the_log() {
        let mut log = FindingLog::default();
        let mut lines = 0;
        for round in 0..50 {
            let found = found("silent_agent", round * 20..round * 20 + 20);
            lines += log.lines(at(10 * round as u64), &found).len();
        }
        assert_eq!(lines, LINES as usize + 1);
        let again = log.lines(at(700), &found("silent_agent", [5_000]));
        assert!(
            again.iter().any(|(_, text)| text.contains("5000")),
            "{again:?}"
        );
    }
}
