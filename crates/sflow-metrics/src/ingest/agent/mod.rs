use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::{DataSource, Datagram};

use crate::agent::{AgentKey, AgentStatus};
use crate::event::Budget;
use crate::ingest::sequencing::datagram::{Place, Stamp, Stream};
use crate::ingest::sequencing::jump::{Confirmed, Jumps, Kept, Outcome};
use crate::timestamp::Timestamp;

/// An agent and its data sources.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) status: AgentStatus,
    /// Its lives so far.
    pub(crate) session: u32,
    /// Places in the registry.
    pub(crate) sources: HashMap<DataSource, u32>,
    /// Those without a data source, by name.
    pub(crate) named: HashMap<Box<[u8]>, u32>,
    /// The place of the source that it spoke of last.
    pub(crate) last_source: Option<u32>,
    /// The first of its hosts.
    pub(crate) host: Option<Host>,
    /// Whose address it uses.
    pub(crate) rival: Rival,
    /// The events that it may cause.
    pub(crate) budget: Budget,
    /// Whether a datagram contained something that can become useful.
    pub(crate) is_usable: bool,
    /// Whether its sender is [reserved](crate::Registry::reserve).
    pub(crate) is_reserved: bool,
    stream: Stream,
    /// Other sequences that go on beside that.
    others: Vec<Line>,
    next_session: u32,
    /// Datagrams that may begin a new sequence.
    jumps: Option<Box<Jumps>>,
    /// The sequence that another one has taken the place of.
    former: Option<Box<Line>>,
    /// Places of other agents with the same sender, address and sub-agent.
    pub(crate) peers: Vec<u32>,
    /// Other sequences whose bytes are accounted for, and possible ones.
    pub(crate) charged_lines: usize,
}

/// A sequence of datagrams of an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) session: u32,
    stream: Stream,
}

/// Stands for any other sequence: it was not one before, or began anew.
pub(crate) const ANY_SESSION: u32 = u32::MAX;

/// A sequence that did not go on for so long is not compared any more.
const FORMER: Duration = Duration::from_secs(120);

/// Sequences of one agent that go on at the same time, beside the first. All others share one more,
/// the numbers of which are not used.
const MOST_LINES: usize = 64;

/// Another sender that was first to use an agent's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// There is none, or it is known.
    None,
    /// There is one, unless it has become silent: then the agent has another address now.
    Suspected(IpAddr),
}

/// What containers need to know of the host they run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) data_source: DataSource,
    pub(crate) processors: Option<f64>,
}

impl Agent {
    /// How many sources it has.
    pub(crate) fn source_count(&self) -> usize {
        self.sources.len() + self.named.len()
    }

    pub(crate) fn new(key: AgentKey, first: Stamp) -> Self {
        Self {
            status: AgentStatus {
                key,
                received: 1,
                lost: 0,
                reordered: 0,
                repeated: 0,
                late: 0,
                restarts: 0,
                rejected: 0,
                last_rejected: None,
                sources: 0,
                samples: 0,
                samples_lost: 0,
                established: false,
                silent: false,
                contested: false,
                sequences: 1,
                doubtful: false,
                odd_numbering: false,
                odd_sources: 0,
                first_seen: first.received_at,
                last_seen: first.received_at,
                uptime: Duration::from_millis(first.uptime.into()),
            },
            session: 0,
            sources: HashMap::new(),
            named: HashMap::new(),
            last_source: None,
            host: None,
            rival: Rival::None,
            budget: Budget::default(),
            is_reserved: false,
            is_usable: false,
            stream: Stream::starting_with(first),
            others: Vec::new(),
            next_session: 1,
            jumps: None,
            former: None,
            peers: Vec::new(),
            charged_lines: 0,
        }
    }

    /// Finds the place of a datagram, and counts it. If datagrams before it are returned, too, each
    /// of them has to be [replayed](Self::replay) and then this one.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Placed {
        if !self.others.is_empty() {
            return self.place_on_lines(stamp);
        }
        let place = self.stream.place(stamp);
        match place {
            Place::Jump => self.examine(stamp, None),
            Place::Odd => self.examine(stamp, Some(0)),
            _ => self.found(place, 0, stamp),
        }
    }

    /// Finds the place of a datagram of an agent with several sequences: where it has the next
    /// number, or else in one of the same UDP port.
    #[cold]
    fn place_on_lines(&mut self, stamp: Stamp) -> Placed {
        self.end_lines(stamp.received_at);
        let lines = 0..=self.others.len();
        let is_of_port = |line: &usize| {
            let port = self.line(*line).port();
            port == stamp.port && port != 0
        };
        let of_port = lines.clone().find(is_of_port);
        let expected = lines
            .clone()
            .find(|line| self.line(*line).expects(stamp) && is_of_port(line));
        let expected = expected.or_else(|| {
            let mut lines = lines.clone().filter(|_| of_port.is_none());
            lines.find(|line| self.line(*line).expects(stamp))
        });
        let first = expected.or(of_port);
        let shared = lines.clone().find(|line| self.line(*line).is_shared());
        let mut odd = None;
        for line in first.into_iter().chain(lines) {
            if Some(line) == shared {
                continue;
            }
            match self.line_mut(line).place(stamp) {
                Place::Jump => {}
                Place::Odd => {
                    odd = self.most_overdue(odd.into_iter().chain([line]), stamp.received_at);
                }
                place => return self.found(place, line, stamp),
            }
        }
        if let Some(line) = shared {
            let place = self.line_mut(line).place(stamp);
            return self.found(place, line, stamp);
        }
        self.examine(stamp, odd)
    }

    /// Of these sequences, the one whose next datagram is most overdue: a datagram with an odd
    /// number is probably that one.
    fn most_overdue(&self, lines: impl Iterator<Item = usize>, now: Timestamp) -> Option<usize> {
        let overdue = |line: &usize| self.line(*line).overdue(now);
        lines.reduce(|most, line| match overdue(&line) > overdue(&most) {
            true => line,
            false => most,
        })
    }

    /// Changes the place of a datagram that seemed to be a copy, or of a sequence with odd numbers,
    /// but reports another host: it is possibly of another sequence.
    #[cold]
    pub(crate) fn place_of_other_host(&mut self, stamp: Stamp, placed: &mut Placed) {
        if placed.place == Place::Repeated {
            self.status.repeated = self.status.repeated.saturating_sub(1);
            *placed = self.examine(stamp, None);
        } else if let Some(jumps) = &mut self.jumps {
            jumps.deny_odd(stamp);
        }
    }

    /// Counts a datagram of a known sequence.
    fn found(&mut self, place: Place, line: usize, stamp: Stamp) -> Placed {
        let mut placed = Placed::at(place, self.session_of(line));
        self.count(place, stamp);
        placed.is_distrusted = self.line_mut(line).take_distrusted();
        if self.jumps.is_some() && matches!(place, Place::Next { .. } | Place::Strided { .. }) {
            let rejected = self.jumps.as_mut().map_or(0, |jumps| jumps.outlive());
            self.reject(rejected, stamp.received_at, &mut placed);
        }
        placed
    }

    fn line(&self, line: usize) -> &Stream {
        let other = line.checked_sub(1).and_then(|line| self.others.get(line));
        other.map_or(&self.stream, |line| &line.stream)
    }

    fn line_mut(&mut self, line: usize) -> &mut Stream {
        let other = line.checked_sub(1);
        match other.and_then(|line| self.others.get_mut(line)) {
            Some(line) => &mut line.stream,
            None => &mut self.stream,
        }
    }

    fn session_of(&self, line: usize) -> u32 {
        let other = line.checked_sub(1).and_then(|line| self.others.get(line));
        other.map_or(self.session, |line| line.session)
    }

    /// Whether the sequence with this session goes on.
    #[inline]
    pub(crate) fn is_live(&self, session: u32) -> bool {
        session == self.session || self.others.iter().any(|line| line.session == session)
    }

    /// Whether samples of a data source come in this sequence that came in another one, which
    /// goes on.
    #[inline]
    pub(crate) fn are_rivals(&self, session: u32, other: u32) -> bool {
        other == ANY_SESSION || session != other && self.is_live(other)
    }

    /// Removes sequences that have ended; returns how many.
    pub(crate) fn end_lines(&mut self, now: Timestamp) -> usize {
        let before = self.others.len();
        if before == 0 {
            return 0;
        }
        let mut ended = None;
        self.others.retain(|line| {
            let has_ended = line.stream.has_ended(now);
            if has_ended {
                ended = Some(*line);
            }
            !has_ended
        });
        if self.stream.has_ended(now)
            && let Some(line) = self.others.pop()
        {
            ended = Some(Line {
                session: core::mem::replace(&mut self.session, line.session),
                stream: core::mem::replace(&mut self.stream, line.stream),
            });
        }
        if let Some(line) = ended {
            self.former = Some(Box::new(line));
        }
        if self.others.is_empty() {
            self.status.doubtful = false;
        }
        before - self.others.len()
    }

    /// Memory for its sequences beside the first and for possible ones, as a number of sequences.
    pub(crate) fn lines_to_charge(&self) -> usize {
        let jumps = self.jumps.as_ref();
        self.others.len() + jumps.map_or(0, |jumps| jumps.lines_to_charge())
    }

    /// Drops the possible sequences for which memory is charged. Returns how many datagrams were
    /// rejected by that.
    pub(crate) fn drop_charged_jumps(&mut self) -> u64 {
        let jumps = self.jumps.as_mut();
        let rejected = jumps.map_or(0, |jumps| jumps.drop_charged());
        self.status.rejected += rejected;
        rejected
    }

    /// Sequences beside the first.
    pub(crate) fn other_lines(&self) -> usize {
        self.others.len()
    }

    /// An agent of its own for a sequence that was taken out of this one.
    pub(crate) fn split(&self, line: Line, key: AgentKey, first: Stamp) -> Self {
        Self {
            session: line.session,
            next_session: line.session.wrapping_add(1),
            stream: line.stream,
            is_usable: self.is_usable,
            is_reserved: self.is_reserved,
            ..Self::new(key, first)
        }
    }

    /// Takes the sequence that began last out.
    pub(crate) fn take_newest_line(&mut self) -> Option<Line> {
        let line = self.others.pop()?;
        self.status.received = self.status.received.saturating_sub(1);
        Some(line)
    }

    /// Puts a sequence back that was taken out, under the session it had.
    pub(crate) fn put_back(&mut self, line: Line) {
        self.status.received += 1;
        self.others.push(line);
    }

    /// Takes over a sequence of another agent, which is a restart of this one, or goes on beside
    /// its own; returns its session.
    pub(crate) fn adopt(&mut self, line: Line, now: Timestamp) -> u32 {
        let session = self.next_session;
        self.next_session = self.next_session.wrapping_add(1);
        let line = Line { session, ..line };
        self.status.received += 1;
        if self.stream.has_stopped(now) {
            self.status.restarts += 1;
            (self.session, self.stream) = (line.session, line.stream);
        } else {
            self.others.push(line);
        }
        session
    }

    /// Whether one of its sequences comes from this UDP port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        port != 0 && (0..=self.others.len()).any(|line| self.line(line).port() == port)
    }

    /// Whether a datagram has the next number in one of its sequences.
    pub(crate) fn expects(&self, stamp: Stamp) -> bool {
        (0..=self.others.len()).any(|line| self.line(line).expects(stamp))
    }

    /// Whether a datagram comes from another UDP port than those of its sequences, as far as these
    /// are known; the newest sequence does not count.
    pub(crate) fn is_of_other_port(&self, stamp: Stamp) -> bool {
        let lines = 0..self.others.len().max(1);
        let mut ports = lines.map(|line| self.line(line).port());
        stamp.port != 0 && ports.all(|port| port != 0 && port != stamp.port)
    }

    /// Removes the sequence that began last.
    pub(crate) fn remove_newest_line(&mut self) {
        self.others.pop();
    }

    /// Sequences that go on.
    pub(crate) fn sequences(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether the numbers of its datagrams are not used, or step by more than one.
    pub(crate) fn has_odd_numbering(&self) -> bool {
        (0..=self.others.len()).any(|line| {
            let stream = self.line(line);
            stream.is_distrusted() || stream.has_stride()
        })
    }

    /// Datagrams that were lost so far, unless its numbers or sequences make that uncertain.
    pub(crate) fn lost(&self) -> Option<u64> {
        let is_known = self.others.is_empty() && !self.stream.is_distrusted();
        is_known.then_some(self.status.lost)
    }

    /// Finds the place of a datagram of the sequence of this session that was kept, and counts it.
    pub(crate) fn replay(&mut self, session: u32, stamp: Stamp) -> Place {
        let line = (0..=self.others.len()).find(|line| self.session_of(*line) == session);
        let place = line.map_or(Place::Jump, |line| self.line_mut(line).place(stamp));
        if !matches!(place, Place::Jump | Place::Odd) {
            self.count(place, stamp);
        }
        place
    }

    /// Keeps a datagram that is a jump, if it fits into so many bytes; returns what it takes.
    pub(crate) fn keep(&mut self, stamp: Stamp, datagram: &Datagram<'_>, free: usize) -> usize {
        let jumps = self.jumps.as_mut();
        jumps.map_or(0, |jumps| jumps.keep(stamp, datagram, free))
    }

    /// Bytes of datagrams that are kept.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.jumps.as_ref().map_or(0, |jumps| jumps.bytes())
    }

    /// Whether there are jumps, and none came since this moment.
    pub(crate) fn has_old_jumps(&self, since: Timestamp) -> bool {
        let newest = self.jumps.as_ref().and_then(|jumps| jumps.newest());
        newest.is_some_and(|newest| newest < since)
    }

    /// Whether a jump looks like the first datagrams after a restart.
    pub(crate) fn resembles_restart(&self, stamp: Stamp) -> bool {
        self.stream.resembles_restart(stamp)
    }

    /// Gives up all jumps: no datagram has confirmed them.
    pub(crate) fn reject_jumps(&mut self, now: Timestamp, placed: &mut Placed) {
        if let Some(jumps) = self.jumps.take() {
            self.reject(jumps.unreported(), now, placed);
        }
    }

    /// Examines a datagram that does not continue a current sequence. `odd` is the sequence that it
    /// is probably of, if its uptime continues one and its number does not.
    #[cold]
    fn examine(&mut self, stamp: Stamp, odd: Option<usize>) -> Placed {
        let mut placed = Placed::at(Place::Jump, self.session);
        if self.continues_former(stamp, &mut placed) {
            return placed;
        }
        if let Some(line) = odd
            && self.line_mut(line).count_odd(stamp.received_at)
        {
            self.distrust(line, false, &mut placed);
            return placed;
        }
        let is_odd = odd.is_some();
        let lines = 0..=self.others.len();
        // Where one of several sequences has stopped, this one may take its place.
        let stopped = lines
            .clone()
            .find(|line| self.line(*line).has_stopped(stamp.received_at));
        let line = odd.or(stopped).unwrap_or(0);
        let current = *self.line(line);
        let still = lines.filter(|line| self.line(*line).has_same_uptime(stamp));
        let still = self.most_overdue(still, stamp.received_at);
        let jumps = self.jumps.get_or_insert_default();
        match jumps.examine(&current, stamp, is_odd) {
            Outcome::Undecided { rejected, is_first } => {
                self.reject(rejected, stamp.received_at, &mut placed);
                if let Some(line) = still
                    && self.line_mut(line).count_unnumbered(is_first && !is_odd)
                {
                    self.distrust(line, true, &mut placed);
                }
            }
            Outcome::Repeated => {
                placed.place = Place::Repeated;
                self.status.repeated += 1;
            }
            Outcome::Confirmed(confirmed) => {
                self.jumps = None;
                let former = Line {
                    session: self.session_of(line),
                    stream: current,
                };
                self.former = Some(Box::new(former));
                let session = self.begin(Some(line), stamp, &confirmed);
                let first = confirmed.first(stamp);
                self.count(Place::Restarted, first);
                self.reject(confirmed.rejected, stamp.received_at, &mut placed);
                placed.begins(Place::Restarted, session, confirmed.kept);
            }
            Outcome::Beside(confirmed) => {
                if jumps.is_empty() {
                    self.jumps = None;
                }
                let session = self.begin(None, stamp, &confirmed);
                let first = confirmed.first(stamp);
                self.count(Place::Next { missing: 0 }, first);
                if self.others.len() > MOST_LINES {
                    self.line_mut(self.others.len()).share();
                    placed.is_distrusted = true;
                } else {
                    placed.is_beside = true;
                }
                placed.begins(Place::Next { missing: 0 }, session, confirmed.kept);
            }
        }
        placed
    }

    /// Begins a new sequence, in the place of another one or beside the others; returns its
    /// session.
    fn begin(&mut self, line: Option<usize>, stamp: Stamp, confirmed: &Confirmed) -> u32 {
        let mut stream = Stream::starting_with(confirmed.first(stamp));
        if confirmed.without_uptime {
            stream = stream.without_uptime();
        }
        let session = self.next_session;
        self.next_session = self.next_session.wrapping_add(1);
        let new = Line { session, stream };
        match line {
            Some(0) => (self.session, self.stream) = (session, stream),
            Some(line) if line <= self.others.len() => self.others[line - 1] = new,
            _ => self.others.push(new),
        }
        session
    }

    /// Stops using the numbers of a sequence of datagrams.
    fn distrust(&mut self, line: usize, ignores_uptime: bool, placed: &mut Placed) {
        placed.session = self.session_of(line);
        let stream = self.line_mut(line);
        if ignores_uptime {
            *stream = stream.without_uptime();
        }
        stream.distrust();
        let stream = *stream;
        placed.is_distrusted = true;
        if let Some(mut jumps) = self.jumps.take() {
            placed.kept = jumps.take_odd(&stream, ignores_uptime);
            if !jumps.is_empty() {
                self.jumps = Some(jumps);
            }
        }
        placed.is_placed = false;
        placed.place = Place::Next { missing: 0 };
    }

    /// Whether a datagram that looks like a copy of the newest of the sequence with this session is
    /// another one: its content, of which this is the hash, differs from that of the copy before.
    #[cold]
    pub(crate) fn is_unnumbered(&mut self, session: u32, stamp: Stamp, content: u64) -> bool {
        let line = (0..=self.others.len()).find(|line| self.session_of(*line) == session);
        let Some(line) = line else { return false };
        let stream = self.line_mut(line);
        let is_distrusted = stream.count_copy(stamp, content);
        if is_distrusted {
            *stream = stream.without_uptime();
            stream.distrust();
        }
        is_distrusted
    }

    /// Whether a datagram continues a sequence that another one took the place of: both go on.
    fn continues_former(&mut self, stamp: Stamp, placed: &mut Placed) -> bool {
        let Some(former) = &mut self.former else {
            return false;
        };
        let newest = former.stream.newest();
        let has_uptime = newest.uptime != 0 || stamp.uptime != 0;
        if stamp.received_at - newest.received_at > FORMER
            || has_uptime && !former.stream.ignores_uptime() && !former.stream.agrees(stamp)
        {
            return false;
        }
        match former.stream.place(stamp) {
            Place::Jump | Place::Odd => return false,
            place @ (Place::Next { .. } | Place::Strided { .. })
                if self.others.len() < MOST_LINES =>
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

    fn reject(&mut self, count: u64, now: Timestamp, placed: &mut Placed) {
        if count == 0 {
            return;
        }
        placed.rejected += count;
        placed.rejected_before = self.status.last_rejected;
        self.status.rejected += count;
        self.status.last_rejected = Some(now);
    }

    fn count(&mut self, place: Place, stamp: Stamp) {
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
            Place::Jump | Place::Odd => {}
        }
        status.uptime = Duration::from_millis(self.stream.newest().uptime.into());
    }
}

/// The place of a datagram, and what was decided with it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) place: Place,
    /// The session of its sequence.
    pub(crate) session: u32,
    /// Datagrams before it that have to be processed first.
    pub(crate) kept: Vec<Kept>,
    /// Whether the first of all these, or the datagram itself, is counted: its place is known.
    pub(crate) is_placed: bool,
    /// Whether its sequence goes on beside others since now.
    pub(crate) is_beside: bool,
    /// Whether numbers are distrusted since now.
    pub(crate) is_distrusted: bool,
    /// Jumps that were given up.
    pub(crate) rejected: u64,
    /// When jumps of the agent were given up before.
    pub(crate) rejected_before: Option<Timestamp>,
}

impl Placed {
    pub(crate) const fn at(place: Place, session: u32) -> Self {
        Self {
            place,
            session,
            kept: Vec::new(),
            is_placed: true,
            is_beside: false,
            is_distrusted: false,
            rejected: 0,
            rejected_before: None,
        }
    }

    fn begins(&mut self, place: Place, session: u32, kept: Vec<Kept>) {
        self.place = place;
        self.session = session;
        self.kept = kept;
    }
}
