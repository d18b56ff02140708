//! The content of a response, in order.

use std::rc::Rc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use sflow_metrics::{
    Metric, MetricKind,
    entity::{Entity, EntityKind, Lifecycle},
};

use super::family::{Family, Number, SeriesBudget};
use super::labels::{Labels, bounded};
use super::{Settings, Shared, Telemetry, answers, health};

/// The maximum size of all series of a response, in bytes.
pub(super) const MAX_BYTES: usize = 12 << 20;

/// Reads the registry at each scrape.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) settings: Settings,
    pub(super) shared: Shared,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = Instant::now();
        // The lock is held while values are read, not while they are written.
        let families = self.families(&self.shared.lock());
        for family in &families {
            family.encode(&mut encoder)?;
        }
        Family::single(
            "sflow_scrape_seconds",
            "Time to create this response",
            Number::Level(started.elapsed().as_secs_f64()),
        )
        .encode(&mut encoder)
    }
}

impl Exposition {
    fn families(&self, telemetry: &Telemetry) -> Vec<Family> {
        let mut budget = SeriesBudget::new(self.settings.max_series, MAX_BYTES);
        let mut families = health::of_stream(telemetry);
        if let Some(query) = &self.settings.query {
            families.extend(answers::of_query(
                query,
                &telemetry.registry,
                telemetry.now,
                &mut budget,
            ));
        }
        families.extend(health::of_agents(telemetry, &mut budget));
        families.extend(self.of_entities(telemetry, &mut budget));
        families.push(Family::single(
            "sflow_series_left_out",
            "Series beyond --prometheus-series or 12 MiB, or with the same labels as another",
            Number::of(budget.left_out()),
        ));
        families
    }

    /// The selected metrics of each entity. If the budget does not suffice, entities that appeared
    /// first have priority.
    fn of_entities(
        &self,
        Telemetry { registry, now, .. }: &Telemetry,
        budget: &mut SeriesBudget,
    ) -> Vec<Family> {
        let mut entities: Vec<Entity<'_>> = match &self.settings.query {
            None => registry.entities(*now).collect(),
            Some(query) => registry.matching(*now, query).collect(),
        };
        entities
            .retain(|entity| matches!(entity.lifecycle(), Lifecycle::Warming | Lifecycle::Live));
        entities.sort_unstable_by_key(Entity::id);
        let (customs, metrics): (Vec<&Metric>, Vec<&Metric>) = self
            .metrics()
            .into_iter()
            .partition(|metric| metric.kind() == MetricKind::Custom);
        let mut families: Vec<Family> = metrics
            .iter()
            .map(|metric| Family::new(&name(metric), &help(metric)))
            .collect();
        let mut custom = Family::new(
            "sflow_custom",
            "Custom metrics of applications; of counters the increase per second",
        );
        for entity in &entities {
            let labels = Rc::new(Labels::of_entity(entity));
            if self.settings.query.is_none() {
                for (name, value) in entity.custom_metrics() {
                    push_custom(&mut custom, budget, &labels, name, value);
                }
            }
            for metric in &customs {
                push_custom(
                    &mut custom,
                    budget,
                    &labels,
                    custom_name(metric),
                    entity.value(metric),
                );
            }
            let is_admitted = budget.admits(&labels, "");
            for (metric, family) in metrics.iter().zip(&mut families) {
                if may_have(entity, metric)
                    && let Some(number) = number(entity, metric)
                    && budget.reserve(is_admitted, family.encoded_len(&labels, ""))
                {
                    family.push(&labels, number);
                }
            }
        }
        families.push(custom);
        families
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
    metric.entity() == EntityKind::Other || metric.entity() == entity.kind()
}

/// The value that the agent reports for a rate; the metric's value otherwise.
fn number(entity: &Entity<'_>, metric: &Metric) -> Option<Number> {
    match metric.kind() {
        MetricKind::Rate => entity.count(metric).map(Number::Count),
        _ => entity.value(metric).and_then(Number::level),
    }
}

/// The metric's name with the characters that OpenMetrics allows. The encoder appends `_total` to
/// those of counters.
fn name(metric: &Metric) -> String {
    let plain = metric
        .name()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let bare = match metric.kind() {
        MetricKind::Rate => plain.strip_suffix("_total").unwrap_or(&plain),
        _ => &plain,
    };
    format!("sflow_{bare}")
}

/// The source structure of a metric, and its unit.
fn help(metric: &Metric) -> String {
    let unit = match metric.kind() {
        // The unit of the counter, not of its increase per second.
        MetricKind::Rate => match metric.unit().strip_suffix("/s") {
            None | Some("1") => "",
            Some(unit) => unit,
        },
        _ => metric.unit(),
    };
    match unit {
        "" => metric.origin().to_owned(),
        unit => format!("{}, in {unit}", metric.origin()),
    }
}

/// The application's name of a custom metric.
fn custom_name(metric: &Metric) -> &str {
    let name = metric.name();
    name.strip_prefix("custom.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Two families must not have one name, and no gauge the name of a counter's series.
    #[test]
    fn names_do_not_clash() {
        let own = [
            "agent_", "answer", "custom", "entities", "scrape_", "series_", "stream_",
        ];
        let mut names = BTreeSet::new();
        for metric in Metric::all() {
            let name = name(metric);
            assert!(
                own.iter()
                    .all(|own| !name["sflow_".len()..].starts_with(own)),
                "{name}"
            );
            assert!(
                help(metric)
                    .chars()
                    .all(|c| c != '\n' && c != '\\' && c != '"')
            );
            let series = match metric.kind() {
                MetricKind::Rate => format!("{name}_total"),
                _ => name.clone(),
            };
            for name in BTreeSet::from([name, series]) {
                assert!(names.insert(name.clone()), "{name}");
            }
        }
    }
}
