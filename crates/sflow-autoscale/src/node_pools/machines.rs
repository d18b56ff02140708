//! The machines of a pool: orders, drains and returns, and how far each has got.
//!
//! A machine that leaves is drained first and is given back when no task runs on it any more. A machine
//! that a hook promised counts until it joins or until its time is over.

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

    fn arrivals(&mut self, now: Timestamp, machines: &[Machine], plan: &mut Plan) {
        self.known
            .retain(|name, _| machines.iter().any(|machine| machine.name == *name));
        for machine in machines.iter().filter(|machine| machine.is_ready) {
            if self.known.contains_key(&machine.name) {
                continue;
            }
            let joined = self.is_begun.then_some(now);
            self.known.insert(machine.name.clone(), joined);
            // Machines that are there from the start were not ordered.
            if !self.is_begun {
                continue;
            }
            let by_name = |coming: &PendingMachine| coming.name.as_ref() == Some(&machine.name);
            let nameless = |coming: &PendingMachine| coming.name.is_none();
            let place = self.coming.iter().position(by_name);
            let place = place.or_else(|| self.coming.iter().position(nameless));
            let Some(place) = place else {
                continue;
            };
            let ordered = self.coming.remove(place);
            self.adding = Backoff::default();
            plan.notes.push(MachineNote::Joined {
                machine: machine.name.clone(),
            });
            self.replaced.extend(ordered.instead_of);
        }
        self.is_begun = true;
        let join = self.settings.join;
        let is_late = |coming: &PendingMachine| now - coming.since > join;
        let late: Vec<PendingMachine> = self.coming.extract_if(.., |it| is_late(it)).collect();
        if !late.is_empty() {
            self.adding.fail(now);
        }
        for coming in late {
            self.withdrawn += u32::from(coming.instead_of.is_none());
            let order = coming.order;
            plan.notes.push(MachineNote::NeverCame { order });
        }
    }

    fn departures(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        plan: &mut Plan,
    ) {
        let names: Vec<String> = self.leaving.keys().cloned().collect();
        for name in names {
            let seen = machines.iter().find(|machine| machine.name == name);
            let seen = seen.filter(|machine| machine.is_ready);
            let Some(leaving) = self.leaving.get_mut(&name) else {
                continue;
            };
            match (leaving, seen) {
                (Leaving::Draining { since, why }, Some(machine)) => {
                    if machine.tasks == 0 && !machine.is_active {
                        self.orders += 1;
                        let order = format!("{instance}-{}-remove", self.orders);
                        let given = Leaving::Given {
                            order: order.clone(),
                            since: now,
                            is_late: false,
                        };
                        self.leaving.insert(name.clone(), given);
                        plan.steps.push(MachineStep::Remove {
                            order,
                            machine: name,
                        });
                    } else if now - *since > self.settings.drain {
                        self.leaving.remove(&name);
                        self.removing.fail(now);
                        plan.steps.push(MachineStep::Activate {
                            machine: name.clone(),
                        });
                        plan.notes.push(MachineNote::NotDrained {
                            machine: name,
                            tasks: machine.tasks,
                        });
                    } else if machine.is_active && now > *since {
                        // The request was lost, or an operator activated the machine.
                        if machine.stays.is_some() {
                            self.leaving.remove(&name);
                        } else {
                            let why = *why;
                            plan.steps.push(MachineStep::Drain { machine: name, why });
                        }
                    }
                }
                (Leaving::Given { .. }, Some(machine)) if machine.is_active => {
                    self.leaving.remove(&name);
                    plan.notes.push(MachineNote::TakenBack { machine: name });
                }
                (Leaving::Given { since, is_late, .. }, Some(_)) => {
                    if now - *since > self.settings.leave && !*is_late {
                        *is_late = true;
                        plan.notes.push(MachineNote::NeverLeft { machine: name });
                    }
                }
                (_, None) => self.gone(name, plan),
            }
        }
    }

    fn gone(&mut self, machine: String, plan: &mut Plan) {
        self.leaving.remove(&machine);
        self.known.remove(&machine);
        self.removing = Backoff::default();
        plan.notes.push(MachineNote::Left { machine });
    }

    /// Removes machines that have recovered from the replacements.
    fn recovered(&mut self, poor: &[&str]) {
        self.replaced.retain(|name| poor.contains(&name.as_str()));
        self.reported.retain(|name| poor.contains(&name.as_str()));
    }

    /// Adds machines: first those that are drained and not yet given back, then by orders.
    fn grow(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        mut missing: u32,
        plan: &mut Plan,
    ) {
        let draining: Vec<String> = machines
            .iter()
            .filter(|machine| {
                let leaving = self.leaving.get(&machine.name);
                machine.is_ready && matches!(leaving, Some(Leaving::Draining { .. }))
            })
            .map(|machine| machine.name.clone())
            .collect();
        for machine in draining {
            if missing == 0 {
                break;
            }
            self.leaving.remove(&machine);
            plan.steps.retain(
                |step| !matches!(step, MachineStep::Drain { machine: it, .. } if *it == machine),
            );
            plan.steps.push(MachineStep::Activate { machine });
            missing -= 1;
        }
        if missing > 0
            && let Some(held) = self.adding.held(now)
        {
            plan.held = Some(held);
            return;
        }
        for _ in 0..missing {
            self.order(now, instance, None, plan);
        }
    }

    /// Drains one machine: outliers first, then the one with the fewest tasks.
    fn shrink(&mut self, now: Timestamp, machines: &[Machine], poor: &[&str], plan: &mut Plan) {
        if let Some(machine) = self.leaving.keys().next() {
            let machine = machine.clone();
            plan.held = Some(HoldReason::OneAtATime { machine });
            return;
        }
        if !self.coming.is_empty() {
            let machines = number(self.coming.len());
            plan.held = Some(HoldReason::Arriving { machines });
            return;
        }
        if let Some(held) = self.removing.held(now) {
            plan.held = Some(held);
            return;
        }
        let rank = |name: &str| poor.iter().position(|poor| *poor == name);
        let first = |machine: &&Machine| {
            let rank = rank(&machine.name).unwrap_or(usize::MAX);
            (
                machine.stays.is_some(),
                rank,
                machine.tasks,
                machine.name.clone(),
            )
        };
        let Some(machine) = self.staying(machines).min_by_key(first) else {
            return;
        };
        let name = machine.name.clone();
        if let Some(why) = machine.stays.clone() {
            plan.held = Some(HoldReason::NoneCanGo { machine: name, why });
            return;
        }
        self.begin_to_drain(now, name, DrainReason::NotNeeded, plan);
    }

    /// Drains an outlier whose replacement has joined.
    fn swap(&mut self, now: Timestamp, machines: &[Machine], least: u32, plan: &mut Plan) {
        if let Some(machine) = self.leaving.keys().next() {
            let machine = machine.clone();
            plan.held = Some(HoldReason::OneAtATime { machine });
            return;
        }
        let serving: Vec<&Machine> = self.serving(machines).collect();
        let is_enough = number(serving.len()) > least;
        let next = self.replaced.iter().find_map(|name| {
            let mut serving = serving.iter();
            serving.find(|machine| machine.name == *name)
        });
        let Some(machine) = next else {
            // They have left.
            self.replaced.clear();
            return;
        };
        let name = machine.name.clone();
        if let Some(why) = machine.stays.clone() {
            plan.held = Some(HoldReason::NoneCanGo { machine: name, why });
        } else if let Some(held) = self.removing.held(now) {
            plan.held = Some(held);
        } else if is_enough {
            self.replaced.retain(|replaced| *replaced != name);
            self.begin_to_drain(now, name, DrainReason::PoorPerformer, plan);
        }
    }

    /// Orders a replacement for the longest outlier, which leaves when the replacement has joined.
    fn replace(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        poor: &[&str],
        plan: &mut Plan,
    ) {
        let mut poor = poor.iter().filter_map(|name| {
            let mut staying = self.staying(machines);
            // There will be capacity once the replacement has joined.
            let may_go =
                |machine: &Machine| matches!(machine.stays, None | Some(StayReason::NoRoom { .. }));
            let is_it = |machine: &&Machine| machine.name == **name && may_go(machine);
            staying.find(is_it)
        });
        let Some(machine) = poor.next() else {
            return;
        };
        let is_calm = self.leaving.is_empty() && self.coming.is_empty();
        if !is_calm || self.adding.held(now).is_some() || self.removing.held(now).is_some() {
            return;
        }
        let name = machine.name.clone();
        if self.replacements_left(now) == 0 {
            if self.reported.insert(name.clone()) {
                let note = MachineNote::NoReplacementLeft { machine: name };
                plan.notes.push(note);
            }
            return;
        }
        // The replacement joins first: the pool exceeds its maximum by one for a while.
        let period = self.settings.period;
        self.replacements.retain(|at| now - *at < period);
        self.replacements.push(now);
        self.order(now, instance, Some(name), plan);
    }

    fn order(
        &mut self,
        now: Timestamp,
        instance: &str,
        instead_of: Option<String>,
        plan: &mut Plan,
    ) {
        self.orders += 1;
        let order = format!("{instance}-{}-add", self.orders);
        self.coming.push(PendingMachine {
            order: order.clone(),
            since: now,
            instead_of,
            name: None,
        });
        plan.steps.push(MachineStep::Add { order });
    }

    fn begin_to_drain(
        &mut self,
        now: Timestamp,
        machine: String,
        why: DrainReason,
        plan: &mut Plan,
    ) {
        let draining = Leaving::Draining { since: now, why };
        self.leaving.insert(machine.clone(), draining);
        plan.steps.push(MachineStep::Drain { machine, why });
    }

    /// Machines that take tasks and do not leave.
    fn serving<'m>(
        &self,
        machines: &'m [Machine],
    ) -> impl Iterator<Item = &'m Machine> + use<'m, '_> {
        machines.iter().filter(|machine| {
            machine.is_ready && machine.is_active && !self.leaving.contains_key(&machine.name)
        })
    }

    /// Serving machines whose replacement has not joined.
    fn staying<'m>(
        &self,
        machines: &'m [Machine],
    ) -> impl Iterator<Item = &'m Machine> + use<'m, '_> {
        let serving = self.serving(machines);
        serving.filter(|machine| !self.replaced.contains(&machine.name))
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
