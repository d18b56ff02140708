use crate::catalogue::Metric;
use crate::entity::{EntityKind, Lifecycle};
use crate::query::summary::Gathering;
use crate::query::{Expression, Query, Summary, Take, Window};
use crate::registry::Registry;
use crate::source::Source;
use crate::timestamp::Timestamp;

/// Answers a query by one walk over all sources.
pub(crate) fn evaluate(registry: &Registry, now: Timestamp, query: &Query) -> Vec<Summary> {
    let mut gatherings = vec![Gathering::default(); query.expressions.len()];
    for source in registry.sources() {
        if !query
            .expressions
            .iter()
            .any(|expression| could_have(source, expression))
        {
            continue;
        }
        let lifecycle = source.lifecycle(now, registry.config());
        if lifecycle == Lifecycle::Gone || !passes(registry, source, now, query) {
            continue;
        }
        let believed_since = now - source.stale_after(registry.config());
        for (expression, gathering) in query.expressions.iter().zip(&mut gatherings) {
            if !could_have(source, expression) {
                continue;
            }
            gathering.summary.matched += 1;
            match lifecycle {
                Lifecycle::Stale | Lifecycle::Gone => {
                    gathering.summary.stale += 1;
                    continue;
                }
                Lifecycle::Warming => gathering.summary.warming += 1,
                Lifecycle::Live => {}
            }
            match value(registry, source, now, query.window, expression) {
                Some((value, at)) if at >= believed_since => gathering.contribute(value, now - at),
                _ => {}
            }
        }
    }
    let pairs = query.expressions.iter().zip(gatherings);
    pairs
        .map(|(expression, gathering)| gathering.finish(expression.statistic))
        .collect()
}

/// The value of each entity that a query of one expression is about; `None` of those that have
/// none now.
pub(crate) fn values_of_entities<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = (&'r Source, Option<f64>)> {
    let expression = query.expressions.first();
    registry.sources().filter_map(move |source| {
        let expression = expression.filter(|expression| could_have(source, expression))?;
        let lifecycle = source.lifecycle(now, registry.config());
        if lifecycle == Lifecycle::Gone || !passes(registry, source, now, query) {
            return None;
        }
        let is_heard = lifecycle != Lifecycle::Stale;
        let believed_since = now - source.stale_after(registry.config());
        let read = is_heard.then(|| value(registry, source, now, query.window, expression));
        let read = read.flatten().filter(|(_, at)| *at >= believed_since);
        Some((source, read.map(|(value, _)| value)))
    })
}

fn could_have(source: &Source, expression: &Expression) -> bool {
    match expression.entity() {
        EntityKind::Other => expression.metrics.iter().all(|metric| source.has(metric)),
        kind => kind == source.kind,
    }
}

fn passes(registry: &Registry, source: &Source, now: Timestamp, query: &Query) -> bool {
    if query.filters.is_empty() {
        return true;
    }
    let Some(entity) = registry.entity(source, now) else {
        return false;
    };
    query.filters.iter().all(|filter| {
        let value = filter.key.value_of(&entity);
        value.is_some_and(|value| {
            filter
                .values
                .iter()
                .any(|pattern| pattern.fits_bytes(&value))
        })
    })
}

/// The sum of an expression's metrics, and when the oldest part of it was read; `None` if a
/// part is unknown.
fn value(
    registry: &Registry,
    source: &Source,
    now: Timestamp,
    window: Option<Window>,
    expression: &Expression,
) -> Option<(f64, Timestamp)> {
    let mut total: Option<(f64, Timestamp)> = None;
    for metric in &expression.metrics {
        let (value, at) = match window {
            None => source.value(metric)?,
            Some(window) => windowed(registry, source, now, window, metric)?,
        };
        total = Some(total.map_or((value, at), |(sum, oldest)| (sum + value, oldest.min(at))));
    }
    total
}

fn windowed(
    registry: &Registry,
    source: &Source,
    now: Timestamp,
    window: Window,
    metric: &Metric,
) -> Option<(f64, Timestamp)> {
    let slots = registry.slots(window.length());
    let readings = source
        .ring(metric)?
        .since(registry.config().slot, now, slots);
    let value = match window.take() {
        Take::Mean => readings.mean(),
        Take::Min => readings.min(),
        Take::Max => readings.max(),
        Take::Last => readings.last(),
    };
    Some((value?, readings.last_at()?))
}
