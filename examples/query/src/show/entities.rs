//! Hosts, containers, interfaces and other entities.

use serde::Serialize;
use sflow_metrics::{
    Metric, Registry, Timestamp,
    entity::{self, Entity, Lifecycle},
};

use super::columns::Columns;
use super::{age, json, number};
use untrusted::escaped;

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    id: entity::Id,
    kind: entity::Kind,
    name: &'a str,
    parent: Option<String>,
    agent: String,
    data_source: Option<String>,
    uuid: Option<String>,
    state: Option<String>,
    lifecycle: Lifecycle,
    age: f64,
    interval: f64,
    samples_lost: u64,
}

/// The utilization metric of a kind of entity.
const UTILIZATION_METRICS: [(entity::Kind, &str); 3] = [
    (entity::Kind::Host, "cpu_utilization"),
    (entity::Kind::Container, "vir_cpu_utilization"),
    (entity::Kind::Interface, "ifinutilization"),
];

pub(super) fn write(
    registry: &Registry,
    now: Timestamp,
    at: &str,
    is_json: bool,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let mut entities: Vec<_> = registry.entities(now).collect();
    entities.sort_by_key(Entity::id);
    if is_json {
        return entities
            .iter()
            .try_for_each(|entity| json(&line(entity, at), out));
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
    for entity in &entities {
        columns.row([
            entity.kind().to_string(),
            escaped(entity.name()).into_owned(),
            parent(entity).map_or(String::new(), |name| escaped(&name).into_owned()),
            entity.agent().to_string(),
            data_source(entity).unwrap_or_default(),
            state(entity),
            format!("{} ago", age(entity.age())),
            age(entity.interval()),
            entity.samples_lost().to_string(),
            utilization(entity),
        ]);
    }
    out.extend_from_slice(format!("{at}  {} entities\n", entities.len()).as_bytes());
    columns.write(out);
    out.push(b'\n');
    Ok(())
}

/// `None` for an application that is identified by its name alone.
fn data_source(entity: &Entity<'_>) -> Option<String> {
    entity.data_source().map(|source| source.to_string())
}

fn line<'a>(entity: &Entity<'a>, at: &'a str) -> Line<'a> {
    Line {
        time: at,
        id: entity.id(),
        kind: entity.kind(),
        name: entity.name(),
        parent: parent(entity),
        agent: entity.agent().to_string(),
        data_source: data_source(entity),
        uuid: entity.uuid().map(|uuid| uuid.to_string()),
        state: entity.state().map(|state| state.to_string()),
        lifecycle: entity.lifecycle(),
        age: entity.age().as_secs_f64(),
        interval: entity.interval().as_secs_f64(),
        samples_lost: entity.samples_lost(),
    }
}

fn parent(entity: &Entity<'_>) -> Option<String> {
    entity.parent().map(|parent| parent.name().to_owned())
}

/// The lifecycle, and the state that the agent reports.
fn state(entity: &Entity<'_>) -> String {
    match entity.state() {
        Some(state) => format!("{}, {state}", entity.lifecycle()),
        None => entity.lifecycle().to_string(),
    }
}

fn utilization(entity: &Entity<'_>) -> String {
    let metric = UTILIZATION_METRICS
        .iter()
        .find(|(kind, _)| *kind == entity.kind());
    let value = metric.and_then(|(_, name)| entity.value(&Metric::named(name)?));
    value.map_or(String::new(), |value| format!("{} %", number(value)))
}
