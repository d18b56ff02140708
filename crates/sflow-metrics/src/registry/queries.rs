//! Queries, and the windows that are kept for them.

use std::borrow::Cow;

use super::Registry;
use super::entity::Entity;
use super::evaluate::{
    EntityValues, evaluate, evaluate_groups, evaluate_groups_by, matching, partial, per_entity,
};
use crate::catalogue::Metric;
use crate::entity::Lifecycle;
use crate::event::Threshold;
use crate::ingest::ledger::{Account, Allowance};
use crate::ingest::source::{Source, Watch};
use crate::query::{Expression, Groups, Partial, Query, Summary, Window};
use crate::timestamp::Timestamp;
use crate::window::{Slots, slot_number, slots_in};

impl Registry {
    /// Answers a query: one summary for each of its expressions, in their order.
    ///
    /// A query over a window has values for the time since [`watch`](Self::watch) was called with
    /// it. Without that call it has none, and [`Summary::unwatched`] is not zero.
    pub fn query(&self, now: Timestamp, query: &Query) -> Vec<Summary> {
        evaluate(self, now, query)
    }

    /// Answers a query for each group of its [grouping](Query::grouping). Without a grouping, all
    /// entities are in one group with an empty name.
    ///
    /// ```
    /// # use sflow_metrics::{Registry, Timestamp, query::Query};
    /// # let registry = Registry::default();
    /// let query: Query = "sum:vir_cpu_cores by host".parse()?;
    /// for group in registry.query_groups(Timestamp::ZERO, &query).groups {
    ///     println!("host {}: {:?} cores", group.name, group.summaries[0].value);
    /// }
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn query_groups(&self, now: Timestamp, query: &Query) -> Groups {
        evaluate_groups(self, now, query)
    }

    /// Answers a query for each group that `group` assigns entities to, instead of the grouping of
    /// the query. `None` assigns an entity to no group.
    ///
    /// For groups that depend on the naming scheme of an orchestrator or on other external data:
    ///
    /// ```
    /// use std::borrow::Cow;
    /// # use sflow_metrics::{Registry, Timestamp, query::Query};
    /// # let registry = Registry::default();
    ///
    /// let query: Query = "sum:vir_cpu_cores".parse()?;
    /// let by_namespace = registry.query_groups_by(Timestamp::ZERO, &query, |entity| {
    ///     let (namespace, _) = entity.name().split_once('/')?;
    ///     Some(Cow::Borrowed(namespace))
    /// });
    /// assert_eq!(by_namespace.ungrouped, 0);
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn query_groups_by<'r>(
        &'r self,
        now: Timestamp,
        query: &'r Query,
        group: impl Fn(Entity<'r>) -> Option<Cow<'r, str>>,
    ) -> Groups {
        evaluate_groups_by(self, now, query, group)
    }

    /// The entities of the right kinds that pass the filters of a query.
    pub fn matching<'r>(
        &'r self,
        now: Timestamp,
        query: &'r Query,
    ) -> impl Iterator<Item = Entity<'r>> {
        matching(self, now, query).filter_map(move |source| self.entity(source, now))
    }

    /// The values of each entity that matches a query.
    ///
    /// For callers that select entities by other data than filters, for example by the list of
    /// containers of an orchestrator.
    ///
    /// ```
    /// # use sflow_metrics::{Registry, Timestamp, query::Query};
    /// # let registry = Registry::default();
    /// let query: Query = "avg:vir_cpu_cores".parse()?;
    /// for values in registry.per_entity(Timestamp::ZERO, &query) {
    ///     println!("{}: {:?}", values.entity().name(), values.value(0));
    /// }
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn per_entity<'r>(
        &'r self,
        now: Timestamp,
        query: &'r Query,
    ) -> impl Iterator<Item = EntityValues<'r>> {
        per_entity(self, now, query)
    }

    /// The contribution of this registry to a query over several registries that ingest the
    /// datagrams of different agents.
    pub fn partial(&self, now: Timestamp, query: &Query) -> Partial {
        partial(self, now, query)
    }

    /// Keeps the window of a query from now on, for all entities with its metrics, until
    /// [`unwatch`](Self::unwatch).
    ///
    /// Each window of a metric of an entity uses 80 bytes for each slot with a reading. A query
    /// without a window needs no call. One with a window has no value without it: its entities are
    /// counted in [`Summary::unwatched`].
    ///
    /// ```
    /// use sflow_metrics::{Registry, query::Query};
    ///
    /// let query: Query = "avg:vir_cpu_utilization[30s]".parse()?;
    /// let mut registry = Registry::default();
    /// registry.watch(&query); // Before the datagrams.
    /// assert!(registry.is_watched(&query));
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn watch(&mut self, query: &Query) {
        if query.window().is_some() && !self.watched_queries.contains(query) {
            self.watched_queries.push(query.clone());
        }
        self.keep_windows_of(query);
    }

    /// Drops the window of a query, except for metrics whose window another watched query or a
    /// threshold needs. Returns whether the query was passed to [`watch`](Self::watch) before.
    ///
    /// ```
    /// # use sflow_metrics::{Registry, query::Query};
    /// # let query: Query = "avg:vir_cpu_utilization[30s]".parse()?;
    /// # let mut registry = Registry::default();
    /// registry.watch(&query);
    /// assert!(registry.unwatch(&query));
    /// assert!(!registry.is_watched(&query));
    /// # Ok::<(), sflow_metrics::query::Error>(())
    /// ```
    pub fn unwatch(&mut self, query: &Query) -> bool {
        let place = self.watched_queries.iter().position(|it| it == query);
        if let Some(place) = place {
            self.watched_queries.remove(place);
            self.drop_unneeded_windows();
        }
        place.is_some()
    }

    /// Whether the registry keeps the window of a query, for this query or for others with the same
    /// metrics. True for a query without a window.
    pub fn is_watched(&self, query: &Query) -> bool {
        let mut expressions = query.expressions().iter();
        expressions.all(|expression| self.is_kept(query.window(), expression))
    }

    /// Keeps the windows of the metrics of a query.
    pub(super) fn keep_windows_of(&mut self, query: &Query) {
        let Some(window) = query.window() else { return };
        let slots = self.slots_kept(window);
        for metric in query.expressions().iter().flat_map(Expression::metrics) {
            match self.watches.iter_mut().find(|it| it.metric == *metric) {
                Some(watch) => watch.slots = watch.slots.max(slots),
                None => self.watches.push(Watch {
                    metric: metric.clone(),
                    slots,
                }),
            }
        }
    }

    /// Shortens or drops the windows that no watched query and no threshold needs.
    pub(super) fn drop_unneeded_windows(&mut self) {
        for place in (0..self.watches.len()).rev() {
            let slots = self.slots_needed(&self.watches[place].metric);
            if slots > 0 {
                self.watches[place].slots = slots;
                continue;
            }
            self.watches.remove(place);
            for (index, source) in self.sources.iter_mut() {
                let Some(agent) = self.agents.get(source.agent) else {
                    continue;
                };
                let mut allowance = Allowance {
                    ledger: &mut self.ledger,
                    account: Account::of(agent, source.agent, Some(index)),
                    config: &self.config,
                };
                source.drop_window(place, &mut allowance);
            }
        }
    }

    /// The slots of a metric that watched queries and thresholds need.
    fn slots_needed(&self, metric: &Metric) -> u64 {
        let thresholds = self.alarms.thresholds().map(Threshold::query);
        let queries = self.watched_queries.iter().chain(thresholds);
        let windows = queries.filter_map(|query| {
            let mut metrics = query.expressions().iter().flat_map(Expression::metrics);
            query.window().filter(|_| metrics.any(|it| it == metric))
        });
        windows
            .map(|window| self.slots_kept(window))
            .max()
            .unwrap_or(0)
    }

    /// Whether the windows of all metrics of an expression are kept.
    pub(super) fn is_kept(&self, window: Option<Window>, expression: &Expression) -> bool {
        window.is_none_or(|window| {
            let mut metrics = expression.metrics().iter();
            metrics.all(|metric| self.kept_at(window, metric).is_some())
        })
    }

    /// Index of a metric among the watched ones, if its window is long enough.
    pub(super) fn kept_at(&self, window: Window, metric: &Metric) -> Option<usize> {
        let slots = self.slots_kept(window);
        let mut watches = self.watches.iter();
        watches.position(|watch| watch.metric == *metric && watch.slots >= slots)
    }

    /// The number of slots that a window needs: a tumbling one also those of the current window, and of
    /// another one, because readings can be newer than the time of a query.
    fn slots_kept(&self, window: Window) -> u64 {
        match self.whole_slots(window) {
            slots if window.is_tumbling() => 3 * slots,
            slots => slots + 1,
        }
    }

    /// The slots of a window at this time.
    pub(crate) fn slots_of(&self, window: Window, now: Timestamp) -> Slots {
        let length = self.whole_slots(window);
        let newest = slot_number(self.config.slot, now);
        if window.is_tumbling() {
            let end = newest / length * length;
            return end.saturating_sub(length)..=end.checked_sub(1).unwrap_or(u64::MAX);
        }
        // The slot in which the window begins counts as a whole.
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
