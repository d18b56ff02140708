//! A signal of a service: value and thresholds.

use crate::format::{Scale, limits, quantity};
use crate::http::html::Text;
use crate::view::SignalView;

pub(super) fn row(signal: &SignalView) -> String {
    let metric = Text(&signal.metric);
    let value = quantity(signal.value, &signal.unit);
    let value = Text(&value);
    let state = State::of(signal);
    let (class, text) = (state.class(), state.class());
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
         <span class=\"state\">{text} <span class=\"quiet\">{limits}</span></span>\
         <span class=\"{reporting}\">{reports}{spread}</span></div>\n",
        reports = match (signal.unknown, signal.warming) {
            (true, _) => "containers unknown".to_owned(),
            (false, 0) => format!("{contributing} of {matched} reporting"),
            (false, warming) => {
                format!("{contributing} of {matched} reporting, {warming} warming up")
            }
        },
        spread = spread(signal)
    )
}

/// Range from the least to the most loaded container, if there are several.
fn spread(signal: &SignalView) -> String {
    match (signal.least, signal.most) {
        (Some(least), Some(most)) if signal.contributing > 1 => {
            let scale = Scale::fitting(&signal.unit, most);
            let (least, most) = (scale.number(least), scale.write(most));
            format!(
                "<span class=\"spread\">{}</span>",
                Text(&format!("{least}–{most}"))
            )
        }
        _ => String::new(),
    }
}

/// Position of a value relative to its thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Below,
    Within,
    Above,
    Unknown,
}

impl State {
    pub(super) fn of(signal: &SignalView) -> Self {
        match signal.value.filter(|value| value.is_finite()) {
            None => Self::Unknown,
            Some(value) if value > signal.upper => Self::Above,
            Some(value) if value < signal.lower => Self::Below,
            Some(_) => Self::Within,
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Within => "within",
            Self::Above => "above",
            Self::Unknown => "unknown",
        }
    }
}

/// A bar of the value relative to its thresholds.
pub(super) fn bar(signal: &SignalView) -> String {
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
