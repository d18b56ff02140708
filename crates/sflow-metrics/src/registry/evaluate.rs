use core::fmt;
use core::net::IpAddr;
use std::borrow::Cow;
use std::collections::HashMap;

use super::Registry;
use super::entity::Entity;
use super::keys::value_in;
use crate::catalogue::Metric;
use crate::entity::{EntityId, EntityKind, Lifecycle};
use crate::ingest::source::Source;
use crate::query::{
    Expression, Filter, Gathering, Group, Groups, Key, Owner, Partial, Query, Summary, Window,
    WindowFn, is_valid,
};
use crate::timestamp::Timestamp;

/// One gathering for each expression of a query.
type Gatherings = Vec<Gathering<EntityId>>;

/// Evaluates a query over all matching sources.
pub(super) fn evaluate(registry: &Registry, now: Timestamp, query: &Query) -> Vec<Summary> {
    let mut gatherings = none(query);
    for matched in matches(registry, now, query) {
        matched.contribute(query, &mut gatherings);
    }
    summaries(&gatherings, query, now)
}

/// Evaluates a query for each group of entities.
pub(super) fn evaluate_groups(registry: &Registry, now: Timestamp, query: &Query) -> Groups {
    gather_groups(registry, now, query).finish(query, now)
}

/// Evaluates a query for each group that `group` assigns an entity to.
pub(super) fn evaluate_groups_by<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
    group: impl Fn(Entity<'r>) -> Option<Cow<'r, str>>,
) -> Groups {
    let group = |source| match group(registry.entity(source, now)?)? {
        Cow::Borrowed(name) => Some(Cow::Borrowed(name.as_bytes())),
        Cow::Owned(name) => Some(Cow::Owned(name.into_bytes())),
    };
    gather_by(registry, now, query, group).finish(query, now)
}

/// The sources that match a query.
pub(super) fn matching<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = &'r Source> {
    matches(registry, now, query).map(|matched| matched.source)
}

/// The value of each entity that matches a query with one expression; `None` if it has no current
/// value.
pub(super) fn values_of_entities<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = (&'r Source, Option<f64>)> {
    matches(registry, now, query).filter_map(move |matched| {
        let expression = query.expressions().first()?;
        let value = matched.value(query.window(), expression);
        Some((matched.source, value.map(|(value, _)| value)))
    })
}

/// The contribution of this registry to a query over several registries.
pub(super) fn partial(registry: &Registry, now: Timestamp, query: &Query) -> Partial {
    let gathered = gather_groups(registry, now, query);
    // Only entities with a minimum, maximum or latest value are looked up, in one iteration.
    let parts = gathered.groups.values().flatten();
    let mut owners: HashMap<EntityId, Owner> = parts
        .filter_map(|gathering| Some((*gathering.owner()?, Owner::default())))
        .collect();
    for entity in registry.entities(now) {
        if let Some(owner) = owners.get_mut(&entity.id()) {
            *owner = Owner {
                name: entity.name().to_owned(),
                agent: entity.agent().to_string(),
                data_source: entity.data_source().map(|source| source.to_string()),
            };
        }
    }
    let owner = |id| owners.get(&id).cloned().unwrap_or_default();
    let groups = gathered.groups.into_iter().map(|(name, gatherings)| {
        let parts = gatherings
            .into_iter()
            .map(|gathering| gathering.map_owner(owner));
        (String::from_utf8_lossy(&name).into_owned(), parts.collect())
    });
    Partial::of(query, groups, gathered.ungrouped, gathered.left_out)
}

/// The gatherings of each group.
struct Gathered {
    groups: HashMap<Box<[u8]>, Gatherings>,
    ungrouped: u64,
    left_out: u64,
}

impl Gathered {
    fn finish(self, query: &Query, now: Timestamp) -> Groups {
        let group = |(name, gatherings): (Box<[u8]>, Gatherings)| Group {
            name: String::from_utf8_lossy(&name).into(),
            summaries: summaries(&gatherings, query, now),
        };
        let mut groups: Vec<Group> = self.groups.into_iter().map(group).collect();
        groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Groups {
            groups,
            ungrouped: self.ungrouped,
            left_out: self.left_out,
        }
    }
}

/// Gathers by the grouping of a query. Without one, all entities are in a group with an empty
/// name.
fn gather_groups(registry: &Registry, now: Timestamp, query: &Query) -> Gathered {
    let Some(grouping) = query.grouping() else {
        let mut gatherings = none(query);
        for matched in matches(registry, now, query) {
            matched.contribute(query, &mut gatherings);
        }
        return Gathered {
            groups: HashMap::from([(Box::default(), gatherings)]),
            ungrouped: 0,
            left_out: 0,
        };
    };
    gather_by(registry, now, query, |source| {
        match value_in(grouping.key(), registry, source, now)? {
            value if value.is_empty() => None,
            Cow::Borrowed(value) => grouping.part_of(value).map(Cow::Borrowed),
            Cow::Owned(value) => grouping.part_of(&value).map(|part| part.to_vec().into()),
        }
    })
}

fn gather_by<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
    group: impl Fn(&'r Source) -> Option<Cow<'r, [u8]>>,
) -> Gathered {
    let mut gathered = Gathered {
        groups: HashMap::new(),
        ungrouped: 0,
        left_out: 0,
    };
    for matched in matches(registry, now, query) {
        let Some(name) = group(matched.source) else {
            gathered.ungrouped += 1;
            continue;
        };
        if let Some(gatherings) = gathered.groups.get_mut(&*name) {
            matched.contribute(query, gatherings);
        } else if gathered.groups.len() < registry.config().max_groups {
            let mut gatherings = none(query);
            matched.contribute(query, &mut gatherings);
            gathered.groups.insert(name.into(), gatherings);
        } else {
            gathered.left_out += 1;
        }
    }
    gathered
}

fn none(query: &Query) -> Gatherings {
    vec![Gathering::default(); query.expressions().len()]
}

fn summaries(gatherings: &Gatherings, query: &Query, now: Timestamp) -> Vec<Summary> {
    let pairs = query.expressions().iter().zip(gatherings);
    pairs
        .map(|(expression, gathering)| {
            let (summary, winner) = Summary::of(gathering, expression.statistic(), now);
            Summary {
                winner: winner.copied(),
                ..summary
            }
        })
        .collect()
}

/// The values of each entity that matches a query.
pub(super) fn per_entity<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = EntityValues<'r>> {
    matches(registry, now, query).filter_map(move |matched| {
        let entity = registry.entity(matched.source, now)?;
        Some(EntityValues {
            entity,
            matched,
            query,
        })
    })
}

/// The values of one entity for the expressions of a query, see
/// [`Registry::per_entity`](crate::Registry::per_entity).
pub struct EntityValues<'r> {
    entity: Entity<'r>,
    matched: Match<'r>,
    query: &'r Query,
}

impl<'r> EntityValues<'r> {
    /// The entity.
    pub fn entity(&self) -> Entity<'r> {
        self.entity
    }

    /// The value for the expression at index `place`, and the time of its oldest reading. `None` if
    /// the index is out of range or the entity has no current value.
    pub fn value(&self, place: usize) -> Option<(f64, Timestamp)> {
        let expression = self.query.expressions().get(place)?;
        if !is_measured(self.matched.source, expression) {
            return None;
        }
        self.matched.value(self.query.window(), expression)
    }
}

impl fmt::Debug for EntityValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = (0..self.query.expressions().len()).map(|place| self.value(place));
        f.debug_struct("EntityValues")
            .field("entity", &self.entity.name())
            .field("values", &values.collect::<Vec<_>>())
            .finish()
    }
}

/// A source that matches a query.
struct Match<'r> {
    registry: &'r Registry,
    source: &'r Source,
    now: Timestamp,
    lifecycle: Lifecycle,
    /// Older readings are stale.
    valid_since: Timestamp,
}

/// The sources of a matching kind that pass the filters.
fn matches<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = Match<'r>> {
    registry.sources().filter_map(move |source| {
        let mut expressions = query.expressions().iter();
        if !expressions.any(|expression| is_measured(source, expression)) {
            return None;
        }
        let stale_after = source.stale_after(registry.config());
        let lifecycle = source.lifecycle_after(now, stale_after, registry.config());
        if lifecycle == Lifecycle::Gone || !passes(registry, source, now, query.filters()) {
            return None;
        }
        Some(Match {
            registry,
            source,
            now,
            lifecycle,
            valid_since: now - stale_after,
        })
    })
}

impl Match<'_> {
    fn contribute(&self, query: &Query, gatherings: &mut Gatherings) {
        for (expression, gathering) in query.expressions().iter().zip(gatherings) {
            if !is_measured(self.source, expression) {
                continue;
            }
            gathering.matched += 1;
            match self.lifecycle {
                Lifecycle::Stale | Lifecycle::Gone => {
                    gathering.stale += 1;
                    continue;
                }
                Lifecycle::Warming => gathering.warming += 1,
                Lifecycle::Live => {}
            }
            match self.value(query.window(), expression) {
                Some((value, at)) => {
                    gathering.contribute(expression.statistic(), value, at, self.source.id);
                }
                None if !self.registry.is_kept(query.window(), expression) => {
                    gathering.unwatched += 1;
                }
                None => {}
            }
        }
    }

    /// The sum of the metrics of an expression, and the time of its oldest reading. `None` if a
    /// metric is unknown or stale, or if the sum is too large.
    fn value(&self, window: Option<Window>, expression: &Expression) -> Option<(f64, Timestamp)> {
        if matches!(self.lifecycle, Lifecycle::Stale | Lifecycle::Gone) {
            return None;
        }
        let mut total: Option<(f64, Timestamp)> = None;
        for metric in expression.metrics() {
            let (value, at) = match window {
                None => self.source.value(metric)?,
                Some(window) => self.over(window, metric)?,
            };
            total = Some(total.map_or((value, at), |(sum, oldest)| (sum + value, oldest.min(at))));
        }
        // The value of a complete window remains valid until the next window is complete.
        let is_complete = window.is_some_and(Window::is_tumbling);
        let total = total.filter(|(value, _)| is_valid(*value));
        total.filter(|(_, at)| is_complete || *at >= self.valid_since)
    }

    /// The value of a metric over a window, and the time of its newest reading.
    fn over(&self, window: Window, metric: &Metric) -> Option<(f64, Timestamp)> {
        let slots = self.registry.slots_of(window, self.now);
        let ring = self.source.ring(self.registry.kept_at(window, metric)?)?;
        let readings = ring.over(slots.clone());
        let value = match window.function() {
            WindowFn::Percentile(percent) => ring.percentile(slots, percent),
            WindowFn::Min => readings.min(),
            WindowFn::Max => readings.max(),
            WindowFn::Last => readings.last(),
            WindowFn::Mean => readings.mean(),
        };
        Some((value?, readings.last_at()?))
    }
}

/// Whether a source is of the kind that an expression measures. Expressions for any kind match
/// sources that have reported all of their metrics.
#[inline]
fn is_measured(source: &Source, expression: &Expression) -> bool {
    match expression.entity() {
        EntityKind::Other => expression.metrics().iter().all(|metric| source.has(metric)),
        kind => kind == source.kind,
    }
}

fn passes(registry: &Registry, source: &Source, now: Timestamp, filters: &[Filter]) -> bool {
    filters.iter().all(|filter| {
        let value = value_in(filter.key(), registry, source, now);
        let is_match = |value: &[u8]| filter.values().iter().any(|it| it.fits_bytes(value));
        let is_matching = value.is_some_and(|value| {
            is_match(&value)
                || other_notation(filter.key(), &value).is_some_and(|it| is_match(it.as_bytes()))
        });
        is_matching != filter.is_negated()
    })
}

/// The other notation of an IPv4 address: mapped to IPv6 (`::ffff:192.0.2.9`), or plain.
fn other_notation(key: Key, value: &[u8]) -> Option<String> {
    if !matches!(key, Key::Agent | Key::Sender) {
        return None;
    }
    let address: IpAddr = core::str::from_utf8(value).ok()?.parse().ok()?;
    match address {
        IpAddr::V4(address) => Some(address.to_ipv6_mapped().to_string()),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(|address| address.to_string()),
    }
}
