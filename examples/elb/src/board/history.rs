//! The decisions worth telling, each with a number that others can go on from.

use std::collections::{BTreeMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use crate::policy::{Decision, Reason, Stage, Step, SubjectKind};
use sflow_autoscale::controller::{Decided, Outcome};
use sflow_autoscale::node_pools::MachineStep;

/// Decisions that are kept.
const DECISIONS: usize = 1_000;

/// One decision of the history.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its number; later ones are larger.
    pub id: u64,
    /// What was decided, from what, and why.
    #[serde(flatten)]
    pub decision: Arc<Decision>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Of a pool: what is to be done with its machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineStep>,
    /// The same in words.
    pub words: String,
}

/// The last decisions that said something new.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Arc<Entry>>,
    last: watch::Sender<u64>,
    /// What the last decision for each service said.
    said: BTreeMap<(SubjectKind, String), Said>,
}

#[derive(Debug, PartialEq)]
struct Said {
    change: (u32, u32),
    outcome: Discriminant<Outcome>,
    steps: Vec<(Stage, Discriminant<Reason>)>,
}

impl History {
    /// Decisions with a larger number, oldest first.
    pub fn after(&self, id: u64) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        let known = self.entries.partition_point(|entry| entry.id <= id);
        self.entries.iter().skip(known)
    }

    /// Those about a service, or about a pool, oldest first.
    pub fn about(&self, kind: SubjectKind, name: &str) -> impl Iterator<Item = &Arc<Entry>> {
        let is_meant = move |entry: &&Arc<Entry>| {
            entry.decision.subject.kind == kind && entry.decision.subject.name == name
        };
        self.entries.iter().filter(is_meant)
    }

    /// At most so many, up to the newest, oldest first.
    pub fn newest(&self, most: usize) -> impl Iterator<Item = &Arc<Entry>> {
        let first = self.entries.len().saturating_sub(most);
        self.entries.iter().skip(first)
    }

    /// The number of the newest.
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Tells when that number changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// The number of the oldest that is kept; 0 if there is none.
    pub fn first(&self) -> u64 {
        self.entries.front().map_or(0, |entry| entry.id)
    }

    /// Whether a decision says something that the one before did not: other replicas, other
    /// reasons, another outcome. Numbers move all the time; that they did is no news. A change
    /// that was made always is.
    pub(super) fn is_news(&mut self, decided: &Decided) -> bool {
        let decision = &decided.decision;
        let said = Said::of(decided);
        let is_done = decided.outcome == Outcome::Done;
        let of = (decision.subject.kind, decision.subject.name.clone());
        match self.said.get_mut(&of) {
            Some(last) if *last == said => is_done,
            Some(last) => {
                *last = said;
                true
            }
            None => {
                self.said.insert(of, said);
                true
            }
        }
    }

    /// Keeps one, and gives it its number.
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

impl Said {
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
