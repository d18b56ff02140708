/// The result of ingesting one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ingested {
    /// Whether and how the datagram was used.
    pub disposition: Disposition,
    /// Number of samples that changed the state of the registry. Samples of earlier datagrams
    /// count here if this datagram confirmed their sequence.
    pub samples_used: u32,
}

/// How a datagram was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// It is the newest of its agent so far, and its samples were used.
    Accepted,
    /// A newer datagram of its agent arrived first; its samples were used.
    Reordered,
    /// It does not continue the sequence of its agent. It was set aside and is used if the next
    /// datagram confirms that the agent restarted or has another sequence, see
    /// [`AgentStatus::rejected`](crate::AgentStatus::rejected).
    Pending,
    /// It arrived before; its samples were not used.
    Duplicate,
    /// It is too old to be distinguished from a duplicate; its samples were not used.
    Late,
    /// It was not used.
    Refused(Refusal),
}

/// Why a datagram was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Its agent is new and exceeds a limit on agents or bytes, see [`Config`](crate::Config).
    Capacity,
    /// Another sequence of datagrams with the identity of its agent reports the UUID of the host.
    Doubtful,
}

impl Ingested {
    pub(crate) const fn new(disposition: Disposition) -> Self {
        Self {
            disposition,
            samples_used: 0,
        }
    }
}

impl Disposition {
    /// Whether the samples of the datagram were used.
    pub const fn is_used(self) -> bool {
        matches!(self, Self::Accepted | Self::Reordered)
    }
}
