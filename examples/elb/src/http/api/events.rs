//! Changes of agents and entities.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serve::Json;
use sflow_metrics::event::{self, Event};

use super::input::{Params, limit};
use crate::http::Site;
use serve::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    after: Option<event::Id>,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Events {
    /// Number of the oldest available event; 0 if there is none.
    first: event::Id,
    /// Number of the newest event.
    last: event::Id,
    /// The value of `after` for the next request.
    next: event::Id,
    /// Whether events after `after` are no longer available, or `after` is from a previous run.
    gap: bool,
    events: Vec<Event>,
}

pub(super) async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Events>, Problem> {
    let limit = limit(wanted.limit, 100, 1_000)?;
    let telemetry = site.handle.telemetry().lock();
    let registry = telemetry.registry();
    let last = registry.last_event();
    let first = registry.events(event::Id::START).next();
    let first = first.map_or(event::Id::START, |event| event.id);
    let (gap, events): (bool, Vec<Event>) = match wanted.after {
        Some(after) => {
            let is_known = after <= last;
            let gap = !is_known || after.number() + 1 < first.number();
            let after = if is_known { after } else { event::Id::START };
            (gap, registry.events(after).take(limit).cloned().collect())
        }
        None => {
            let newest = registry.events(event::Id::START).rev().take(limit);
            let mut newest: Vec<Event> = newest.cloned().collect();
            newest.reverse();
            (false, newest)
        }
    };
    let next = match events.last() {
        Some(event) if wanted.after.is_some() && events.len() == limit => event.id,
        _ => last,
    };
    Ok(Json(Events {
        first,
        last,
        next,
        gap,
        events,
    }))
}
