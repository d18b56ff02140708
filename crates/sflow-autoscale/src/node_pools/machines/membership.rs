//! Which machines have joined and left.

use sflow_metrics::Timestamp;

use super::super::backoff::Backoff;
use super::super::step::{MachineNote, MachineStep};
use super::{Leaving, Machine, Machines, PendingMachine, Plan};

impl Machines {
    pub(super) fn arrivals(&mut self, now: Timestamp, machines: &[Machine], plan: &mut Plan) {
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

    pub(super) fn departures(
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

    pub(super) fn gone(&mut self, machine: String, plan: &mut Plan) {
        self.leaving.remove(&machine);
        self.known.remove(&machine);
        self.removing = Backoff::default();
        plan.notes.push(MachineNote::Left { machine });
    }
}
