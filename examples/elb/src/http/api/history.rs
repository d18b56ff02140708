//! Numbered histories: decisions with their inputs and reasons, and changes of agents and entities.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serve::{Json, Problem};
use sflow_metrics::event::{self, Event};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use super::input::{Params, limit, time};
use super::subjects::unknown;
use crate::http::Site;
use crate::policy::Subject;
use crate::status::Entry;

/// Maximum time to wait for the next decision.
const LONGEST: Duration = Duration::from_secs(30);
/// A section of a history.
#[derive(Serialize, ToSchema)]
pub(super) struct Section {
    /// Number of the oldest available entry; 0 if there is none.
    first: u64,
    /// Number of the newest entry.
    last: u64,
    /// The value of `after` for the next request.
    next: u64,
    /// Whether entries after `after` are no longer available, or `after` is from a previous run.
    gap: bool,
}

impl Section {
    /// At most `limit` entries after a number, or the newest ones. `entries` returns the entries
    /// after a number, oldest first.
    fn read<T, I: DoubleEndedIterator<Item = T>>(
        (first, last): (u64, u64),
        after: Option<u64>,
        limit: usize,
        entries: impl FnOnce(u64) -> I,
        id: impl Fn(&T) -> u64,
    ) -> (Self, Vec<T>) {
        let (gap, found): (bool, Vec<T>) = match after {
            Some(after) => {
                let gap = after > last || after + 1 < first;
                let after = if after > last { 0 } else { after };
                (gap, entries(after).take(limit).collect())
            }
            None => {
                let mut newest: Vec<T> = entries(0).rev().take(limit).collect();
                newest.reverse();
                (false, newest)
            }
        };
        let next = match found.last() {
            Some(entry) if after.is_some() && found.len() == limit => id(entry),
            _ => last,
        };
        let section = Self {
            first,
            last,
            next,
            gap,
        };
        (section, found)
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DecisionsWanted {
    /// Only entries with a larger number; use `next` of the previous response.
    after: Option<u64>,
    /// Only for this service.
    service: Option<String>,
    /// Only for this node pool; together with `service`, for either.
    pool: Option<String>,
    /// Maximum number of entries; default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Time to wait for an entry if there is none, at most 30s; without a unit, seconds.
    #[param(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)?$")]
    wait: Option<String>,
}

/// A section of the history of decisions.
#[derive(Serialize, ToSchema)]
pub(super) struct Decisions {
    #[serde(flatten)]
    section: Section,
    /// Oldest first.
    decisions: Vec<Arc<Entry>>,
}

/// Decisions with their inputs and reasons
///
/// Decisions that differ from the previous one, and all changes. Without `after`, the newest ones.
#[utoipa::path(
    get,
    path = "/api/v1/decisions",
    params(DecisionsWanted),
    responses((status = 200, description = "Success.", body = Decisions), (status = 404))
)]
pub(super) async fn decisions(
    State(site): State<Site>,
    Params(wanted): Params<DecisionsWanted>,
) -> Result<Json<Decisions>, Problem> {
    let limit = limit(wanted.limit, 100, 1_000)?;
    let wait = wanted.wait.as_deref().unwrap_or("0");
    let until = Instant::now() + time("wait", wait, LONGEST)?;
    let waiting = site.api.waiting.try_acquire();
    loop {
        let (found, mut news) = wanted.read(&site, limit)?;
        let is_over = Instant::now() >= until || waiting.is_err() || !site.handle.is_open();
        if is_over || found.section.gap || !found.decisions.is_empty() {
            return Ok(Json(found));
        }
        // The decisions are read again in either case.
        timeout_at(until, news.changed()).await.ok();
    }
}

impl DecisionsWanted {
    /// The available decisions, and a notification of further ones.
    fn read(
        &self,
        site: &Site,
        limit: usize,
    ) -> Result<(Decisions, watch::Receiver<u64>), Problem> {
        let status = site.handle.status().lock();
        let history = status.history();
        let service = self.service.as_ref().map(Subject::service);
        let pool = self.pool.as_ref().map(Subject::pool);
        let subjects: Vec<Subject> = service.into_iter().chain(pool).collect();
        let gone = subjects.iter().find(|it| status.mode_of(it).is_none());
        if let Some(subject) = gone {
            return Err(unknown(subject));
        }
        let is_meant =
            |entry: &&Arc<Entry>| subjects.is_empty() || subjects.contains(&entry.decision.subject);
        let (section, decisions) = Section::read(
            (history.first(), history.last()),
            self.after,
            limit,
            |after| history.after(after).filter(is_meant).cloned(),
            |entry| entry.id,
        );
        Ok((Decisions { section, decisions }, history.watch()))
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsWanted {
    /// Only entries with a larger number; use `next` of the previous response.
    after: Option<u64>,
    /// Maximum number of entries; default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A section of the history of agents and entities.
#[derive(Serialize, ToSchema)]
pub(super) struct Events {
    #[serde(flatten)]
    section: Section,
    /// Oldest first.
    #[schema(value_type = Vec<EventMembers>)]
    events: Vec<Event>,
}

/// A change; further members depend on its kind.
#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "describes the members of Event")]
struct EventMembers {
    id: u64,
    /// Time of detection in nanoseconds since 1970.
    at: u64,
    /// Kind of the change.
    event: String,
    #[serde(flatten)]
    further: BTreeMap<String, Value>,
}

/// Changes of agents and entities
///
/// Without `after`, the newest ones.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    params(EventsWanted),
    responses((status = 200, description = "Success.", body = Events))
)]
pub(super) async fn events(
    State(site): State<Site>,
    Params(wanted): Params<EventsWanted>,
) -> Result<Json<Events>, Problem> {
    let limit = limit(wanted.limit, 100, 1_000)?;
    let telemetry = site.handle.telemetry().lock();
    let registry = telemetry.registry();
    let first = registry.events(event::Id::START).next();
    let first = first.map_or(0, |event| event.id.number());
    let (section, events) = Section::read(
        (first, registry.last_event().number()),
        wanted.after,
        limit,
        |after| registry.events(event::Id::new(after)).cloned(),
        |event| event.id.number(),
    );
    Ok(Json(Events { section, events }))
}
