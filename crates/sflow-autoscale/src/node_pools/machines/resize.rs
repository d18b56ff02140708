//! Steps towards a goal: orders, drains and replacements.

use sflow_metrics::Timestamp;

use super::super::step::{DrainReason, MachineNote, MachineStep};
use super::{Leaving, Machine, Machines, PendingMachine, Plan, number};
use crate::policy::{HoldReason, StayReason};

impl Machines {
    /// Removes machines that have recovered from the replacements.
    pub(super) fn recovered(&mut self, poor: &[&str]) {
        self.replaced.retain(|name| poor.contains(&name.as_str()));
        self.reported.retain(|name| poor.contains(&name.as_str()));
    }

    /// Adds machines: first those that are drained and not yet given back, then by orders.
    pub(super) fn grow(
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
    pub(super) fn shrink(
        &mut self,
        now: Timestamp,
        machines: &[Machine],
        poor: &[&str],
        plan: &mut Plan,
    ) {
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
    pub(super) fn swap(
        &mut self,
        now: Timestamp,
        machines: &[Machine],
        least: u32,
        plan: &mut Plan,
    ) {
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
    pub(super) fn replace(
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
            is_adopted: false,
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
    pub(super) fn staying<'m>(
        &self,
        machines: &'m [Machine],
    ) -> impl Iterator<Item = &'m Machine> + use<'m, '_> {
        let serving = self.serving(machines);
        serving.filter(|machine| !self.replaced.contains(&machine.name))
    }
}
