//! Custom metrics of applications, which are identified by agent and name.

use std::collections::HashSet;

use sflow_v5::RtMetric;
use sflow_v5::sample::{Named, RtMetricValue};

use super::Registry;
use crate::entity::EntityId;
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::source::{Begin, CustomArrival, Name, Source};

impl Registry {
    /// Ingests the metrics of an application; returns whether any was used. They have no sequence
    /// number, so those in a late datagram are skipped: newer ones may have arrived.
    pub(crate) fn ingest_custom_metrics(
        &mut self,
        agent_place: u32,
        report: &RtMetric<'_>,
        moment: Moment,
        session: u32,
        in_order: bool,
    ) -> bool {
        if !in_order {
            self.health.counter_samples_old += 1;
            return false;
        }
        let Some(name) = report.datasource.known() else {
            self.health.counter_samples_refused += 1;
            return false;
        };
        let name = Name::cut(name, self.config.max_name_bytes);
        if let Some(kept) = &self.kept_customs {
            let is_kept = |named: &Named<'_, RtMetricValue<'_>>| {
                named.name.to_str().is_ok_and(|name| kept.contains(name))
            };
            if !report.metrics.iter().any(|named| is_kept(&named)) {
                let unused = u64::try_from(report.metrics.iter().count()).unwrap_or(u64::MAX);
                self.health.custom_metrics_unused += unused;
                return false;
            }
        }
        let agent = self.agents.get(agent_place);
        let known = agent.and_then(|agent| agent.named.get(name).copied());
        let admitted = known.or_else(|| self.admit_application(agent_place, name, moment, session));
        let Some(place) = admitted else {
            return false;
        };
        if self.has_rival(agent_place, place, session, moment.received_at) {
            return false;
        }
        let (Some(agent), Some(source)) =
            (self.agents.get(agent_place), self.sources.get_mut(place))
        else {
            return false;
        };
        let mut allowance = Allowance {
            account: Account::of(agent, agent_place, Some(place)),
            ledger: &mut self.ledger,
            config: &self.config,
        };
        let arrival = CustomArrival {
            moment,
            session,
            kept: self.kept_customs.as_ref(),
        };
        let health = &mut self.health;
        source.update_custom(report, arrival, &mut allowance, health);
        if !self.watches.is_empty() {
            source.record_windows(&self.watches, &mut allowance, health);
        }
        self.settle(place, moment.received_at);
        true
    }

    /// Restricts the custom metrics of applications to these names, without the prefix `custom.`.
    ///
    /// Other custom metrics are dropped, and applications that report none of these names are not
    /// admitted. `None`, the default, keeps all custom metrics within the limits of
    /// [`Config`](crate::Config). Use this if all queries are known in advance. Skipped values are
    /// counted in [`custom_metrics_unused`](crate::Health::custom_metrics_unused).
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

    /// Charges a new application for its state and name; returns false if a limit is exceeded.
    fn charge_application(&mut self, agent_place: u32, place: u32, name: &[u8]) -> bool {
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

    fn admit_application(
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
        if !self.charge_application(agent_place, place, name) {
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
