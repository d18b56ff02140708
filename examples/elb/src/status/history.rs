//! Decision history. Each decision has a number, from which clients can continue.

use std::collections::{BTreeMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::policy::{Decision, Reason, Stage, Step, Subject};
use sflow_autoscale::controller::{Decided, Outcome};
use sflow_autoscale::node_pools::MachineStep;

/// Number of decisions in the history.
pub(crate) const DECISIONS: usize = 1_000;

/// One decision of the history.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// Sequence number.
    pub id: u64,
    /// The decision with its inputs and reasons.
    #[serde(flatten)]
    pub decision: Arc<Decision>,
    /// Result of applying the decision.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Steps for the machines, if the decision is about a pool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineStep>,
    /// The decision as text.
    pub words: String,
}

/// The last decisions that differ from their predecessors.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Arc<Entry>>,
    last: watch::Sender<u64>,
    /// Summary of the last decision for each subject, to detect repetitions.
    last_of: BTreeMap<Subject, Summary>,
}

#[derive(Debug, PartialEq)]
struct Summary {
    change: (u32, u32),
    outcome: Discriminant<Outcome>,
    steps: Vec<(Stage, Discriminant<Reason>)>,
}

impl History {
    /// Continues a history that ended with these decisions, from the number `last`.
    pub(super) fn restore(&mut self, entries: Vec<Entry>, last: u64) {
        self.entries = entries.into_iter().map(Arc::new).collect();
        self.last.send_replace(last);
    }

    /// Decisions with a number above `id`, oldest first.
    pub fn after(&self, id: u64) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        let known = self.entries.partition_point(|entry| entry.id <= id);
        self.entries.iter().skip(known)
    }

    /// Decisions about one service or pool, oldest first.
    pub fn about(&self, subject: &Subject) -> impl Iterator<Item = &Arc<Entry>> {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.decision.subject == *subject)
    }

    /// At most `most` of the newest decisions, oldest first.
    pub fn newest(&self, most: usize) -> impl Iterator<Item = &Arc<Entry>> {
        let first = self.entries.len().saturating_sub(most);
        self.entries.iter().skip(first)
    }

    /// Number of the newest decision.
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Notifies when the number of the newest decision changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Number of the oldest decision in the history; 0 if it is empty.
    pub fn first(&self) -> u64 {
        self.entries.front().map_or(0, |entry| entry.id)
    }

    /// Whether a decision differs from the previous one in replicas, reasons or outcome. Changed
    /// values alone do not count. A decision that changed the size always counts.
    pub(super) fn is_news(&mut self, decided: &Decided) -> bool {
        let decision = &decided.decision;
        let summary = Summary::of(decided);
        let is_done = decided.outcome == Outcome::Done;
        match self.last_of.get_mut(&decision.subject) {
            Some(last) if *last == summary => is_done,
            Some(last) => {
                *last = summary;
                true
            }
            None => {
                self.last_of.insert(decision.subject.clone(), summary);
                true
            }
        }
    }

    /// Adds a decision and assigns its number.
    pub(super) fn add(&mut self, decided: &Decided, machines: &[MachineStep]) -> Arc<Entry> {
        let id = self.last() + 1;
        let entry = Arc::new(Entry {
            id,
            decision: Arc::clone(&decided.decision),
            outcome: decided.outcome.clone(),
            machines: machines.to_vec(),
            words: decided.decision.to_string(),
        });
        if self.entries.len() == DECISIONS {
            self.entries.pop_front();
        }
        self.entries.push_back(Arc::clone(&entry));
        self.last.send_replace(id);
        entry
    }
}

impl Summary {
    fn of(decided: &Decided) -> Self {
        let decision = &decided.decision;
        let step = |step: &Step| (step.stage, discriminant(&step.reason));
        Self {
            change: (decision.replicas, decision.result),
            outcome: discriminant(&decided.outcome),
            steps: decision.steps.iter().map(step).collect(),
        }
    }
}
