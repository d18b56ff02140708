//! Datagrams that do not continue a sequence of their agent.

use sflow_v5::Datagram;

use super::{Agent, FORMER_PERIOD, MAX_PARALLEL, Placed, SessionStream};
use crate::ingest::sequencing::jump::{Confirmed, Outcome};
use crate::ingest::sequencing::stamp::Stamp;
use crate::ingest::sequencing::stream::{Place, Stream};
use crate::timestamp::Timestamp;

impl Agent {
    /// Memory of parallel and possible sequences, as a number of sequences.
    pub(crate) fn streams_to_charge(&self) -> usize {
        let jumps = self.jumps.as_ref();
        self.others.len() + jumps.map_or(0, |jumps| jumps.streams_to_charge())
    }

    /// Drops the possible sequences for which memory is charged; returns the number of rejected
    /// datagrams.
    pub(crate) fn drop_charged_jumps(&mut self) -> u64 {
        let jumps = self.jumps.as_mut();
        let rejected = jumps.map_or(0, |jumps| jumps.drop_charged());
        self.status.rejected += rejected;
        rejected
    }

    /// Keeps a jump if it fits into `free` bytes; returns its size.
    pub(crate) fn keep(&mut self, stamp: Stamp, datagram: &Datagram<'_>, free: usize) -> usize {
        let jumps = self.jumps.as_mut();
        jumps.map_or(0, |jumps| jumps.keep(stamp, datagram, free))
    }

    /// Size of the kept datagrams in bytes.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.jumps.as_ref().map_or(0, |jumps| jumps.bytes())
    }

    /// Whether there are jumps, all older than this.
    pub(crate) fn has_old_jumps(&self, since: Timestamp) -> bool {
        let newest = self.jumps.as_ref().and_then(|jumps| jumps.newest());
        newest.is_some_and(|newest| newest < since)
    }

    /// Whether a jump looks like the first datagram after a restart.
    pub(crate) fn resembles_restart(&self, stamp: Stamp) -> bool {
        self.stream.resembles_restart(stamp)
    }

    /// Rejects all jumps.
    pub(crate) fn reject_jumps(&mut self, now: Timestamp, placed: &mut Placed) {
        if let Some(jumps) = self.jumps.take() {
            self.reject(jumps.unreported(), now, placed);
        }
    }

    /// Examines a datagram that does not continue a current sequence. If its uptime continues one,
    /// `misnumbered` is the index of that sequence.
    #[cold]
    pub(super) fn examine(&mut self, stamp: Stamp, misnumbered: Option<usize>) -> Placed {
        let mut placed = Placed::at(Place::Jump, self.session);
        if self.continues_former(stamp, &mut placed) {
            return placed;
        }
        if let Some(index) = misnumbered
            && self
                .stream_at_mut(index)
                .count_implausible(stamp.received_at)
        {
            self.distrust(index, false, &mut placed);
            return placed;
        }
        let is_misnumbered = misnumbered.is_some();
        let indices = 0..=self.others.len();
        // If one of several sequences has stopped, this one may be its continuation.
        let stopped = indices
            .clone()
            .find(|index| self.stream_at(*index).has_stopped(stamp.received_at));
        let index = misnumbered.or(stopped).unwrap_or(0);
        let current = *self.stream_at(index);
        let still = indices.filter(|index| self.stream_at(*index).has_same_uptime(stamp));
        let still = self.most_overdue(still, stamp.received_at);
        let jumps = self.jumps.get_or_insert_default();
        match jumps.examine(&current, stamp, is_misnumbered) {
            Outcome::Undecided { rejected, is_first } => {
                self.reject(rejected, stamp.received_at, &mut placed);
                if let Some(index) = still
                    && self
                        .stream_at_mut(index)
                        .count_unnumbered(is_first && !is_misnumbered)
                {
                    self.distrust(index, true, &mut placed);
                }
            }
            Outcome::Repeated => {
                placed.place = Place::Repeated;
                self.status.repeated += 1;
            }
            Outcome::Confirmed(confirmed) => {
                self.jumps = None;
                let former = SessionStream {
                    session: self.session_of(index),
                    stream: current,
                };
                self.former = Some(Box::new(former));
                let session = self.begin(Some(index), stamp, &confirmed);
                let first = confirmed.first(stamp);
                self.count(Place::Restarted, first);
                self.reject(confirmed.rejected, stamp.received_at, &mut placed);
                placed.begins(Place::Restarted, session, confirmed.kept);
            }
            Outcome::Parallel(confirmed) => {
                if jumps.is_empty() {
                    self.jumps = None;
                }
                let session = self.begin(None, stamp, &confirmed);
                let first = confirmed.first(stamp);
                self.count(Place::Next { missing: 0 }, first);
                if self.others.len() > MAX_PARALLEL {
                    self.stream_at_mut(self.others.len()).share();
                    placed.is_distrusted = true;
                } else {
                    placed.is_parallel = true;
                }
                placed.begins(Place::Next { missing: 0 }, session, confirmed.kept);
            }
        }
        placed
    }

    /// Begins a sequence that replaces another one or continues in parallel; returns its session.
    pub(super) fn begin(
        &mut self,
        index: Option<usize>,
        stamp: Stamp,
        confirmed: &Confirmed,
    ) -> u32 {
        let mut stream = Stream::starting_with(confirmed.first(stamp));
        if confirmed.without_uptime {
            stream = stream.without_uptime();
        }
        let session = self.next_session;
        self.next_session = self.next_session.wrapping_add(1);
        let new = SessionStream { session, stream };
        match index {
            Some(0) => (self.session, self.stream) = (session, stream),
            Some(index) if index <= self.others.len() => self.others[index - 1] = new,
            _ => self.others.push(new),
        }
        session
    }

    /// Ignores the numbers of a sequence from now on.
    pub(super) fn distrust(&mut self, index: usize, ignores_uptime: bool, placed: &mut Placed) {
        placed.session = self.session_of(index);
        let stream = self.stream_at_mut(index);
        if ignores_uptime {
            *stream = stream.without_uptime();
        }
        stream.distrust();
        let stream = *stream;
        placed.is_distrusted = true;
        if let Some(mut jumps) = self.jumps.take() {
            placed.kept = jumps.take_misnumbered(&stream, ignores_uptime);
            if !jumps.is_empty() {
                self.jumps = Some(jumps);
            }
        }
        placed.is_placed = false;
        placed.place = Place::Next { missing: 0 };
    }

    /// Whether a datagram continues a sequence that was replaced. Both continue then.
    pub(super) fn continues_former(&mut self, stamp: Stamp, placed: &mut Placed) -> bool {
        let Some(former) = &mut self.former else {
            return false;
        };
        let newest = former.stream.newest();
        let has_uptime = newest.uptime != 0 || stamp.uptime != 0;
        if stamp.received_at - newest.received_at > FORMER_PERIOD
            || has_uptime && !former.stream.ignores_uptime() && !former.stream.agrees(stamp)
        {
            return false;
        }
        match former.stream.place(stamp) {
            Place::Jump | Place::Misnumbered => return false,
            place @ (Place::Next { .. } | Place::Strided { .. })
                if self.others.len() < MAX_PARALLEL =>
            {
                let former = **former;
                self.former = None;
                self.others.push(former);
                *placed = self.found(place, self.others.len(), stamp);
            }
            _ => {
                placed.place = Place::Late;
                self.status.late += 1;
            }
        }
        true
    }

    pub(super) fn reject(&mut self, count: u64, now: Timestamp, placed: &mut Placed) {
        if count == 0 {
            return;
        }
        placed.rejected += count;
        placed.rejected_before = self.status.last_rejected;
        self.status.rejected += count;
        self.status.last_rejected = Some(now);
    }
}
