//! Steps of a node pool and their results, as data and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum MachineStep {
    /// Order a machine.
    Add {
        /// The key of the order.
        order: String,
    },
    /// Drain a machine.
    Drain {
        /// The machine.
        machine: String,
        /// The reason.
        why: DrainReason,
    },
    /// Let a machine take tasks again.
    Activate {
        /// The machine.
        machine: String,
    },
    /// Give a machine back.
    Remove {
        /// The key of the order.
        order: String,
        /// The machine.
        machine: String,
    },
}

/// Why a machine is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DrainReason {
    /// The pool needs fewer.
    NotNeeded,
    /// It is an outlier, and its replacement has joined.
    PoorPerformer,
}

impl DrainReason {
    /// In words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NotNeeded => "fewer are needed",
            Self::PoorPerformer => "it is an outlier, and its replacement has joined",
        }
    }
}

/// The result of an earlier step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum MachineNote {
    /// An ordered machine has joined.
    Joined {
        /// The machine.
        machine: String,
    },
    /// A promised machine has not joined in time.
    NeverCame {
        /// The key of the order.
        order: String,
    },
    /// The tasks of a machine did not leave it in time; it takes tasks again.
    NotDrained {
        /// The machine.
        machine: String,
        /// Number of tasks on it.
        tasks: u32,
    },
    /// A machine that was given back takes tasks again, by another's change: it stays.
    TakenBack {
        /// The machine.
        machine: String,
    },
    /// A machine is drained for the pool by an earlier process, or by the leader; the drain continues.
    Resumed {
        /// The machine.
        machine: String,
    },
    /// A machine that was given back has left.
    Left {
        /// The machine.
        machine: String,
    },
    /// A machine that was given back has not left in time; it stays drained.
    NeverLeft {
        /// The machine.
        machine: String,
    },
    /// The provider has failed.
    HookFailed {
        /// The key of the order.
        order: String,
        /// The error.
        why: String,
    },
    /// An outlier has to stay, because the limit of replacements is reached.
    NoReplacementLeft {
        /// The machine.
        machine: String,
    },
}

impl fmt::Display for MachineStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { order } => write!(f, "a machine is ordered, {order}"),
            Self::Drain { machine, why } => {
                write!(f, "machine {machine} is drained: {}", why.describe())
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
                    "the machine of order {order} was promised and has not joined"
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
                "machine {machine} was given back and takes tasks again, not by this autoscaler: \
                 it stays"
            ),
            Self::Resumed { machine } => write!(
                f,
                "machine {machine} is drained for this pool by another process or an earlier one; \
                 the drain continues"
            ),
            Self::Left { machine } => write!(f, "machine {machine} has left"),
            Self::NeverLeft { machine } => write!(
                f,
                "machine {machine} was given back and has not left: it stays drained"
            ),
            Self::HookFailed { order, why } => write!(f, "order {order}: {why}"),
            Self::NoReplacementLeft { machine } => write!(
                f,
                "machine {machine} is an outlier and stays: the limit of replacements is reached"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::reasons::fault;

    #[test]
    fn every_step_and_note_of_machines_reads_as_one_clause() {
        let machine = || "node7".to_owned();
        let order = || "1795730400-3-add".to_owned();
        let mut texts: Vec<String> = vec![
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
            texts.push(MachineStep::Drain { machine, why }.to_string());
        }
        for tasks in [1, 2] {
            let machine = machine();
            texts.push(MachineNote::NotDrained { machine, tasks }.to_string());
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
        texts.extend(notes.iter().map(ToString::to_string));
        for text in texts {
            assert_eq!(fault(&text), None, "{text:?}");
        }
    }
}
