//! The machines of a pool: who comes, who leaves, and how far along they are.
//!
//! Pure: it is shown the machines that the cluster has, and says what to do next. A machine that
//! leaves is drained first, and is given back only when nothing runs on it any more. What a hook
//! promised counts for as long as it may take, and no longer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

/// How a pool of machines is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineSettings {
    /// Its name.
    pub name: String,
    /// Never fewer machines.
    pub min: u32,
    /// Never more.
    pub max: u32,
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
    /// Whether the cluster needs it for itself: a manager is never taken away.
    pub is_manager: bool,
    /// Tasks on it.
    pub tasks: u32,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum MachineStep {
    /// Order one more.
    Add {
        /// The key of the order.
        order: String,
    },
    /// Let no task run on it any more.
    Drain {
        /// The machine.
        machine: String,
        /// Why it.
        why: DrainBecause,
    },
    /// Let tasks run on it again.
    Activate {
        /// The machine.
        machine: String,
    },
    /// Give it back.
    Remove {
        /// The key of the order.
        order: String,
        /// The machine.
        machine: String,
    },
}

/// Why a machine is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrainBecause {
    /// The pool needs fewer.
    NotNeeded,
    /// It stays out of line with its peers, and another one has come.
    PoorPerformer,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum MachineNote {
    /// One that was ordered is there.
    Joined {
        /// The machine.
        machine: String,
    },
    /// One that was promised has not come.
    NeverCame {
        /// The key of the order.
        order: String,
    },
    /// Its tasks do not leave it; it takes tasks again.
    NotDrained {
        /// The machine.
        machine: String,
        /// Tasks still on it.
        tasks: u32,
    },
    /// One that was given back is gone.
    Left {
        /// The machine.
        machine: String,
    },
    /// One that was given back is still there, and stays drained.
    NeverLeft {
        /// The machine.
        machine: String,
    },
    /// The hook did not do it.
    HookFailed {
        /// The key of the order.
        order: String,
        /// Why.
        why: String,
    },
    /// A poor performer has to stay: as many have been replaced as may be.
    NoReplacementLeft {
        /// The machine.
        machine: String,
    },
}

/// The machines of a pool.
#[derive(Clone, Debug)]
pub struct Machines {
    settings: MachineSettings,
    orders: u64,
    /// Ready machines that have been seen.
    known: BTreeSet<String>,
    coming: Vec<Coming>,
    leaving: BTreeMap<String, Leaving>,
    /// When poor performers were drained.
    replaced: Vec<Timestamp>,
    told: BTreeSet<String>,
    is_begun: bool,
}

#[derive(Clone, Debug)]
struct Coming {
    order: String,
    since: Timestamp,
    /// Which poor performer it is for.
    instead_of: Option<String>,
}

#[derive(Clone, Debug)]
enum Leaving {
    Draining {
        since: Timestamp,
    },
    Given {
        order: String,
        since: Timestamp,
        is_told: bool,
    },
}

impl Machines {
    /// A pool of which nothing is known yet.
    pub const fn new(settings: MachineSettings) -> Self {
        Self {
            settings,
            orders: 0,
            known: BTreeSet::new(),
            coming: Vec::new(),
            leaving: BTreeMap::new(),
            replaced: Vec::new(),
            told: BTreeSet::new(),
            is_begun: false,
        }
    }

    /// What to do next, so that `wish` machines take tasks. `floor` is what the minimum of all
    /// services needs; `poor` are those that stay out of line, the longest first. The instance
    /// makes the keys of orders those of this run of the program.
    pub fn step(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        wish: u32,
        floor: u32,
        poor: &[&str],
    ) -> (Vec<MachineStep>, Vec<MachineNote>) {
        let (mut steps, mut notes) = (Vec::new(), Vec::new());
        self.arrivals(now, machines, &mut steps, &mut notes);
        self.departures(now, instance, machines, &mut steps, &mut notes);
        let least = self.settings.min.max(floor).min(self.settings.max);
        let wish = wish.clamp(least, self.settings.max);
        let replacing = self
            .coming
            .iter()
            .filter(|coming| coming.instead_of.is_some());
        let replacing = number(replacing.count());
        let serving = self.serving(machines);
        let ready = number(serving.len());
        let have = ready + number(self.coming.len()) - replacing;
        if wish > have {
            self.grow(now, instance, machines, wish - have, &mut steps);
        } else if wish < ready && self.coming.is_empty() && self.is_calm() {
            let spare = serving.iter().filter(|machine| !machine.is_manager);
            if let Some(machine) = spare.min_by_key(|machine| (machine.tasks, &machine.name)) {
                self.begin_to_drain(now, &machine.name, DrainBecause::NotNeeded, &mut steps);
            }
        } else {
            self.replace(now, instance, &serving, poor, &mut steps, &mut notes);
        }
        (steps, notes)
    }

    /// Takes note of what a hook answered to an order that did not end well.
    pub fn failed(&mut self, order: &str, why: &str) -> (Vec<MachineStep>, MachineNote) {
        let mut steps = Vec::new();
        self.coming.retain(|coming| coming.order != order);
        let given = self.leaving.iter().find(
            |(_, leaving)| matches!(leaving, Leaving::Given { order: known, .. } if known == order),
        );
        if let Some(machine) = given.map(|(machine, _)| machine.clone()) {
            // It is still ours, and costs what it costs: let it work.
            self.leaving.remove(&machine);
            steps.push(MachineStep::Activate { machine });
        }
        let note = MachineNote::HookFailed {
            order: order.to_owned(),
            why: why.to_owned(),
        };
        (steps, note)
    }

    /// Machines that were ordered and have not come yet.
    pub fn coming(&self) -> usize {
        self.coming.len()
    }

    /// Machines that are on their way out.
    pub fn leaving(&self) -> impl Iterator<Item = &str> {
        self.leaving.keys().map(String::as_str)
    }

    fn arrivals(
        &mut self,
        now: Timestamp,
        machines: &[Machine],
        steps: &mut Vec<MachineStep>,
        notes: &mut Vec<MachineNote>,
    ) {
        for machine in machines.iter().filter(|machine| machine.is_ready) {
            let is_new = self.known.insert(machine.name.clone());
            // Those that are there at the beginning were ordered by nobody.
            if !is_new || !self.is_begun || self.coming.is_empty() {
                continue;
            }
            let ordered = self.coming.remove(0);
            notes.push(MachineNote::Joined {
                machine: machine.name.clone(),
            });
            let is_there = |poor: &String| machines.iter().any(|machine| machine.name == *poor);
            if let Some(poor) = ordered.instead_of.filter(is_there) {
                self.begin_to_drain(now, &poor, DrainBecause::PoorPerformer, steps);
            }
        }
        self.is_begun = true;
        let join = self.settings.join;
        self.coming.retain(|coming| {
            let is_late = now - coming.since > join;
            if is_late {
                notes.push(MachineNote::NeverCame {
                    order: coming.order.clone(),
                });
            }
            !is_late
        });
    }

    fn departures(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        steps: &mut Vec<MachineStep>,
        notes: &mut Vec<MachineNote>,
    ) {
        let names: Vec<String> = self.leaving.keys().cloned().collect();
        for name in names {
            let seen = machines.iter().find(|machine| machine.name == name);
            let is_there = seen.is_some_and(|machine| machine.is_ready);
            let Some(leaving) = self.leaving.get_mut(&name) else {
                continue;
            };
            match (leaving, seen) {
                (Leaving::Draining { since }, Some(machine)) if is_there => {
                    if machine.tasks == 0 && !machine.is_active {
                        self.orders += 1;
                        let order = format!("{instance}-{}-remove", self.orders);
                        let given = Leaving::Given {
                            order: order.clone(),
                            since: now,
                            is_told: false,
                        };
                        self.leaving.insert(name.clone(), given);
                        steps.push(MachineStep::Remove {
                            order,
                            machine: name,
                        });
                    } else if now - *since > self.settings.drain {
                        self.leaving.remove(&name);
                        steps.push(MachineStep::Activate {
                            machine: name.clone(),
                        });
                        notes.push(MachineNote::NotDrained {
                            machine: name,
                            tasks: machine.tasks,
                        });
                    } else if machine.is_active && now > *since {
                        // Somebody let it take tasks again, or the first request was lost.
                        steps.push(MachineStep::Drain {
                            machine: name,
                            why: DrainBecause::NotNeeded,
                        });
                    }
                }
                (Leaving::Given { since, is_told, .. }, Some(_)) if is_there => {
                    if now - *since > self.settings.leave && !*is_told {
                        *is_told = true;
                        notes.push(MachineNote::NeverLeft { machine: name });
                    }
                }
                _ => {
                    self.leaving.remove(&name);
                    self.known.remove(&name);
                    notes.push(MachineNote::Left { machine: name });
                }
            }
        }
    }

    /// More machines: those that were to leave and have not been given back cost nothing.
    fn grow(
        &mut self,
        now: Timestamp,
        instance: &str,
        machines: &[Machine],
        mut missing: u32,
        steps: &mut Vec<MachineStep>,
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
            steps.retain(
                |step| !matches!(step, MachineStep::Drain { machine: it, .. } if *it == machine),
            );
            steps.push(MachineStep::Activate { machine });
            missing -= 1;
        }
        for _ in 0..missing {
            self.order(now, instance, None, steps);
        }
    }

    /// For the longest poor performer orders another one; when that has come, drains the poor one.
    fn replace(
        &mut self,
        now: Timestamp,
        instance: &str,
        serving: &[&Machine],
        poor: &[&str],
        steps: &mut Vec<MachineStep>,
        notes: &mut Vec<MachineNote>,
    ) {
        let candidates = poor.iter().filter_map(|name| {
            let mut serving = serving.iter();
            serving.find(|machine| machine.name == **name && !machine.is_manager)
        });
        let Some(machine) = candidates.into_iter().next() else {
            return;
        };
        if !self.is_calm() || !self.coming.is_empty() {
            return;
        }
        let period = self.settings.period;
        self.replaced.retain(|at| now - *at < period);
        if number(self.replaced.len()) >= self.settings.replacements {
            if self.told.insert(machine.name.clone()) {
                notes.push(MachineNote::NoReplacementLeft {
                    machine: machine.name.clone(),
                });
            }
            return;
        }
        // The new one comes first: for a while there is one more than the pool may have.
        self.replaced.push(now);
        let instead_of = Some(machine.name.clone());
        self.order(now, instance, instead_of, steps);
    }

    fn order(
        &mut self,
        now: Timestamp,
        instance: &str,
        instead_of: Option<String>,
        steps: &mut Vec<MachineStep>,
    ) {
        self.orders += 1;
        let order = format!("{instance}-{}-add", self.orders);
        self.coming.push(Coming {
            order: order.clone(),
            since: now,
            instead_of,
        });
        steps.push(MachineStep::Add { order });
    }

    fn begin_to_drain(
        &mut self,
        now: Timestamp,
        machine: &str,
        why: DrainBecause,
        steps: &mut Vec<MachineStep>,
    ) {
        let draining = Leaving::Draining { since: now };
        self.leaving.insert(machine.to_owned(), draining);
        steps.push(MachineStep::Drain {
            machine: machine.to_owned(),
            why,
        });
    }

    /// Machines that take tasks and are to go on with it.
    fn serving<'m>(&self, machines: &'m [Machine]) -> Vec<&'m Machine> {
        let is_serving = |machine: &&Machine| {
            machine.is_ready && machine.is_active && !self.leaving.contains_key(&machine.name)
        };
        machines.iter().filter(is_serving).collect()
    }

    /// Whether nobody is on the way out: one at a time.
    fn is_calm(&self) -> bool {
        self.leaving.is_empty()
    }
}

impl fmt::Display for MachineNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { machine } => write!(f, "machine {machine} has joined"),
            Self::NeverCame { order } => {
                write!(
                    f,
                    "the machine of order {order} was promised and has not come"
                )
            }
            Self::NotDrained { machine, tasks } => {
                write!(
                    f,
                    "{tasks} tasks do not leave machine {machine}: it takes tasks again"
                )
            }
            Self::Left { machine } => write!(f, "machine {machine} is gone"),
            Self::NeverLeft { machine } => write!(
                f,
                "machine {machine} was given back and is still there: it stays drained"
            ),
            Self::HookFailed { order, why } => write!(f, "order {order}: {why}"),
            Self::NoReplacementLeft { machine } => write!(
                f,
                "machine {machine} is a poor performer and stays: as many were replaced as may be"
            ),
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
