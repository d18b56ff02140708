//! What is to be done with machines, what came of it, and why not more: as data, and in words.

use std::fmt;

use serde::Serialize;

use crate::words::span;

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

impl DrainBecause {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotNeeded => "fewer are needed",
            Self::PoorPerformer => "it stays out of line with its peers, and another one has come",
        }
    }
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
    /// Somebody let it take tasks again while it was on its way out: it stays.
    TakenBack {
        /// The machine.
        machine: String,
    },
    /// One that was on its way out when this began is so still.
    Resumed {
        /// The machine.
        machine: String,
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

/// Why a machine cannot be taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "stays")]
pub enum StaysBecause {
    /// The cluster needs it for itself.
    Manager,
    /// Another one has the same name, and a hook could take the wrong one.
    SharedName,
    /// The others have no room for what runs on it.
    NoRoom {
        /// A service of which a task would have no place.
        service: String,
    },
}

/// Why machines do not come or go as they should.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "held")]
pub enum HeldBecause {
    /// One leaves at a time, and this one does.
    OneAtATime {
        /// The machine.
        machine: String,
    },
    /// Some are still to come; before that none goes.
    Arriving {
        /// How many.
        machines: u32,
    },
    /// None can be taken away; of the one with the fewest tasks it is said why.
    NoneCanGo {
        /// The machine.
        machine: String,
        /// Why it stays.
        #[serde(flatten)]
        why: StaysBecause,
    },
    /// The hook has failed, or has not kept a promise, and is not asked again for a while.
    HookFails {
        /// How often in a row.
        failures: u32,
        /// Seconds until it is asked again.
        left: f64,
    },
}

impl fmt::Display for MachineStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { order } => write!(f, "one more machine is ordered, {order}"),
            Self::Drain { machine, why } => {
                write!(f, "machine {machine} is drained: {}", why.words())
            }
            Self::Activate { machine } => write!(f, "machine {machine} takes tasks again"),
            Self::Remove { order, machine } => {
                write!(f, "machine {machine} is empty and is given back, {order}")
            }
        }
    }
}

impl fmt::Display for StaysBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager => f.write_str("it is a manager"),
            Self::SharedName => f.write_str("another machine has the same name"),
            Self::NoRoom { service } => write!(
                f,
                "the other machines have no room for the tasks of {service} on it"
            ),
        }
    }
}

impl fmt::Display for HeldBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneAtATime { machine } => write!(
                f,
                "machines leave one at a time, and {machine} is leaving now"
            ),
            Self::Arriving { machines } => {
                let (machines, verb) = match machines {
                    1 => ("1 machine".to_owned(), "has"),
                    _ => (format!("{machines} machines"), "have"),
                };
                write!(
                    f,
                    "{machines} that {verb} been ordered {verb} not joined yet: none leaves before"
                )
            }
            Self::NoneCanGo { machine, why } => write!(f, "{machine} has to stay: {why}"),
            Self::HookFails { failures, left } => {
                let failed = match failures {
                    1 => "has failed".to_owned(),
                    _ => format!("has failed {failures} times in a row"),
                };
                write!(
                    f,
                    "the hook {failed} and is called again in {}",
                    span(*left)
                )
            }
        }
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
                let tasks = match tasks {
                    1 => "1 task does".to_owned(),
                    _ => format!("{tasks} tasks do"),
                };
                write!(
                    f,
                    "{tasks} not leave machine {machine}: it takes tasks again"
                )
            }
            Self::TakenBack { machine } => write!(
                f,
                "somebody lets machine {machine} take tasks again, though it was given back: it \
                 stays"
            ),
            Self::Resumed { machine } => write!(
                f,
                "machine {machine} was being drained for this pool before elb was started: that \
                 goes on"
            ),
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
