//! The page as HTML.

use super::html::{Segment, Text};
use crate::chart;
use crate::view::{DecisionView, Intake, ServiceView, SignalView, Snapshot};
use crate::words::{Scale, count, duration, limits, quantity};

/// The whole page.
pub(super) fn render(snapshot: &Snapshot) -> String {
    let title = Text(&snapshot.title);
    let style = include_str!("style.css");
    let night = chart::night_rules();
    let facts = facts(snapshot);
    let all = modes(None, &snapshot.mode);
    let services = match snapshot.services.as_slice() {
        [] => "<p class=\"card quiet\">Waiting for the first look at the services.</p>".to_owned(),
        services => services
            .iter()
            .map(|service| card(service, &snapshot.decisions))
            .collect(),
    };
    let intake = intake(&snapshot.intake);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
         <title>{title} · elastic load balancing</title>\n\
         <style>\n{style}@media (prefers-color-scheme: dark) {{{night}}}\n</style>\n</head>\n<body>\n\
         <header>\n<h1>Elastic load balancing</h1>\n<p class=\"facts\">{facts}{all}</p>\n</header>\n\
         <main>\n{services}{intake}</main>\n\
         <footer>The same as data: <a href=\"/api/v1/snapshot\">/api/v1/snapshot</a></footer>\n\
         {DIALOG}<script src=\"/script.js\"></script>\n</body>\n</html>\n"
    )
}

/// Asks before a mode is switched; who does not run scripts does not see it.
const DIALOG: &str = "<dialog id=\"confirm\"><form method=\"dialog\"><p></p>\
    <label>Token, if one is configured <input type=\"password\" autocomplete=\"off\"></label>\
    <output></output><div><button type=\"button\">Leave it</button>\
    <button type=\"submit\" class=\"yes\">Do it</button></div></form></dialog>\n";

/// Buttons for the modes of a service, or of all; the one that it is in is pressed.
fn modes(service: Option<&str>, mode: &str) -> String {
    let button = |name: &str| {
        let pressed = name == mode;
        let (of, key) = match service {
            Some(service) => {
                let service = Text(service);
                (
                    format!(" data-service=\"{service}\""),
                    format!("{name} {service}"),
                )
            }
            None => (String::new(), name.to_owned()),
        };
        format!(
            "<button data-mode=\"{name}\"{of} data-key=\"{key}\" aria-pressed=\"{pressed}\">\
             {name}</button>"
        )
    };
    let buttons: String = ["off", "advise", "act"].map(button).concat();
    format!("<span class=\"modes\" role=\"group\" aria-label=\"Mode\">{buttons}</span>")
}

fn facts(snapshot: &Snapshot) -> String {
    let mut facts = format!("<span>{}</span>", Text(&snapshot.title));
    facts += &format!("<span>running for {}</span>", duration(snapshot.elapsed));
    if snapshot.speed.is_finite() && snapshot.speed != 1.0 && snapshot.speed > 0.0 {
        let speed = Scale::fitting("", snapshot.speed).number(snapshot.speed);
        facts += &format!("<span>{speed} × real time</span>");
    }
    if let Some(load) = &snapshot.load {
        facts += &format!("<span class=\"load\"><bdi>{}</bdi></span>", Text(load));
    }
    facts
}

fn card(service: &ServiceView, decisions: &[DecisionView]) -> String {
    let name = Text(&service.name);
    let (mode, mode_words) = mode(&service.mode);
    let modes = modes(Some(&service.name), mode);
    let numbers = numbers(service);
    let pips = pips(service);
    let signals: String = service.signals.iter().map(signal).collect();
    let wide = chart::untitled(service, chart::WIDE);
    let narrow = chart::untitled(service, chart::NARROW);
    let file = Segment(&service.name);
    let decisions = decided(service, decisions);
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2><bdi>{name}</bdi></h2>\
         <span class=\"mode {mode}\">{mode_words}</span>{modes}</div>\n{numbers}{pips}\
         <div class=\"signals\">\n{signals}</div>\n\
         <div class=\"chart wide\">{wide}</div>\n<div class=\"chart narrow\">{narrow}</div>\n\
         {decisions}\
         <p class=\"more\"><a href=\"/chart/{file}.svg\">chart as a file</a></p>\n</section>\n"
    )
}

fn mode(mode: &str) -> (&'static str, String) {
    match mode {
        "act" => ("act", "acts".to_owned()),
        "advise" => ("advise", "advises only".to_owned()),
        "off" => ("off", "off".to_owned()),
        other => ("off", Text(other).to_string()),
    }
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

fn signal(signal: &SignalView) -> String {
    let metric = Text(&signal.metric);
    let value = quantity(signal.value, &signal.unit);
    let value = Text(&value);
    let (class, state) = state(signal);
    let bar = bar(signal);
    let limits = limits(signal.lower, signal.upper, &signal.unit);
    let limits = Text(&limits);
    let (contributing, matched) = (signal.contributing, signal.matched);
    let reporting = match contributing == matched {
        true => "reporting",
        false => "reporting odd",
    };
    format!(
        "<div class=\"signal {class}\"><span class=\"metric\"><bdi>{metric}</bdi></span>\
         <span class=\"value\">{value}</span>{bar}\
         <span class=\"state\">{state} <span class=\"quiet\">{limits}</span></span>\
         <span class=\"{reporting}\">{contributing} of {matched} report</span></div>\n"
    )
}

fn state(signal: &SignalView) -> (&'static str, &'static str) {
    match signal.value.filter(|value| value.is_finite()) {
        None => ("unknown", "unknown"),
        Some(value) if value > signal.upper => ("above", "above"),
        Some(value) if value < signal.lower => ("below", "below"),
        Some(_) => ("within", "within"),
    }
}

/// The value as a bar over the range of its thresholds.
fn bar(signal: &SignalView) -> String {
    let value = signal.value.filter(|value| value.is_finite());
    let full = (signal.upper * 1.5).max(value.unwrap_or(0.0));
    let percent = |value: f64| match full.is_finite() && full > 0.0 {
        true => (value / full * 100.0).clamp(0.0, 100.0),
        false => 0.0,
    };
    let (lower, upper) = (percent(signal.lower), percent(signal.upper));
    let filled = value.map_or(0.0, percent);
    let band = upper - lower;
    format!(
        "<svg class=\"bar\" aria-hidden=\"true\"><rect class=\"track\" width=\"100%\" height=\"100%\"/>\
         <rect class=\"band\" x=\"{lower:.1}%\" width=\"{band:.1}%\" height=\"100%\"/>\
         <rect class=\"fill\" y=\"3\" width=\"{filled:.1}%\" height=\"6\"/>\
         <rect class=\"tick\" x=\"{upper:.1}%\" width=\"1.5\" height=\"100%\"/></svg>"
    )
}

/// The last decisions about a service, newest first.
fn decided(service: &ServiceView, decisions: &[DecisionView]) -> String {
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

fn intake(intake: &Intake) -> String {
    let fact =
        |label: &str, number: u64| format!("<div><dt>{label}</dt><dd>{}</dd></div>", count(number));
    let facts = [
        fact("agents", intake.agents),
        fact("datagrams", intake.datagrams),
        fact("samples", intake.samples),
    ];
    let refused = intake.refused.iter().filter(|(_, number)| **number > 0);
    let rows: String = refused
        .map(|(cause, number)| {
            format!(
                "<tr><td><bdi>{}</bdi></td><td>{}</td></tr>\n",
                Text(cause),
                count(*number)
            )
        })
        .collect();
    let refused = match rows.is_empty() {
        true => "<p class=\"quiet\">Nothing was refused.</p>".to_owned(),
        false => format!("<table><caption>Refused, by cause</caption>\n{rows}</table>"),
    };
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2>Telemetry</h2></div>\n\
         <dl class=\"numbers small\">{}</dl>\n{refused}\n</section>\n",
        facts.concat()
    )
}
