//! Counters samples: finds or admits the data source and updates its readings.

use sflow_v5::counter::HostDescr;

use super::Registry;
use crate::entity::{EntityId, EntityKind};
use crate::event;
use crate::ingest::agent::Host;
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::sequencing::sample::Order;
use crate::ingest::source::{Arrival, Begin, Measure, Source, reports_stop};

impl Registry {
    /// Ingests a counters sample; returns whether it was used.
    pub(crate) fn ingest_counters(
        &mut self,
        agent_place: u32,
        arrival: &Arrival<'_, '_>,
        measure: &mut Measure<'_>,
    ) -> bool {
        let data_source = arrival.sample.source_id;
        let descr = arrival.sample.find::<HostDescr<'_>>();
        let Some(agent) = self.agents.get(agent_place) else {
            return false;
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
            return false;
        }
        let known = place.and_then(|place| self.sources.get(place));
        let order = match (known, &descr) {
            (Some(source), Some(descr)) if source.is_other_than(descr, &self.config) => {
                if !arrival.in_order {
                    self.health.counter_samples_old += 1;
                    return false;
                }
                self.health.replaced += 1;
                if let Some(place) = place.take() {
                    if self.is_announced(place) {
                        self.record_entity_event(arrival.moment.received_at, place, |entity| {
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
                self.correct_loss(agent_place, arrival);
                return false;
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
                    source.keep_jump(arrival, &mut allowance, &mut self.health);
                }
                return false;
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
            None => match self.admit_source(agent_place, arrival, descr.as_ref()) {
                Some(place) => place,
                None => return false,
            },
        };
        if expected.is_none() {
            self.follow(agent_place, place);
        }
        let (Some(agent), Some(source)) = (
            self.agents.get_mut(agent_place),
            self.sources.get_mut(place),
        ) else {
            return false;
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
        source.update(
            arrival,
            order,
            descr.as_ref(),
            &mut allowance,
            measure,
            &mut self.health,
        );
        agent.status.samples += 1;
        let lost = &mut agent.status.samples_lost;
        *lost = (*lost + source.samples_lost).saturating_sub(lost_before);
        let is_distrusted = source.is_distrusted() && !was_distrusted;
        let establishes_agent = source.has_advanced && !agent.status.established;
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
            if self.is_announced(place) {
                self.record_entity_event(arrival.moment.received_at, place, |entity| {
                    event::Kind::EntityStopped { entity }
                });
            }
            self.remove(place);
            return true;
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
        if establishes_agent {
            self.establish(agent_place);
        }
        if is_distrusted {
            self.report_distrusted(agent_place, data_source, arrival.moment.received_at);
        }
        self.settle(place, arrival.moment.received_at);
        #[cfg(feature = "flows")]
        self.learn_addresses(place, arrival.sample);
        true
    }

    /// Links this source to the one whose sample came before: agents report their sources in the
    /// same order every time.
    fn follow(&mut self, agent: u32, place: u32) {
        let last = self.agents.get(agent).and_then(|agent| agent.last_source);
        if let Some(last) = last.and_then(|last| self.sources.get_mut(last)) {
            last.follower = Some(place);
        }
    }

    /// Corrects the loss of a source whose sample was counted as missing and arrived late.
    fn correct_loss(&mut self, agent_place: u32, arrival: &Arrival<'_, '_>) {
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

    /// Admits a source that is reported for the first time, unless the sample is the last one of a
    /// stopped container or comes in a late datagram: its entity may be gone already.
    fn admit_source(
        &mut self,
        agent_place: u32,
        arrival: &Arrival<'_, '_>,
        descr: Option<&HostDescr<'_>>,
    ) -> Option<u32> {
        if !arrival.in_order || reports_stop(arrival.sample) {
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
