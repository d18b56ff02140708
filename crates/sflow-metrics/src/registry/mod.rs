mod admission;
mod flows;
mod identity;
mod named;
mod silence;
mod telling;
mod thresholds;

use core::net::IpAddr;
use std::collections::HashMap;

use sflow_v5::counter::HostDescr;
use sflow_v5::{Datagram, Sample};

use crate::agent::{Agent, AgentKey, AgentStatus, Host};
use crate::config::Config;
use crate::discipline::datagram::{Place, Stamp};
use crate::discipline::interval::Moment;
use crate::discipline::sample::Order;
use crate::entity::{Entity, EntityId, EntityKind, Lifecycle};
use crate::event::{Budget, EventKind, Log};
use crate::flow::{Flows, Origin};
use crate::health::Health;
use crate::query::{
    Expression, Groups, Partial, Query, Summary, Window, evaluate, evaluate_groups, matching,
    partial,
};
use crate::slab::Slab;
use crate::source::{Arrival, Begin, Numbers, Source, Watch, says_it_stopped};
use crate::threshold::Alarms;
use crate::timestamp::Timestamp;
use crate::window::{Slots, slot_number, slots_in};
use admission::Admission;
use identity::Claim;

pub(crate) use identity::Standing;
pub(crate) use telling::Told;

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
    agent_places: HashMap<AgentKey, u32>,
    sources: Slab<Source>,
    watches: Vec<Watch>,
    next_id: u64,
    admission: Admission,
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
        self.health.datagrams += 1;
        let header = datagram.header;
        let sender = sender.to_canonical();
        let key = AgentKey {
            sender,
            address: header.agent_address,
            sub_agent: header.sub_agent_id,
        };
        if header.agent_address.ip().is_some_and(|ip| ip != sender) {
            self.health.foreign_senders += 1;
        }
        let stamp = Stamp {
            sequence: header.sequence_number,
            uptime: header.uptime,
            received_at,
        };
        let Some((agent, place)) = self.admit(key, stamp) else {
            self.health.datagrams_refused += 1;
            return;
        };
        let in_order = match place {
            Place::Next { missing } => {
                self.health.datagrams_lost += u64::from(missing);
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
        };
        let Some(session) = self.agents.get(agent).map(|agent| agent.session) else {
            return;
        };
        let moment = Moment {
            uptime: header.uptime,
            received_at,
        };
        let origin = Origin {
            at: received_at,
            agent,
            session,
            in_order,
        };
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
                            in_order,
                        },
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
    pub fn expire(&mut self, now: Timestamp) {
        self.notice_silence(now);
        self.remove_gone(now);
        self.forget_agents(now);
        self.check_thresholds(now);
        self.flows.expire(now, &self.sources, &self.config);
    }

    /// Answers a query: one summary for each of its expressions, in their order.
    ///
    /// A query over a window has something to say from the moment that it was given to
    /// [`watch`](Self::watch).
    pub fn query(&self, now: Timestamp, query: &Query) -> Vec<Summary> {
        evaluate(self, now, query)
    }

    /// Answers a query for each group of its [grouping](Query::grouping); without one, all
    /// entities are in a group without a name.
    ///
    /// ```
    /// # use sflow_metrics::{Config, Query, Registry, Timestamp};
    /// # let registry = Registry::new(Config::default());
    /// let query: Query = "sum:vir_cpu_cores by vir_host_name=(*).*.*".parse()?;
    /// for group in registry.query_groups(Timestamp::ZERO, &query).groups {
    ///     println!("service {}: {:?} cores", group.name, group.summaries[0].value);
    /// }
    /// # Ok::<(), sflow_metrics::QueryError>(())
    /// ```
    pub fn query_groups(&self, now: Timestamp, query: &Query) -> Groups {
        evaluate_groups(self, now, query)
    }

    /// The entities that a query is about: those of the right kinds that pass its filters.
    pub fn matching<'r>(
        &'r self,
        now: Timestamp,
        query: &'r Query,
    ) -> impl Iterator<Item = Entity<'r>> {
        matching(self, now, query).filter_map(move |source| self.entity(source, now))
    }

    /// What it has to say to a query, to be merged with what other registries have that hear
    /// other agents.
    pub fn partial(&self, now: Timestamp, query: &Query) -> Partial {
        partial(self, now, query)
    }

    /// Begins to keep the windows that a query asks for, of all entities that have its metrics.
    ///
    /// Costs memory for each of them: 80 bytes for each slot in which something was read. A query
    /// without a window needs none.
    pub fn watch(&mut self, query: &Query) {
        let Some(window) = query.window() else { return };
        let slots = match self.whole_slots(window) {
            slots if window.is_tumbling() => 2 * slots,
            slots => slots + 1,
        };
        for metric in query.expressions().iter().flat_map(Expression::metrics) {
            match self
                .watches
                .iter_mut()
                .find(|watch| watch.metric == *metric)
            {
                Some(watch) => watch.slots = watch.slots.max(slots),
                None => self.watches.push(Watch { metric, slots }),
            }
        }
    }

    /// All entities that are not gone, in no particular order.
    pub fn entities(&self, now: Timestamp) -> impl Iterator<Item = Entity<'_>> {
        self.sources()
            .filter_map(move |source| self.entity(source, now))
            .filter(|entity| entity.lifecycle() != Lifecycle::Gone)
    }

    /// All agents that have been heard, in no particular order.
    pub fn agents(&self) -> impl Iterator<Item = AgentStatus> {
        self.agents.iter().map(|(_, agent)| AgentStatus {
            sources: agent.source_count(),
            ..agent.status
        })
    }

    /// What was taken in and what was refused.
    pub fn health(&self) -> Health {
        self.health
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The slots that a window has at this moment.
    pub(crate) fn slots_of(&self, window: Window, now: Timestamp) -> Slots {
        let length = self.whole_slots(window);
        let newest = slot_number(self.config.slot, now);
        if window.is_tumbling() {
            let end = newest / length * length;
            return end.saturating_sub(length)..=end.checked_sub(1).unwrap_or(u64::MAX);
        }
        // The slot that it begins in counts as a whole.
        newest.saturating_sub(length)..=newest
    }

    fn whole_slots(&self, window: Window) -> u64 {
        let length = window.length().min(self.config.max_window);
        slots_in(self.config.slot, length)
    }

    /// The entity that a source is.
    pub(crate) fn entity<'r>(&'r self, source: &'r Source, now: Timestamp) -> Option<Entity<'r>> {
        let agent = self.agents.get(source.agent)?;
        Some(Entity {
            registry: self,
            agent,
            source,
            now,
        })
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

    fn counters(&mut self, agent_place: u32, arrival: &Arrival<'_, '_>) {
        let data_source = arrival.sample.source_id;
        let descr = arrival.sample.find::<HostDescr<'_>>();
        let Some(agent) = self.agents.get(agent_place) else {
            return;
        };
        let last = agent.last_source.and_then(|place| self.sources.get(place));
        let expected = last.and_then(|last| last.follower).filter(|place| {
            self.sources.get(*place).is_some_and(|source| {
                source.agent == agent_place && source.data_source == Some(data_source)
            })
        });
        let mut place = expected.or_else(|| agent.sources.get(&data_source).copied());

        let known = place.and_then(|place| self.sources.get(place));
        let order = match (known, &descr) {
            (Some(source), Some(descr)) if source.is_other_than(descr, &self.config) => {
                if !arrival.in_order {
                    self.health.counter_samples_old += 1;
                    return;
                }
                self.health.replaced += 1;
                if let Some(place) = place.take() {
                    if self.is_told(place) {
                        self.tell_of_source(arrival.moment.received_at, place, |entity| {
                            EventKind::EntityReplaced { entity }
                        });
                    }
                    self.remove(place);
                }
                Order::Next { missing: 0 }
            }
            (Some(source), _) => source.order(arrival),
            (None, _) => Order::Next { missing: 0 },
        };
        match order {
            Order::Old => {
                self.health.counter_samples_old += 1;
                self.find_again(agent_place, arrival);
                return;
            }
            Order::Restarted => self.health.source_restarts += 1,
            Order::Next { .. } => {}
        }

        let place = match place {
            Some(place) => place,
            None => match self.introduce(agent_place, arrival, descr) {
                Some(place) => place,
                None => return,
            },
        };
        if expected.is_none() {
            self.follow(agent_place, place);
        }
        let (Some(agent), Some(source)) = (
            self.agents.get_mut(agent_place),
            self.sources.get_mut(place),
        ) else {
            return;
        };
        agent.last_source = Some(place);
        if source.kind == EntityKind::Container
            && let Some(host) = agent.host
            && source
                .parent
                .is_none_or(|parent| parent == host.data_source)
        {
            source.processors = host.processors;
        }
        source.take(
            arrival,
            order,
            descr,
            &self.config,
            &mut self.numbers,
            &mut self.health,
        );
        agent.status.samples += 1;
        if let Order::Next { missing } = order {
            agent.status.samples_lost += u64::from(missing);
        }
        let proves_its_agent = source.was_live && !agent.status.established;
        if source.kind == EntityKind::Host {
            let host = Host {
                data_source,
                processors: source.processors,
            };
            if agent
                .host
                .is_none_or(|known| known.data_source == data_source)
            {
                agent.host = Some(host);
            }
        }
        if source.has_stopped() {
            self.health.stopped += 1;
            if self.is_told(place) {
                self.tell_of_source(arrival.moment.received_at, place, |entity| {
                    EventKind::EntityStopped { entity }
                });
            }
            self.remove(place);
            return;
        }
        if !self.watches.is_empty() {
            source.record_windows(&self.watches, self.config.slot);
        }
        if proves_its_agent {
            self.establish(agent_place);
        }
        self.settle(place, arrival.moment.received_at);
        self.learn_addresses(place, arrival.sample);
    }

    /// Agents speak of their sources in one order, again and again: keeps in mind that this one
    /// came behind the last.
    fn follow(&mut self, agent: u32, place: u32) {
        let last = self.agents.get(agent).and_then(|agent| agent.last_source);
        if let Some(last) = last.and_then(|last| self.sources.get_mut(last)) {
            last.follower = Some(place);
        }
    }

    /// A sample that was missing has come, behind newer ones: its source has lost one less.
    fn find_again(&mut self, agent_place: u32, arrival: &Arrival<'_, '_>) {
        let Some(agent) = self.agents.get_mut(agent_place) else {
            return;
        };
        let place = agent.sources.get(&arrival.sample.source_id).copied();
        if let Some(source) = place.and_then(|place| self.sources.get_mut(place))
            && source.has_missed(arrival)
        {
            source.samples += 1;
            source.samples_lost = source.samples_lost.saturating_sub(1);
            let lost = &mut self.health.counter_samples_lost;
            *lost = lost.saturating_sub(1);
            agent.status.samples += 1;
            agent.status.samples_lost = agent.status.samples_lost.saturating_sub(1);
        }
    }

    /// Makes room for a source that is heard for the first time.
    ///
    /// Not for one that only says goodbye, nor for one in a datagram that came late: it may be
    /// somebody who has left since.
    fn introduce(
        &mut self,
        agent_place: u32,
        arrival: &Arrival<'_, '_>,
        descr: Option<HostDescr<'_>>,
    ) -> Option<u32> {
        if !arrival.in_order || says_it_stopped(arrival.sample) {
            self.health.counter_samples_old += 1;
            return None;
        }
        if !self.makes_room_for_source(agent_place, arrival.moment.received_at) {
            self.health.counter_samples_refused += 1;
            return None;
        }
        let agent = self.agents.get_mut(agent_place)?;
        let begin = Begin {
            data_source: Some(arrival.sample.source_id),
            moment: arrival.moment,
            session: arrival.session,
            sequence: arrival.sample.sequence_number.wrapping_sub(1),
        };
        let source = Source::new(EntityId(self.next_id), agent_place, begin, descr);
        let place = self.sources.insert(source)?;
        self.next_id += 1;
        agent.sources.insert(arrival.sample.source_id, place);
        self.admission.count_source(agent.status.key.sender);
        Some(place)
    }

    fn remove(&mut self, place: u32) -> Option<Source> {
        let source = self.sources.remove(place)?;
        self.unclaim(place, &source);
        let agent = self.agents.get_mut(source.agent)?;
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
