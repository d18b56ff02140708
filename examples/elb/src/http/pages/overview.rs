//! Table of all services.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Sought;
use super::modes;
use super::signal::{self, State};
use super::sparkline;
use super::when::When;
use crate::format::{limits, quantity, shortened};
use crate::http::html::{Segment, Text};
use crate::view::{DecisionView, ServiceView, SignalView};

/// Maximum number of rows; services with problems come first.
const ROWS: usize = 200;
/// With more services than this, a search field is shown.
const FEW: usize = 15;

pub(super) fn card(
    services: &[ServiceView],
    last: &HashMap<String, DecisionView>,
    when: &When,
    sought: &Sought,
) -> String {
    let is_meant = |service: &&ServiceView| service.name.contains(&sought.0);
    let mut meant: Vec<&ServiceView> = services.iter().filter(is_meant).collect();
    let total = meant.len();
    if total > ROWS {
        meant.sort_by_key(|service| Reverse(Need::of(service)));
        meant.truncate(ROWS);
    }
    let row = |service: &&ServiceView| row(service, last.get(&service.name), when);
    let rows: String = meant.iter().map(row).collect();
    let left_out = match total - meant.len() {
        0 => String::new(),
        more => format!(
            "<p class=\"more\">{more} more services; search by \
             name, or see <a href=\"/api/v1/services\">/api/v1/services</a>.</p>\n"
        ),
    };
    let none = match total {
        0 => "<p class=\"quiet\">No service name contains this text.</p>\n",
        _ => "",
    };
    let search = match services.len() > FEW {
        true => format!(
            "<form class=\"find\" method=\"get\" action=\"/\" role=\"search\"><label>\
             <span class=\"unseen\">Search services by name</span>\
             <input name=\"find\" type=\"search\" placeholder=\"search\" value=\"{}\" \
             data-key=\"find\"></label></form>",
            Text(&sought.0)
        ),
        false => String::new(),
    };
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2>Services</h2>{search}</div>\n\
         <p class=\"sum\">{}</p>\n{none}<table class=\"services\">\n<thead><tr>\
         <th scope=\"col\">service</th><th scope=\"col\">replicas</th>\
         <th scope=\"col\">load per container</th>\
         <th scope=\"col\">recent</th>\
         <th scope=\"col\">last decision</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         {left_out}</section>\n",
        sum(services)
    )
}

/// Priority of a service in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Off,
    Calm,
    Changing,
    Above,
    Unknown,
}

impl Need {
    fn of(service: &ServiceView) -> Self {
        let worst = service.signals.iter().map(State::of).max();
        match worst {
            _ if service.mode == "off" => Self::Off,
            None | Some(State::Unknown) => Self::Unknown,
            Some(State::Above) => Self::Above,
            _ if service.running != service.wanted => Self::Changing,
            Some(State::Below | State::Within) => Self::Calm,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Calm => "calm",
            Self::Changing => "changing",
            Self::Above => "above",
            Self::Unknown => "unknown",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Calm => "calm",
            Self::Changing => "replicas are changing",
            Self::Above => "above its upper threshold",
            Self::Unknown => "incomplete data",
        }
    }
}

/// Summary of all services.
fn sum(services: &[ServiceView]) -> String {
    let of = |is_meant: &dyn Fn(&ServiceView) -> bool| {
        services.iter().filter(|service| is_meant(service)).count()
    };
    let parts = [
        (of(&|it| it.mode == "act"), "act", "act"),
        (of(&|it| it.mode == "advise"), "advise", "advise"),
        (of(&|it| it.mode == "off"), "off", "off"),
        (
            of(&|it| Need::of(it) == Need::Above),
            "above",
            "above the upper threshold",
        ),
        (
            of(&|it| Need::of(it) == Need::Unknown),
            "unknown",
            "with incomplete data",
        ),
        (
            of(&|it| Need::of(it) == Need::Changing),
            "changing",
            "changing",
        ),
    ];
    let parts = parts.iter().filter(|(count, ..)| *count > 0);
    let parts = parts.map(|(count, class, message)| {
        format!("<span class=\"{class}\"><b>{count}</b> {message}</span>")
    });
    let sizes: Vec<(u64, u64)> = services
        .iter()
        .filter_map(|it| Some((it.running?.into(), it.wanted?.into())))
        .collect();
    let replicas = match sizes.is_empty() {
        true => "replicas unknown".to_owned(),
        false => {
            let running: u64 = sizes.iter().map(|(running, _)| running).sum();
            let wanted: u64 = sizes.iter().map(|(_, wanted)| wanted).sum();
            format!("<b>{running}</b> of {wanted} replicas running")
        }
    };
    let all = format!(
        "<span><b>{}</b> services</span><span>{replicas}</span>",
        services.len()
    );
    all + &parts.collect::<String>()
}

fn row(service: &ServiceView, last: Option<&DecisionView>, when: &When) -> String {
    let need = Need::of(service);
    let (class, message) = (need.class(), need.message());
    let (mode, meaning) = modes::meaning(&service.mode);
    let name = Text(&service.name);
    let file = Segment(&service.name);
    let replicas = replicas(service);
    let load = load(service);
    let spark = sparkline::draw(service);
    let decision = last.map_or_else(String::new, |last| last_decision(last, when));
    format!(
        "<tr class=\"{class}\"><th scope=\"row\"><div class=\"who\"><i class=\"dot\" title=\"{message}\"></i>\
         <span class=\"unseen\">{message}: </span>\
         <a href=\"/service/{file}\" title=\"{name}\"><bdi>{name}</bdi></a> \
         <span class=\"badge {mode}\" title=\"{meaning}\">{mode}</span></div></th>\
         <td class=\"of\">{replicas}</td><td class=\"load\">{load}</td>\
         <td class=\"past\">{spark}</td><td class=\"said\">{decision}</td></tr>\n"
    )
}

fn replicas(service: &ServiceView) -> String {
    if service.mode == "off" {
        return "<span class=\"quiet\">not read</span>".to_owned();
    }
    let (Some(running), Some(wanted)) = (service.running, service.wanted) else {
        return "<span class=\"quiet\">unknown</span>".to_owned();
    };
    let (least, most) = service.bounds;
    let number = match running == wanted {
        true => format!("<b>{running}</b>"),
        false => format!("<b>{running}</b> → {wanted}"),
    };
    let full = f64::from(most.max(wanted).max(running).max(1));
    let percent = |count: u32| f64::from(count) / full * 100.0;
    let (running, wanted) = (percent(running), percent(wanted));
    format!(
        "{number} <span class=\"quiet\">of {least}–{most}</span>\
         <svg class=\"bar thin\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"100%\" height=\"100%\"/>\
         <rect class=\"coming\" width=\"{wanted:.1}%\" height=\"100%\"/>\
         <rect class=\"fill\" width=\"{running:.1}%\" height=\"100%\"/></svg>"
    )
}

/// The signal closest to its upper threshold, or an unknown signal.
fn load(service: &ServiceView) -> String {
    let rank = |signal: &SignalView| match signal.value {
        Some(value) if signal.upper > 0.0 => value / signal.upper,
        _ => f64::INFINITY,
    };
    let mut signals = service.signals.iter();
    let worst = signals.clone().max_by(|a, b| rank(a).total_cmp(&rank(b)));
    let Some(worst) = worst.or(signals.next()) else {
        return String::new();
    };
    let value = quantity(worst.value, &worst.unit);
    let limits = limits(worst.lower, worst.upper, &worst.unit);
    format!(
        "<span title=\"{}\"><b>{}</b> <span class=\"quiet\">{}</span></span>{}",
        Text(&shortened(&worst.metric, 80)),
        Text(&value),
        Text(&limits),
        signal::bar(worst)
    )
}

fn last_decision(decision: &DecisionView, when: &When) -> String {
    let (from, to) = (decision.from, decision.to);
    let change = match from == to {
        true => format!("stay at {to}"),
        false => format!("{from} → {to}"),
    };
    let why = decision.reasons.first().map_or("", String::as_str);
    format!(
        "<div>{} <b>{change}</b> <span class=\"quiet\"><bdi>{}</bdi></span></div>",
        when.time(decision.at, decision.time),
        Text(&shortened(why, 160))
    )
}
