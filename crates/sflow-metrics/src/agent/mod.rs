pub(crate) mod key;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::{DataSource, Datagram};

use crate::discipline::datagram::{Place, Stamp, Stream};
use crate::discipline::jump::{Jumps, Kept, Outcome};
use crate::event::budget::Budget;
use crate::timestamp::Timestamp;
pub use key::AgentKey;

/// How the datagrams of one agent have come so far.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AgentStatus {
    /// Which agent.
    pub key: AgentKey,
    /// Datagrams that counted.
    pub received: u64,
    /// Datagrams that are missing.
    pub lost: u64,
    /// Datagrams that came after a newer one, and counted.
    pub reordered: u64,
    /// Datagrams that came again.
    pub repeated: u64,
    /// Datagrams too late to tell.
    pub late: u64,
    /// Times that it started again.
    pub restarts: u64,
    /// Datagrams with its identity that did not continue its sequence and were not used, since
    /// its sequence went on: forged, or of a second process with the same identity.
    pub rejected: u64,
    /// Time at which such datagrams were last rejected.
    pub last_rejected: Option<Timestamp>,
    /// Its data sources that are known.
    pub sources: usize,
    /// Counters samples of its data sources that were taken.
    pub samples: u64,
    /// Counters samples that are missing between those.
    pub samples_lost: u64,
    /// Whether it has reported something useful: an entity whose counters advanced, or packet
    /// samples of a known length in sequence. It and its data sources are not removed to admit
    /// others.
    pub established: bool,
    /// Whether it was not heard for longer than it takes its slowest data source to be stale, of
    /// those of which it is known how often they are heard, as the last
    /// [`expire`](crate::Registry::expire) found.
    pub silent: bool,
    /// Whether another sender has used its address while it was heard.
    pub contested: bool,
    /// When its first datagram came.
    pub first_seen: Timestamp,
    /// When its last datagram came that was used.
    pub last_seen: Timestamp,
    /// What its newest datagram said of its uptime.
    pub uptime: Duration,
}

impl AgentStatus {
    /// The part of its datagrams that is missing, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        part(self.lost, self.received)
    }

    /// The part of the counters samples of its data sources that is missing, from 0 to 1;
    /// `None` before there was one.
    pub fn sample_loss(&self) -> Option<f64> {
        part(self.samples_lost, self.samples)
    }
}

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
    /// Datagrams that may begin a new sequence.
    jumps: Option<Box<Jumps>>,
    /// The sequence that another one has taken the place of.
    former: Option<Box<Former>>,
}

/// A sequence of an agent that is not the current one.
#[derive(Debug)]
struct Former {
    stream: Stream,
    /// Whether it took the place of one that had not stopped: it is forged, or of a second
    /// process.
    is_refuted: bool,
}

/// A sequence that did not go on for so long is not compared any more.
const FORMER: Duration = Duration::from_secs(120);

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
            jumps: None,
            former: None,
        }
    }

    /// Finds the place of a datagram, and counts it. Of one that confirms a restart the datagrams
    /// before it are returned, too; each of them has to be [replayed](Self::replay) and then
    /// this one.
    pub(crate) fn place(&mut self, stamp: Stamp) -> Placed {
        let place = self.stream.place(stamp);
        match place {
            Place::Jump => return self.examine(stamp),
            Place::Next { .. } if self.jumps.is_some() => {
                let mut placed = Placed::at(place);
                self.count(place, stamp);
                self.reject_jumps(stamp.received_at, &mut placed);
                return placed;
            }
            _ => self.count(place, stamp),
        }
        Placed::at(place)
    }

    /// Finds the place of a datagram of a sequence that was just confirmed, and counts it.
    pub(crate) fn replay(&mut self, stamp: Stamp) -> Place {
        let place = self.stream.place(stamp);
        if place != Place::Jump {
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

    /// Gives up all jumps: the old sequence goes on, or no datagram has confirmed them.
    pub(crate) fn reject_jumps(&mut self, now: Timestamp, placed: &mut Placed) {
        if let Some(jumps) = self.jumps.take() {
            self.reject(jumps.count(), now, placed);
        }
    }

    /// Examines a datagram that does not continue the current sequence.
    #[cold]
    fn examine(&mut self, stamp: Stamp) -> Placed {
        let mut placed = Placed::at(Place::Jump);
        if self.continues_former(stamp, &mut placed) {
            return placed;
        }
        let jumps = self.jumps.get_or_insert_default();
        match jumps.examine(&self.stream, stamp) {
            Outcome::Undecided { rejected } => {
                self.reject(rejected, stamp.received_at, &mut placed);
            }
            Outcome::Repeated => {
                placed.place = Place::Repeated;
                self.status.repeated += 1;
            }
            Outcome::Confirmed(confirmed) => {
                self.jumps = None;
                let first = confirmed.kept.first().map_or(stamp, |kept| kept.stamp);
                self.former = Some(Box::new(Former {
                    stream: self.stream,
                    is_refuted: false,
                }));
                self.stream = Stream::starting_with(first);
                if confirmed.without_uptime {
                    self.stream = self.stream.without_uptime();
                }
                self.count(Place::Restarted, first);
                self.reject(confirmed.rejected, stamp.received_at, &mut placed);
                placed.place = Place::Restarted;
                placed.kept = confirmed.kept;
            }
        }
        placed
    }

    /// Whether a datagram continues a sequence that another one took the place of. Then that one
    /// did not stop, and the other one is refuted; or it was refuted already.
    fn continues_former(&mut self, stamp: Stamp, placed: &mut Placed) -> bool {
        let Some(former) = &mut self.former else {
            return false;
        };
        let goes_on = |stream: &Stream| stamp.received_at - stream.newest().received_at <= FORMER;
        if !goes_on(&former.stream) || former.is_refuted && !goes_on(&self.stream) {
            return false;
        }
        match former.stream.place(stamp) {
            Place::Jump => return false,
            Place::Next { .. } if !former.is_refuted => {
                core::mem::swap(&mut former.stream, &mut self.stream);
                former.is_refuted = true;
                placed.place = Place::Resumed;
                self.count(Place::Resumed, stamp);
            }
            _ => placed.place = Place::Rejected,
        }
        self.reject(1, stamp.received_at, placed);
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
                self.session = self.session.wrapping_add(1);
            }
            Place::Resumed => {
                status.received += 1;
                self.session = self.session.wrapping_add(1);
            }
            Place::Jump | Place::Rejected => {}
        }
        status.uptime = Duration::from_millis(self.stream.newest().uptime.into());
    }
}

/// The place of a datagram, and what was decided with it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) place: Place,
    /// Of a sequence that it confirms: the datagrams before it.
    pub(crate) kept: Vec<Kept>,
    /// Jumps that were given up.
    pub(crate) rejected: u64,
    /// When jumps of the agent were given up before.
    pub(crate) rejected_before: Option<Timestamp>,
}

impl Placed {
    pub(crate) const fn at(place: Place) -> Self {
        Self {
            place,
            kept: Vec::new(),
            rejected: 0,
            rejected_before: None,
        }
    }
}

/// What part of all is lost.
pub(crate) fn part(lost: u64, received: u64) -> Option<f64> {
    let all = received + lost;
    (all > 0).then(|| lost as f64 / all as f64)
}
