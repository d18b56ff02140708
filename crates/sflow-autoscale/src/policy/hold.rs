use std::fmt;

use serde::Serialize;

use crate::format::span;

/// Why a machine cannot be taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "stays")]
pub enum StayReason {
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
pub enum HoldReason {
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
        why: StayReason,
    },
    /// The hook has failed, or has not kept a promise, and is not asked again for a while.
    HookFails {
        /// How often in a row.
        failures: u32,
        /// Seconds until it is asked again.
        left: f64,
    },
}

impl fmt::Display for StayReason {
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

impl fmt::Display for HoldReason {
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
