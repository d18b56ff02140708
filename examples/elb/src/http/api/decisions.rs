//! Decisions with their inputs and reasons.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serve::Json;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::input::{Params, limit, time};
use super::services::unknown;
use crate::http::Site;
use crate::policy::SubjectKind;
use crate::status::Entry;
use serve::Problem;

/// Maximum time to wait for the next decision.
const LONGEST: Duration = Duration::from_secs(30);
/// Maximum number of waiting clients; further ones are answered immediately.
const MOST_WAITING: usize = 64;

/// Limits the waiting clients.
#[derive(Debug)]
pub(super) struct Waiting(Semaphore);

impl Default for Waiting {
    fn default() -> Self {
        Self(Semaphore::new(MOST_WAITING))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    after: Option<u64>,
    service: Option<String>,
    pool: Option<String>,
    limit: Option<usize>,
    wait: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Decisions {
    /// Number of the oldest available decision; 0 if there is none.
    first: u64,
    /// Number of the newest decision.
    last: u64,
    /// The value of `after` for the next request.
    next: u64,
    /// Whether decisions after `after` are no longer available, or `after` is from a previous run.
    gap: bool,
    decisions: Vec<Arc<Entry>>,
}

pub(super) async fn list(
    State(site): State<Site>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Decisions>, Problem> {
    let limit = limit(wanted.limit, 100, 1_000)?;
    let wait = wanted.wait.as_deref().unwrap_or("0");
    let until = Instant::now() + time("wait", wait, LONGEST)?;
    let waiting = site.api.waiting.0.try_acquire();
    loop {
        let (found, mut news) = wanted.read(&site, limit)?;
        let is_over = Instant::now() >= until || waiting.is_err() || !site.handle.is_open();
        if is_over || found.gap || !found.decisions.is_empty() {
            return Ok(Json(found));
        }
        // The decisions are read again in either case.
        timeout_at(until, news.changed()).await.ok();
    }
}

impl Wanted {
    /// The available decisions, and a notification of further ones.
    fn read(
        &self,
        site: &Site,
        limit: usize,
    ) -> Result<(Decisions, watch::Receiver<u64>), Problem> {
        let status = site.handle.status().lock();
        let history = status.history();
        if let Some(name) = &self.service
            && status.service(name).is_none()
        {
            return Err(unknown(name));
        }
        if let Some(name) = &self.pool
            && status.pool(name).is_none()
        {
            return Err(super::pools::unknown(name));
        }
        let (first, last) = (history.first(), history.last());
        let is_meant = |entry: &&Arc<Entry>| {
            let is_of = |kind: SubjectKind, name: &String| {
                entry.decision.subject.kind == kind && entry.decision.subject.name == *name
            };
            match (&self.service, &self.pool) {
                (None, None) => true,
                (service, pool) => {
                    service
                        .as_ref()
                        .is_some_and(|name| is_of(SubjectKind::Service, name))
                        || pool
                            .as_ref()
                            .is_some_and(|name| is_of(SubjectKind::Pool, name))
                }
            }
        };
        let (gap, decisions): (bool, Vec<Arc<Entry>>) = match self.after {
            Some(after) => {
                let gap = after > last || after + 1 < first;
                let after = if after > last { 0 } else { after };
                let behind = history.after(after).filter(is_meant);
                (gap, behind.take(limit).cloned().collect())
            }
            None => {
                let newest = history.after(0).rev().filter(is_meant);
                let mut newest: Vec<_> = newest.take(limit).cloned().collect();
                newest.reverse();
                (false, newest)
            }
        };
        let is_all = self.after.is_none() || decisions.len() < limit;
        let next = match decisions.last() {
            Some(entry) if !is_all => entry.id,
            _ => last,
        };
        let found = Decisions {
            first,
            last,
            next,
            gap,
            decisions,
        };
        Ok((found, history.watch()))
    }
}
