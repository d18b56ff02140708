//! Card of a service.

use super::when::When;
use super::{decisions, modes, signal};
use crate::charts;
use crate::format::number;
use crate::http::html::{Segment, Text};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, ServiceView};

/// The card on the overview, with the last decisions.
pub(super) fn card(service: &ServiceView, decisions: &[DecisionView], when: &When) -> String {
    let file = Segment(&service.name).to_string();
    let list = format!("/service/{file}");
    let name = format!("<a href=\"{list}\"><bdi>{}</bdi></a>", Text(&service.name));
    let body = body(service, decisions, when, &list);
    let decided = decisions::last(decisions, when);
    format!(
        "<section class=\"card\">\n{}{body}{decided}\
         <p class=\"more\"><a href=\"{list}\">all decisions and containers</a> \
         <a href=\"/chart/{file}.svg\">chart as SVG</a></p>\n</section>\n",
        head(service, &name)
    )
}

/// The card on the service's page, which lists the decisions below; with one chart per further
/// metric.
pub(super) fn whole(
    service: &ServiceView,
    further: &[ServiceView],
    decisions: &[DecisionView],
    when: &When,
) -> String {
    let name = format!("<bdi>{}</bdi>", Text(&service.name));
    let body = body(service, decisions, when, "");
    let further: String = further
        .iter()
        .map(|it| by_metric(it, decisions, when))
        .collect();
    let file = Segment(&service.name);
    format!(
        "<section class=\"card\">\n{}{body}{further}\
         <p class=\"more\"><a href=\"/chart/{file}.svg\">chart as SVG</a></p>\n</section>\n",
        head(service, &name)
    )
}

/// A chart of a further metric.
fn by_metric(service: &ServiceView, decisions: &[DecisionView], when: &When) -> String {
    let metric = service.signals.first().map_or("", |it| it.metric.as_str());
    let metric = Text(metric);
    format!(
        "<details class=\"further\" data-key=\"by {metric}\"><summary>by <bdi>{metric}</bdi>\
         </summary>{}</details>\n",
        charts(service, decisions, when, "")
    )
}

fn charts(service: &ServiceView, decisions: &[DecisionView], when: &When, list: &str) -> String {
    let live = charts::Live {
        kind: SubjectKind::Service,
        service,
        decisions,
        began: when.began,
    };
    let (wide, narrow) = (
        live.part(charts::WIDE, list),
        live.part(charts::NARROW, list),
    );
    format!("<div class=\"chart wide\">{wide}</div>\n<div class=\"chart narrow\">{narrow}</div>\n")
}

fn head(service: &ServiceView, name: &str) -> String {
    let (mode, text) = modes::meaning(&service.mode);
    let buttons = modes::buttons(Some(&service.name), mode);
    format!(
        "<div class=\"head\"><h2>{name}</h2><span class=\"badge {mode}\">{text}</span>\
         {buttons}</div>\n"
    )
}

fn body(service: &ServiceView, decisions: &[DecisionView], when: &When, list: &str) -> String {
    let numbers = numbers(service);
    let pips = pips(service);
    let signals: String = service.signals.iter().map(signal::row).collect();
    let charts = charts(service, decisions, when, list);
    format!("{numbers}{pips}<div class=\"signals\">\n{signals}</div>\n{charts}")
}

fn numbers(service: &ServiceView) -> String {
    let number = |label: &str, value: Option<u32>, odd: bool| {
        let class = if odd { " class=\"odd\"" } else { "" };
        format!(
            "<div{class}><dt>{label}</dt><dd>{}</dd></div>",
            number(value)
        )
    };
    let (least, most) = service.bounds;
    let wanted = number("desired", service.wanted, false);
    let running = number(
        "running",
        service.running,
        service.running != service.wanted,
    );
    let seen = number("seen", service.seen, service.seen != service.running);
    format!(
        "<dl class=\"numbers\">{wanted}{running}{seen}\
         <div><dt>limits</dt><dd>{least}–{most}</dd></div></dl>\n"
    )
}

/// One square per possible replica: running, desired or unused.
fn pips(service: &ServiceView) -> String {
    const LIMIT: u32 = 64;
    let (Some(wanted), Some(running)) = (service.wanted, service.running) else {
        return String::new();
    };
    let most = service.bounds.1.max(wanted).max(running);
    if most > LIMIT {
        return String::new();
    }
    let pip = |index: u32| {
        let class = match index {
            index if index < running && index < wanted => "on",
            index if index < running => "leaving",
            index if index < wanted => "coming",
            _ => "free",
        };
        format!("<i class=\"{class}\"></i>")
    };
    let pips: String = (0..most).map(pip).collect();
    format!("<div class=\"pips\" aria-hidden=\"true\">{pips}</div>\n")
}
