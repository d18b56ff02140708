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
        for (is_warning, text) in self.update(now, found) {
            match is_warning {
                true => warn!("{text}"),
                false => info!("{text}"),
            }
        }
    }

    /// The lines to log for changes since the last call, and whether each is a warning.
    pub fn update(&mut self, now: Timestamp, found: &[Finding]) -> Vec<(bool, String)> {
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

/// Whether beginning and end of the finding are logged. Others are logged at the start or as a
/// problem of a service.
fn is_logged(finding: &Finding) -> bool {
    !matches!(
        finding.kind,
        "service_unseen" | "metric_unknown" | "metric_partial" | "any_sender" | "more"
    )
}
