//! The card of one service.

use super::{decisions, modes, signal};
use crate::chart;
use crate::view::{DecisionView, ServiceView};
use crate::web::html::{Segment, Text};

pub(super) fn card(service: &ServiceView, decisions: &[DecisionView]) -> String {
    let name = Text(&service.name);
    let (mode, mode_words) = modes::badge(&service.mode);
    let modes = modes::buttons(Some(&service.name), mode);
    let numbers = numbers(service);
    let pips = pips(service);
    let signals: String = service.signals.iter().map(signal::row).collect();
    let wide = chart::untitled(service, chart::WIDE);
    let narrow = chart::untitled(service, chart::NARROW);
    let file = Segment(&service.name);
    let decisions = decisions::of(service, decisions);
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2><bdi>{name}</bdi></h2>\
         <span class=\"mode {mode}\">{mode_words}</span>{modes}</div>\n{numbers}{pips}\
         <div class=\"signals\">\n{signals}</div>\n\
         <div class=\"chart wide\">{wide}</div>\n<div class=\"chart narrow\">{narrow}</div>\n\
         {decisions}\
         <p class=\"more\"><a href=\"/chart/{file}.svg\">chart as a file</a></p>\n</section>\n"
    )
}

fn numbers(service: &ServiceView) -> String {
    let number = |label: &str, number: u32, odd: bool| {
        let class = if odd { " class=\"odd\"" } else { "" };
        format!("<div{class}><dt>{label}</dt><dd>{number}</dd></div>")
    };
    let (least, most) = service.bounds;
    let wanted = number("wanted", service.wanted, false);
    let running = number(
        "running",
        service.running,
        service.running != service.wanted,
    );
    let seen = number("seen", service.seen, service.seen != service.running);
    format!(
        "<dl class=\"numbers\">{wanted}{running}{seen}\
         <div><dt>bounds</dt><dd>{least}–{most}</dd></div></dl>\n"
    )
}

/// One square for each replica that there may be: running, wanted, or possible.
fn pips(service: &ServiceView) -> String {
    const LIMIT: u32 = 64;
    let most = service.bounds.1.max(service.wanted).max(service.running);
    if most > LIMIT {
        return String::new();
    }
    let pip = |index: u32| {
        let class = match index {
            index if index < service.running && index < service.wanted => "on",
            index if index < service.running => "leaving",
            index if index < service.wanted => "coming",
            _ => "free",
        };
        format!("<i class=\"{class}\"></i>")
    };
    let pips: String = (0..most).map(pip).collect();
    format!("<div class=\"pips\" aria-hidden=\"true\">{pips}</div>\n")
}
