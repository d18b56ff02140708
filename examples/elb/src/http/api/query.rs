//! Queries of the telemetry.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serve::{Json, Work};
use sflow_metrics::{
    Registry, Timestamp,
    entity::Id as EntityId,
    query::{self, Expression, Group, Query, Summary},
};
use utoipa::ToSchema;

use super::input::{Params, limit};
use crate::http::Site;
use crate::http::access::CostlyRead;
use serve::{Problem, quoted};

/// Limits of a query: length in bytes, and number of expressions. A query is computed at once,
/// which delays the loop.
const LONGEST: usize = 2_000;
const MOST_EXPRESSIONS: usize = 32;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The query.
    #[param(
        min_length = 1,
        max_length = 2000,
        example = "avg:vir_cpu_cores{vir_host_name=apache.*} by host_name"
    )]
    q: String,
    /// Maximum number of groups; default 1000.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// Result of a query.
#[derive(Serialize, ToSchema)]
pub(super) struct Answer {
    /// The parsed query as text.
    query: String,
    /// One per group; without grouping, one without a name.
    groups: Vec<GroupAnswer>,
    /// Number of omitted groups.
    groups_left_out: usize,
    /// Matching entities that belong to no group.
    ungrouped: u64,
    /// Entities in groups beyond the limit.
    left_out: u64,
    /// Note about the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<&'static str>,
}

/// Result for a group of entities.
#[derive(Serialize, ToSchema)]
struct GroupAnswer {
    /// Common value of its entities; null without grouping.
    group: Option<Box<str>>,
    /// One per expression.
    answers: Vec<ExpressionAnswer>,
}

/// Result of one expression; ages in seconds.
#[derive(Serialize, ToSchema)]
struct ExpressionAnswer {
    expression: String,
    unit: String,
    /// Value; null if no entity contributed.
    value: Option<f64>,
    /// Entities that contributed.
    contributing: usize,
    /// Entities that match.
    matched: usize,
    /// Matching entities within their warm-up time.
    warming: usize,
    /// Matching entities without recent data.
    stale: usize,
    /// Age of the newest value.
    newest: Option<f64>,
    /// Age of the oldest value.
    oldest: Option<f64>,
    /// For `min`, `max` and `any`: the entity with this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    winner: Option<String>,
}

/// Query the telemetry
#[utoipa::path(
    get,
    path = "/api/v1/query",
    operation_id = "query",
    params(Wanted),
    responses((status = 200, description = "Success.", body = Answer), (status = 408)),
    security(("token" = []), ())
)]
pub(super) async fn answer(
    State(site): State<Site>,
    _: CostlyRead,
    Extension(work): Extension<Work>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Answer>, Problem> {
    work.run(move || compute(&site, &wanted)).await?.map(Json)
}

fn compute(site: &Site, wanted: &Wanted) -> Result<Answer, Problem> {
    const UNWATCHED: &str = "Windows are kept only for watched metrics, and no window of this \
                             length is kept here. Omit the window to get the last readings.";

    let limit = limit(wanted.limit, 1_000, 10_000)?;
    let query = parse(&wanted.q)?;
    let now = site.handle.now();
    let mut telemetry = site.handle.telemetry().lock();
    telemetry.record_query(now, &query);
    let registry = telemetry.registry();
    let mut found = registry.query_groups(now, &query);
    let groups_left_out = found.groups.len().saturating_sub(limit);
    found.groups.truncate(limit);
    let names = names(registry, now, &found.groups);
    drop(telemetry);
    let is_grouped = query.grouping().is_some();
    let group = |group: Group| GroupAnswer {
        answers: answers(&query, &group.summaries, &names),
        group: is_grouped.then_some(group.name),
    };
    let mut summaries = found.groups.iter().flat_map(|group| &group.summaries);
    let note = summaries
        .any(|summary| summary.unwatched > 0)
        .then_some(UNWATCHED);
    Ok(Answer {
        query: query.to_string(),
        groups: found.groups.into_iter().map(group).collect(),
        groups_left_out,
        ungrouped: found.ungrouped,
        left_out: found.left_out,
        note,
    })
}

fn parse(text: &str) -> Result<Query, Problem> {
    const ADVICE: &str = "Shorten the query, or send several queries.";

    if text.len() > LONGEST {
        let detail = format!("The query is longer than {LONGEST} bytes.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, &detail, ADVICE));
    }
    let query: Query = text.parse().map_err(|error| misunderstood(&error))?;
    if query.expressions().len() > MOST_EXPRESSIONS {
        let detail = format!("The query has more than {MOST_EXPRESSIONS} expressions.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, &detail, ADVICE));
    }
    Ok(query)
}

fn misunderstood(error: &query::Error) -> Problem {
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        &quoted(&format!("Invalid query: {}", error.kind())),
        "Correct the query at the position (in bytes). Example of a query: avg:vir_cpu_cores.",
    )
    .with("position", error.position());
    match error.kind() {
        query::ErrorKind::UnknownMetric(_, Some(nearest)) => {
            problem.with("nearest", nearest.as_str())
        }
        _ => problem,
    }
}

/// Names of the entities that have the returned values.
fn names(registry: &Registry, now: Timestamp, groups: &[Group]) -> HashMap<EntityId, String> {
    let summaries = groups.iter().flat_map(|group| &group.summaries);
    let winners = summaries.filter_map(|summary| summary.winner);
    let mut names: HashMap<_, _> = winners.map(|winner| (winner, String::new())).collect();
    if !names.is_empty() {
        for entity in registry.entities(now) {
            if let Some(name) = names.get_mut(&entity.id()) {
                entity.name().clone_into(name);
            }
        }
    }
    names
}

fn answers(
    query: &Query,
    summaries: &[Summary],
    names: &HashMap<EntityId, String>,
) -> Vec<ExpressionAnswer> {
    let pairs = query.expressions().iter().zip(summaries);
    pairs
        .map(|(expression, summary)| ExpressionAnswer {
            expression: expression.to_string(),
            unit: unit(expression),
            value: summary.value,
            contributing: summary.contributing,
            matched: summary.matched,
            warming: summary.warming,
            stale: summary.stale,
            newest: summary.newest.map(|age| age.as_secs_f64()),
            oldest: summary.oldest.map(|age| age.as_secs_f64()),
            winner: summary
                .winner
                .and_then(|winner| names.get(&winner).cloned()),
        })
        .collect()
}

fn unit(expression: &Expression) -> String {
    let metric = expression.metrics().first();
    metric.map_or(String::new(), |metric| metric.unit().to_owned())
}
