//! The machines of a pool: orders, drains and returns, and how far each has got.
//!
//! A machine that leaves is drained first and is given back when no task runs on it any more. A machine
//! that a hook promised counts until it joins or until its time is over.

mod membership;
mod resize;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

use super::backoff::Backoff;
use super::step::{DrainReason, MachineNote, MachineStep};
use crate::policy::{HoldReason, StayReason};

/// Time limits of orders, and the limit of replacements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MachineSettings {
    /// Time within which an ordered machine has to join the cluster.
    pub join: Duration,
    /// Time within which all tasks have to leave a drained machine.
    pub drain: Duration,
    /// Time within which a machine that was given back has to leave the cluster.
    pub leave: Duration,
    /// Limit of replaced machines per [`period`](Self::period).
    pub replacements: u32,
    /// The period of `replacements`.
    pub period: Duration,
}

/// A machine of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The name of the node.
    pub name: String,
    /// Whether the orchestrator reaches it.
    pub is_ready: bool,
    /// Whether tasks can be placed on it.
    pub is_active: bool,
    /// Why it cannot be removed at this moment.
    pub stays: Option<StayReason>,
    /// Number of tasks on it.
    pub tasks: u32,
}

/// The desired size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goal<'a> {
    /// Machines desired.
    pub machines: u32,
    /// The lower bound.
    pub min: u32,
    /// The upper bound; it is exceeded by one while a machine is replaced.
    pub max: u32,
    /// The outliers, the longest first.
    pub poor: &'a [&'a str],
    /// Whether these are to be replaced.
    pub replace: bool,
}

/// The next steps towards a goal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps, in this order.
    pub steps: Vec<MachineStep>,
    /// Results of earlier steps.
    pub notes: Vec<MachineNote>,
    /// Why not all steps are taken now.
    pub held: Option<HoldReason>,
}

/// The machines of a pool.
#[derive(Clone, Debug)]
pub struct Machines {
    settings: MachineSettings,
    orders: u64,
    /// Known machines and when they joined; `None` if they were there from the start.
    known: BTreeMap<String, Option<Timestamp>>,
    coming: Vec<PendingMachine>,
    leaving: BTreeMap<String, Leaving>,
    /// Outliers whose replacements have joined.
    replaced: Vec<String>,
    /// When replacements were ordered.
    replacements: Vec<Timestamp>,
    reported: BTreeSet<String>,
    adding: Backoff,
    removing: Backoff,
    is_begun: bool,
    /// Orders that counted and have ended without a machine since the last call of `drain_withdrawn`.
    withdrawn: u32,
}

/// A machine that was ordered and has not joined.
#[derive(Clone, Debug)]
pub struct PendingMachine {
    /// The key of the order.
    pub order: String,
    /// When it was ordered.
    pub since: Timestamp,
    /// The outlier that it replaces.
    pub instead_of: Option<String>,
    /// The name that the hook promised.
    pub name: Option<String>,
    /// Whether the last leader has ordered it.
    pub is_adopted: bool,
}

/// The state of a machine that leaves.
#[derive(Clone, Debug)]
pub enum Leaving {
    /// It is drained.
    Draining {
        /// Since when it is drained.
        since: Timestamp,
        /// The reason.
        why: DrainReason,
    },
    /// It was given back to the hook.
    Given {
        /// The key of the order.
        order: String,
        /// When it was given back.
        since: Timestamp,
        /// Whether it has been reported that it is still there.
        is_late: bool,
    },
}

impl Machines {
    /// A pool without known machines.
    pub fn new(settings: MachineSettings) -> Self {
        Self {
            settings,
            orders: 0,
            known: BTreeMap::new(),
            coming: Vec::new(),
            leaving: BTreeMap::new(),
            replaced: Vec::new(),
            replacements: Vec::new(),
            reported: BTreeSet::new(),
            adding: Backoff::default(),
            removing: Backoff::default(),
            is_begun: false,
            withdrawn: 0,
        }
    }

    /// Replaces the settings.
    pub const fn set_settings(&mut self, settings: MachineSettings) {
        self.settings = settings;
    }

    /// Updates which machines have joined, and which orders are overdue. It precedes
    /// [`count`](Self::count), or a machine that has joined would count beside its order.
    pub fn record_arrivals(&mut self, now: Timestamp, machines: &[Machine]) -> Vec<MachineNote> {
        let mut plan = Plan::default();
        self.arrivals(now, machines, &mut plan);
        plan.notes
    }

    /// How many orders that counted have ended without a machine since the last call.
    pub fn drain_withdrawn(&mut self) -> u32 {
        std::mem::take(&mut self.withdrawn)
    }

    /// Updates which machines have joined and left, without next steps.
    pub fn record_changes(&mut self, now: Timestamp, machines: &[Machine]) -> Vec<MachineNote> {
        let mut plan = Plan::default();
        self.arrivals(now, machines, &mut plan);
        let is_there = |name: &String| {
            let mut there = machines.iter();
            there.any(|machine| machine.is_ready && machine.name == *name)
        };
        let leaving = self.leaving.keys();
        let gone: Vec<String> = leaving.filter(|name| !is_there(name)).cloned().collect();
        for machine in gone {
            self.gone(machine, &mut plan);
        }
        plan.notes
    }

    /// Continues with a machine that was drained for this pool before this process started.
    pub fn resume(&mut self, now: Timestamp, machine: &str) -> Option<MachineNote> {
        if self.leaving.contains_key(machine) {
            return None;
        }
        let draining = Leaving::Draining {
            since: now,
            why: DrainReason::NotNeeded,
        };
        self.leaving.insert(machine.to_owned(), draining);
        let machine = machine.to_owned();
        Some(MachineNote::Resumed { machine })
    }

    /// Continues with an order of a machine that the last leader has submitted. Returns false if the
    /// order is known or the promised machine has joined.
    pub fn adopt_arrival(&mut self, now: Timestamp, order: String, name: Option<String>) -> bool {
        let has_joined = name.as_deref().is_some_and(|name| self.has_joined(name));
        if has_joined || self.coming.iter().any(|coming| coming.order == order) {
            return false;
        }
        self.coming.push(PendingMachine {
            order,
            since: now,
            instead_of: None,
            name,
            is_adopted: true,
        });
        true
    }

    /// Continues with the return of a machine that the last leader has submitted. Returns false if the
    /// machine has left.
    pub fn adopt_return(&mut self, now: Timestamp, order: String, machine: &str) -> bool {
        if !self.known.contains_key(machine) {
            return false;
        }
        let given = Leaving::Given {
            order,
            since: now,
            is_late: false,
        };
        self.leaving.insert(machine.to_owned(), given);
        true
    }

    /// Forgets orders and machines that leave: another process continues with them.
    pub fn forget_orders(&mut self) {
        self.coming.clear();
        self.leaving.clear();
        self.replaced.clear();
        self.withdrawn = 0;
    }

    /// Whether a machine has joined since this process started.
    fn has_joined(&self, machine: &str) -> bool {
        matches!(self.known.get(machine), Some(Some(_)))
    }

    /// Records that a machine does not leave.
    pub fn stays(&mut self, machine: &str) {
        self.leaving.remove(machine);
    }

    /// The number of machines for the policy: those that take tasks and stay, and those ordered.
    pub fn count(&self, machines: &[Machine]) -> u32 {
        let coming = self.coming.iter();
        let coming = coming.filter(|coming| coming.instead_of.is_none());
        let serving = self.staying(machines).count();
        number(serving).saturating_add(number(coming.count()))
    }

    /// The next steps. `instance` distinguishes the keys of orders from those of other runs.
    pub fn step(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        goal: Goal<'_>,
    ) -> Plan {
        let mut plan = Plan::default();
        self.arrivals(now, machines, &mut plan);
        self.departures(now, instance, machines, &mut plan);
        self.recovered(goal.poor);
        let desired = goal.machines.max(goal.min).min(goal.max);
        let have = self.count(machines);
        let staying = number(self.staying(machines).count());
        if desired > have {
            self.grow(now, instance, machines, desired - have, &mut plan);
        } else if !self.replaced.is_empty() {
            self.swap(now, machines, goal.min, &mut plan);
        } else if desired < staying {
            self.shrink(now, machines, goal.poor, &mut plan);
        }
        let is_still = desired == have || matches!(plan.held, Some(HoldReason::NoneCanGo { .. }));
        if goal.replace && is_still && self.replaced.is_empty() {
            self.replace(now, instance, machines, goal.poor, &mut plan);
        }
        plan
    }

    /// Records the promise of a hook.
    pub fn promised(&mut self, order: &str, machine: Option<String>) {
        // The machine of an adopted order may have joined before the takeover.
        if machine.as_deref().is_some_and(|name| self.has_joined(name)) {
            let before = self.coming.len();
            self.coming
                .retain(|coming| !coming.is_adopted || coming.order != order);
            self.withdrawn += number(before - self.coming.len());
        }
        let mut coming = self.coming.iter_mut();
        if let Some(coming) = coming.find(|coming| coming.order == order) {
            coming.name = machine;
        }
    }

    /// Records that an order has failed.
    pub fn failed(&mut self, now: Timestamp, order: &str, why: &str) -> Plan {
        let mut plan = Plan::default();
        if let Some(place) = self.coming.iter().position(|coming| coming.order == order) {
            let coming = self.coming.remove(place);
            if coming.instead_of.is_some() {
                // The replacement does not count.
                self.replacements.retain(|at| *at != coming.since);
            } else {
                self.withdrawn += 1;
            }
            self.adding.fail(now);
        }
        let given = self.leaving.iter().find(
            |(_, leaving)| matches!(leaving, Leaving::Given { order: known, .. } if known == order),
        );
        if let Some(machine) = given.map(|(machine, _)| machine.clone()) {
            // It was not removed: it takes tasks again.
            self.leaving.remove(&machine);
            self.removing.fail(now);
            plan.steps.push(MachineStep::Activate { machine });
        }
        plan.notes.push(MachineNote::HookFailed {
            order: order.to_owned(),
            why: why.to_owned(),
        });
        plan
    }

    /// Machines that were ordered and have not joined.
    pub fn coming(&self) -> &[PendingMachine] {
        &self.coming
    }

    /// Machines that leave.
    pub const fn leaving(&self) -> &BTreeMap<String, Leaving> {
        &self.leaving
    }

    /// Time since a machine joined: zero if it is new, [`Duration::MAX`] if it was there from the start.
    pub fn age(&self, now: Timestamp, machine: &str) -> Duration {
        match self.known.get(machine) {
            None if self.is_begun => Duration::ZERO,
            None => Duration::MAX,
            Some(None) => Duration::MAX,
            Some(Some(joined)) => now - *joined,
        }
    }

    /// The number of replacements that are left in this period.
    pub fn replacements_left(&self, now: Timestamp) -> u32 {
        let period = self.settings.period;
        let recent = self.replacements.iter().filter(|at| now - **at < period);
        self.settings
            .replacements
            .saturating_sub(number(recent.count()))
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
