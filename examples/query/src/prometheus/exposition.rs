//! What is told, in which order.

use std::rc::Rc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use sflow_metrics::{
    Metric, MetricKind,
    entity::{Entity, EntityKind, Lifecycle},
};

use super::family::{Family, Number, Room};
use super::labels::{Labels, bounded};
use super::{Shared, Wish, World, answers, health};

/// Bytes of all series of an answer at most, whatever the number of series.
pub(super) const MOST_BYTES: usize = 12 << 20;

/// Reads the registry whenever somebody scrapes.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) wish: Wish,
    pub(super) shared: Shared,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = Instant::now();
        // The registry is held while numbers are read, not while they are written.
        let families = self.families(&self.shared.lock());
        for family in &families {
            family.encode(&mut encoder)?;
        }
        Family::single(
            "sflow_scrape_seconds",
            "Time that it took to put this together",
            Number::Level(started.elapsed().as_secs_f64()),
        )
        .encode(&mut encoder)
    }
}

impl Exposition {
    fn families(&self, world: &World) -> Vec<Family> {
        let mut room = Room::new(self.wish.most_series, MOST_BYTES);
        let mut families = health::of_stream(world);
        if let Some(query) = &self.wish.query {
            families.extend(answers::of_query(
                query,
                &world.registry,
                world.now,
                &mut room,
            ));
        }
        families.extend(health::of_agents(world, &mut room));
        families.extend(self.of_entities(world, &mut room));
        families.push(Family::single(
            "sflow_series_left_out",
            "Series beyond --prometheus-series or 12 MiB, or with the labels of another one",
            Number::of(room.left_out()),
        ));
        families
    }

    /// What each entity has of each metric that is wished for. If there is no room for all, those
    /// are told that were there first.
    fn of_entities(&self, World { registry, now, .. }: &World, room: &mut Room) -> Vec<Family> {
        let mut entities: Vec<Entity<'_>> = match &self.wish.query {
            None => registry.entities(*now).collect(),
            Some(query) => registry.matching(*now, query).collect(),
        };
        entities
            .retain(|entity| matches!(entity.lifecycle(), Lifecycle::Warming | Lifecycle::Live));
        entities.sort_unstable_by_key(Entity::id);
        let (customs, wished): (Vec<&Metric>, Vec<&Metric>) = self
            .wished()
            .into_iter()
            .partition(|metric| metric.kind() == MetricKind::Custom);
        let mut families: Vec<Family> = wished
            .iter()
            .map(|metric| Family::new(&name(metric), &help(metric)))
            .collect();
        let mut custom = Family::new(
            "sflow_custom",
            "What applications report under names of their own, of their counters the growth per second",
        );
        for entity in &entities {
            let labels = Rc::new(Labels::of_entity(entity));
            if self.wish.query.is_none() {
                for (name, value) in entity.custom_metrics() {
                    tell_custom(&mut custom, room, &labels, name, value);
                }
            }
            for metric in &customs {
                tell_custom(
                    &mut custom,
                    room,
                    &labels,
                    reported(metric),
                    entity.value(metric),
                );
            }
            let is_admitted = room.admits(&labels, "");
            for (metric, family) in wished.iter().zip(&mut families) {
                if may_have(entity, metric)
                    && let Some(number) = number(entity, metric)
                    && room.take(is_admitted, family.encoded_len(&labels, ""))
                {
                    family.push(&labels, number);
                }
            }
        }
        families.push(custom);
        families
    }

    /// The metrics that the query speaks of, or all that are known by name.
    fn wished(&self) -> Vec<&Metric> {
        let Some(query) = &self.wish.query else {
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

fn tell_custom(
    family: &mut Family,
    room: &mut Room,
    labels: &Rc<Labels>,
    name: &str,
    value: Option<f64>,
) {
    let Some(value) = value.and_then(Number::level) else {
        return;
    };
    let name = bounded(name);
    let is_admitted = room.admits(labels, &name);
    if room.take(
        is_admitted,
        family.encoded_len(labels, &name) + "metric".len(),
    ) {
        family.push_custom(labels, &name, value);
    }
}

fn may_have(entity: &Entity<'_>, metric: &Metric) -> bool {
    metric.entity() == EntityKind::Other || metric.entity() == entity.kind()
}

/// What an agent counts is told as it counts it; anything else is a level.
fn number(entity: &Entity<'_>, metric: &Metric) -> Option<Number> {
    match metric.kind() {
        MetricKind::Rate => entity.count(metric).map(Number::Count),
        _ => entity.value(metric).and_then(Number::level),
    }
}

/// Under which name a metric is told: its own, made what OpenMetrics allows. A counter's series
/// end in `_total` by themselves.
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

/// What a metric measures, and where it comes from.
fn help(metric: &Metric) -> String {
    let unit = match metric.kind() {
        // The counter itself, not its growth.
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

/// What an application calls its metric.
fn reported(metric: &Metric) -> &str {
    let name = metric.name();
    name.strip_prefix("custom.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Families of one name would be told twice, and so would a gauge that is called as a
    /// counter's series.
    #[test]
    fn names_do_not_clash() {
        let own = [
            "agent_", "answer", "custom", "entities", "scrape_", "series_", "stream_",
        ];
        let mut taken = BTreeSet::new();
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
            for taking in BTreeSet::from([name, series]) {
                assert!(taken.insert(taking.clone()), "{taking}");
            }
        }
    }
}
