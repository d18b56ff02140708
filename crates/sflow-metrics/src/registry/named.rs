//! Applications that report metrics under names of their own, and are known by a name alone.

use sflow_v5::RtMetric;

use super::Registry;
use crate::discipline::interval::Moment;
use crate::kind::EntityId;
use crate::source::{Begin, Name, Source};

impl Registry {
    /// Takes in what an application says. It has no sequence number, so what comes in a
    /// datagram that was overtaken cannot be told from what was said since.
    pub(super) fn custom_metrics(
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
        let agent = self.agents.get(agent_place);
        let known = agent.and_then(|agent| agent.named.get(name).copied());
        let introduced = known.or_else(|| self.introduce_named(agent_place, name, moment, session));
        let Some(place) = introduced else {
            return;
        };
        let Some(source) = self.sources.get_mut(place) else {
            return;
        };
        source.take_named(said, moment, session, &self.config, &mut self.health);
        if !self.watches.is_empty() {
            source.record_windows(&self.watches, self.config.slot);
        }
        self.settle(place, moment.received_at);
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
        let agent = self.agents.get_mut(agent_place)?;
        let begin = Begin {
            data_source: None,
            moment,
            session,
            sequence: 0,
        };
        let source = Source::new(EntityId(self.next_id), agent_place, begin, None);
        let place = self.sources.insert(source)?;
        self.next_id += 1;
        agent.named.insert(name.into(), place);
        self.admission.count_source(agent.status.key.sender);
        Some(place)
    }
}
