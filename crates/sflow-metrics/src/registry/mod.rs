mod admission;
mod evaluate;
mod flows;
mod identity;
mod instances;
mod intake;
mod keys;
mod named;
mod questions;
mod sequence;
mod silence;
mod telling;
mod thresholds;

pub use evaluate::EntityAnswer;

use core::net::{IpAddr, SocketAddr};
use std::collections::{HashMap, HashSet};

use sflow_v5::{Datagram, Sample};

use crate::agent::{Agent, AgentKey, AgentStatus};
use crate::config::Config;
use crate::discipline::datagram::{Place, Stamp};
use crate::discipline::interval::Moment;
use crate::event::{Budget, EventKind, Log};
use crate::flow::{Flows, Origin};
use crate::health::Health;
use crate::kind::EntityKind;
use crate::memory::{Account, Ledger};
use crate::slab::Slab;
use crate::source::{Arrival, Measure, Numbers, Source, Standing, Watch};
use crate::threshold::Alarms;
use crate::timestamp::Timestamp;
use admission::Admission;
use identity::Claim;

/// What a stream of datagrams has said so far, as numbers that can be asked for.
///
/// A plain value: datagrams go in by [`ingest`](Self::ingest), answers come out by
/// [`query`](Self::query) and [`entities`](Self::entities), and time is whatever the caller
/// says it is. Who shares it between threads decides how.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    health: Health,
    agents: Slab<Agent>,
    /// Randomly keyed: what is in the keys comes from strangers.
    /// Places of agents. The key with instance 0 leads to the one that has the list of its peers,
    /// even if its own instance is another one since the first was removed.
    agent_places: HashMap<AgentKey, u32>,
    sources: Slab<Source>,
    watches: Vec<Watch>,
    next_id: u64,
    admission: Admission,
    /// Bytes of datagrams that may begin a new sequence of their agents.
    kept_bytes: usize,
    ledger: Ledger,
    /// The latest time of a datagram since the clock was last seen to step back.
    latest: Timestamp,
    /// Names of applications' metrics that are kept; all, if none are given.
    kept_customs: Option<HashSet<Box<str>>>,
    /// Which source has which UUID.
    identities: HashMap<Claim, u32>,
    events: Log,
    strangers_budget: Budget,
    alarms: Alarms,
    flows: Flows,
    /// Room for the record at hand.
    numbers: Numbers,
}

impl Registry {
    /// A registry that knows nobody yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            health: Health::default(),
            agents: Slab::new(),
            agent_places: HashMap::new(),
            sources: Slab::new(),
            watches: Vec::new(),
            next_id: 0,
            admission: Admission::default(),
            kept_bytes: 0,
            ledger: Ledger::default(),
            latest: Timestamp::ZERO,
            kept_customs: None,
            identities: HashMap::new(),
            events: Log::default(),
            strangers_budget: Budget::default(),
            alarms: Alarms::default(),
            flows: Flows::default(),
            numbers: Numbers::NONE,
        }
    }

    /// Takes in a datagram that came from `sender` at `received_at`.
    ///
    /// Nothing that a datagram holds makes it fail: what cannot be used is left out and counted
    /// in [`health`](Self::health).
    pub fn ingest(&mut self, received_at: Timestamp, sender: IpAddr, datagram: &Datagram<'_>) {
        self.ingest_from_port(received_at, sender, 0, datagram);
    }

    /// Takes in a datagram that came from the address and UDP port `sender` at `received_at`.
    ///
    /// Like [`ingest`](Self::ingest), but agents with one address behind one sender, as behind
    /// NAT, are distinguished by their ports, too.
    pub fn ingest_from(
        &mut self,
        received_at: Timestamp,
        sender: SocketAddr,
        datagram: &Datagram<'_>,
    ) {
        self.ingest_from_port(received_at, sender.ip(), sender.port(), datagram);
    }

    fn ingest_from_port(
        &mut self,
        received_at: Timestamp,
        sender: IpAddr,
        port: u16,
        datagram: &Datagram<'_>,
    ) {
        self.health.datagrams += 1;
        self.latest = self.latest.max(received_at);
        let header = datagram.header;
        let sender = sender.to_canonical();
        let key = AgentKey {
            sender,
            address: header.agent_address,
            sub_agent: header.sub_agent_id,
            instance: 0,
        };
        if header
            .agent_address
            .ip()
            .is_some_and(|ip| ip.to_canonical() != sender)
        {
            self.health.foreign_senders += 1;
        }
        let stamp = Stamp {
            sequence: header.sequence_number,
            uptime: header.uptime,
            port,
            received_at,
        };
        let Some((agent, mut placed)) = self.admit(key, stamp, datagram) else {
            self.health.datagrams_refused += 1;
            return;
        };
        if placed.place == Place::Repeated
            && self.is_unnumbered(agent, placed.session, stamp, datagram)
        {
            placed.place = Place::Next { missing: 0 };
        }
        if placed.rejected > 0 {
            self.report_rejected(agent, &placed, received_at);
            if !matches!(placed.place, Place::Jump | Place::Restarted) {
                self.deny_restart(agent);
            }
        }
        match placed.place {
            Place::Jump => self.keep(agent, stamp, datagram),
            _ if !placed.kept.is_empty() || !placed.is_placed => {
                self.replay(agent, &placed, stamp, datagram);
            }
            place => self.process(agent, place, placed.session, stamp, datagram),
        }
    }

    /// Processes the samples of a datagram that has this place in the sequence of its agent.
    fn process(
        &mut self,
        agent: u32,
        place: Place,
        session: u32,
        stamp: Stamp,
        datagram: &Datagram<'_>,
    ) {
        let in_order = match place {
            Place::Next { missing } => {
                self.health.datagrams_lost += u64::from(missing);
                true
            }
            Place::Strided { found } => {
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                self.health.numberings_distrusted += 1;
                self.tell_of_agent(stamp.received_at, agent, |agent| {
                    EventKind::NumberingDistrusted {
                        agent,
                        data_source: None,
                    }
                });
                true
            }
            Place::Restarted => {
                self.health.agent_restarts += 1;
                true
            }
            Place::Reordered { was_missing } => {
                self.health.datagrams_reordered += 1;
                let found = u64::from(was_missing);
                self.health.datagrams_lost = self.health.datagrams_lost.saturating_sub(found);
                false
            }
            Place::Repeated => {
                self.health.datagrams_repeated += 1;
                return;
            }
            Place::Late => {
                self.health.datagrams_late += 1;
                return;
            }
            Place::Jump | Place::Odd => return,
        };
        let received_at = stamp.received_at;
        let moment = Moment {
            uptime: stamp.uptime,
            received_at,
        };
        if self.is_beside_host(agent, session) {
            self.doubt_shared(agent, session, received_at, datagram);
            return;
        }
        let known = self.agents.get(agent);
        let lost = known.and_then(Agent::lost);
        let origin = Origin {
            at: received_at,
            agent,
            session,
            lost,
            in_order,
        };
        let ceilings = self.config.ceilings.clone();
        let mut measure = Measure::new(moment, &ceilings);
        let mut samples = datagram.samples();
        while let Some(sample) = &samples.next() {
            match sample {
                Sample::Counters(sample) => {
                    self.health.counter_samples += 1;
                    self.counters(
                        agent,
                        &Arrival {
                            sample,
                            moment,
                            session,
                            lost,
                            in_order,
                        },
                        &mut measure,
                    );
                }
                Sample::RtMetric(said) => {
                    self.health.custom_samples += 1;
                    self.custom_metrics(agent, said, moment, session, in_order);
                }
                Sample::Flow(sample) => {
                    self.health.flow_samples += 1;
                    self.flow_sample(origin, sample);
                }
                Sample::Discarded(packet) => {
                    self.health.discarded_packets += 1;
                    self.discarded_packet(origin, packet);
                }
                Sample::Malformed(..) => self.health.malformed_samples += 1,
                Sample::Unknown(_) => self.health.unknown_samples += 1,
                _ => {}
            }
        }
    }

    /// Lets time pass: notices silence, removes what has been silent for good, and looks at the
    /// thresholds. Call it every second or so; answers do not depend on it, but memory and
    /// [`events`](Self::events) do.
    ///
    /// What was received later than `now` by more than the assumed interval was received under a
    /// clock that has been set back since: it ages from now on.
    pub fn expire(&mut self, now: Timestamp) {
        if self.latest > now + self.config.assumed_interval {
            self.set_clock_back(now);
        }
        self.notice_silence(now);
        self.remove_gone(now);
        self.forget_agents(now);
        self.expire_jumps(now);
        self.expire_rivals(now);
        self.check_thresholds(now);
        self.flows.expire(now, &self.sources, &self.config);
    }

    /// All agents that have been heard, in no particular order.
    pub fn agents(&self) -> impl Iterator<Item = AgentStatus> {
        self.agents.iter().map(|(_, agent)| AgentStatus {
            sources: agent.source_count(),
            sequences: agent.sequences(),
            odd_numbering: agent.has_odd_numbering(),
            ..agent.status
        })
    }

    /// What was taken in and what was refused.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Bytes that the agents and data sources of all senders take up, of which there are
    /// [`max_bytes`](Config::max_bytes) at most.
    pub fn bytes(&self) -> usize {
        self.ledger.total()
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources
            .iter()
            .map(|(_, source)| source)
            .filter(|source| source.standing != Standing::Shadow)
    }

    pub(crate) fn parent_of(&self, source: &Source) -> Option<&Source> {
        let agent = self.agents.get(source.agent)?;
        let parent = match source.kind {
            EntityKind::Interface => agent.host.map(|host| host.data_source),
            _ if source.data_source.is_none() => agent.host.map(|host| host.data_source),
            _ => source.parent,
        };
        let place = agent.sources.get(&parent?)?;
        self.sources.get(*place)
    }

    fn remove(&mut self, place: u32) -> Option<Source> {
        let source = self.sources.remove(place)?;
        self.unclaim(place, &source);
        let agent = self.agents.get_mut(source.agent)?;
        let account = Account::of(agent, source.agent, Some(place));
        self.ledger.close_source(account);
        self.admission.discount_source(agent.status.key.sender);
        match source.data_source {
            Some(data_source) => agent.sources.remove(&data_source),
            None => agent.named.remove(source.name.wire()),
        };
        if agent
            .host
            .is_some_and(|host| Some(host.data_source) == source.data_source)
        {
            agent.host = None;
        }
        Some(source)
    }
}
