//! Which numbers, under which names.

use std::collections::BTreeMap;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use sflow_metrics::{Entity, EntityKind, Lifecycle, Metric, MetricKind, Registry, Timestamp};

use super::labels::Labels;
use super::{Shared, Wish, World};

/// Reads the registry whenever somebody scrapes.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) wish: Wish,
    pub(super) shared: Shared,
}

/// One number.
#[derive(Clone, Copy, Debug)]
enum Number {
    Count(u64),
    Level(f64),
}

/// All numbers of one name.
struct Family {
    name: String,
    help: String,
    series: Vec<(Labels, Number)>,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let started = Instant::now();
        // The registry is held while numbers are read, not while they are written.
        let families = self.families(&self.shared.lock());
        for family in &families {
            write(&mut encoder, family)?;
        }
        let seconds = Number::Level(started.elapsed().as_secs_f64());
        let took = Family::single(
            "sflow_scrape_seconds",
            "Time that this answer took",
            seconds,
        );
        write(&mut encoder, &took)
    }
}

impl Exposition {
    fn families(&self, world: &World) -> Vec<Family> {
        let World { registry, now, .. } = world;
        let mut families = health(world);
        families.extend(self.answers(registry, *now));
        let mut left_out = 0;
        let mut room = self.wish.most_series;
        for mut family in self.metrics(registry, *now) {
            left_out += family.series.len().saturating_sub(room);
            family.series.truncate(room);
            room -= family.series.len();
            families.push(family);
        }
        families.push(Family::single(
            "sflow_series_left_out",
            "Series beyond --prometheus-series, which are not told",
            Number::Level(left_out as f64),
        ));
        families.retain(|family| !family.series.is_empty());
        families
    }

    /// What each entity has of each metric that is wished for.
    fn metrics(&self, registry: &Registry, now: Timestamp) -> Vec<Family> {
        let entities: Vec<(Entity<'_>, Labels)> = match &self.wish.query {
            None => registry.entities(now).collect::<Vec<_>>(),
            Some(query) => registry.matching(now, query).collect(),
        }
        .into_iter()
        .map(|entity| (entity, Labels::of_entity(&entity)))
        .collect();
        let wished: Vec<&Metric> = match &self.wish.query {
            None => Metric::all().iter().collect(),
            Some(query) => {
                let expressions = query.expressions().iter();
                let mut metrics: Vec<_> = expressions
                    .flat_map(|expression| expression.metrics().iter().copied())
                    .collect();
                metrics.sort_unstable_by_key(|metric| metric.name());
                metrics.dedup_by_key(|metric| metric.name());
                metrics
            }
        };
        let family = |metric: &Metric| {
            let of_it = entities.iter().filter(|(entity, _)| {
                metric.entity() == EntityKind::Other || metric.entity() == entity.kind()
            });
            let number = |entity: &Entity<'_>| match metric.kind() {
                MetricKind::Rate => entity.count(metric).map(Number::Count),
                _ => entity.value(metric).map(Number::Level),
            };
            let series =
                of_it.filter_map(|(entity, labels)| Some((labels.clone(), number(entity)?)));
            Family {
                name: format!("sflow_{}", plain(metric.name())),
                help: help(metric),
                series: series.collect(),
            }
        };
        wished.into_iter().map(family).collect()
    }

    /// The answers to the query, and on how much they stand.
    fn answers(&self, registry: &Registry, now: Timestamp) -> Vec<Family> {
        let Some(query) = &self.wish.query else {
            return Vec::new();
        };
        let mut value = Family::new("sflow_answer", "The answer to an expression of the query");
        let mut contributing = Family::new("sflow_answer_contributing", "Entities that are in it");
        let mut matched = Family::new("sflow_answer_matched", "Entities that passed the filters");
        for group in registry.query_groups(now, query).groups {
            for (expression, summary) in query.expressions().iter().zip(group.summaries) {
                let labels = Labels::new([
                    ("expression", expression.to_string()),
                    ("group", group.name.to_string()),
                ]);
                let level = |number: usize| Number::Level(number as f64);
                contributing
                    .series
                    .push((labels.clone(), level(summary.contributing)));
                matched
                    .series
                    .push((labels.clone(), level(summary.matched)));
                let told = summary.value.map(|value| (labels, Number::Level(value)));
                value.series.extend(told);
            }
        }
        vec![value, contributing, matched]
    }
}

/// How well agents are heard.
fn health(world: &World) -> Vec<Family> {
    let (registry, health) = (&world.registry, world.registry.health());
    let whole = [
        (
            "datagrams",
            "Datagrams of sFlow version 5",
            health.datagrams,
        ),
        (
            "datagrams_lost",
            "Datagrams that are missing between those",
            health.datagrams_lost,
        ),
        (
            "datagrams_refused",
            "Datagrams of agents beyond the bound",
            health.datagrams_refused,
        ),
        (
            "datagrams_foreign",
            "Datagrams of other protocols",
            world.refused,
        ),
        (
            "counter_samples",
            "Counters samples",
            health.counter_samples,
        ),
        (
            "counter_samples_lost",
            "Counters samples that are missing",
            health.counter_samples_lost,
        ),
        ("flow_samples", "Packet samples", health.flow_samples),
        (
            "malformed_samples",
            "Samples that cannot be read",
            health.malformed_samples,
        ),
        (
            "malformed_records",
            "Records that cannot be read",
            health.malformed_records,
        ),
        (
            "counter_resets",
            "Counters that went back",
            health.counter_resets,
        ),
        (
            "counter_jumps",
            "Counters that went up by more than can be",
            health.counter_jumps,
        ),
    ];
    let mut families: Vec<Family> = whole
        .into_iter()
        .map(|(name, help, count)| {
            Family::single(&format!("sflow_stream_{name}"), help, Number::Count(count))
        })
        .collect();
    let mut heard = Family::new("sflow_agent_datagrams", "Datagrams of an agent");
    let mut lost = Family::new(
        "sflow_agent_datagrams_lost",
        "Datagrams of an agent that are missing",
    );
    let mut age = Family::new(
        "sflow_agent_age_seconds",
        "Seconds since an agent was heard",
    );
    for agent in registry.agents() {
        let labels = Labels::of_agent(agent.key);
        let since = (world.now - agent.last_seen).as_secs_f64();
        heard
            .series
            .push((labels.clone(), Number::Count(agent.received)));
        lost.series
            .push((labels.clone(), Number::Count(agent.lost)));
        age.series.push((labels, Number::Level(since)));
    }
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for entity in registry.entities(world.now) {
        let lifecycle = match entity.lifecycle() {
            Lifecycle::Warming => "warming",
            Lifecycle::Live => "live",
            _ => "stale",
        };
        *counts
            .entry((entity.kind().to_string(), lifecycle))
            .or_default() += 1;
    }
    let mut entities = Family::new(
        "sflow_entities",
        "Hosts, containers, interfaces and the like",
    );
    for ((kind, lifecycle), count) in counts {
        let labels = Labels::new([("kind", kind), ("lifecycle", lifecycle.to_owned())]);
        entities.series.push((labels, Number::Level(count as f64)));
    }
    families.extend([heard, lost, age, entities]);
    families
}

impl Family {
    fn new(name: &str, help: &str) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            series: Vec::new(),
        }
    }

    fn single(name: &str, help: &str, number: Number) -> Self {
        Self {
            series: vec![(Labels::default(), number)],
            ..Self::new(name, help)
        }
    }
}

fn write(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> std::fmt::Result {
    let kind = match family.series.first() {
        Some((_, Number::Count(_))) => MetricType::Counter,
        _ => MetricType::Gauge,
    };
    let mut metric = encoder.encode_descriptor(&family.name, &family.help, None, kind)?;
    for (labels, number) in &family.series {
        let mut series = metric.encode_family(labels)?;
        match number {
            Number::Count(count) => series.encode_counter::<NoLabelSet, _, u64>(count, None)?,
            Number::Level(level) => series.encode_gauge(level)?,
        }
    }
    Ok(())
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

/// A name as OpenMetrics allows it.
fn plain(name: &str) -> String {
    let plain = |character: char| match character {
        character if character.is_ascii_alphanumeric() => character,
        _ => '_',
    };
    name.chars().map(plain).collect()
}
