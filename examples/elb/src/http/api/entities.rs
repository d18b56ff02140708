//! Hosts, containers, interfaces and other entities of the telemetry.

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sflow_metrics::{
    entity::{Entity, Id as EntityId, Kind as EntityKind, Lifecycle},
    query::Pattern,
};
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use super::input::{Params, limit, wrong_parameter};
use crate::http::Site;
use serve::{Json, Problem, Work};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only entities of this kind.
    kind: Option<Kind>,
    /// Only entities with this name; `*` matches any characters.
    name: Option<String>,
    /// Maximum number of entries; default 1000.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Kind of an entity.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[schema(as = EntityKind)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Host,
    Container,
    Interface,
    Application,
    Other,
}

/// Entities of the telemetry.
#[derive(Serialize, ToSchema)]
pub(super) struct Entities {
    /// Number of matching entities, whether listed or not.
    total: usize,
    /// In order of their first sample.
    entities: Vec<Shown>,
}

/// A host, container or interface; durations in seconds. Names are untrusted: escape them before
/// display.
#[derive(Serialize, ToSchema)]
#[schema(as = Entity)]
struct Shown {
    #[schema(value_type = u64)]
    id: EntityId,
    #[schema(value_type = Kind)]
    kind: EntityKind,
    /// Name; empty if unknown.
    name: String,
    uuid: Option<String>,
    /// Its host.
    parent: Option<Parent>,
    /// The agent that reports it.
    agent: String,
    /// Its data source in the agent.
    data_source: Option<String>,
    /// State of a container according to its agent.
    state: Option<String>,
    #[schema(schema_with = lifecycles)]
    lifecycle: Lifecycle,
    /// Time since its first sample.
    known_for: f64,
    /// Time since its last sample.
    age: f64,
    /// Sampling interval.
    interval: f64,
    /// Samples received.
    samples: u64,
    /// Lost samples.
    samples_lost: u64,
}

#[derive(Serialize, ToSchema)]
struct Parent {
    #[schema(value_type = u64)]
    id: EntityId,
    name: String,
}

fn lifecycles() -> Object {
    let states = ["warming", "live", "stale", "gone"];
    let text = ObjectBuilder::new().schema_type(Type::String);
    let text = text.description(Some("Lifecycle state."));
    text.enum_values(Some(states)).build()
}

/// Hosts, containers, interfaces and other entities
#[utoipa::path(
    get,
    path = "/api/v1/entities",
    operation_id = "entities",
    params(Wanted),
    responses((status = 200, description = "Success.", body = Entities), (status = 408))
)]
pub(super) async fn list(
    State(site): State<Site>,
    Extension(work): Extension<Work>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Entities>, Problem> {
    if wanted
        .name
        .as_ref()
        .is_some_and(|name| name.len() > LONGEST)
    {
        let detail = format!("name: longer than {LONGEST} bytes");
        return Err(wrong_parameter(&detail));
    }
    let limit = limit(wanted.limit, 1_000, 10_000)?;
    let found = work.run(move || find(&site, &wanted, limit)).await?;
    Ok(Json(found))
}

/// Maximum length of a name pattern, in bytes.
const LONGEST: usize = 256;

fn find(site: &Site, wanted: &Wanted, limit: usize) -> Entities {
    let kind = wanted.kind.map(EntityKind::from);
    let name = wanted.name.as_deref().map(Pattern::glob);
    let now = site.handle.now();
    let telemetry = site.handle.telemetry().lock();
    let is_meant = |entity: &Entity<'_>| {
        kind.is_none_or(|kind| entity.kind() == kind)
            && name.as_ref().is_none_or(|name| name.fits(entity.name()))
    };
    let entities = telemetry.registry().entities(now);
    let mut meant: Vec<Entity<'_>> = entities.filter(is_meant).collect();
    let total = meant.len();
    if limit < total {
        meant.select_nth_unstable_by_key(limit, Entity::id);
        meant.truncate(limit);
    }
    meant.sort_unstable_by_key(Entity::id);
    let entities = meant.iter().map(|entity| Shown::of(entity, now));
    Entities {
        total,
        entities: entities.collect(),
    }
}

impl Shown {
    fn of(entity: &Entity<'_>, now: sflow_metrics::Timestamp) -> Self {
        Self {
            id: entity.id(),
            kind: entity.kind(),
            name: entity.name().to_owned(),
            uuid: entity.uuid().map(|uuid| uuid.to_string()),
            parent: entity.parent().map(|parent| Parent {
                id: parent.id(),
                name: parent.name().to_owned(),
            }),
            agent: entity.agent().to_string(),
            data_source: entity.data_source().map(|source| source.to_string()),
            state: entity.state().map(|state| state.to_string()),
            lifecycle: entity.lifecycle(),
            known_for: (now - entity.first_seen()).as_secs_f64(),
            age: entity.age().as_secs_f64(),
            interval: entity.interval().as_secs_f64(),
            samples: entity.samples(),
            samples_lost: entity.samples_lost(),
        }
    }
}

impl From<Kind> for EntityKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Host => Self::Host,
            Kind::Container => Self::Container,
            Kind::Interface => Self::Interface,
            Kind::Application => Self::Application,
            Kind::Other => Self::Other,
        }
    }
}
