//! From datagrams to what a decision needs: what every container uses, and how sure that is.

mod custom;
mod fast;
mod hosts;
mod look;
mod question;
mod shown;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use sflow_metrics::{Config, Entity, EntityKind, Health, Query, Registry, Timestamp};
use sflow_v5::{Datagram, Error, Fault};
use tracing::warn;

use self::custom::CustomMetrics;
pub use self::fast::Sampled;
use self::fast::{Corrections, Samples, Watched};
pub use self::hosts::Hosts;
pub(crate) use self::hosts::short_name;
pub use self::look::Look;
pub(crate) use self::look::NAME_LENGTH;
pub use self::question::Question;
pub use self::shown::{ContainerView, Intake};
pub use self::work::{question_of_work, work_per_cpu};
use crate::orchestrator::{Service, Task};

/// Decodes what arrives and keeps the picture. Nothing that arrives is an error here: what
/// cannot be used is counted by cause, and told in the log once for each cause.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    datagrams: u64,
    overflowed: u64,
    refused: BTreeMap<&'static str, u64>,
    told: BTreeSet<&'static str>,
    expired: Timestamp,
    custom: CustomMetrics,
    watched: Option<Watched>,
    samples: Samples,
    corrections: Corrections,
}

/// What is refused before it is read.
const STRANGER: &str = "sender not allowed";
/// What is refused before it is seen.
const OVERFLOW: &str = "overflow of the socket";

/// How often what has fallen silent is looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(5);

impl Default for Telemetry {
    fn default() -> Self {
        Self::new(bounds())
    }
}

/// What senders may make the loop keep: an installation of some thousand containers takes a few
/// MiB, and a flood must not take the machine.
fn bounds() -> Config {
    Config {
        max_bytes: 56 << 20,
        max_bytes_per_sender: 40 << 20,
        max_bytes_per_agent: 16 << 20,
        max_flow_bytes: 16 << 20,
        max_flow_addresses: 50_000,
        max_flow_sources: 50_000,
        ..Config::default()
    }
}

impl Telemetry {
    /// An empty picture.
    pub fn new(config: Config) -> Self {
        Self {
            registry: Registry::new(config),
            datagrams: 0,
            overflowed: 0,
            refused: BTreeMap::new(),
            told: BTreeSet::new(),
            expired: Timestamp::ZERO,
            custom: CustomMetrics::default(),
            watched: None,
            samples: Samples::default(),
            corrections: Corrections::default(),
        }
    }

    /// Takes one datagram as it came from a socket or a capture.
    pub fn receive(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        match Datagram::parse(bytes) {
            Ok(datagram) => {
                self.registry.ingest(received_at, source.ip(), &datagram);
                let health = self.registry.health();
                for (cause, count) in beyond_memory(&health) {
                    if count > 0 && self.told.insert(cause) {
                        warn!(%source, "refused: {cause}; further ones are only counted");
                    }
                }
                for (cause, count) in broken_inside(&health) {
                    if count > 0 && self.told.insert(cause) {
                        warn!(%source, "a {cause} in a datagram; further ones are only counted");
                    }
                }
            }
            Err(error) => self.refuse(cause(bytes, &error), source, &error),
        }
        self.pass(received_at);
    }

    /// Lets time pass, so that silence is noticed when nothing comes at all.
    pub fn pass(&mut self, now: Timestamp) {
        // A clock that was set back starts the interval again.
        if now < self.expired || now - self.expired >= EXPIRE_EVERY {
            self.expired = now;
            self.custom.expire(now, &mut self.registry);
            self.registry.expire(now);
        }
    }

    /// Sets the questions of all policies: metrics of applications are kept only if one of them
    /// or a recent question uses them.
    pub fn set_policies<'q>(&mut self, questions: impl Iterator<Item = &'q Question>) {
        self.custom.set_policies(questions, &mut self.registry);
    }

    /// Records that somebody asks this, so that metrics of applications in it are kept for a
    /// while.
    pub fn record_question(&mut self, now: Timestamp, query: &Query) {
        self.custom.record_question(now, query, &mut self.registry);
    }

    /// Counts a datagram of a sender that is not to be heard.
    pub fn turn_away(&mut self, source: SocketAddr) {
        self.datagrams += 1;
        *self.refused.entry(STRANGER).or_default() += 1;
        if self.told.insert(STRANGER) {
            warn!(%source, "a sender that is not in collector.agents; others are only counted");
        }
    }

    /// So many datagrams in all were dropped at the socket, because they came faster than they
    /// could be taken.
    pub fn overflowed(&mut self, datagrams: u64) {
        if datagrams > self.overflowed && self.told.insert(OVERFLOW) {
            warn!("datagrams come faster than they can be taken; further ones are only counted");
        }
        self.overflowed = datagrams;
    }

    #[cold]
    fn refuse(&mut self, cause: &'static str, source: SocketAddr, error: &Error) {
        *self.refused.entry(cause).or_default() += 1;
        if self.told.insert(cause) {
            warn!(%source, "{cause} on the port ({error}); further ones are only counted");
        }
    }

    /// The statistics themselves.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What is known at this moment of the containers that these questions are about.
    pub fn look<'t>(
        &'t self,
        now: Timestamp,
        questions: impl IntoIterator<Item = &'t Question>,
    ) -> Look<'t> {
        Look::take(&self.registry, now, questions)
    }

    /// Looks at what packet samples say now, for [`sampled`](Self::sampled) to answer from. From
    /// the first look on, samples are kept.
    pub fn sample(&mut self, now: Timestamp, is_known: impl Fn(&str) -> bool) {
        if self.watched.is_none() {
            self.watched = Watched::begin(&mut self.registry);
        }
        if let Some(watched) = &self.watched {
            self.samples = watched.take(&self.registry, now);
        }
        self.corrections.keep(is_known);
    }

    /// What packet samples say of a metric of all containers of a service together, if counters
    /// have confirmed them before; `counters` is what these say now. `None` for metrics that
    /// packets say nothing about.
    pub fn sampled(
        &mut self,
        now: Timestamp,
        service: &str,
        metric: &str,
        counters: Option<f64>,
    ) -> Option<Sampled> {
        self.corrections
            .apply(now, &self.samples, service, metric, counters)
    }

    /// How busy the hosts are.
    pub fn hosts(&self, now: Timestamp) -> Hosts {
        Hosts::take(&self.registry, now)
    }

    /// The containers seen now, by the service that they belong to by swarm's way of naming them.
    pub fn containers(&self, now: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mut containers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entity in self.registry.entities(now) {
            if entity.kind() == EntityKind::Container
                && let Some(service) = service_of(entity.name())
            {
                let names = containers.entry(service.to_owned()).or_default();
                names.push(entity.name().to_owned());
            }
        }
        for names in containers.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        containers
    }

    /// What is known of each task of a service, and of its container by these metrics.
    pub fn containers_of(
        &self,
        now: Timestamp,
        service: &Service,
        metrics: &[String],
    ) -> Vec<ContainerView> {
        let names: Vec<&str> = metrics.iter().map(String::as_str).collect();
        // They are those of a policy, so they are known.
        let question = Question::new(&names).ok();
        let look = self.look(now, &question);
        let mut told: HashMap<&str, Vec<Option<f64>>> = HashMap::new();
        if let Some(question) = &question {
            let each = look.each(question, service).into_iter();
            told.extend(each.map(|(task, values)| (task.container.as_str(), values)));
        }
        let view = |task: &Task| {
            let values = told.remove(task.container.as_str());
            ContainerView {
                name: task.container.clone(),
                node: task.node.clone(),
                state: task.state,
                age: task.age.as_secs_f64(),
                error: task.error.clone(),
                failures: task.failures,
                seen: values.is_some(),
                values: values.unwrap_or_else(|| vec![None; metrics.len()]),
            }
        };
        service.tasks.iter().map(view).collect()
    }

    /// What has arrived so far.
    pub fn intake(&self) -> Intake {
        let health = self.registry.health();
        let samples = health.counter_samples
            + health.flow_samples
            + health.unknown_samples
            + health.malformed_samples;
        let mut refused: BTreeMap<String, u64> = self
            .refused
            .iter()
            .map(|(cause, count)| ((*cause).to_owned(), *count))
            .collect();
        let unused = [(
            "custom metric that nothing uses",
            health.custom_metrics_unused,
        )];
        let causes = broken_inside(&health)
            .into_iter()
            .chain(beyond_memory(&health));
        for (cause, count) in causes.chain(unused) {
            if count > 0 {
                refused.insert(cause.to_owned(), count);
            }
        }
        if self.overflowed > 0 {
            refused.insert(OVERFLOW.to_owned(), self.overflowed);
        }
        let agents = self.registry.agents().count();
        Intake {
            datagrams: self.datagrams,
            samples,
            agents: u64::try_from(agents).unwrap_or(u64::MAX),
            refused,
        }
    }
}

/// How often something is heard, as far as that can be told: what is only assumed until it is
/// known is not told.
pub fn heard_every(entity: &Entity<'_>) -> Option<Duration> {
    /// By then the registry has learned it, and forgets pauses.
    const LEARNED: u64 = 5;
    let samples = entity.samples();
    if samples >= LEARNED {
        return Some(entity.interval());
    }
    let intervals = (samples + entity.samples_lost()).checked_sub(1)?;
    let intervals = u32::try_from(intervals).ok().filter(|count| *count > 0)?;
    Some((entity.last_seen() - entity.first_seen()) / intervals)
}

/// The service of a task by the name of its container: `service.slot.task`.
pub fn service_of(container: &str) -> Option<&str> {
    let (rest, task) = container.rsplit_once('.')?;
    let (service, slot) = rest.rsplit_once('.')?;
    let is_task = task.len() == 25 && task.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_slot = !slot.is_empty() && slot.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_task && is_slot && !service.is_empty()).then_some(service)
}

/// What could not be used of datagrams that could.
fn broken_inside(health: &Health) -> [(&'static str, u64); 3] {
    [
        ("malformed sample", health.malformed_samples),
        ("malformed record", health.malformed_records),
        ("datagram of one agent too many", health.datagrams_refused),
    ]
}

/// What was not kept because there would be too much of it.
fn beyond_memory(health: &Health) -> [(&'static str, u64); 6] {
    [
        (
            "sample of a data source too many",
            health.counter_samples_refused,
        ),
        ("custom metric too many", health.custom_metrics_refused),
        ("memory bound of a data source", health.source_bytes_refused),
        ("memory bound of an agent", health.agent_bytes_refused),
        ("memory bound of a sender", health.sender_bytes_refused),
        ("memory bound of all senders", health.total_bytes_refused),
    ]
}

/// What something on the port that is no sFlow datagram seems to be.
fn cause(bytes: &[u8], error: &Error) -> &'static str {
    if bytes.is_empty() {
        return "empty datagram";
    }
    match error.fault {
        Fault::Version(1..=4) => "older version of sFlow",
        Fault::Version(version) => match version >> 16 {
            5 | 9 => "NetFlow",
            10 => "IPFIX",
            _ => "no sFlow",
        },
        Fault::AddressType(_) => "unknown type of address",
        _ => "datagram cut off in its header",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_the_names_of_their_tasks() {
        let cases = [
            ("apache.1.rsm0h0ay4dbn6zbusp3ta9pf7", Some("apache")),
            (
                "my.stack_web.12.rsm0h0ay4dbn6zbusp3ta9pf7",
                Some("my.stack_web"),
            ),
            (
                "agent.4o2kkqbg8iwkzgfvlfbmdd0wc.rsm0h0ay4dbn6zbusp3ta9pf7",
                Some("agent"),
            ),
            ("apache", None),
            ("apache.1", None),
            ("apache.1.short", None),
            (".1.rsm0h0ay4dbn6zbusp3ta9pf7", None),
            ("apache..rsm0h0ay4dbn6zbusp3ta9pf7", None),
        ];
        for (container, service) in cases {
            assert_eq!(service_of(container), service, "{container}");
        }
    }

    #[test]
    fn what_is_not_sflow_is_counted_by_what_it_seems_to_be() {
        let mut telemetry = Telemetry::default();
        let source = ([127, 0, 0, 1], 9999).into();
        let netflow5 = [&[0, 5, 0, 1][..], &[0; 68]].concat();
        let inputs: [&[u8]; 9] = [
            b"",
            &netflow5,
            &[0, 9, 0, 1],
            &[0, 10, 0, 20],
            &[0, 0, 0, 4, 0, 0, 0, 1],
            b"\xde\xad\xbe\xef random",
            &[0, 0, 0, 5, 0, 0, 0, 1, 10],
            &[0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 0],
            &[0, 0],
        ];
        for (place, bytes) in inputs.iter().enumerate() {
            let now = Timestamp::from_secs(1_000 + u64::try_from(place).unwrap());
            telemetry.receive(now, source, bytes);
        }
        let refused = telemetry.intake().refused;
        let expected = [
            ("IPFIX", 1),
            ("NetFlow", 2),
            ("datagram cut off in its header", 2),
            ("empty datagram", 1),
            ("no sFlow", 1),
            ("older version of sFlow", 1),
            ("unknown type of address", 1),
        ];
        let expected = expected.map(|(cause, count)| (cause.to_owned(), count));
        assert_eq!(refused, BTreeMap::from(expected));
        assert_eq!(telemetry.intake().datagrams, 9);
    }
}
