use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sflow_metrics::{Metric, Registry, Timestamp, query::Query};

use super::hosts::has_nominal_speed;
use super::metric_query::MetricQuery;
use super::trust::Trust;
use crate::orchestrator::{Service, Task, TaskState};
use crate::policy::Signal;

/// The readings at one moment, matched with the tasks that the orchestrator lists.
///
/// Only tasks that the orchestrator runs count, and only readings from the agent of the node that a
/// task runs on ([`Trust`]).
#[derive(Debug)]
pub struct Snapshot<'t> {
    now: Timestamp,
    trust: &'t Trust,
    /// The readings of each distinct query.
    readings: Vec<(&'t Query, Readings<'t>)>,
}

/// The readings of all entities for one query.
#[derive(Debug, Default)]
struct Readings<'t> {
    entities: Vec<Entry>,
    /// For each entity the value of each metric, and when it was read.
    values: Vec<Option<(f64, Timestamp)>>,
    /// Number of metrics.
    metrics: usize,
    /// Indices of entities, of several with the same name the last.
    by_name: HashMap<&'t str, usize>,
    by_uuid: HashMap<[u8; 16], Vec<usize>>,
}

/// An entity that has readings.
#[derive(Debug)]
struct Entry {
    /// The index of the node that it is or is on; `None` if all agents are trusted.
    node: Option<usize>,
    /// The index of the entity before it that has the same name.
    previous: Option<usize>,
}

/// The reading of one entity.
#[derive(Clone, Copy, Debug)]
struct Reading<'r> {
    node: Option<usize>,
    /// One per metric.
    values: &'r [Option<(f64, Timestamp)>],
}

/// The longest host name that agents report, in bytes.
pub const MAX_NAME_LENGTH: usize = 64;

impl<'t> Snapshot<'t> {
    /// Queries the registry once for each distinct query.
    pub(super) fn new(
        registry: &'t Registry,
        trust: &'t Trust,
        now: Timestamp,
        queries: impl IntoIterator<Item = &'t MetricQuery>,
    ) -> Self {
        let mut readings: Vec<(&Query, Readings<'t>)> = Vec::new();
        for query in queries {
            let query = query.query();
            if !readings.iter().any(|(known, _)| *known == query) {
                readings.push((query, Readings::new(registry, trust, now, query)));
            }
        }
        Self {
            now,
            trust,
            readings,
        }
    }

    fn readings(&self, query: &MetricQuery) -> Option<&Readings<'t>> {
        let mut readings = self.readings.iter();
        let (_, readings) = readings.find(|(known, _)| *known == query.query())?;
        Some(readings)
    }

    /// One signal per metric of the query, as mean over the running tasks of the service.
    ///
    /// The readings of a task that has been running for less than `warm_up` do not count.
    ///
    /// A value that an application reports under the name of the service, and not of a container, is
    /// that of all its tasks together, whatever their age: each has an equal share.
    pub fn signals(
        &self,
        query: &MetricQuery,
        service: &Service,
        warm_up: Duration,
    ) -> Vec<Signal> {
        let mut sums: Vec<Sum> = vec![Sum::default(); query.metrics().len()];
        let Some(readings) = self.readings(query) else {
            return self.to_signals(sums, query);
        };
        let mut tasks: u32 = 0;
        for task in running(service) {
            tasks += 1;
            let found = readings.of_task(task, self.trust);
            if found.clone().next().is_none() {
                continue;
            }
            for (index, sum) in sums.iter_mut().enumerate() {
                let value = found.clone().find_map(|reading| reading.values[index]);
                sum.add_member(value, task.age < warm_up);
            }
        }
        for (index, sum) in sums.iter_mut().enumerate() {
            let of_service = readings.named(&service.name);
            let mut of_service = of_service.filter_map(|reading| reading.values[index]);
            if sum.contributing == 0
                && sum.warming == 0
                && let Some((value, at)) = of_service.next()
            {
                sum.matched = tasks;
                sum.add(value, tasks, at);
            }
        }
        self.to_signals(sums, query)
    }

    /// The values of each running task of the service that has a reading, one per metric of the query.
    pub fn values_by_task<'s>(
        &self,
        query: &MetricQuery,
        service: &'s Service,
    ) -> Vec<(&'s Task, Vec<Option<f64>>)> {
        let Some(readings) = self.readings(query) else {
            return Vec::new();
        };
        let values = running(service).filter_map(|task| {
            let found = readings.of_task(task, self.trust);
            found.clone().next()?;
            let value = |index: usize| {
                let value = found.clone().find_map(|reading| reading.values[index]);
                value.map(|(value, _)| value)
            };
            let indices = 0..query.metrics().len();
            Some((task, indices.map(value).collect()))
        });
        values.collect()
    }

    /// One signal per metric of the query, as mean over these hosts. Of the interfaces of a host the
    /// busiest counts. The readings of hosts for which `is_warming` is true do not count.
    pub fn host_signals<'h>(
        &self,
        query: &MetricQuery,
        hosts: impl IntoIterator<Item = &'h str>,
        is_warming: impl Fn(&str) -> bool,
    ) -> Vec<Signal> {
        let mut sums: Vec<Sum> = vec![Sum::default(); query.metrics().len()];
        let Some(readings) = self.readings(query) else {
            return self.to_signals(sums, query);
        };
        let mut by_node: HashMap<usize, Vec<Reading<'_>>> = HashMap::new();
        for reading in readings.iter() {
            if let Some(node) = reading.node {
                by_node.entry(node).or_default().push(reading);
            }
        }
        for host in hosts {
            let nodes = self.trust.named(host).iter();
            let found: Vec<_> = nodes
                .filter_map(|node| by_node.get(node))
                .flatten()
                .collect();
            if found.is_empty() {
                continue;
            }
            for (index, sum) in sums.iter_mut().enumerate() {
                let values = found.iter().filter_map(|reading| reading.values[index]);
                let busiest = values.max_by(|(a, _), (b, _)| a.total_cmp(b));
                sum.add_member(busiest, is_warming(host));
            }
        }
        self.to_signals(sums, query)
    }

    /// The indices of the nodes on which a running task of the service that is older than `warm_up` has
    /// a reading: packet samples of the service count there. Samples do not show which container of a
    /// node they belong to.
    pub fn nodes_with_tasks(
        &self,
        query: &MetricQuery,
        service: &Service,
        warm_up: Duration,
    ) -> BTreeSet<usize> {
        let Some(readings) = self.readings(query) else {
            return BTreeSet::new();
        };
        let old = running(service).filter(|task| task.age >= warm_up);
        let found = old.flat_map(|task| readings.of_task(task, self.trust));
        found.filter_map(|reading| reading.node).collect()
    }

    fn to_signals(&self, sums: Vec<Sum>, query: &MetricQuery) -> Vec<Signal> {
        let named = query.metrics().iter().zip(sums).enumerate();
        named
            .map(|(index, (metric, sum))| sum.into_signal(metric, query.unit(index), self.now))
            .collect()
    }
}

fn running(service: &Service) -> impl Iterator<Item = &Task> {
    let tasks = service.tasks.iter();
    tasks.filter(|task| task.state == TaskState::Running)
}

impl<'t> Readings<'t> {
    fn new(registry: &'t Registry, trust: &Trust, now: Timestamp, query: &'t Query) -> Self {
        let mut readings = Self {
            metrics: query.expressions().len(),
            ..Self::default()
        };
        let is_share = |metric: &Metric| metric.unit() == "%";
        let expressions = query.expressions().iter();
        let are_shares: Vec<bool> = expressions
            .map(|expression| expression.metrics().iter().any(is_share))
            .collect();
        for answer in registry.per_entity(now, query) {
            let entity = answer.entity();
            let node = trust.node_of(&entity);
            if node.is_none() && !trust.is_open() {
                continue;
            }
            let index = readings.entities.len();
            let name = entity.name();
            let previous = match name {
                "" => None,
                name => readings.by_name.insert(name, index),
            };
            // Two containers can have the same name after it was cut.
            if name.len() >= MAX_NAME_LENGTH
                && let Some(uuid) = entity.uuid()
            {
                readings.by_uuid.entry(uuid.0).or_default().push(index);
            }
            let is_nominal = has_nominal_speed(&entity);
            let values = are_shares.iter().enumerate().map(|(index, is_share)| {
                // Without the true speed the utilisation is unknown.
                let value = answer.value(index);
                value.filter(|_| !(is_nominal && *is_share))
            });
            readings.values.extend(values);
            readings.entities.push(Entry { node, previous });
        }
        readings
    }

    fn get(&self, index: usize) -> Option<Reading<'_>> {
        let values = index * self.metrics..(index + 1) * self.metrics;
        Some(Reading {
            node: self.entities.get(index)?.node,
            values: self.values.get(values)?,
        })
    }

    fn iter(&self) -> impl Iterator<Item = Reading<'_>> {
        (0..self.entities.len()).filter_map(|index| self.get(index))
    }

    /// The readings of a task, from the agent of its own node.
    fn of_task<'r>(
        &'r self,
        task: &'r Task,
        trust: &'r Trust,
    ) -> impl Iterator<Item = Reading<'r>> + Clone {
        let name = task.container.as_str();
        let is_cut = name.len() > MAX_NAME_LENGTH;
        let by_uuid = task.uuid.filter(|_| is_cut);
        let by_uuid = by_uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        let by_uuid = by_uuid.into_iter().flatten();
        let by_uuid = by_uuid.filter_map(|index| self.get(*index));
        let by_name = match is_cut {
            true => name.get(..MAX_NAME_LENGTH).filter(|_| task.uuid.is_none()),
            false => Some(name),
        };
        let by_name = by_name.into_iter().flat_map(|name| self.named(name));
        let node = task.node.as_deref().filter(|_| !trust.is_open());
        let is_there = move |reading: &Reading<'_>| match (node, reading.node) {
            (Some(name), Some(node)) => trust.is_named(node, name),
            (Some(_), None) => false,
            (None, _) => true,
        };
        by_uuid.chain(by_name).filter(is_there)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = Reading<'_>> + Clone {
        let last = self.by_name.get(name).copied();
        let indices = std::iter::successors(last, |index| self.entities.get(*index)?.previous);
        indices.filter_map(|index| self.get(index))
    }
}

/// The sum and the extremes of the values of a metric.
#[derive(Clone, Debug, Default)]
struct Sum {
    total: f64,
    least: Option<f64>,
    most: Option<f64>,
    contributing: u32,
    matched: u32,
    warming: u32,
    newest: Option<Timestamp>,
    oldest: Option<Timestamp>,
}

impl Sum {
    /// Adds the reading of one container or host; while it warms up only its presence counts.
    fn add_member(&mut self, reading: Option<(f64, Timestamp)>, is_warming: bool) {
        self.matched += 1;
        match reading {
            Some(_) if is_warming => self.warming += 1,
            Some((value, at)) => self.add(value, 1, at),
            None => {}
        }
    }

    /// Adds a value that this number of containers has together.
    fn add(&mut self, value: f64, containers: u32, at: Timestamp) {
        let each = value / f64::from(containers.max(1));
        self.least = Some(self.least.map_or(each, |least| least.min(each)));
        self.most = Some(self.most.map_or(each, |most| most.max(each)));
        self.total += value;
        self.contributing += containers;
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
    }

    fn into_signal(self, metric: &str, unit: String, now: Timestamp) -> Signal {
        let age = |at: Timestamp| (now - at).as_secs_f64();
        Signal {
            metric: metric.to_owned(),
            unit,
            value: (self.contributing > 0).then(|| self.total / f64::from(self.contributing)),
            least: self.least,
            most: self.most,
            contributing: self.contributing,
            matched: self.matched,
            warming: self.warming,
            newest: self.newest.map(age),
            oldest: self.oldest.map(age),
            fast: None,
        }
    }
}
