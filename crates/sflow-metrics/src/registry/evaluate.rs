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
    WindowFn,
};
use crate::timestamp::Timestamp;

/// What was gathered for each expression.
type Gatherings = Vec<Gathering<EntityId>>;

/// Answers a query by one walk over all sources.
pub(super) fn evaluate(registry: &Registry, now: Timestamp, query: &Query) -> Vec<Summary> {
    let mut gatherings = none(query);
    for asked in asked(registry, now, query) {
        asked.contribute(query, &mut gatherings);
    }
    summaries(&gatherings, query, now)
}

/// The same, for each group of entities.
pub(super) fn evaluate_groups(registry: &Registry, now: Timestamp, query: &Query) -> Groups {
    let gathered = gather_groups(registry, now, query);
    let mut groups: Vec<Group> = gathered
        .groups
        .into_iter()
        .map(|(name, gatherings)| Group {
            name: String::from_utf8_lossy(&name).into(),
            summaries: summaries(&gatherings, query, now),
        })
        .collect();
    groups.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Groups {
        groups,
        ungrouped: gathered.ungrouped,
        left_out: gathered.left_out,
    }
}

/// The sources that a query is about.
pub(super) fn matching<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = &'r Source> {
    asked(registry, now, query).map(|asked| asked.source)
}

/// The value of each entity that a query of one expression is about; `None` of those that have
/// none now.
pub(super) fn values_of_entities<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = (&'r Source, Option<f64>)> {
    asked(registry, now, query).filter_map(move |asked| {
        let expression = query.expressions().first()?;
        let value = asked.value(query.window(), expression);
        Some((asked.source, value.map(|(value, _)| value)))
    })
}

/// What a registry has to say to a query, for others to put theirs to.
pub(super) fn partial(registry: &Registry, now: Timestamp, query: &Query) -> Partial {
    let gathered = gather_groups(registry, now, query);
    // Only those who hold something are looked up, in one walk.
    let parts = gathered.groups.values().flatten();
    let mut holders: HashMap<EntityId, Owner> = parts
        .filter_map(|gathering| Some((*gathering.holder()?, Owner::default())))
        .collect();
    for entity in registry.entities(now) {
        if let Some(holder) = holders.get_mut(&entity.id()) {
            *holder = Owner {
                name: entity.name().to_owned(),
                agent: entity.agent().to_string(),
                data_source: entity.data_source().map(|source| source.to_string()),
            };
        }
    }
    let holder = |id| holders.get(&id).cloned().unwrap_or_default();
    let groups = gathered.groups.into_iter().map(|(name, gatherings)| {
        let parts = gatherings
            .into_iter()
            .map(|gathering| gathering.held_by(holder));
        (String::from_utf8_lossy(&name).into_owned(), parts.collect())
    });
    Partial::of(query, groups, gathered.ungrouped, gathered.left_out)
}

/// What was gathered, by group.
struct Gathered {
    groups: HashMap<Box<[u8]>, Gatherings>,
    ungrouped: u64,
    left_out: u64,
}

/// Gathers by group; without a grouping all entities are in one without a name.
fn gather_groups(registry: &Registry, now: Timestamp, query: &Query) -> Gathered {
    let mut gathered = Gathered {
        groups: HashMap::new(),
        ungrouped: 0,
        left_out: 0,
    };
    if query.grouping().is_none() {
        gathered.groups.insert(Box::default(), none(query));
    }
    for asked in asked(registry, now, query) {
        let value;
        let name: &[u8] = match query.grouping() {
            None => &[],
            Some(grouping) => {
                value = value_in(grouping.key(), registry, asked.source, now)
                    .unwrap_or(Cow::Borrowed(&[]));
                match grouping.part_of(&value) {
                    Some(part) if !value.is_empty() => part,
                    _ => {
                        gathered.ungrouped += 1;
                        continue;
                    }
                }
            }
        };
        if let Some(gatherings) = gathered.groups.get_mut(name) {
            asked.contribute(query, gatherings);
        } else if gathered.groups.len() < registry.config().max_groups {
            let mut gatherings = none(query);
            asked.contribute(query, &mut gatherings);
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

/// What each entity has to say to a query.
pub(super) fn answers<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = EntityValues<'r>> {
    asked(registry, now, query).filter_map(move |asked| {
        let entity = registry.entity(asked.source, now)?;
        Some(EntityValues {
            entity,
            asked,
            query,
        })
    })
}

/// What one entity has to say to a query, for who wants to choose among entities by itself.
pub struct EntityValues<'r> {
    entity: Entity<'r>,
    asked: Asked<'r>,
    query: &'r Query,
}

impl<'r> EntityValues<'r> {
    /// Who says it.
    pub fn entity(&self) -> Entity<'r> {
        self.entity
    }

    /// Its value for the expression at `place`, and when the oldest part of it was read; `None`
    /// where it has none that can be believed now.
    pub fn value(&self, place: usize) -> Option<(f64, Timestamp)> {
        let expression = self.query.expressions().get(place)?;
        if !could_have(self.asked.source, expression) {
            return None;
        }
        self.asked.value(self.query.window(), expression)
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

/// A source that a query is about.
struct Asked<'r> {
    registry: &'r Registry,
    source: &'r Source,
    now: Timestamp,
    lifecycle: Lifecycle,
    believed_since: Timestamp,
}

/// The sources that are of a right kind and pass the filters.
fn asked<'r>(
    registry: &'r Registry,
    now: Timestamp,
    query: &'r Query,
) -> impl Iterator<Item = Asked<'r>> {
    registry.sources().filter_map(move |source| {
        let mut expressions = query.expressions().iter();
        if !expressions.any(|expression| could_have(source, expression)) {
            return None;
        }
        let stale_after = source.stale_after(registry.config());
        let lifecycle = source.lifecycle_after(now, stale_after, registry.config());
        if lifecycle == Lifecycle::Gone || !passes(registry, source, now, query.filters()) {
            return None;
        }
        Some(Asked {
            registry,
            source,
            now,
            lifecycle,
            believed_since: now - stale_after,
        })
    })
}

impl Asked<'_> {
    fn contribute(&self, query: &Query, gatherings: &mut Gatherings) {
        for (expression, gathering) in query.expressions().iter().zip(gatherings) {
            if !could_have(self.source, expression) {
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
            if let Some((value, at)) = self.value(query.window(), expression) {
                gathering.contribute(expression.statistic(), value, at, self.source.id);
            }
        }
    }

    /// The sum of an expression's metrics, and when the oldest part of it was read; `None` if a
    /// part is unknown, or too old to be believed.
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
        // A whole window that is over stays as it was until the next one is.
        let is_over = window.is_some_and(Window::is_tumbling);
        total.filter(|(_, at)| is_over || *at >= self.believed_since)
    }

    /// What a window takes of a metric, and when the newest of it was read.
    fn over(&self, window: Window, metric: &Metric) -> Option<(f64, Timestamp)> {
        let slots = self.registry.slots_of(window, self.now);
        let ring = self.source.ring(self.registry.watched(metric)?)?;
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

/// Whether a source is of the kind that an expression is about; of whatever kind, whether it has
/// ever said something of all metrics.
#[inline]
fn could_have(source: &Source, expression: &Expression) -> bool {
    match expression.entity() {
        EntityKind::Other => expression.metrics().iter().all(|metric| source.has(metric)),
        kind => kind == source.kind,
    }
}

fn passes(registry: &Registry, source: &Source, now: Timestamp, filters: &[Filter]) -> bool {
    filters.iter().all(|filter| {
        let value = value_in(filter.key(), registry, source, now);
        let fits = |value: &[u8]| filter.values().iter().any(|it| it.fits_bytes(value));
        let is_fitting = value.is_some_and(|value| {
            fits(&value) || other_form(filter.key(), &value).is_some_and(|it| fits(it.as_bytes()))
        });
        is_fitting != filter.is_negative()
    })
}

/// The other form of an address that is of IPv4: in IPv6 (`::ffff:192.0.2.9`), or by itself.
fn other_form(key: Key, value: &[u8]) -> Option<String> {
    if !matches!(key, Key::Agent | Key::Sender) {
        return None;
    }
    let address: IpAddr = core::str::from_utf8(value).ok()?.parse().ok()?;
    match address {
        IpAddr::V4(address) => Some(address.to_ipv6_mapped().to_string()),
        IpAddr::V6(address) => address.to_ipv4_mapped().map(|address| address.to_string()),
    }
}
