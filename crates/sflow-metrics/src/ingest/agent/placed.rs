use crate::ingest::sequencing::jump::Kept;
use crate::ingest::sequencing::stream::Place;
use crate::timestamp::Timestamp;

/// The place of a datagram, and the changes of its agent that it causes.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) place: Place,
    /// The session of its sequence.
    pub(crate) session: u32,
    /// Kept datagrams that have to be processed first.
    pub(crate) kept: Vec<Kept>,
    /// Whether the place of the first kept datagram, or of the datagram itself, is known and counted.
    pub(crate) is_placed: bool,
    /// Whether its sequence was just found to continue in parallel to others.
    pub(crate) is_parallel: bool,
    /// Whether numbers are ignored from now on.
    pub(crate) is_distrusted: bool,
    /// Number of rejected jumps.
    pub(crate) rejected: u64,
    /// Time at which jumps were rejected before.
    pub(crate) rejected_before: Option<Timestamp>,
}

impl Placed {
    pub(crate) const fn at(place: Place, session: u32) -> Self {
        Self {
            place,
            session,
            kept: Vec::new(),
            is_placed: true,
            is_parallel: false,
            is_distrusted: false,
            rejected: 0,
            rejected_before: None,
        }
    }

    pub(super) fn begins(&mut self, place: Place, session: u32, kept: Vec<Kept>) {
        self.place = place;
        self.session = session;
        self.kept = kept;
    }
}
