//! Hosts, containers, interfaces and other entities.

use serde::Serialize;
use sflow_metrics::{
    Metric, Timestamp,
    entity::{self, Entity, Lifecycle},
};

use super::columns::Columns;
use super::{Style, json, seconds};
use crate::quantity::quantity;
use crate::telemetry::Shared;
use untrusted::escaped;

/// An entity, without borrowing the registry, which is locked.
#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    id: u64,
    kind: entity::Kind,
    name: String,
    parent: Option<String>,
    agent: String,
    data_source: Option<String>,
    uuid: Option<String>,
    state: Option<String>,
    lifecycle: Lifecycle,
    age: f64,
    interval: f64,
    samples_lost: u64,
    /// In percent.
    #[serde(skip)]
    utilization: Option<f64>,
}

/// The utilization metric of a kind of entity.
const UTILIZATION_METRICS: [(entity::Kind, &str); 3] = [
    (entity::Kind::Host, "cpu_utilization"),
    (entity::Kind::Container, "vir_cpu_utilization"),
    (entity::Kind::Interface, "ifinutilization"),
];

pub(super) fn write(
    shared: &Shared,
    now: Timestamp,
    at: &str,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let workers = shared.each().count() as u64;
    let mut lines = Vec::new();
    for (worker, telemetry) in (0..).zip(shared.each()) {
        let entities = telemetry.registry.entities(now);
        lines.extend(entities.map(|entity| Line {
            // Unique over all registries, in the order of appearance in each.
            id: u64::from(entity.id()).saturating_mul(workers) + worker,
            ..line(&entity, at)
        }));
    }
    lines.sort_unstable_by_key(|line| line.id);
    if style.is_json {
        return lines.iter().try_for_each(|line| json(line, out));
    }
    let mut columns = Columns::titled(&[
        "kind",
        "name",
        "on",
        "agent",
        "source",
        "state",
        "last seen",
        "interval",
        "lost",
        "utilization",
    ]);
    columns.align_right(6..10);
    for line in &lines {
        let parent = line.parent.as_deref().unwrap_or_default();
        columns.row([
            line.kind.to_string(),
            escaped(&line.name).into_owned(),
            escaped(parent).into_owned(),
            line.agent.clone(),
            line.data_source.clone().unwrap_or_default(),
            state(line),
            format!("{} ago", seconds(line.age)),
            seconds(line.interval),
            line.samples_lost.to_string(),
            line.utilization
                .map_or(String::new(), |value| quantity(value, "%")),
        ]);
    }
    out.extend_from_slice(format!("{at}  {} entities\n", lines.len()).as_bytes());
    columns.write(style, out);
    out.push(b'\n');
    Ok(())
}

fn line<'a>(entity: &Entity<'_>, at: &'a str) -> Line<'a> {
    Line {
        time: at,
        id: entity.id().into(),
        kind: entity.kind(),
        name: entity.name().to_owned(),
        parent: entity.parent().map(|parent| parent.name().to_owned()),
        agent: entity.agent().to_string(),
        // `None` for an application that is identified by its name alone.
        data_source: entity.data_source().map(|source| source.to_string()),
        uuid: entity.uuid().map(|uuid| uuid.to_string()),
        state: entity.state().map(|state| state.to_string()),
        lifecycle: entity.lifecycle(),
        age: entity.age().as_secs_f64(),
        interval: entity.interval().as_secs_f64(),
        samples_lost: entity.samples_lost(),
        utilization: utilization(entity),
    }
}

/// The lifecycle, and the state that the agent reports.
fn state(line: &Line<'_>) -> String {
    match &line.state {
        Some(state) => format!("{}, {state}", line.lifecycle),
        None => line.lifecycle.to_string(),
    }
}

fn utilization(entity: &Entity<'_>) -> Option<f64> {
    let metric = UTILIZATION_METRICS
        .iter()
        .find(|(kind, _)| *kind == entity.kind());
    metric.and_then(|(_, name)| entity.value(&Metric::named(name)?))
}
