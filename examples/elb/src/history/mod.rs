//! The history on disk: decisions, changes of modes, and what each round observed.
//!
//! The loop adds records to a bounded queue; a thread writes them to a SQLite database. Without
//! `[history]` in the configuration nothing is stored. A history that cannot be stored is a problem
//! of the kind [`History`](sflow_autoscale::problem::ProblemReason::History) and never stops the
//! loop. Only what is shown is read again at the start: a policy begins without its windows and
//! cooldowns, because the cluster may have changed in the meantime.

mod store;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sflow_metrics::Timestamp;

use crate::policy::{Decision, Mode, Observation, Subject};
use crate::status::Entry;

pub use self::store::{Reader, StoreError};
pub use self::writer::Writer;

/// Where the history is stored, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistorySettings {
    /// The file.
    pub path: PathBuf,
    /// Records older than this are deleted.
    pub max_age: Duration,
    /// Maximum size of the file in bytes; the oldest records are deleted first.
    pub max_size: u64,
}

/// The cause of a change of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The start of elb with another mode in its configuration.
    Start,
    /// A configuration that SIGHUP has loaded.
    Reload,
    /// The labels of the service.
    Labels,
    /// The mode `off` of the loop that a client of an earlier leader has set.
    Takeover,
    /// A request of the client with this address; `None` if the address is unknown.
    Client(Option<IpAddr>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Reload => f.write_str("SIGHUP"),
            Self::Labels => f.write_str("labels"),
            Self::Takeover => f.write_str("takeover"),
            Self::Client(Some(address)) => write!(f, "client {address}"),
            Self::Client(None) => f.write_str("client"),
        }
    }
}

/// What a round observed of a service or pool, and what was decided.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RoundInput {
    /// The time of the decision, in nanoseconds since 1970.
    pub time: Timestamp,
    /// The mode of the decision.
    pub mode: Mode,
    /// Replicas decided.
    pub result: u32,
    /// The input of the decision.
    #[serde(flatten)]
    pub observation: Arc<Observation>,
}

impl RoundInput {
    /// The replicas configured after the decision.
    pub(crate) fn wanted(&self) -> u32 {
        match self.mode {
            Mode::Act => self.result,
            Mode::Advise | Mode::Off => self.observation.replicas,
        }
    }

    /// The metrics of the rule.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let signals = self.observation.signals.iter();
        signals.map(|signal| signal.metric.clone()).collect()
    }

    /// What the round at `now` observed; `None` if it made no decision.
    pub fn of(
        now: Timestamp,
        decision: Option<&Arc<Decision>>,
        observation: Option<&Arc<Observation>>,
    ) -> Option<Self> {
        let decision = decision.filter(|decision| decision.time == now)?;
        Some(Self {
            time: now,
            mode: decision.mode,
            result: decision.result,
            observation: Arc::clone(observation?),
        })
    }
}

/// The part of a stored history that the status shows again.
#[derive(Debug, Default)]
pub struct Restored {
    /// The number from which new decisions continue.
    pub last: u64,
    /// The newest decisions, oldest first.
    pub decisions: Vec<Entry>,
    /// The last modes; `None` is the loop.
    pub modes: BTreeMap<Option<Subject>, Mode>,
    /// Observations of the charts' time, oldest first.
    pub inputs: Vec<RoundInput>,
}

/// State of a history that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why records cannot be written at present, with a recommended action.
    pub problem: Option<String>,
    /// Failed attempts to write.
    pub errors: u64,
    /// Records that were dropped because the queue was full.
    pub dropped: u64,
    /// Size of the file in bytes.
    pub size: u64,
}
