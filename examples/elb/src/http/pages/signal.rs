//! Value and thresholds of a signal on the page.

use crate::format::{Scale, quantity};
use crate::policy::SubjectKind;
use crate::view::SignalView;

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
    /// Position of the upper threshold or of the target.
    pub(super) tick: f64,
    /// Distance of the thresholds.
    pub(super) band: f64,
    pub(super) value: f64,
}

impl SignalView {
    pub(super) fn state(&self) -> State {
        self.state_of(self.value)
    }

    /// The state of the value of one container.
    pub(super) fn state_of(&self, value: Option<f64>) -> State {
        match value.filter(|value| value.is_finite()) {
            None => State::Unknown,
            Some(value) if value > self.upper => State::Above,
            Some(value) if value < self.lower => State::Below,
            Some(_) => State::Within,
        }
    }

    pub(super) fn quantity(&self) -> String {
        quantity(self.value, &self.unit)
    }

    /// Number of containers or machines with a value.
    pub(super) fn reporting(&self, kind: SubjectKind) -> String {
        let (contributing, matched) = (self.contributing, self.matched);
        match (self.unknown, self.warming) {
            (true, _) => format!("{}s unknown", kind.member()),
            (false, 0) => format!("{contributing} of {matched} reporting"),
            (false, warming) => {
                format!("{contributing} of {matched} reporting, {warming} warming up")
            }
        }
    }

    /// From the least to the most loaded container, if there are several.
    pub(super) fn range(&self) -> Option<String> {
        let (least, most) = self.least.zip(self.most)?;
        let scale = Scale::fitting(&self.unit, most);
        (self.contributing > 1).then(|| format!("{}–{}", scale.number(least), scale.write(most)))
    }

    pub(super) fn bar(&self) -> Bar {
        let value = self.value.filter(|value| value.is_finite());
        let full = (self.upper * 1.5).max(value.unwrap_or(0.0));
        let percent = |value: f64| match full.is_finite() && full > 0.0 {
            true => (value / full * 100.0).clamp(0.0, 100.0),
            false => 0.0,
        };
        let (lower, upper) = (percent(self.lower), percent(self.upper));
        Bar {
            lower,
            tick: percent(self.shown_limits().1),
            band: upper - lower,
            value: value.map_or(0.0, percent),
        }
    }
}
