use super::permit::Leadership;
use crate::policy::{Decision, Mode, Reason, Stage};

/// The role of this process in a round.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// It leads, as in the round before, or without an election.
    Leads,
    /// It leads since this round.
    TakesOver,
    /// Another process leads, or none.
    Standby {
        leader: Option<String>,
        address: Option<String>,
    },
}

impl Role {
    /// The role at the start of a round; `led` is the term of the round before if it led then, and is
    /// updated.
    pub(crate) fn new(leadership: &Leadership, led: &mut Option<u64>) -> Self {
        if !leadership.is_leader {
            *led = None;
            return Self::Standby {
                leader: leadership.holder.clone(),
                address: leadership.address.clone(),
            };
        }
        let before = led.replace(leadership.term);
        if leadership.term == 0 || before == Some(leadership.term) {
            Self::Leads
        } else {
            Self::TakesOver
        }
    }

    /// The mode of a decision: a standby advises.
    pub(crate) fn mode(&self, mode: Mode) -> Mode {
        match self {
            Self::Standby { .. } => mode.least(Mode::Advise),
            Self::Leads | Self::TakesOver => mode,
        }
    }

    /// Adds the leader to a decision of a standby, and prevents shrinking in the first round of a leader.
    ///
    /// A standby cannot distinguish changes by the leader from changes by others, which the leader
    /// reports. Therefore it reports neither.
    pub(crate) fn apply(&self, decision: &mut Decision) {
        if matches!(self, Self::Leads) {
            return;
        }
        let is_foreign = |reason: &Reason| matches!(reason, Reason::ChangedByOthers { .. });
        decision.steps.retain(|step| !is_foreign(&step.reason));
        match self {
            Self::Standby { leader, address } => {
                let (leader, address) = (leader.clone(), address.clone());
                decision.note(Stage::Leadership, Reason::Standby { leader, address });
            }
            Self::TakesOver if decision.result < decision.replicas => {
                decision.change(Stage::Leadership, decision.replicas, Reason::TakesOver);
            }
            Self::TakesOver | Self::Leads => {}
        }
    }
}
