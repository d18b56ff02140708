//! Marks of decisions in a chart. A mark has a tooltip with time, change and reason; in a page it
//! links to the decision.

use plot::{Color, LINE, MUTED, Shape};

use super::series::Change;
use super::{FAILED, SAMPLES};
use crate::format::shortened;
use crate::view::DecisionView;

/// Maximum number of marks; the newest are drawn.
const MOST: usize = 200;
/// Maximum length of a tooltip, in characters.
const LONGEST: usize = 400;

/// A decision or another change.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: Kind,
    /// Number of the decision; `None` for a change without a known decision.
    pub(super) id: Option<u64>,
    pub(super) message: String,
}

/// Outcome of the decision and the kind of signal that it used, in the order of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Applied, based on counters.
    Counters,
    /// Applied, based on packet samples.
    Samples,
    /// Recommended only.
    Advised,
    /// Refused by the orchestrator.
    Failed,
    /// A change without a known decision.
    External,
}

impl Kind {
    /// Name in the legend; `None` for the usual kind.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Counters => None,
            Self::Samples => Some("packet samples"),
            Self::Advised => Some("advised"),
            Self::Failed => Some("failed"),
            Self::External => Some("external"),
        }
    }

    pub(super) const fn color(self) -> Color {
        match self {
            Self::Counters | Self::Advised => LINE,
            Self::Samples => SAMPLES,
            Self::Failed => FAILED,
            Self::External => MUTED,
        }
    }

    pub(super) const fn shape(self) -> Shape {
        match self {
            Self::Counters | Self::External => Shape::Dot,
            Self::Samples => Shape::Diamond,
            Self::Advised => Shape::Ring,
            Self::Failed => Shape::Cross,
        }
    }

    /// Whether the number of replicas was changed.
    pub(super) const fn is_change(self) -> bool {
        !matches!(self, Self::Advised | Self::Failed)
    }
}

/// A mark for each decision that changes a number or a machine, and for each other change, in order
/// of time.
pub(super) fn marks(
    decisions: &[DecisionView],
    changes: &[Change],
    (first, last): (f64, f64),
    time: impl Fn(&DecisionView) -> String,
) -> Vec<Mark> {
    let is_change = |it: &&DecisionView| it.from != it.to || !it.machines.is_empty();
    let changing = decisions.iter().filter(is_change);
    let changing = changing.filter(|it| (first..=last).contains(&it.at));
    let mut marks: Vec<Mark> = changing.map(|it| Mark::decided(it, &time(it))).collect();
    let external = changes.iter().filter(|change| {
        let is_same = |mark: &Mark| mark.to == change.to && (mark.at - change.at).abs() < 0.5;
        !marks.iter().any(is_same)
    });
    let external = external.map(|it| {
        let message = format!("{} → {}: no decision is known", it.from, it.to);
        Mark::change(it, Kind::External, message)
    });
    let external: Vec<Mark> = external.collect();
    marks.extend(external);
    marks.sort_by(|a, b| a.at.total_cmp(&b.at));
    marks.split_off(marks.len().saturating_sub(MOST))
}

impl Mark {
    fn decided(decision: &DecisionView, time: &str) -> Self {
        let kind = match decision.outcome {
            "advised" => Kind::Advised,
            "failed" => Kind::Failed,
            _ if decision.fast => Kind::Samples,
            _ => Kind::Counters,
        };
        let outcome = kind.name().filter(|_| !kind.is_change());
        let outcome = outcome.map_or_else(String::new, |outcome| format!(" ({outcome})"));
        let (from, to) = (decision.from, decision.to);
        let change = match from == to {
            true => decision.machines.join("; "),
            false => format!("{from} → {to}{outcome}"),
        };
        let message = format!("{time}: {change}. {}", decision.reasons.join("; "));
        Self {
            at: decision.at,
            from,
            to,
            kind,
            id: (decision.id > 0).then_some(decision.id),
            message: shortened(&message, LONGEST),
        }
    }

    /// A change without a known decision.
    pub(super) const fn change(change: &Change, kind: Kind, message: String) -> Self {
        Self {
            at: change.at,
            from: change.from,
            to: change.to,
            kind,
            id: None,
            message,
        }
    }
}
