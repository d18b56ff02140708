use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::random::Random;
use super::scenario::Network;
use super::strangers::{Kind, stranger};

/// A datagram that arrives at the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// When.
    pub at: Timestamp,
    /// Where it comes from. (An agent's own address; over loopback the socket says otherwise.)
    pub source: IpAddr,
    /// Its bytes; possibly none.
    pub bytes: &'a [u8],
}

/// How many datagrams were sent, and what has become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Sent by agents.
    pub datagrams: u64,
    /// Of these: did not arrive.
    pub lost: u64,
    /// Of these: arrived twice.
    pub duplicated: u64,
    /// Of these: held up.
    pub delayed: u64,
    /// Sent by something that is no agent.
    pub strangers: u64,
}

/// What lies between agents and collector, with all its faults.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) quality: Network,
    pub(super) sent: Sent,
    random: Random,
    /// Agents that are not heard, and until when.
    silent: Vec<(IpAddr, Timestamp)>,
    held: Vec<Held>,
    strangers: Option<Strangers>,
    /// The last datagram of an agent.
    last: Vec<u8>,
}

/// A datagram on a detour.
#[derive(Clone, Debug)]
struct Held {
    due: Timestamp,
    source: IpAddr,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Strangers {
    next: Timestamp,
    every: Duration,
    until: Timestamp,
}

/// Where everything comes from that is no agent's.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));

impl Path {
    pub(super) fn new(random: Random) -> Self {
        Self {
            quality: Network::default(),
            sent: Sent::default(),
            random,
            silent: Vec::new(),
            held: Vec::new(),
            strangers: None,
            last: Vec::new(),
        }
    }

    pub(super) fn silence(&mut self, source: IpAddr, until: Timestamp) {
        self.silent.push((source, until));
    }

    pub(super) fn invite(&mut self, now: Timestamp, every: Duration, lasting: Duration) {
        self.strangers = Some(Strangers {
            next: now,
            every,
            until: now + lasting,
        });
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let strangers = self.strangers.map(|strangers| strangers.next);
        self.held.iter().map(|held| held.due).chain(strangers).min()
    }

    /// Sends an agent's datagram on its way.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        source: IpAddr,
        bytes: &[u8],
        emit: &mut dyn FnMut(Delivery<'_>),
    ) {
        self.sent.datagrams += 1;
        self.silent.retain(|(_, until)| now < *until);
        let silent = self.silent.iter().any(|(address, _)| *address == source);
        if silent || self.random.chance(self.quality.loss) {
            self.sent.lost += 1;
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(bytes);
        if self.random.chance(self.quality.duplication) {
            self.sent.duplicated += 1;
            self.hold(now, source, bytes);
        }
        if self.random.chance(self.quality.reordering) {
            self.sent.delayed += 1;
            self.hold(now, source, bytes);
        } else {
            emit(Delivery {
                at: now,
                source,
                bytes,
            });
        }
    }

    fn hold(&mut self, now: Timestamp, source: IpAddr, bytes: &[u8]) {
        let due = now + self.random.between(Duration::ZERO, self.quality.delay);
        self.held.push(Held {
            due,
            source,
            bytes: bytes.to_vec(),
        });
    }

    /// Delivers what has been held up long enough, and what strangers send.
    pub(super) fn work(&mut self, now: Timestamp, emit: &mut dyn FnMut(Delivery<'_>)) {
        self.held.sort_by_key(|held| held.due);
        let due = self.held.partition_point(|held| held.due <= now);
        for held in self.held.drain(..due) {
            emit(Delivery {
                at: now,
                source: held.source,
                bytes: &held.bytes,
            });
        }
        while let Some(strangers) = self
            .strangers
            .as_mut()
            .filter(|strangers| strangers.next <= now)
        {
            strangers.next = strangers.next + strangers.every;
            if strangers.next >= strangers.until {
                self.strangers = None;
            }
            let kinds = Kind::ALL;
            let kind = kinds[(self.sent.strangers % kinds.len() as u64) as usize];
            self.sent.strangers += 1;
            let bytes = stranger(kind, &self.last, &mut self.random);
            emit(Delivery {
                at: now,
                source: STRANGER,
                bytes: &bytes,
            });
        }
    }
}
