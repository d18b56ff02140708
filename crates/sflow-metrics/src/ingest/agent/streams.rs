//! The sequences of datagrams of one agent that continue in parallel.

use core::time::Duration;

use super::{ANY_SESSION, Agent, Placed, SessionStream};
use crate::agent::AgentKey;
use crate::ingest::sequencing::stamp::Stamp;
use crate::ingest::sequencing::stream::{Place, Stream};
use crate::timestamp::Timestamp;

impl Agent {
    /// Finds the place of a datagram and counts it. If kept datagrams are returned, these have to be
    /// [replayed](Self::replay) before this one.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Placed {
        if !self.others.is_empty() {
            return self.place_among_streams(stamp);
        }
        let place = self.stream.place(stamp);
        match place {
            Place::Jump => self.examine(stamp, None),
            Place::Misnumbered => self.examine(stamp, Some(0)),
            _ => self.found(place, 0, stamp),
        }
    }

    /// Finds the place of a datagram of an agent with several sequences: in the sequence with the
    /// preceding number, otherwise in one of the same UDP port.
    #[cold]
    pub(super) fn place_among_streams(&mut self, stamp: Stamp) -> Placed {
        self.end_streams(stamp.received_at);
        let indices = 0..=self.others.len();
        let is_of_port = |index: &usize| {
            let port = self.stream_at(*index).port();
            port == stamp.port && port != 0
        };
        let of_port = indices.clone().find(is_of_port);
        let expected = indices
            .clone()
            .find(|index| self.stream_at(*index).expects(stamp) && is_of_port(index));
        let expected = expected.or_else(|| {
            let mut indices = indices.clone().filter(|_| of_port.is_none());
            indices.find(|index| self.stream_at(*index).expects(stamp))
        });
        let first = expected.or(of_port);
        let shared = indices
            .clone()
            .find(|index| self.stream_at(*index).is_shared());
        let mut misnumbered = None;
        for index in first.into_iter().chain(indices) {
            if Some(index) == shared {
                continue;
            }
            match self.stream_at_mut(index).place(stamp) {
                Place::Jump => {}
                Place::Misnumbered => {
                    misnumbered = self
                        .most_overdue(misnumbered.into_iter().chain([index]), stamp.received_at);
                }
                place => return self.found(place, index, stamp),
            }
        }
        if let Some(index) = shared {
            let place = self.stream_at_mut(index).place(stamp);
            return self.found(place, index, stamp);
        }
        self.examine(stamp, misnumbered)
    }

    /// The index of the sequence whose next datagram is most overdue. A misnumbered datagram probably
    /// belongs to it.
    pub(super) fn most_overdue(
        &self,
        indices: impl Iterator<Item = usize>,
        now: Timestamp,
    ) -> Option<usize> {
        let overdue = |index: &usize| self.stream_at(*index).overdue(now);
        indices.reduce(|most, index| match overdue(&index) > overdue(&most) {
            true => index,
            false => most,
        })
    }

    /// Changes the place of a datagram that seemed to be a copy, or misnumbered, but reports another
    /// host: it may belong to another sequence.
    #[cold]
    pub(crate) fn place_of_other_host(&mut self, stamp: Stamp, placed: &mut Placed) {
        if placed.place == Place::Repeated {
            self.status.repeated = self.status.repeated.saturating_sub(1);
            *placed = self.examine(stamp, None);
        } else if let Some(jumps) = &mut self.jumps {
            jumps.clear_misnumbered(stamp);
        }
    }

    /// Counts a datagram of a known sequence.
    pub(super) fn found(&mut self, place: Place, index: usize, stamp: Stamp) -> Placed {
        let mut placed = Placed::at(place, self.session_of(index));
        self.count(place, stamp);
        placed.is_distrusted = self.stream_at_mut(index).take_distrusted();
        if self.jumps.is_some() && matches!(place, Place::Next { .. } | Place::Strided { .. }) {
            let rejected = self.jumps.as_mut().map_or(0, |jumps| jumps.reject_all());
            self.reject(rejected, stamp.received_at, &mut placed);
        }
        placed
    }

    pub(super) fn stream_at(&self, index: usize) -> &Stream {
        let other = index
            .checked_sub(1)
            .and_then(|index| self.others.get(index));
        other.map_or(&self.stream, |index| &index.stream)
    }

    pub(super) fn stream_at_mut(&mut self, index: usize) -> &mut Stream {
        let other = index.checked_sub(1);
        match other.and_then(|index| self.others.get_mut(index)) {
            Some(index) => &mut index.stream,
            None => &mut self.stream,
        }
    }

    pub(super) fn session_of(&self, index: usize) -> u32 {
        let other = index
            .checked_sub(1)
            .and_then(|index| self.others.get(index));
        other.map_or(self.session, |index| index.session)
    }

    /// Whether the sequence with this session continues.
    #[inline]
    pub(crate) fn is_live(&self, session: u32) -> bool {
        session == self.session || self.others.iter().any(|index| index.session == session)
    }

    /// Whether two sequences that report the same data source both continue.
    #[inline]
    pub(crate) fn are_rivals(&self, session: u32, other: u32) -> bool {
        other == ANY_SESSION || session != other && self.is_live(other)
    }

    /// Removes sequences that have ended; returns their number.
    pub(crate) fn end_streams(&mut self, now: Timestamp) -> usize {
        let before = self.others.len();
        if before == 0 {
            return 0;
        }
        let mut ended = None;
        self.others.retain(|index| {
            let has_ended = index.stream.has_ended(now);
            if has_ended {
                ended = Some(*index);
            }
            !has_ended
        });
        if self.stream.has_ended(now)
            && let Some(index) = self.others.pop()
        {
            ended = Some(SessionStream {
                session: core::mem::replace(&mut self.session, index.session),
                stream: core::mem::replace(&mut self.stream, index.stream),
            });
        }
        if let Some(index) = ended {
            self.former = Some(Box::new(index));
        }
        if self.others.is_empty() {
            self.status.doubtful = false;
        }
        before - self.others.len()
    }

    /// Number of parallel sequences in addition to the first.
    pub(crate) fn other_streams(&self) -> usize {
        self.others.len()
    }

    /// Creates an agent for a sequence that was removed from this one.
    pub(crate) fn split(&self, index: SessionStream, key: AgentKey, first: Stamp) -> Self {
        Self {
            session: index.session,
            next_session: index.session.wrapping_add(1),
            stream: index.stream,
            is_usable: self.is_usable,
            is_reserved: self.is_reserved,
            ..Self::new(key, first)
        }
    }

    /// Removes and returns the newest sequence.
    pub(crate) fn remove_newest(&mut self) -> Option<SessionStream> {
        let index = self.others.pop()?;
        self.status.received = self.status.received.saturating_sub(1);
        Some(index)
    }

    /// Adds a removed sequence again, with its session.
    pub(crate) fn put_back(&mut self, index: SessionStream) {
        self.status.received += 1;
        self.others.push(index);
    }

    /// Adds a sequence that was found in another agent: as a restart of this one, or in parallel.
    /// Returns its session.
    pub(crate) fn adopt(&mut self, index: SessionStream, now: Timestamp) -> u32 {
        let session = self.next_session;
        self.next_session = self.next_session.wrapping_add(1);
        let index = SessionStream { session, ..index };
        self.status.received += 1;
        if self.stream.has_stopped(now) {
            self.status.restarts += 1;
            (self.session, self.stream) = (index.session, index.stream);
        } else {
            self.others.push(index);
        }
        session
    }

    /// Whether one of its sequences comes from this UDP port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        port != 0 && (0..=self.others.len()).any(|index| self.stream_at(index).port() == port)
    }

    /// Whether a datagram has the next number of a sequence.
    pub(crate) fn expects(&self, stamp: Stamp) -> bool {
        (0..=self.others.len()).any(|index| self.stream_at(index).expects(stamp))
    }

    /// Whether a datagram comes from another UDP port than all sequences except the newest one, and
    /// these ports are known.
    pub(crate) fn is_of_other_port(&self, stamp: Stamp) -> bool {
        let indices = 0..self.others.len().max(1);
        let mut ports = indices.map(|index| self.stream_at(index).port());
        stamp.port != 0 && ports.all(|port| port != 0 && port != stamp.port)
    }

    /// Removes the newest sequence.
    pub(crate) fn drop_newest(&mut self) {
        self.others.pop();
    }

    /// Number of sequences.
    pub(crate) fn sequences(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether numbers of datagrams are ignored, or advance by more than one.
    pub(crate) fn has_odd_numbering(&self) -> bool {
        (0..=self.others.len()).any(|index| {
            let stream = self.stream_at(index);
            stream.is_distrusted() || stream.has_stride()
        })
    }

    /// Number of datagrams lost so far, if it is certain.
    pub(crate) fn lost(&self) -> Option<u64> {
        let is_known = self.others.is_empty() && !self.stream.is_distrusted();
        is_known.then_some(self.status.lost)
    }

    /// Finds the place of a kept datagram in the sequence of this session and counts it.
    pub(crate) fn replay(&mut self, session: u32, stamp: Stamp) -> Place {
        let index = (0..=self.others.len()).find(|index| self.session_of(*index) == session);
        let place = index.map_or(Place::Jump, |index| self.stream_at_mut(index).place(stamp));
        if !matches!(place, Place::Jump | Place::Misnumbered) {
            self.count(place, stamp);
        }
        place
    }

    /// Whether a datagram that looks like a copy of the newest one of this session is another
    /// datagram, because the hash of its content differs from that of the copy before.
    #[cold]
    pub(crate) fn is_unnumbered(&mut self, session: u32, stamp: Stamp, content: u64) -> bool {
        let index = (0..=self.others.len()).find(|index| self.session_of(*index) == session);
        let Some(index) = index else { return false };
        let stream = self.stream_at_mut(index);
        let is_distrusted = stream.count_copy(stamp, content);
        if is_distrusted {
            *stream = stream.without_uptime();
            stream.distrust();
        }
        is_distrusted
    }

    pub(super) fn count(&mut self, place: Place, stamp: Stamp) {
        let status = &mut self.status;
        status.last_seen = status.last_seen.max(stamp.received_at);
        match place {
            Place::Next { missing } => {
                status.received += 1;
                status.lost += u64::from(missing);
            }
            Place::Strided { found } => {
                status.received += 1;
                status.lost = status.lost.saturating_sub(found);
            }
            Place::Reordered { was_missing } => {
                status.received += 1;
                status.reordered += 1;
                status.lost = status.lost.saturating_sub(u64::from(was_missing));
            }
            Place::Repeated => status.repeated += 1,
            Place::Late => status.late += 1,
            Place::Restarted => {
                status.received += 1;
                status.restarts += 1;
            }
            Place::Jump | Place::Misnumbered => {}
        }
        status.uptime = Duration::from_millis(self.stream.newest().uptime.into());
    }
}
