//! Marks of decisions in a chart. A mark has a tooltip with time, change and reason; in a page it
//! links to the decision.

use super::drawing::{Color, FAILED, LOAD, MUTED, SAMPLES};
use super::series::Change;
use crate::format::shortened;
use crate::view::DecisionView;

/// Maximum number of marks; the newest are drawn.
const MOST: usize = 200;
/// Maximum length of a tooltip, in characters.
const LONGEST: usize = 400;

/// A mark in a drawing.
pub(super) struct Mark {
    pub(super) at: (i32, i32),
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) link: Option<String>,
}

/// A decision or another change.
#[derive(Debug, PartialEq)]
pub(super) struct Note {
    pub(super) at: f64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: Kind,
    /// Number of the decision; `None` for a change without a known decision.
    id: Option<u64>,
    message: String,
}

/// Outcome of the decision and the kind of signal that it used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    const ALL: [Self; 5] = [
        Self::Counters,
        Self::Samples,
        Self::Advised,
        Self::Failed,
        Self::External,
    ];

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
            Self::Counters | Self::Advised => LOAD,
            Self::Samples => SAMPLES,
            Self::Failed => FAILED,
            Self::External => MUTED,
        }
    }

    /// Whether the number of replicas was changed.
    pub(super) const fn is_change(self) -> bool {
        !matches!(self, Self::Advised | Self::Failed)
    }
}

/// A mark for each decision that changes a number or a machine, and for each other change, in order
/// of time.
pub(super) fn notes(
    decisions: &[DecisionView],
    changes: &[Change],
    (first, last): (f64, f64),
    time: impl Fn(&DecisionView) -> String,
) -> Vec<Note> {
    let is_change = |it: &&DecisionView| it.from != it.to || !it.machines.is_empty();
    let changing = decisions.iter().filter(is_change);
    let changing = changing.filter(|it| (first..=last).contains(&it.at));
    let mut notes: Vec<Note> = changing
        .map(|decision| Note::of(decision, &time(decision)))
        .collect();
    let external = changes.iter().filter(|change| {
        let is_same = |note: &Note| note.to == change.to && (note.at - change.at).abs() < 0.5;
        !notes.iter().any(is_same)
    });
    let external: Vec<Note> = external.map(Note::external).collect();
    notes.extend(external);
    notes.sort_by(|a, b| a.at.total_cmp(&b.at));
    notes.split_off(notes.len().saturating_sub(MOST))
}

/// The kinds among these marks.
pub(super) fn kinds(notes: &[Note]) -> impl Iterator<Item = Kind> {
    let there = |kind: &Kind| notes.iter().any(|note| note.kind == *kind);
    Kind::ALL.into_iter().filter(there)
}

impl Note {
    fn of(decision: &DecisionView, time: &str) -> Self {
        let kind = match decision.outcome {
            "advised" => Kind::Advised,
            "failed" => Kind::Failed,
            _ if decision.fast => Kind::Samples,
            _ => Kind::Counters,
        };
        let came = kind.name().filter(|_| !kind.is_change());
        let came = came.map_or_else(String::new, |came| format!(" ({came})"));
        let (from, to) = (decision.from, decision.to);
        let why = decision.reasons.join("; ");
        Self {
            at: decision.at,
            from,
            to,
            kind,
            id: (decision.id > 0).then_some(decision.id),
            message: match from == to {
                true => format!("{time}: {}. {why}", decision.machines.join("; ")),
                false => format!("{time}: {from} → {to}{came}. {why}"),
            },
        }
    }

    fn external(change: &Change) -> Self {
        let (from, to) = (change.from, change.to);
        Self {
            at: change.at,
            from,
            to,
            kind: Kind::External,
            id: None,
            message: format!("{from} → {to}: no decision is known"),
        }
    }

    /// The mark at a pixel position. It links to the decision if the page at `list` contains it.
    pub(super) fn mark(&self, at: (i32, i32), list: Option<&str>) -> Mark {
        let link = list.zip(self.id);
        Mark {
            at,
            kind: self.kind,
            message: shortened(&self.message, LONGEST),
            link: link.map(|(list, id)| format!("{list}#decision-{id}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(id: u64, at: f64, (from, to): (u32, u32), outcome: &'static str) -> DecisionView {
        DecisionView {
            id,
            at,
            from,
            to,
            outcome,
            reasons: vec!["b is above <a>".to_owned()],
            ..DecisionView::default()
        }
    }

    fn change(at: f64, from: u32, to: u32) -> Change {
        Change { at, from, to }
    }

    #[test]
    fn each_change_has_one_mark() {
        let decisions = [
            decision(1, 2.0, (1, 2), "done"),
            decision(2, 4.0, (2, 2), "kept"),
            decision(3, 6.0, (2, 5), "advised"),
            DecisionView {
                fast: true,
                ..decision(4, 8.0, (2, 3), "done")
            },
            decision(5, 10.0, (3, 4), "failed"),
            decision(6, 99.0, (3, 4), "done"),
        ];
        let changes = [change(2.0, 1, 2), change(8.0, 2, 3), change(12.0, 3, 7)];
        let notes = notes(&decisions, &changes, (0.0, 20.0), |_| String::new());
        let kinds: Vec<Kind> = notes.iter().map(|note| note.kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Counters,
                Kind::Advised,
                Kind::Samples,
                Kind::Failed,
                Kind::External
            ]
        );
    }
}
