//! The machines of a pool: who comes, who leaves, and how far along they are.
//!
//! Pure: it is shown the machines that the cluster has, and says what to do next. A machine that
//! leaves is drained first, and is given back only when nothing runs on it any more. What a hook
//! promised counts for as long as it may take, and no longer.

mod patience;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

use self::patience::Patience;
pub use sflow_autoscale::node_pools::{DrainBecause, MachineNote, MachineStep};
pub use sflow_autoscale::policy::{HeldBecause, StaysBecause};

/// How long what is asked of machines may take, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MachineSettings {
    /// A machine that was promised has to have joined the cluster within this.
    pub join: Duration,
    /// The tasks of a machine that is drained have to have left it within this.
    pub drain: Duration,
    /// A machine that was given back has to have left the cluster within this.
    pub leave: Duration,
    /// Poor performers that may be replaced …
    pub replacements: u32,
    /// … within this.
    pub period: Duration,
}

/// A machine as the cluster shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Whether it is heard by the cluster.
    pub is_ready: bool,
    /// Whether it takes tasks.
    pub is_active: bool,
    /// Why it cannot be taken away at this moment.
    pub stays: Option<StaysBecause>,
    /// Tasks on it.
    pub tasks: u32,
}

/// How many machines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim<'a> {
    /// So many.
    pub wish: u32,
    /// In no case fewer.
    pub least: u32,
    /// In no case more, but for the moment in which one replaces another.
    pub most: u32,
    /// Those that stay out of line, the longest first.
    pub poor: &'a [&'a str],
    /// Whether these are to be replaced.
    pub replace: bool,
}

/// What comes of an aim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be done, in this order.
    pub steps: Vec<MachineStep>,
    /// Worth telling.
    pub notes: Vec<MachineNote>,
    /// Why not all of it is done now.
    pub held: Option<HeldBecause>,
}

/// The machines of a pool.
#[derive(Clone, Debug)]
pub struct Machines {
    settings: MachineSettings,
    orders: u64,
    /// Machines that have been seen, and when they joined; `None` if that was before this began.
    known: BTreeMap<String, Option<Timestamp>>,
    coming: Vec<Coming>,
    leaving: BTreeMap<String, Leaving>,
    /// Poor performers whose replacements have come.
    replaced: Vec<String>,
    /// When replacements were ordered.
    replacements: Vec<Timestamp>,
    told: BTreeSet<String>,
    adding: Patience,
    removing: Patience,
    is_begun: bool,
    /// Orders that counted and have ended without a machine since this was last asked.
    withdrawn: u32,
}

/// One that was ordered.
#[derive(Clone, Debug)]
pub struct Coming {
    /// The key of the order.
    pub order: String,
    /// When it was ordered.
    pub since: Timestamp,
    /// Which poor performer it is for.
    pub instead_of: Option<String>,
    /// The name that was promised.
    pub name: Option<String>,
}

/// How far one is that leaves.
#[derive(Clone, Debug)]
pub enum Leaving {
    /// Its tasks are to leave it.
    Draining {
        /// Since when.
        since: Timestamp,
        /// Why it is drained.
        why: DrainBecause,
    },
    /// It was given back.
    Given {
        /// The key of the order.
        order: String,
        /// When.
        since: Timestamp,
        /// Whether it was told that it is still there.
        is_late: bool,
    },
}

impl Machines {
    /// A pool of which nothing is known yet.
    pub fn new(settings: MachineSettings) -> Self {
        Self {
            settings,
            orders: 0,
            known: BTreeMap::new(),
            coming: Vec::new(),
            leaving: BTreeMap::new(),
            replaced: Vec::new(),
            replacements: Vec::new(),
            told: BTreeSet::new(),
            adding: Patience::default(),
            removing: Patience::default(),
            is_begun: false,
            withdrawn: 0,
        }
    }

    /// Goes on under other settings.
    pub const fn set(&mut self, settings: MachineSettings) {
        self.settings = settings;
    }

    /// Updates which machines have joined, and which orders are overdue: before machines are
    /// counted, or one that has joined would count beside its order.
    pub fn arrive(&mut self, now: Timestamp, machines: &[Machine]) -> Vec<MachineNote> {
        let mut plan = Plan::default();
        self.arrivals(now, machines, &mut plan);
        plan.notes
    }

    /// How many orders that counted have ended without a machine since the last call.
    pub fn take_withdrawn(&mut self) -> u32 {
        std::mem::take(&mut self.withdrawn)
    }

    /// Takes note of who has come and who is gone; nothing is to be done.
    pub fn watch(&mut self, now: Timestamp, machines: &[Machine]) -> Vec<MachineNote> {
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

    /// One that somebody else began to drain for this pool, before this began.
    pub fn resume(&mut self, now: Timestamp, machine: &str) -> Option<MachineNote> {
        if self.leaving.contains_key(machine) {
            return None;
        }
        let draining = Leaving::Draining {
            since: now,
            why: DrainBecause::NotNeeded,
        };
        self.leaving.insert(machine.to_owned(), draining);
        let machine = machine.to_owned();
        Some(MachineNote::Resumed { machine })
    }

    /// Machines that take tasks and are to go on with it, and those that are to come: those that
    /// a policy counts.
    pub fn count(&self, machines: &[Machine]) -> u32 {
        let coming = self.coming.iter();
        let coming = coming.filter(|coming| coming.instead_of.is_none());
        let serving = self.staying(machines).count();
        number(serving).saturating_add(number(coming.count()))
    }

    /// What to do next. The instance makes the keys of orders those of this run of the program.
    pub fn step(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        aim: Aim<'_>,
    ) -> Plan {
        let mut plan = Plan::default();
        self.arrivals(now, machines, &mut plan);
        self.departures(now, instance, machines, &mut plan);
        self.recovered(aim.poor);
        let wish = aim.wish.max(aim.least).min(aim.most);
        let have = self.count(machines);
        let staying = number(self.staying(machines).count());
        if wish > have {
            self.grow(now, instance, machines, wish - have, &mut plan);
        } else if !self.replaced.is_empty() {
            self.swap(now, machines, aim.least, &mut plan);
        } else if wish < staying {
            self.shrink(now, machines, aim.poor, &mut plan);
        }
        let is_still = wish == have || matches!(plan.held, Some(HeldBecause::NoneCanGo { .. }));
        if aim.replace && is_still && self.replaced.is_empty() {
            self.replace(now, instance, machines, aim.poor, &mut plan);
        }
        plan
    }

    /// Takes note of what a hook promised.
    pub fn promised(&mut self, order: &str, machine: Option<String>) {
        let mut coming = self.coming.iter_mut();
        if let Some(coming) = coming.find(|coming| coming.order == order) {
            coming.name = machine;
        }
    }

    /// Takes note of what a hook answered to an order that did not end well.
    pub fn failed(&mut self, now: Timestamp, order: &str, why: &str) -> Plan {
        let mut plan = Plan::default();
        if let Some(place) = self.coming.iter().position(|coming| coming.order == order) {
            let coming = self.coming.remove(place);
            if coming.instead_of.is_some() {
                // Nothing was replaced.
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
            // It is still ours, and costs what it costs: let it work.
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

    /// Machines that were ordered and have not come yet.
    pub fn coming(&self) -> &[Coming] {
        &self.coming
    }

    /// Machines that are on their way out.
    pub const fn leaving(&self) -> &BTreeMap<String, Leaving> {
        &self.leaving
    }

    /// How long ago a machine joined: zero if it has just done so, and as long as can be if it was
    /// there before this began.
    pub fn age(&self, now: Timestamp, machine: &str) -> Duration {
        match self.known.get(machine) {
            None if self.is_begun => Duration::ZERO,
            None => Duration::MAX,
            Some(None) => Duration::MAX,
            Some(Some(joined)) => now - *joined,
        }
    }

    /// Replacements that may still be ordered at this moment.
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
            // Those that are there at the beginning were ordered by nobody.
            if !self.is_begun {
                continue;
            }
            let by_name = |coming: &Coming| coming.name.as_ref() == Some(&machine.name);
            let nameless = |coming: &Coming| coming.name.is_none();
            let place = self.coming.iter().position(by_name);
            let place = place.or_else(|| self.coming.iter().position(nameless));
            let Some(place) = place else {
                continue;
            };
            let ordered = self.coming.remove(place);
            self.adding = Patience::default();
            plan.notes.push(MachineNote::Joined {
                machine: machine.name.clone(),
            });
            self.replaced.extend(ordered.instead_of);
        }
        self.is_begun = true;
        let join = self.settings.join;
        let is_late = |coming: &Coming| now - coming.since > join;
        let late: Vec<Coming> = self.coming.extract_if(.., |it| is_late(it)).collect();
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
                        // The request was lost, or somebody let it take tasks again.
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
        self.removing = Patience::default();
        plan.notes.push(MachineNote::Left { machine });
    }

    /// Those that are in line again need no replacement, and may be told of anew.
    fn recovered(&mut self, poor: &[&str]) {
        self.replaced.retain(|name| poor.contains(&name.as_str()));
        self.told.retain(|name| poor.contains(&name.as_str()));
    }

    /// More machines: those that were to leave and have not been given back cost nothing.
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

    /// One machine fewer: the poorest first, then that with the fewest tasks.
    fn shrink(&mut self, now: Timestamp, machines: &[Machine], poor: &[&str], plan: &mut Plan) {
        if let Some(machine) = self.leaving.keys().next() {
            let machine = machine.clone();
            plan.held = Some(HeldBecause::OneAtATime { machine });
            return;
        }
        if !self.coming.is_empty() {
            let machines = number(self.coming.len());
            plan.held = Some(HeldBecause::Arriving { machines });
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
            plan.held = Some(HeldBecause::NoneCanGo { machine: name, why });
            return;
        }
        self.begin_to_drain(now, name, DrainBecause::NotNeeded, plan);
    }

    /// Drains a poor performer whose replacement has come.
    fn swap(&mut self, now: Timestamp, machines: &[Machine], least: u32, plan: &mut Plan) {
        if let Some(machine) = self.leaving.keys().next() {
            let machine = machine.clone();
            plan.held = Some(HeldBecause::OneAtATime { machine });
            return;
        }
        let serving: Vec<&Machine> = self.serving(machines).collect();
        let is_enough = number(serving.len()) > least;
        let next = self.replaced.iter().find_map(|name| {
            let mut serving = serving.iter();
            serving.find(|machine| machine.name == *name)
        });
        let Some(machine) = next else {
            // Gone by themselves.
            self.replaced.clear();
            return;
        };
        let name = machine.name.clone();
        if let Some(why) = machine.stays.clone() {
            plan.held = Some(HeldBecause::NoneCanGo { machine: name, why });
        } else if let Some(held) = self.removing.held(now) {
            plan.held = Some(held);
        } else if is_enough {
            self.replaced.retain(|replaced| *replaced != name);
            self.begin_to_drain(now, name, DrainBecause::PoorPerformer, plan);
        }
    }

    /// For the longest poor performer orders another one; when that has come, the poor one goes.
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
            // Room there will be, once the other one has come.
            let may_go = |machine: &Machine| {
                matches!(machine.stays, None | Some(StaysBecause::NoRoom { .. }))
            };
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
            if self.told.insert(name.clone()) {
                let note = MachineNote::NoReplacementLeft { machine: name };
                plan.notes.push(note);
            }
            return;
        }
        // The new one comes first: for a while there is one more than the pool may have.
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
        self.coming.push(Coming {
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
        why: DrainBecause,
        plan: &mut Plan,
    ) {
        let draining = Leaving::Draining { since: now, why };
        self.leaving.insert(machine.clone(), draining);
        plan.steps.push(MachineStep::Drain { machine, why });
    }

    /// Machines that take tasks and are not on their way out.
    fn serving<'m>(
        &self,
        machines: &'m [Machine],
    ) -> impl Iterator<Item = &'m Machine> + use<'m, '_> {
        machines.iter().filter(|machine| {
            machine.is_ready && machine.is_active && !self.leaving.contains_key(&machine.name)
        })
    }

    /// Of these, those whose replacement has not come.
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
