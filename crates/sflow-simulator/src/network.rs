use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::foreign_traffic::{Kind, foreign_datagram};
use crate::random::Random;
use crate::spec::Network;

/// A datagram that arrives at the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// Time of arrival since the start of the simulation.
    pub at: Duration,
    /// Address of the sender: that of an agent, or 192.0.2.66 for foreign traffic; port 6343.
    pub source: SocketAddr,
    /// Payload; can be empty for foreign traffic.
    pub bytes: &'a [u8],
}

/// Numbers of datagrams since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sent by agents.
    pub datagrams: u64,
    /// Sent by agents and lost.
    pub lost: u64,
    /// Sent by agents and delivered twice.
    pub duplicated: u64,
    /// Sent by agents and delayed.
    pub delayed: u64,
    /// Foreign datagrams.
    pub foreign: u64,
}

/// The network between agents and collector.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) faults: Network,
    pub(crate) stats: Stats,
    random: Random,
    /// Agents whose datagrams are lost, and until when.
    disconnected: Vec<(IpAddr, Duration)>,
    held: Vec<Held>,
    foreign: Option<ForeignTraffic>,
    /// The last datagram of an agent.
    last: Vec<u8>,
}

/// A datagram that is delayed.
#[derive(Clone, Debug)]
struct Held {
    due: Duration,
    source: IpAddr,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct ForeignTraffic {
    next: Duration,
    interval: Duration,
    until: Duration,
}

/// Source port of all datagrams.
const PORT: u16 = 6343;

/// Source of foreign traffic, from the block for documentation.
const FOREIGN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 66));

impl Link {
    pub(crate) fn new(faults: Network, random: Random) -> Self {
        Self {
            faults,
            stats: Stats::default(),
            random,
            disconnected: Vec::new(),
            held: Vec::new(),
            foreign: None,
            last: Vec::new(),
        }
    }

    pub(crate) fn disconnect(&mut self, source: IpAddr, until: Duration) {
        self.disconnected.push((source, until));
    }

    pub(crate) fn start_foreign_traffic(
        &mut self,
        now: Duration,
        interval: Duration,
        duration: Duration,
    ) {
        self.foreign = Some(ForeignTraffic {
            next: now,
            interval,
            until: now.saturating_add(duration),
        });
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        let foreign = self.foreign.map(|foreign| foreign.next);
        self.held.iter().map(|held| held.due).chain(foreign).min()
    }

    /// Sends a datagram of an agent: delivers, loses or delays it.
    pub(crate) fn send(
        &mut self,
        now: Duration,
        source: IpAddr,
        bytes: &[u8],
        emit: &mut dyn FnMut(Delivery<'_>),
    ) {
        self.stats.datagrams += 1;
        self.disconnected.retain(|(_, until)| now < *until);
        let mut disconnected = self.disconnected.iter();
        let is_disconnected = disconnected.any(|(address, _)| *address == source);
        if is_disconnected || self.random.chance(self.faults.loss) {
            self.stats.lost += 1;
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(bytes);
        if self.random.chance(self.faults.duplication) {
            self.stats.duplicated += 1;
            self.hold(now, source, bytes);
        }
        if self.random.chance(self.faults.reordering) {
            self.stats.delayed += 1;
            self.hold(now, source, bytes);
        } else {
            emit(Delivery {
                at: now,
                source: SocketAddr::new(source, PORT),
                bytes,
            });
        }
    }

    fn hold(&mut self, now: Duration, source: IpAddr, bytes: &[u8]) {
        let delay = self.random.between(Duration::ZERO, self.faults.delay);
        self.held.push(Held {
            due: now.saturating_add(delay),
            source,
            bytes: bytes.to_vec(),
        });
    }

    /// Delivers delayed and foreign datagrams that are due.
    pub(crate) fn deliver(&mut self, now: Duration, emit: &mut dyn FnMut(Delivery<'_>)) {
        self.held.sort_by_key(|held| held.due);
        let due = self.held.partition_point(|held| held.due <= now);
        for held in self.held.drain(..due) {
            emit(Delivery {
                at: now,
                source: SocketAddr::new(held.source, PORT),
                bytes: &held.bytes,
            });
        }
        while let Some(foreign) = self.foreign.as_mut().filter(|foreign| foreign.next <= now) {
            foreign.next = foreign.next.saturating_add(foreign.interval);
            if foreign.next >= foreign.until {
                self.foreign = None;
            }
            let kind = Kind::ALL[(self.stats.foreign % Kind::ALL.len() as u64) as usize];
            self.stats.foreign += 1;
            let bytes = foreign_datagram(kind, &self.last, &mut self.random);
            emit(Delivery {
                at: now,
                source: SocketAddr::new(FOREIGN, PORT),
                bytes: &bytes,
            });
        }
    }
}
