//! A signal of a service: value and thresholds.

use crate::format::{Scale, limits, quantity};
use crate::view::SignalView;

pub(super) struct Signal<'a> {
    pub(super) view: &'a SignalView,
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
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Within => "within",
            Self::Above => "above",
            Self::Unknown => "unknown",
        }
    }
}

/// Positions in a bar, in percent of its width.
pub(super) struct Bar {
    pub(super) lower: f64,
    pub(super) upper: f64,
    /// Distance of the thresholds.
    pub(super) band: f64,
    pub(super) value: f64,
}

impl<'a> Signal<'a> {
    pub(super) const fn new(view: &'a SignalView) -> Self {
        Self { view }
    }

    pub(super) fn state(&self) -> State {
        self.state_of(self.view.value)
    }

    /// The state of the value of one container.
    pub(super) fn state_of(&self, value: Option<f64>) -> State {
        match value.filter(|value| value.is_finite()) {
            None => State::Unknown,
            Some(value) if value > self.view.upper => State::Above,
            Some(value) if value < self.view.lower => State::Below,
            Some(_) => State::Within,
        }
    }

    pub(super) fn value(&self) -> String {
        quantity(self.view.value, &self.view.unit)
    }

    pub(super) fn limits(&self) -> String {
        limits(self.view.lower, self.view.upper, &self.view.unit)
    }

    /// Number of containers with a value.
    pub(super) fn reporting(&self) -> String {
        let it = self.view;
        let (contributing, matched) = (it.contributing, it.matched);
        match (it.unknown, it.warming) {
            (true, _) => "containers unknown".to_owned(),
            (false, 0) => format!("{contributing} of {matched} reporting"),
            (false, warming) => {
                format!("{contributing} of {matched} reporting, {warming} warming up")
            }
        }
    }

    /// From the least to the most loaded container, if there are several.
    pub(super) fn range(&self) -> Option<String> {
        let (least, most) = self.view.least.zip(self.view.most)?;
        let scale = Scale::fitting(&self.view.unit, most);
        (self.view.contributing > 1)
            .then(|| format!("{}–{}", scale.number(least), scale.write(most)))
    }

    pub(super) fn bar(&self) -> Bar {
        let value = self.view.value.filter(|value| value.is_finite());
        let full = (self.view.upper * 1.5).max(value.unwrap_or(0.0));
        let percent = |value: f64| match full.is_finite() && full > 0.0 {
            true => (value / full * 100.0).clamp(0.0, 100.0),
            false => 0.0,
        };
        let (lower, upper) = (percent(self.view.lower), percent(self.view.upper));
        Bar {
            lower,
            upper,
            band: upper - lower,
            value: value.map_or(0.0, percent),
        }
    }
}
