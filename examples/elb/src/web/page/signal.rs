//! What a service is balanced by: a value beside its thresholds.

use crate::view::SignalView;
use crate::web::html::Text;
use crate::words::{limits, quantity};

pub(super) fn row(signal: &SignalView) -> String {
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
