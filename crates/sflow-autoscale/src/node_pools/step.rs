//! Steps of a node pool and their results, as data and in words.

use std::fmt;

use serde::Serialize;

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
        why: DrainReason,
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
pub enum DrainReason {
    /// The pool needs fewer.
    NotNeeded,
    /// It stays out of line with its peers, and another one has come.
    PoorPerformer,
}

impl DrainReason {
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
                "machine {machine} was being drained for this pool before the autoscaler started: that \
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::words::fault;

    #[test]
    fn every_step_and_note_of_machines_reads_as_one_clause() {
        let machine = || "node7".to_owned();
        let order = || "1795730400-3-add".to_owned();
        let mut words: Vec<String> = vec![
            MachineStep::Add { order: order() }.to_string(),
            MachineStep::Activate { machine: machine() }.to_string(),
            MachineStep::Remove {
                order: order(),
                machine: machine(),
            }
            .to_string(),
        ];
        for why in [DrainReason::NotNeeded, DrainReason::PoorPerformer] {
            let machine = machine();
            words.push(MachineStep::Drain { machine, why }.to_string());
        }
        for tasks in [1, 2] {
            let machine = machine();
            words.push(MachineNote::NotDrained { machine, tasks }.to_string());
        }
        let notes = [
            MachineNote::Joined { machine: machine() },
            MachineNote::NeverCame { order: order() },
            MachineNote::TakenBack { machine: machine() },
            MachineNote::Resumed { machine: machine() },
            MachineNote::Left { machine: machine() },
            MachineNote::NeverLeft { machine: machine() },
            MachineNote::NoReplacementLeft { machine: machine() },
            MachineNote::HookFailed {
                order: order(),
                why: "the program ended with status 1".to_owned(),
            },
        ];
        words.extend(notes.iter().map(ToString::to_string));
        for words in words {
            assert_eq!(fault(&words), None, "{words:?}");
        }
    }
}
