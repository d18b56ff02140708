use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use sflow_metrics::{
    Config, Metric, Registry, Timestamp, entity::Kind as EntityKind, query::Query,
};
use sflow_v5::{Datagram, Error};

use super::causes::{self, Notice, OVERFLOW, SENDER_NOT_ALLOWED};
use super::custom_metrics::CustomMetrics;
use super::hosts::{HostLoads, HostQueries};
use super::metric_query::MetricQuery;
use super::packet_samples::{Corrections, SampleFlows, SampledNodes, SampledRate, Samples};
use super::refused_senders::{RefusedSender, RefusedSenders};
use super::snapshot::Snapshot;
use super::trust::{Claims, NodeReport, NodeSenders, Reporter, Trust};
use super::views::{ContainerView, IngestStats};
use crate::orchestrator::{NodeAddresses, Service, Task};

/// The measurements of all hosts and containers, from sFlow datagrams.
///
/// No datagram is an error: what cannot be used is counted by cause, and the first occurrence of
/// each cause is a [`Notice`].
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    datagrams: u64,
    overflowed: u64,
    refused: BTreeMap<&'static str, u64>,
    noticed: BTreeSet<&'static str>,
    notices: Vec<Notice>,
    expired: Timestamp,
    service_of: fn(&str) -> Option<&str>,
    host_queries: HostQueries,
    custom: CustomMetrics,
    sample_flows: Option<SampleFlows>,
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

/// Exclusive access to a [`Telemetry`], for as long as a closure runs. A program that receives in
/// another task implements it for its lock; the control loop never keeps the access across an `await`.
pub trait TelemetryAccess {
    /// Calls `f` with the telemetry.
    fn with<R>(&mut self, f: impl FnOnce(&mut Telemetry) -> R) -> R;
}

impl TelemetryAccess for Telemetry {
    fn with<R>(&mut self, f: impl FnOnce(&mut Telemetry) -> R) -> R {
        f(self)
    }
}

/// Time after the first datagram from which on [`Telemetry::refuses_all`] can be true. It is less
/// than the time until the first health check of a container: one that was never healthy fails an
/// update however long the update is monitored.
const MIN_RECEIVING: Duration = Duration::from_secs(5);
/// The age up to which a datagram shows that its agent runs.
const RECENT: Duration = Duration::from_secs(90);

/// Time between two expirations of entities that are not reported any more.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(5);

impl Default for Telemetry {
    fn default() -> Self {
        Self::new(default_limits())
    }
}

/// Limits on the memory that senders can make the registry use. An installation of some thousand
/// containers needs a few MiB; a flood must not exhaust the memory of the machine.
fn default_limits() -> Config {
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
    /// Telemetry without measurements, with these limits of the registry. Containers belong to no
    /// service until [`with_services`](Self::with_services).
    pub fn new(config: Config) -> Self {
        Self {
            registry: Registry::new(config),
            datagrams: 0,
            overflowed: 0,
            refused: BTreeMap::new(),
            noticed: BTreeSet::new(),
            notices: Vec::new(),
            service_of: |_| None,
            host_queries: HostQueries::default(),
            expired: Timestamp::ZERO,
            custom: CustomMetrics::default(),
            sample_flows: None,
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

    /// Assigns containers to services: `service_of` returns the name of the service that a container
    /// belongs to, by the name of the container. Packet samples are counted by it.
    #[must_use]
    pub fn with_services(mut self, service_of: fn(&str) -> Option<&str>) -> Self {
        self.service_of = service_of;
        self
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

    /// Ingests one datagram from a socket or a capture. Returns the datagram unless it is not sFlow.
    pub fn receive<'b>(
        &mut self,
        received_at: Timestamp,
        source: SocketAddr,
        bytes: &'b [u8],
    ) -> Option<Datagram<'b>> {
        self.datagrams += 1;
        let datagram = match Datagram::parse(bytes) {
            Ok(datagram) => {
                let sender = source.ip().to_canonical();
                self.first_datagram.get_or_insert(received_at);
                self.last_allowed = Some(received_at);
                self.registry.ingest(received_at, sender, &datagram);
                let health = self.registry.health();
                for (cause, count) in causes::over_limit(health) {
                    if count > 0 && self.noticed.insert(cause) {
                        self.notices.push(Notice::OverLimit { source, cause });
                    }
                }
                for (cause, count) in causes::unusable(health) {
                    if count > 0 && self.noticed.insert(cause) {
                        self.notices.push(Notice::Unusable { source, cause });
                    }
                }
                Some(datagram)
            }
            Err(error) => {
                self.refuse(causes::not_sflow(bytes, &error), source, error);
                None
            }
        };
        self.expire(received_at);
        datagram
    }

    /// The notices since the last call, to be logged. There is one per cause at most.
    pub fn drain_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Expires entities that are not reported any more: to be called also when no datagrams arrive.
    pub fn expire(&mut self, now: Timestamp) {
        // A clock that was set back starts the interval again.
        if now < self.expired || now - self.expired >= EXPIRE_INTERVAL {
            self.expired = now;
            self.custom.expire(now, &mut self.registry);
            self.registry.expire(now);
        }
    }

    /// Sets the queries of all policies: metrics of applications are kept only if one of them or a
    /// recent query uses them.
    pub fn set_policy_queries<'q>(&mut self, queries: impl Iterator<Item = &'q MetricQuery>) {
        self.custom.set_policy_queries(queries, &mut self.registry);
    }

    /// Records a query, so that its custom metrics are kept for a while.
    pub fn record_query(&mut self, now: Timestamp, query: &Query) {
        self.custom.record_query(now, query, &mut self.registry);
    }

    /// Counts a datagram of a sender that the configuration does not allow.
    pub fn refuse_sender(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        *self.refused.entry(SENDER_NOT_ALLOWED).or_default() += 1;
        if self.noticed.insert(SENDER_NOT_ALLOWED) {
            self.notices.push(Notice::SenderNotAllowed { source });
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

    /// Whether sFlow datagrams arrive and none is used, because the list of allowed senders or the
    /// addresses of the nodes refuse all agents. It is false for the first 5 s, without agents, and
    /// for good once an agent has reported for a node: then foreign datagrams cannot make it true.
    pub fn refuses_all(&self, now: Timestamp) -> bool {
        let is_sure = self
            .first_datagram
            .is_some_and(|first| now - first >= MIN_RECEIVING);
        if self.has_reporter || !is_sure {
            return false;
        }
        let mut refused = self.refused_senders.within(now, RECENT);
        let is_refused = match self.last_allowed {
            None => refused.next().is_some(),
            Some(_) => refused.any(|it| self.trust.is_node(it.address)),
        };
        let is_allowed_lately = self.last_allowed.is_some_and(|last| now - last < RECENT);
        let mut nodes = self.trust.nodes().iter();
        is_refused || (is_allowed_lately && nodes.any(|node| !node.foreign.is_empty()))
    }

    /// Sets the number of datagrams that the socket has dropped since it was opened.
    pub fn record_overflow(&mut self, datagrams: u64) {
        if datagrams > self.overflowed && self.noticed.insert(OVERFLOW) {
            self.notices.push(Notice::SocketOverflow);
        }
        self.overflowed = datagrams;
    }

    #[cold]
    fn refuse(&mut self, cause: &'static str, source: SocketAddr, error: Error) {
        *self.refused.entry(cause).or_default() += 1;
        if self.noticed.insert(cause) {
            self.notices.push(Notice::NotSflow {
                source,
                cause,
                error,
            });
        }
    }

    /// The registry of all metrics.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The readings at this moment for these queries.
    pub fn snapshot<'t>(
        &'t self,
        now: Timestamp,
        queries: impl IntoIterator<Item = &'t MetricQuery>,
    ) -> Snapshot<'t> {
        Snapshot::new(&self.registry, &self.trust, now, queries)
    }

    /// Reads the rates of these metrics by packet samples for [`sampled_rate`](Self::sampled_rate);
    /// metrics that packets do not show are ignored. Samples of a
    /// service count on the nodes where [`Snapshot::nodes_with_tasks`] finds a task of it. Samples
    /// are collected from the first call on.
    pub fn read_samples<'m>(
        &mut self,
        now: Timestamp,
        nodes: &SampledNodes,
        metrics: impl IntoIterator<Item = &'m Metric>,
    ) {
        if self.sample_flows.is_none() {
            let only_reserved = !self.trust.is_open();
            self.sample_flows =
                SampleFlows::begin(&mut self.registry, self.service_of, only_reserved);
        }
        if let Some(flows) = &self.sample_flows {
            self.samples = flows.rates(&self.registry, &self.trust, nodes, metrics, now);
        }
        self.corrections.keep(|service| nodes.contains_key(service));
    }

    /// The rate of a sum of metrics over all containers of a service, by packet samples, if counters
    /// have confirmed them before. `counters` is the present rate by counters. `None` for metrics
    /// that packets do not show.
    pub fn sampled_rate(
        &mut self,
        now: Timestamp,
        service: &str,
        summands: &[Metric],
        counters: Option<f64>,
    ) -> Option<SampledRate> {
        self.corrections
            .apply(now, &self.samples, service, summands, counters)
    }

    /// The load of the hosts.
    pub fn hosts(&self, now: Timestamp) -> HostLoads<'_> {
        HostLoads::new(&self.host_queries, &self.registry, &self.trust, now)
    }

    /// The names of the containers that are reported, by the service that their name belongs to.
    pub fn containers(&self, now: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mut containers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entity in self.registry.entities(now) {
            if entity.kind() == EntityKind::Container
                && let Some(service) = (self.service_of)(entity.name())
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

    /// Each task of a service, with the values of these metrics for its container.
    pub fn containers_of(
        &self,
        now: Timestamp,
        service: &Service,
        metrics: &[String],
    ) -> Vec<ContainerView> {
        let names: Vec<&str> = metrics.iter().map(String::as_str).collect();
        // The metrics of a policy exist.
        let query = MetricQuery::new(&names).ok();
        let snapshot = self.snapshot(now, &query);
        let mut known: HashMap<&str, Vec<Option<f64>>> = HashMap::new();
        if let Some(query) = &query {
            let values = snapshot.values_by_task(query, service).into_iter();
            known.extend(values.map(|(task, values)| (task.container.as_str(), values)));
        }
        let view = |task: &Task| {
            let values = known.remove(task.container.as_str());
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

    /// Counts of received datagrams, and of what was not used.
    pub fn ingest_stats(&self) -> IngestStats {
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
        let causes = causes::unusable(health)
            .into_iter()
            .chain(causes::over_limit(health));
        for (cause, count) in causes.chain(unused) {
            if count > 0 {
                refused.insert(cause.to_owned(), count);
            }
        }
        if self.overflowed > 0 {
            refused.insert(OVERFLOW.to_owned(), self.overflowed);
        }
        let agents = self.registry.agents().count();
        IngestStats {
            datagrams: self.datagrams,
            samples,
            agents: u64::try_from(agents).unwrap_or(u64::MAX),
            refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_counted_by_name() {
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
            assert_eq!(telemetry.receive(now, source, bytes), None);
        }
        let refused = telemetry.ingest_stats().refused;
        let expected = [
            ("IPFIX", 1),
            ("NetFlow", 2),
            ("datagram cut off in its header", 2),
            ("empty datagram", 1),
            ("not sFlow", 1),
            ("older version of sFlow", 1),
            ("unknown type of address", 1),
        ];
        let expected = expected.map(|(cause, count)| (cause.to_owned(), count));
        assert_eq!(refused, BTreeMap::from(expected));
        assert_eq!(telemetry.ingest_stats().datagrams, 9);
    }
}
