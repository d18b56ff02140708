use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sflow_metrics::{Registry, Timestamp, query::Query};

use super::hosts::has_nominal_speed;
use super::question::Question;
use super::trust::Trust;
use crate::orchestrator::{Service, Task, TaskState};
use crate::policy::Signal;

/// The readings at one moment, matched with the orchestrator's own list of tasks.
///
/// Only a task that the orchestrator runs counts, and only a reading from the agent of the node
/// that it runs on ([`Trust`]).
#[derive(Debug)]
pub struct Look<'t> {
    now: Timestamp,
    trust: &'t Trust,
    /// For each different query, who had something to say.
    said: Vec<(&'t Query, Said<'t>)>,
}

/// What was said to one query.
#[derive(Debug, Default)]
struct Said<'t> {
    entities: Vec<Reading>,
    by_name: HashMap<&'t str, Vec<usize>>,
    by_uuid: HashMap<[u8; 16], Vec<usize>>,
}

/// What one entity said.
#[derive(Debug)]
struct Reading {
    /// The place of the node that it is or is on; `None` if it is not checked who reports.
    node: Option<usize>,
    /// The value of each metric, and when it was read.
    values: Vec<Option<(f64, Timestamp)>>,
}

/// Agents send no more of a host name.
pub(crate) const NAME_LENGTH: usize = 64;

impl<'t> Look<'t> {
    /// Asks each different query once, however many services ask it.
    pub(super) fn take(
        registry: &'t Registry,
        trust: &'t Trust,
        now: Timestamp,
        questions: impl IntoIterator<Item = &'t Question>,
    ) -> Self {
        let mut said: Vec<(&Query, Said<'t>)> = Vec::new();
        for question in questions {
            let query = question.query();
            if !said.iter().any(|(known, _)| *known == query) {
                said.push((query, Said::to(registry, trust, now, query)));
            }
        }
        Self { now, trust, said }
    }

    /// One signal for each metric of the question, as mean over the running tasks of the service.
    ///
    /// The readings of a task that has been running for less than `warm_up` do not count.
    ///
    /// What an application reports under the name of the service, and not of a container, is of
    /// all its tasks together, however old: each has its share.
    pub fn signals(
        &self,
        question: &Question,
        service: &Service,
        warm_up: Duration,
    ) -> Vec<Signal> {
        let said = self
            .said
            .iter()
            .find(|(query, _)| *query == question.query());
        let running = service.tasks.iter();
        let running = running.filter(|task| task.state == TaskState::Running);
        let mut signals: Vec<Sum> = vec![Sum::default(); question.metrics().len()];
        let Some((_, said)) = said else {
            return self.finish(signals, question);
        };
        let mut tasks: u32 = 0;
        for task in running {
            tasks += 1;
            let seen: Vec<&Reading> = said.of(task, self.trust).collect();
            if seen.is_empty() {
                continue;
            }
            for (place, sum) in signals.iter_mut().enumerate() {
                let reading = seen.iter().find_map(|reading| reading.values[place]);
                sum.add_member(reading, task.age < warm_up);
            }
        }
        for (place, sum) in signals.iter_mut().enumerate() {
            let whole = said.named(&service.name);
            let mut whole = whole.filter_map(|reading| reading.values[place]);
            if sum.contributing == 0
                && sum.warming == 0
                && let Some((value, at)) = whole.next()
            {
                sum.matched = tasks;
                sum.add(value, tasks, at);
            }
        }
        self.finish(signals, question)
    }

    /// The values of each running task of the service that has any.
    pub fn each<'s>(
        &self,
        question: &Question,
        service: &'s Service,
    ) -> Vec<(&'s Task, Vec<Option<f64>>)> {
        let said = self
            .said
            .iter()
            .find(|(query, _)| *query == question.query());
        let Some((_, said)) = said else {
            return Vec::new();
        };
        let running = service.tasks.iter();
        let running = running.filter(|task| task.state == TaskState::Running);
        let values = running.filter_map(|task| {
            let seen: Vec<&Reading> = said.of(task, self.trust).collect();
            let value = |place: usize| {
                let value = seen.iter().find_map(|reading| reading.values[place]);
                value.map(|(value, _)| value)
            };
            let places = 0..question.metrics().len();
            (!seen.is_empty()).then(|| (task, places.map(value).collect()))
        });
        values.collect()
    }

    /// One signal for each metric of the question, as mean over these hosts. Of the interfaces of a
    /// host the busiest counts. The readings of a host of which `is_warming` is true do not count.
    pub fn signals_of_hosts<'h>(
        &self,
        question: &Question,
        hosts: impl IntoIterator<Item = &'h str>,
        is_warming: impl Fn(&str) -> bool,
    ) -> Vec<Signal> {
        let mut signals: Vec<Sum> = vec![Sum::default(); question.metrics().len()];
        let mut said = self.said.iter();
        let Some((_, said)) = said.find(|(query, _)| *query == question.query()) else {
            return self.finish(signals, question);
        };
        let mut by_node: HashMap<usize, Vec<&Reading>> = HashMap::new();
        for reading in &said.entities {
            if let Some(node) = reading.node {
                by_node.entry(node).or_default().push(reading);
            }
        }
        for host in hosts {
            let places = self.trust.named(host).iter();
            let readings: Vec<_> = places
                .filter_map(|node| by_node.get(node))
                .flatten()
                .collect();
            if readings.is_empty() {
                continue;
            }
            for (place, sum) in signals.iter_mut().enumerate() {
                let values = readings.iter().filter_map(|reading| reading.values[place]);
                let busiest = values.max_by(|(a, _), (b, _)| a.total_cmp(b));
                sum.add_member(busiest, is_warming(host));
            }
        }
        self.finish(signals, question)
    }

    /// The nodes on which telemetry knows a running task of the service that is older than
    /// `warm_up`: packet samples of the service count there. Samples do not show which container
    /// of a node they belong to.
    pub(crate) fn nodes_with(
        &self,
        question: &Question,
        service: &Service,
        warm_up: Duration,
    ) -> BTreeSet<usize> {
        let mut said = self.said.iter();
        let said = said.find(|(query, _)| *query == question.query());
        let running = service.tasks.iter();
        let running =
            running.filter(|task| task.state == TaskState::Running && task.age >= warm_up);
        let readings = running.flat_map(|task| {
            let said = said.iter();
            said.flat_map(|(_, said)| said.of(task, self.trust))
        });
        readings.filter_map(|reading| reading.node).collect()
    }

    fn finish(&self, sums: Vec<Sum>, question: &Question) -> Vec<Signal> {
        let named = question.metrics().iter().zip(sums).enumerate();
        named
            .map(|(place, (metric, sum))| sum.into_signal(metric, question.unit(place), self.now))
            .collect()
    }
}

impl<'t> Said<'t> {
    fn to(registry: &'t Registry, trust: &Trust, now: Timestamp, query: &'t Query) -> Self {
        let mut said = Self::default();
        for answer in registry.per_entity(now, query) {
            let entity = answer.entity();
            let node = trust.node_of(&entity);
            if node.is_none() && !trust.is_open() {
                continue;
            }
            let place = said.entities.len();
            let name = entity.name();
            if !name.is_empty() {
                said.by_name.entry(name).or_default().push(place);
            }
            // Names that were cut are not enough to tell two containers apart.
            if name.len() >= NAME_LENGTH
                && let Some(uuid) = entity.uuid()
            {
                said.by_uuid.entry(uuid.0).or_default().push(place);
            }
            let is_nominal = has_nominal_speed(&entity);
            let values = query.expressions().iter().enumerate();
            let values = values.map(|(place, expression)| {
                // Without the true speed the share is unknown.
                let is_share = expression
                    .metrics()
                    .iter()
                    .any(|metric| metric.unit() == "%");
                let value = answer.value(place);
                value.filter(|_| !(is_nominal && is_share))
            });
            said.entities.push(Reading {
                node,
                values: values.collect(),
            });
        }
        said
    }

    /// The readings of a task, from the agent of its own node.
    fn of(&self, task: &Task, trust: &Trust) -> impl Iterator<Item = &Reading> {
        let name = task.container.as_str();
        let is_cut = name.len() > NAME_LENGTH;
        let by_uuid = task.uuid.filter(|_| is_cut);
        let by_uuid = by_uuid.and_then(|uuid| self.by_uuid.get(&uuid));
        let by_uuid = by_uuid.into_iter().flatten();
        let by_uuid = by_uuid.filter_map(|place| self.entities.get(*place));
        let by_name = match is_cut {
            true => name.get(..NAME_LENGTH).filter(|_| task.uuid.is_none()),
            false => Some(name),
        };
        let by_name = by_name.into_iter().flat_map(|name| self.named(name));
        let nodes = match &task.node {
            Some(node) if !trust.is_open() => Some(trust.named(node).to_vec()),
            _ => None,
        };
        let is_there = move |reading: &&Reading| match (&nodes, reading.node) {
            (Some(nodes), Some(node)) => nodes.contains(&node),
            (Some(_), None) => false,
            (None, _) => true,
        };
        by_uuid.chain(by_name).filter(is_there)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Reading> {
        let places = self.by_name.get(name).into_iter().flatten();
        places.filter_map(|place| self.entities.get(*place))
    }
}

/// A sum on its way to a mean.
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
    /// The reading of one container or host, which does not count while it warms up.
    fn add_member(&mut self, reading: Option<(f64, Timestamp)>, is_warming: bool) {
        self.matched += 1;
        match reading {
            Some(_) if is_warming => self.warming += 1,
            Some((value, at)) => self.add(value, 1, at),
            None => {}
        }
    }

    /// A value of so many containers together.
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

/// The mean of a metric over containers, by their values and ages.
#[cfg(test)]
pub(crate) fn signal_of(metric: &str, members: &[(f64, Duration)], warm_up: Duration) -> Signal {
    let mut sum = Sum::default();
    let now = Timestamp::from_secs(60);
    for (value, age) in members {
        sum.add_member(Some((*value, now)), *age < warm_up);
    }
    sum.into_signal(metric, String::new(), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrator::Orchestrator;
    use crate::simulator::{Scenario, Simulation};
    use crate::telemetry::Telemetry;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    /// The article's cluster after a while, with the service as its orchestrator tells it.
    async fn cluster(replicas: u32) -> (Telemetry, Service, Timestamp) {
        let mut scenario = Scenario::named("article").unwrap();
        scenario.cluster.services[0].replicas = replicas;
        let mut simulation = Simulation::new(&scenario, 1, START).unwrap();
        let mut telemetry = Telemetry::default();
        let now = START + Duration::from_secs(60);
        simulation.advance(now, |delivery| {
            let source = (delivery.source, 6343).into();
            telemetry.receive(delivery.at, source, delivery.bytes);
        });
        telemetry.set_nodes(now, simulation.nodes());
        let names = [scenario.cluster.services[0].name.clone()];
        let mut found = simulation.services(&names).await.unwrap();
        (telemetry, found.remove(0), now)
    }

    fn ask(telemetry: &Telemetry, now: Timestamp, service: &Service) -> Signal {
        let question = Question::new(&["vir_bytes_in+vir_bytes_out"]).unwrap();
        let look = telemetry.look(now, [&question]);
        let signals = look.signals(&question, service, Duration::ZERO);
        assert_eq!(signals.len(), 1);
        signals.into_iter().next().unwrap()
    }

    #[tokio::test]
    async fn the_tasks_that_run_are_what_counts() {
        let (telemetry, mut service, now) = cluster(3).await;
        let signal = ask(&telemetry, now, &service);
        assert_eq!((signal.matched, signal.contributing), (3, 3));
        assert!(
            signal.value.is_some() && signal.oldest < Some(15.0),
            "{signal:?}"
        );
        service.tasks[0].state = TaskState::Pending;
        let signal = ask(&telemetry, now, &service);
        assert_eq!((signal.matched, signal.contributing), (2, 2));
    }

    #[tokio::test]
    async fn young_task_does_not_count() {
        let (telemetry, mut service, now) = cluster(3).await;
        service.tasks[0].age = Duration::from_secs(9);
        let question = Question::new(&["vir_bytes_in+vir_bytes_out"]).unwrap();
        let look = telemetry.look(now, [&question]);
        for (warm_up, contributing) in [(0, 3), (9, 3), (10, 2)] {
            let warm_up = Duration::from_secs(warm_up);
            let signals = look.signals(&question, &service, warm_up);
            let signal = &signals[0];
            assert_eq!((signal.matched, signal.unit.as_str()), (3, "B/s"));
            assert_eq!(signal.contributing, contributing);
            assert_eq!(signal.warming, 3 - contributing);
        }
        // Packet samples count on the nodes of the other tasks only.
        let nodes = |warm_up| look.nodes_with(&question, &service, Duration::from_secs(warm_up));
        assert_eq!((nodes(9).len(), nodes(10).len()), (3, 2));
        let hosts = ["node1", "node2", "node3"];
        let hosts_question = Question::new(&["cpu_utilization"]).unwrap();
        let look = telemetry.look(now, [&hosts_question]);
        let signals = look.signals_of_hosts(&hosts_question, hosts, |host| host == "node2");
        assert_eq!((signals[0].contributing, signals[0].warming), (2, 1));
    }

    #[tokio::test]
    async fn what_the_orchestrator_does_not_run_there_has_no_weight() {
        let (telemetry, mut service, now) = cluster(3).await;
        // Telemetry tells of it from another node than the one that it was placed on.
        let elsewhere = service.tasks[1].node.replace("another-node".to_owned());
        assert!(elsewhere.is_some());
        // Telemetry tells of a container that is no task at all.
        service.tasks.pop();
        let signal = ask(&telemetry, now, &service);
        assert_eq!((signal.matched, signal.contributing), (1, 1));
        // The same node by its full name, in capitals.
        let name = elsewhere.unwrap().to_uppercase() + ".example.org";
        service.tasks[1].node = Some(name);
        assert_eq!(ask(&telemetry, now, &service).matched, 2);
    }

    #[tokio::test]
    async fn hosts_are_asked_for_themselves_and_for_their_busiest_interface() {
        let (telemetry, _, now) = cluster(3).await;
        let metrics = ["cpu_utilization", "ifoututilization", "bytes_in+bytes_out"];
        let question = Question::new(&metrics).unwrap();
        let look = telemetry.look(now, [&question]);
        let ask =
            |hosts: &[&str]| look.signals_of_hosts(&question, hosts.iter().copied(), |_| false);
        let all = ask(&["node1", "NODE2.example.org", "node3"]);
        for (signal, metric) in all.iter().zip(metrics) {
            assert_eq!((signal.metric.as_str(), signal.contributing), (metric, 3));
            assert!(
                signal.value > Some(0.0) && signal.oldest < Some(30.0),
                "{signal:?}"
            );
        }
        // The bridge and the uplink carry the same requests, the uplink the agent's own as well:
        // of two interfaces there is one value.
        let one = ask(&["node1"]);
        assert!(
            one[1].least == one[1].most && one[1].value < Some(100.0),
            "{:?}",
            one[1]
        );
        // Who is not known is not counted as matched.
        let some = ask(&["node1", "node9"]);
        assert_eq!((some[0].matched, some[0].contributing), (1, 1));
        assert_eq!(ask(&[])[0].value, None);
        drop(look);
        let later = now + Duration::from_secs(120);
        let look = telemetry.look(later, [&question]);
        let silent = look.signals_of_hosts(&question, ["node1"], |_| false);
        assert_eq!((silent[0].value, silent[0].contributing), (None, 0));
    }

    #[tokio::test]
    async fn silence_is_no_value() {
        let (telemetry, service, now) = cluster(2).await;
        let signal = ask(&telemetry, now + Duration::from_secs(60), &service);
        assert_eq!((signal.value, signal.contributing), (None, 0));
        let signal = ask(&Telemetry::default(), now, &service);
        assert_eq!((signal.matched, signal.value), (0, None));
    }
}
