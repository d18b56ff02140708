use std::time::Duration;

/// The leadership as known to one process. Times are readings of the clock of the
/// [`Election`](super::Election).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// Whether this process is the leader. A leader that cannot renew its lease stays leader until another
    /// process takes over, and writes nothing meanwhile.
    pub is_leader: bool,
    /// The instance that leads; `None` while it is unknown and after a release.
    pub holder: Option<String>,
    /// Where clients reach the leader. It was read from the store: a secret of a client must not be
    /// forwarded to it.
    pub address: Option<String>,
    /// The number of the leadership; 0 without an election.
    pub term: u64,
    /// When this process first saw this term.
    pub since: Option<Duration>,
    /// When this process last saw the record change, or renewed it.
    pub renewed: Option<Duration>,
    /// A write to the cluster may start before this time; `None` if no write may start.
    pub write_before: Option<Duration>,
    /// The text that the leader has stored for its successor.
    pub journal: String,
    /// The error of the last request to the store; `None` if it answered.
    pub error: Option<String>,
}

impl Leadership {
    /// The leadership of a process without an election.
    pub fn alone() -> Self {
        Self {
            is_leader: true,
            write_before: Some(Duration::MAX),
            ..Self::default()
        }
    }

    /// Whether a write to the cluster may start now: it then ends while the lease is valid.
    pub fn may_write(&self, now: Duration) -> bool {
        self.is_leader && self.write_before.is_some_and(|before| now < before)
    }
}

/// Leadership as an input of a round: whether the round may change the cluster.
///
/// A program with an election implements it by the last [`Leadership`] of the election and its clock, and
/// a program without one passes [`Alone`].
pub trait Permit {
    /// The leadership at this moment.
    fn leadership(&self) -> Leadership;

    /// Whether a write may start now. It is called immediately before each write.
    fn may_write(&self) -> bool;
}

/// Why a leader does not write.
pub(crate) const NOT_RENEWED: &str = "the lease of this leader was not renewed in time: nothing is \
     changed until the store of the lease answers";

/// The permit of a process without an election: it always leads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Permit for Alone {
    fn leadership(&self) -> Leadership {
        Leadership::alone()
    }

    fn may_write(&self) -> bool {
        true
    }
}
