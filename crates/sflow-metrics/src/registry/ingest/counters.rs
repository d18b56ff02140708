//! Counters samples on their way to their sources.

use sflow_v5::counter::HostDescr;

use super::Registry;
use crate::entity::{EntityId, EntityKind};
use crate::event;
use crate::ingest::agent::Host;
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::sequencing::sample::Order;
use crate::ingest::source::{Arrival, Begin, Measure, Source, says_it_stopped};

impl Registry {
    pub(crate) fn counters(
        &mut self,
        agent_place: u32,
        arrival: &Arrival<'_, '_>,
        measure: &mut Measure<'_>,
    ) {
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

        if let Some(place) = place
            && self.has_rival(
                agent_place,
                place,
                arrival.session,
                arrival.moment.received_at,
            )
        {
            return;
        }
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
                            event::Kind::EntityReplaced { entity }
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
            Order::Jump => {
                if let Some(place) = place
                    && let Some(agent) = self.agents.get(agent_place)
                    && let Some(source) = self.sources.get_mut(place)
                {
                    let mut allowance = Allowance {
                        account: Account::of(agent, agent_place, Some(place)),
                        ledger: &mut self.ledger,
                        config: &self.config,
                    };
                    source.keep(arrival, &mut allowance, &mut self.numbers, &mut self.health);
                }
                return;
            }
            Order::Restarted | Order::Confirmed { .. } => {
                let known = place.and_then(|place| self.sources.get(place));
                let is_odd =
                    known.is_some_and(|source| source.is_last_jump(order, arrival.session));
                self.health.source_restarts += u64::from(!is_odd);
            }
            Order::Next { .. } | Order::Unnumbered => {}
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
        if source.is_doubtful {
            source.reconsider_rival(agent, arrival.moment.received_at, &self.config);
        }
        if source.kind == EntityKind::Container
            && let Some(host) = agent.host
            && source
                .parent
                .is_none_or(|parent| parent == host.data_source)
        {
            source.processors = host.processors;
        }
        let mut allowance = Allowance {
            account: Account::of(agent, agent_place, Some(place)),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        let was_distrusted = source.is_distrusted();
        let lost_before = source.samples_lost;
        source.take(
            arrival,
            order,
            descr,
            &mut allowance,
            (measure, &mut self.numbers),
            &mut self.health,
        );
        agent.status.samples += 1;
        let lost = &mut agent.status.samples_lost;
        *lost = (*lost + source.samples_lost).saturating_sub(lost_before);
        let is_distrusted = source.is_distrusted() && !was_distrusted;
        let proves_its_agent = source.has_advanced && !agent.status.established;
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
                    event::Kind::EntityStopped { entity }
                });
            }
            self.remove(place);
            return;
        }
        if !self.watches.is_empty() {
            let account = Account::of(agent, agent_place, Some(place));
            let mut allowance = Allowance {
                account,
                ledger: &mut self.ledger,
                config: &self.config,
            };
            source.record_windows(&self.watches, &mut allowance, &mut self.health);
        }
        if proves_its_agent {
            self.establish(agent_place);
        }
        if is_distrusted {
            self.report_distrusted(agent_place, data_source, arrival.moment.received_at);
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
        if !self.admits_source(agent_place, arrival.moment.received_at) {
            self.health.counter_samples_refused += 1;
            return None;
        }
        let begin = Begin {
            data_source: Some(arrival.sample.source_id),
            moment: arrival.moment,
            session: arrival.session,
            sequence: arrival.sample.sequence_number.wrapping_sub(1),
        };
        let source = Source::new(EntityId(self.next_id), agent_place, begin, descr);
        let place = self.sources.insert(source)?;
        if !self.charge_source(agent_place, place) {
            self.sources.remove(place);
            self.health.counter_samples_refused += 1;
            return None;
        }
        let agent = self.agents.get_mut(agent_place)?;
        self.next_id += 1;
        agent.sources.insert(arrival.sample.source_id, place);
        self.admission.count_source(agent.status.key.sender);
        Some(place)
    }
}
