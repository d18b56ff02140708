use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::span;

/// Why a machine cannot be removed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "stays")]
pub enum StayReason {
    /// It is a manager of the cluster.
    Manager,
    /// Another machine has the same name, and the provider could remove the wrong one.
    SharedName,
    /// The other machines do not have the capacity for its tasks.
    NoRoom {
        /// A service with a task that could not be placed.
        service: String,
    },
}

/// Why the number of machines does not change as decided.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "held")]
pub enum HoldReason {
    /// One machine leaves at a time.
    OneAtATime {
        /// The machine that leaves.
        machine: String,
    },
    /// Ordered machines have not joined yet; none leaves before.
    Arriving {
        /// Their number.
        machines: u32,
    },
    /// No machine can be removed. This is the one with the fewest tasks.
    NoneCanGo {
        /// The machine.
        machine: String,
        /// The reason.
        #[serde(flatten)]
        why: StayReason,
    },
    /// The provider has failed or has not kept a promise. It is called again after a pause.
    HookFails {
        /// Failures in a row.
        failures: u32,
        /// Seconds until the next call.
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
                "the other machines have no capacity for the tasks of {service} on it"
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
