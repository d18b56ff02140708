//! Applications that report metrics under names of their own, and are known by a name alone.

use std::collections::HashSet;

use sflow_v5::RtMetric;
use sflow_v5::sample::{Named, RtMetricValue};

use super::Registry;
use crate::entity::EntityId;
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::source::{Begin, Heard, Name, Source};

impl Registry {
    /// Takes in what an application says. It has no sequence number, so what comes in a
    /// datagram that was overtaken cannot be told from what was said since.
    pub(crate) fn custom_metrics(
        &mut self,
        agent_place: u32,
        said: &RtMetric<'_>,
        moment: Moment,
        session: u32,
        in_order: bool,
    ) {
        if !in_order {
            self.health.counter_samples_old += 1;
            return;
        }
        let Some(name) = said.datasource.known() else {
            self.health.counter_samples_refused += 1;
            return;
        };
        let name = Name::cut(name, self.config.max_name_bytes);
        if let Some(kept) = &self.kept_customs {
            let is_kept = |named: &Named<'_, RtMetricValue<'_>>| {
                named.name.to_str().is_ok_and(|name| kept.contains(name))
            };
            if !said.metrics.iter().any(|named| is_kept(&named)) {
                let unused = u64::try_from(said.metrics.iter().count()).unwrap_or(u64::MAX);
                self.health.custom_metrics_unused += unused;
                return;
            }
        }
        let agent = self.agents.get(agent_place);
        let known = agent.and_then(|agent| agent.named.get(name).copied());
        let introduced = known.or_else(|| self.introduce_named(agent_place, name, moment, session));
        let Some(place) = introduced else {
            return;
        };
        if self.has_rival(agent_place, place, session, moment.received_at) {
            return;
        }
        let (Some(agent), Some(source)) =
            (self.agents.get(agent_place), self.sources.get_mut(place))
        else {
            return;
        };
        let mut allowance = Allowance {
            account: Account::of(agent, agent_place, Some(place)),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        let heard = Heard {
            moment,
            session,
            kept: self.kept_customs.as_ref(),
        };
        let health = &mut self.health;
        source.take_named(said, heard, &mut allowance, health);
        if !self.watches.is_empty() {
            source.record_windows(&self.watches, &mut allowance, health);
        }
        self.settle(place, moment.received_at);
    }

    /// Keeps only those metrics of applications that have one of these names (without `custom.`)
    /// from now on, and forgets the others; applications that report none of them are not
    /// admitted. `None`, the initial state, keeps all within the bounds.
    ///
    /// For programs that know what they will ask for. What is left out is counted in
    /// [`custom_metrics_unused`](crate::Health::custom_metrics_unused).
    pub fn keep_custom_metrics(&mut self, names: Option<HashSet<Box<str>>>) {
        if names == self.kept_customs {
            return;
        }
        self.kept_customs = names;
        let Some(kept) = &self.kept_customs else {
            return;
        };
        for (place, source) in self.sources.iter_mut() {
            let Some(agent) = self.agents.get(source.agent) else {
                continue;
            };
            let mut allowance = Allowance {
                account: Account::of(agent, source.agent, Some(place)),
                ledger: &mut self.ledger,
                config: &self.config,
            };
            source.keep_customs(kept, &mut allowance);
        }
    }

    /// Whether the bytes of a new application, with the key that it is known by, are within the
    /// bounds.
    fn charge_named(&mut self, agent_place: u32, place: u32, name: &[u8]) -> bool {
        if !self.charge_source(agent_place, place) {
            return false;
        }
        let Some(agent) = self.agents.get(agent_place) else {
            return false;
        };
        let mut allowance = Allowance {
            account: Account::of(agent, agent_place, Some(place)),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        let is_within = allowance.charge(name.len(), &mut self.health);
        if !is_within {
            let account = allowance.account;
            self.ledger.close_source(account);
        }
        is_within
    }

    fn introduce_named(
        &mut self,
        agent_place: u32,
        name: &[u8],
        moment: Moment,
        session: u32,
    ) -> Option<u32> {
        if !self.admits_source(agent_place, moment.received_at) {
            self.health.counter_samples_refused += 1;
            return None;
        }
        let begin = Begin {
            data_source: None,
            moment,
            session,
            sequence: 0,
        };
        let source = Source::new(EntityId(self.next_id), agent_place, begin, None);
        let place = self.sources.insert(source)?;
        if !self.charge_named(agent_place, place, name) {
            self.sources.remove(place);
            self.health.counter_samples_refused += 1;
            return None;
        }
        let agent = self.agents.get_mut(agent_place)?;
        self.next_id += 1;
        agent.named.insert(name.into(), place);
        self.admission.count_source(agent.status.key.sender);
        Some(place)
    }
}
