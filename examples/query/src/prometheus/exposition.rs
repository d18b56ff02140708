//! The content of a response, in order.

use std::rc::Rc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use serve::exposition::Format;
use sflow_metrics::{
    Metric, MetricKind, Timestamp,
    entity::{self, Entity, Lifecycle},
};
use untrusted::report;

use super::family::{Family, Number, SeriesBudget};
use super::labels::{Labels, bounded};
use super::{Settings, answers, health};
use crate::telemetry::Shared;

/// The maximum size of all series of a response, in bytes.
pub(super) const MAX_BYTES: usize = 12 << 20;

/// Reads the registries at each scrape.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) format: Format,
    pub(super) settings: Settings,
    pub(super) shared: Shared,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = Instant::now();
        // No lock is held while values are written.
        let families = self.families()?;
        for family in &families {
            family.encode(&mut encoder, self.format)?;
        }
        Family::single(
            "sflow_scrape_seconds",
            "Time to create this response",
            Number::Level(started.elapsed().as_secs_f64()),
        )
        .encode(&mut encoder, self.format)
    }
}

impl Exposition {
    fn families(&self) -> Result<Vec<Family>, std::fmt::Error> {
        let now = self.shared.now();
        let totals = self.shared.totals();
        let mut budget = SeriesBudget::new(self.settings.max_series, MAX_BYTES);
        let mut families = health::of_stream(&totals);
        families.push(health::of_counts(self.shared.entity_counts(now)));
        if let Some(query) = &self.settings.query {
            let partial = self.shared.query(now, query).map_err(|error| {
                report!("{error}");
                std::fmt::Error
            })?;
            families.extend(answers::of_query(query, &partial.groups(now), &mut budget));
        }
        families.extend(health::of_agents(totals.agents, now, &mut budget));
        families.extend(self.of_entities(now, &mut budget));
        families.push(Family::single(
            "sflow_series_left_out",
            "Series beyond --prometheus-series or 12 MiB, or with the same labels as another",
            Number::of(budget.left_out()),
        ));
        Ok(families)
    }

    /// The selected metrics of each entity. If the budget does not suffice, entities that appeared
    /// first have priority, by worker.
    fn of_entities(&self, now: Timestamp, budget: &mut SeriesBudget) -> Vec<Family> {
        let (customs, metrics): (Vec<&Metric>, Vec<&Metric>) = self
            .metrics()
            .into_iter()
            .partition(|metric| metric.kind() == MetricKind::Custom);
        let mut families = Families {
            customs: &customs,
            metrics: &metrics,
            families: metrics
                .iter()
                .map(|metric| Family::of_metric(metric))
                .collect(),
            custom: Family::new(
                "sflow_custom",
                "Custom metrics of applications; of counters the increase per second",
            ),
            has_all: self.settings.query.is_none(),
        };
        for telemetry in self.shared.each() {
            let registry = &telemetry.registry;
            let mut entities: Vec<Entity<'_>> = match &self.settings.query {
                None => registry.entities(now).collect(),
                Some(query) => registry.matching(now, query).collect(),
            };
            entities.retain(|entity| {
                matches!(entity.lifecycle(), Lifecycle::Warming | Lifecycle::Live)
            });
            entities.sort_unstable_by_key(Entity::id);
            for entity in &entities {
                families.add(entity, budget);
            }
        }
        families.families.push(families.custom);
        families.families
    }

    /// The metrics of the query, or all.
    fn metrics(&self) -> Vec<&Metric> {
        let Some(query) = &self.settings.query else {
            return Metric::all().iter().collect();
        };
        let expressions = query.expressions().iter();
        let mut metrics: Vec<_> = expressions
            .flat_map(sflow_metrics::query::Expression::metrics)
            .collect();
        metrics.sort_unstable_by_key(|metric| metric.name());
        metrics.dedup();
        metrics
    }
}

/// The families of the metrics of entities.
struct Families<'m> {
    customs: &'m [&'m Metric],
    metrics: &'m [&'m Metric],
    /// One for each of `metrics`.
    families: Vec<Family>,
    custom: Family,
    /// Whether all custom metrics are included, not only `customs`.
    has_all: bool,
}

impl Families<'_> {
    fn add(&mut self, entity: &Entity<'_>, budget: &mut SeriesBudget) {
        let labels = Rc::new(Labels::of_entity(entity));
        if self.has_all {
            for (name, value) in entity.custom_metrics() {
                push_custom(&mut self.custom, budget, &labels, name, value);
            }
        }
        for metric in self.customs {
            let (name, value) = (custom_name(metric), entity.value(metric));
            push_custom(&mut self.custom, budget, &labels, name, value);
        }
        let is_admitted = budget.admits(&labels, "");
        for (metric, family) in self.metrics.iter().zip(&mut self.families) {
            if may_have(entity, metric)
                && let Some(number) = number(entity, metric)
                && budget.reserve(is_admitted, family.encoded_len(&labels, ""))
            {
                family.push(&labels, number);
            }
        }
    }
}

fn push_custom(
    family: &mut Family,
    budget: &mut SeriesBudget,
    labels: &Rc<Labels>,
    name: &str,
    value: Option<f64>,
) {
    let Some(value) = value.and_then(Number::level) else {
        return;
    };
    let name = bounded(name);
    let is_admitted = budget.admits(labels, &name);
    if budget.reserve(
        is_admitted,
        family.encoded_len(labels, &name) + "metric".len(),
    ) {
        family.push_custom(labels, &name, value);
    }
}

fn may_have(entity: &Entity<'_>, metric: &Metric) -> bool {
    metric.entity() == entity::Kind::Other || metric.entity() == entity.kind()
}

/// The count of a counter, the value of any other metric, both in the unit of the family.
fn number(entity: &Entity<'_>, metric: &Metric) -> Option<Number> {
    if metric.is_openmetrics_counter() {
        let count = entity.count(metric)? as f64;
        Some(Number::Count(metric.openmetrics_value(count)))
    } else {
        Number::level(metric.openmetrics_value(entity.value(metric)?))
    }
}

/// The application's name of a custom metric.
fn custom_name(metric: &Metric) -> &str {
    let name = metric.name();
    name.strip_prefix("custom.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_clash_with_own_families() {
        let own = [
            "agent_", "answer", "custom", "entities", "scrape_", "series_", "stream_",
        ];
        for metric in Metric::all() {
            let name = metric.openmetrics_name();
            let rest = name.strip_prefix("sflow_").unwrap();
            assert!(own.iter().all(|own| !rest.starts_with(own)), "{name}");
        }
    }
}
