//! From datagrams to what a decision needs: what every container uses, and how sure that is.

mod custom;
mod fast;
mod hosts;
mod look;
mod question;
mod refused;
mod shown;
mod trust;
mod work;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use sflow_metrics::{
    Config, Health, Registry, Timestamp,
    entity::{Entity, Kind as EntityKind},
    query::Query,
};
use sflow_v5::{Datagram, Error, ErrorKind};
use tracing::warn;

use self::custom::CustomMetrics;
pub use self::fast::Sampled;
pub(crate) use self::fast::SampledNodes;
use self::fast::{Corrections, Samples, Watched};
pub use self::hosts::Hosts;
pub(crate) use self::hosts::short_name;
pub use self::look::Look;
pub(crate) use self::look::NAME_LENGTH;
#[cfg(test)]
pub(crate) use self::look::signal_of;
pub use self::question::Question;
pub use self::refused::RefusedSender;
use self::refused::RefusedSenders;
pub use self::shown::{ContainerView, Intake};
use self::trust::Claims;
pub use self::trust::{Claimant, EVERY_NODE, NodeReport, NodeSenders, Reporter, Trust};
pub use self::work::{question_of_work, work_per_cpu};
use crate::orchestrator::{NodeAddresses, Service, Task};

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
    senders: NodeSenders,
    claims: Claims,
    trust: Trust,
    refused_senders: RefusedSenders,
    /// When the first sFlow datagram arrived, and the last one of an allowed sender.
    first_datagram: Option<Timestamp>,
    last_allowed: Option<Timestamp>,
    /// Whether an agent has reported for a node.
    has_reporter: bool,
}

/// Refused: datagrams of senders that `collector.agents` does not allow.
pub(crate) const SENDER_NOT_ALLOWED: &str = "sender not allowed";
/// What is refused before it is seen.
const OVERFLOW: &str = "overflow of the socket";

/// How long datagrams must have arrived before it counts that all of them are refused. It is less
/// than the time until the first health check of a container: one that was never healthy fails an
/// update however long the update is monitored.
const SURE: Duration = Duration::from_secs(5);
/// How recent a datagram must be to count as one of an agent that runs.
const LATELY: Duration = Duration::from_secs(90);

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
    Config::default().with(|config| {
        config.max_bytes = 56 << 20;
        config.max_bytes_per_sender = 40 << 20;
        config.max_bytes_per_agent = 16 << 20;
        config.max_flow_bytes = 16 << 20;
        config.max_flow_addresses = 50_000;
        config.max_flow_sources = 50_000;
        // One sender cannot use up the capacity of its network.
        config.max_agents_per_sender = 1_000;
        config.max_sources_per_sender = 10_000;
    })
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
            senders: NodeSenders::default(),
            claims: Claims::default(),
            trust: Trust::default(),
            refused_senders: RefusedSenders::default(),
            first_datagram: None,
            last_allowed: None,
            has_reporter: false,
        }
    }

    /// Sets the senders that report for nodes beside the addresses that the orchestrator has.
    /// They count from the next [`set_nodes`](Self::set_nodes) on.
    pub fn set_node_senders(&mut self, senders: NodeSenders) {
        self.senders = senders;
    }

    /// Sets the nodes of the cluster, and decides which agent reports for each of them.
    pub fn set_nodes(&mut self, now: Timestamp, nodes: Vec<NodeAddresses>) {
        let trust = Trust::new(now, &self.registry, nodes, &self.senders, &mut self.claims);
        self.registry.reserve(trust.senders());
        let mut nodes = trust.nodes().iter();
        self.has_reporter |= nodes.any(|node| !matches!(node.reporter, Reporter::None));
        self.trust = trust;
    }

    /// Which agents would report for these nodes of the cluster now.
    pub fn reports(&self, now: Timestamp, nodes: Vec<NodeAddresses>) -> Vec<NodeReport> {
        let mut claims = Claims::default();
        let trust = Trust::new(now, &self.registry, nodes, &self.senders, &mut claims);
        trust.nodes().to_vec()
    }

    /// Which agent reports for which node, as [`set_nodes`](Self::set_nodes) decided last.
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Takes one datagram as it came from a socket or a capture.
    pub fn receive(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        match Datagram::parse(bytes) {
            Ok(datagram) => {
                let sender = source.ip().to_canonical();
                self.first_datagram.get_or_insert(received_at);
                self.last_allowed = Some(received_at);
                self.registry.ingest(received_at, sender, &datagram);
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

    /// Records a question, so that its custom metrics are kept for a while.
    pub fn record_question(&mut self, now: Timestamp, query: &Query) {
        self.custom.record_question(now, query, &mut self.registry);
    }

    /// Counts a datagram of a sender that `collector.agents` does not allow.
    pub fn turn_away(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        *self.refused.entry(SENDER_NOT_ALLOWED).or_default() += 1;
        if self.told.insert(SENDER_NOT_ALLOWED) {
            warn!(
                %source,
                "ignored a datagram: its sender is not in collector.agents; others are only counted"
            );
        }
        if let Ok(datagram) = Datagram::parse(bytes) {
            let sender = source.ip().to_canonical();
            let agent = datagram.header.agent_address;
            self.first_datagram.get_or_insert(received_at);
            self.refused_senders.add(received_at, sender, agent);
        }
    }

    /// The senders that were refused lately: those with the address of a node first, then those
    /// that sent most.
    pub fn refused_senders(&self, now: Timestamp) -> Vec<RefusedSender> {
        let mut refused: Vec<RefusedSender> = self.refused_senders.recent(now).copied().collect();
        refused.sort_by_key(|it| (!self.trust.is_node(it.address), Reverse(it.datagrams)));
        refused
    }

    /// Whether sFlow datagrams arrive and none of them counts, because `collector.agents` or the
    /// addresses of the nodes refuse all agents. It is false for the first 5 s, without agents, and
    /// for good once an agent has reported for a node: then foreign datagrams cannot make it true.
    pub fn refuses_all(&self, now: Timestamp) -> bool {
        let is_sure = self.first_datagram.is_some_and(|first| now - first >= SURE);
        if self.has_reporter || !is_sure {
            return false;
        }
        let mut refused = self.refused_senders.within(now, LATELY);
        let is_refused = match self.last_allowed {
            None => refused.next().is_some(),
            Some(_) => refused.any(|it| self.trust.is_node(it.address)),
        };
        let is_allowed_lately = self.last_allowed.is_some_and(|last| now - last < LATELY);
        let mut nodes = self.trust.nodes().iter();
        is_refused || (is_allowed_lately && nodes.any(|node| !node.foreign.is_empty()))
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
        Look::take(&self.registry, &self.trust, now, questions)
    }

    /// Reads the rates of packet samples for [`sampled`](Self::sampled). Samples of a service count
    /// on the nodes where [`Look::nodes_with`] finds a task of it. From the first call on, samples
    /// are collected.
    pub(crate) fn sample(&mut self, now: Timestamp, nodes: &SampledNodes) {
        if self.watched.is_none() {
            self.watched = Watched::begin(&mut self.registry, !self.trust.is_open());
        }
        if let Some(watched) = &self.watched {
            self.samples = watched.take(&self.registry, &self.trust, nodes, now);
        }
        self.corrections.keep(|service| nodes.contains_key(service));
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
    pub fn hosts(&self, now: Timestamp) -> Hosts<'_> {
        Hosts::take(&self.registry, &self.trust, now)
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
fn broken_inside(health: &Health) -> [(&'static str, u64); 9] {
    [
        ("malformed sample", health.malformed_samples),
        ("malformed record", health.malformed_records),
        ("datagram of one agent too many", health.datagrams_refused),
        ("datagram out of sequence", health.datagrams_rejected),
        (
            "counters sample out of sequence",
            health.counter_samples_rejected,
        ),
        (
            "packet sample out of sequence",
            health.flow_samples_rejected,
        ),
        (
            "packet sample with an impossible rate",
            health.flow_samples_bad_rate,
        ),
        (
            "packet sample with an impossible length",
            health.flow_samples_bad_length,
        ),
        (
            "packet sample above the line rate",
            health.flow_samples_above_line_rate,
        ),
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
    match error.kind {
        ErrorKind::Version(1..=4) => "older version of sFlow",
        ErrorKind::Version(version) => match version >> 16 {
            5 | 9 => "NetFlow",
            10 => "IPFIX",
            _ => "no sFlow",
        },
        ErrorKind::AddressType(_) => "unknown type of address",
        _ => "datagram cut off in its header",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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

    /// All agents arrive with the address of a proxy, which is the address of no node.
    #[test]
    fn senders_that_are_not_nodes_are_refused_until_an_agent_reports() {
        use crate::config::Config as Configured;
        use crate::orchestrator::Orchestrator as _;
        use crate::simulator::{Scenario, Simulation};

        const START: Timestamp = Timestamp::from_secs(1_700_000_000);
        let scenario = Scenario::named("article").unwrap();
        let mut simulation = Simulation::new(&scenario, 1, START).unwrap();
        let mut telemetry = Telemetry::default();
        let mut pass = |telemetry: &mut Telemetry, seconds, sender: Option<[u8; 4]>| {
            let now = START + Duration::from_secs(seconds);
            simulation.advance(now, |sent| {
                let sender = sender.map_or(sent.source, IpAddr::from);
                telemetry.receive(sent.at, (sender, 6343).into(), sent.bytes);
            });
            telemetry.set_nodes(now, simulation.nodes());
            telemetry.refuses_all(now)
        };
        let proxy = Some([172, 18, 0, 1]);
        assert!(!pass(&mut telemetry, 1, proxy), "that is too early to know");
        assert!(pass(&mut telemetry, 45, proxy));
        let now = START + Duration::from_secs(45);
        let refused = crate::presence::foreign(telemetry.trust().nodes(), |_| false);
        let words = refused[0].to_string();
        assert_eq!(refused.len(), 1, "{refused:?}");
        let (_, line) = words.split_once("add ").unwrap();
        let (line, _) = line.split_once(" under [collector.nodes]").unwrap();
        let text = format!("[collector.nodes]\n{line}\n");
        let config = Configured::from_toml(&text).unwrap();
        telemetry.set_node_senders(config.collector.nodes);
        telemetry.set_nodes(now, nodes_of(&telemetry));
        assert!(!telemetry.refuses_all(now));
    }

    fn nodes_of(telemetry: &Telemetry) -> Vec<NodeAddresses> {
        let nodes = telemetry.trust().nodes().iter();
        let nodes = nodes.map(|node| NodeAddresses {
            name: node.name.clone(),
            addresses: node.addresses.clone(),
        });
        nodes.collect()
    }
}
