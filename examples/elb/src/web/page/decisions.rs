//! What was decided, and why.

use crate::view::{DecisionView, ServiceView};
use crate::web::html::Text;
use crate::words::duration;

/// The last decisions about a service, newest first.
pub(super) fn of(service: &ServiceView, decisions: &[DecisionView]) -> String {
    const SHOWN: usize = 8;
    let own = decisions
        .iter()
        .rev()
        .filter(|decision| decision.service == service.name);
    let items: String = own.take(SHOWN).map(decision).collect();
    let list = match items.is_empty() {
        true => "<p class=\"quiet\">None yet.</p>".to_owned(),
        false => format!("<ol>\n{items}</ol>"),
    };
    format!("<div class=\"decisions\"><h3>Decisions</h3>{list}</div>\n")
}

fn decision(decision: &DecisionView) -> String {
    let (from, to) = (decision.from, decision.to);
    let (class, change) = match to.cmp(&from) {
        std::cmp::Ordering::Greater => ("grow", format!("{from} → {to}")),
        std::cmp::Ordering::Less => ("shrink", format!("{from} → {to}")),
        std::cmp::Ordering::Equal => ("hold", format!("stay at {to}")),
    };
    let reason = |reason: &String| format!("<span><bdi>{}</bdi></span>", Text(reason));
    let reasons: String = decision.reasons.iter().map(reason).collect();
    let at = duration(decision.at);
    format!(
        "<li class=\"{class}\"><time>{at}</time> <b>{change}</b> \
         <span class=\"reasons\">{reasons}</span></li>\n"
    )
}
