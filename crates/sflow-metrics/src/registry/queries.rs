//! Answers, and what is kept for them.

use super::Registry;
use super::entity::Entity;
use super::evaluate::{EntityValues, answers, evaluate, evaluate_groups, matching, partial};
use crate::catalogue::Metric;
use crate::entity::Lifecycle;
use crate::ingest::source::{Source, Watch};
use crate::query::{Expression, Groups, Partial, Query, Summary, Window};
use crate::timestamp::Timestamp;
use crate::window::{Slots, slot_number, slots_in};

impl Registry {
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
    /// # use sflow_metrics::{Config, Registry, Timestamp, query::Query};
    /// # let registry = Registry::new(Config::default());
    /// let query: Query = "sum:vir_cpu_cores by vir_host_name=(*).*.*".parse()?;
    /// for group in registry.query_groups(Timestamp::ZERO, &query).groups {
    ///     println!("service {}: {:?} cores", group.name, group.summaries[0].value);
    /// }
    /// # Ok::<(), sflow_metrics::query::Error>(())
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

    /// What each of these entities has to say to a query, in one walk.
    ///
    /// For who knows better than a filter which of them count, such as an orchestrator's own
    /// list of containers.
    ///
    /// ```
    /// # use sflow_metrics::{Config, Registry, Timestamp, query::Query};
    /// # let registry = Registry::new(Config::default());
    /// let query: Query = "avg:vir_cpu_cores".parse()?;
    /// for answer in registry.per_entity(Timestamp::ZERO, &query) {
    ///     println!("{}: {:?}", answer.entity().name(), answer.value(0));
    /// }
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn per_entity<'r>(
        &'r self,
        now: Timestamp,
        query: &'r Query,
    ) -> impl Iterator<Item = EntityValues<'r>> {
        answers(self, now, query)
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
            match self.watched(metric) {
                Some(place) => {
                    let watch = &mut self.watches[place];
                    watch.slots = watch.slots.max(slots);
                }
                None => self.watches.push(Watch {
                    metric: metric.clone(),
                    slots,
                }),
            }
        }
    }

    /// The place of a metric among those of which windows are kept.
    pub(crate) fn watched(&self, metric: &Metric) -> Option<usize> {
        let mut watches = self.watches.iter();
        watches.position(|watch| watch.metric == *metric)
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

    /// All entities that are not gone, in no particular order.
    pub fn entities(&self, now: Timestamp) -> impl Iterator<Item = Entity<'_>> {
        self.sources()
            .filter_map(move |source| self.entity(source, now))
            .filter(|entity| entity.lifecycle() != Lifecycle::Gone)
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
}
