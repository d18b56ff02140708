//! The registries of the workers, shared by receivers, printer and HTTP server.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sflow_collector::{OtherProtocol, Received, Tally};
use sflow_metrics::query::{MergeError, Partial, Query};
use sflow_metrics::{AgentStatus, Health, Registry, Timestamp, flow};
use sflow_v5::{Address, Datagram};

/// The registry of a worker, its time, and counts of datagrams that are not in it.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) registry: Registry,
    pub(crate) now: Timestamp,
    /// Time of the last datagram.
    pub(crate) last: Option<SystemTime>,
    /// Datagrams that are not sFlow version 5.
    pub(crate) malformed: u64,
    /// The protocols of these, where recognised.
    pub(crate) protocols: Tally<OtherProtocol>,
    /// Datagrams that the kernel dropped; `None` for captures and where it does not count them.
    pub(crate) kernel_drops: Option<u64>,
}

/// The telemetry of all workers.
///
/// An agent belongs to one registry, whichever socket receives its datagrams: the kernel assigns a
/// sender to another socket when its UDP port changes, and the values of two registries with the
/// same agent would be added up.
///
/// One registry is locked at a time, so that the workers of the others continue.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Workers>);

#[derive(Debug)]
struct Workers {
    /// At least one.
    telemetry: Vec<Mutex<Telemetry>>,
    /// Randomly keyed, because senders choose the addresses.
    hasher: RandomState,
}

/// Counts of all workers.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) health: Health,
    /// In no particular order.
    pub(crate) agents: Vec<AgentStatus>,
    pub(crate) last: Option<SystemTime>,
    pub(crate) malformed: u64,
    pub(crate) protocols: Tally<OtherProtocol>,
    pub(crate) kernel_drops: Option<u64>,
}

impl Shared {
    /// `registries` has at least one registry.
    pub(crate) fn new(registries: Vec<Registry>) -> Self {
        let telemetry = registries.into_iter().map(|registry| {
            Mutex::new(Telemetry {
                registry,
                now: Timestamp::ZERO,
                last: None,
                malformed: 0,
                protocols: Tally::default(),
                kernel_drops: None,
            })
        });
        Self(Arc::new(Workers {
            telemetry: telemetry.collect(),
            hasher: RandomState::new(),
        }))
    }

    /// The telemetry of each worker. It is locked until the item is dropped.
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, Telemetry>> {
        self.0.telemetry.iter().map(lock)
    }

    /// The telemetry of a worker.
    pub(crate) fn worker(&self, index: usize) -> MutexGuard<'_, Telemetry> {
        lock(&self.0.telemetry[index % self.0.telemetry.len()])
    }

    /// Ingests a datagram that the socket of a worker received.
    pub(crate) fn ingest(&self, worker: usize, received: Received<'_>) {
        let now = Timestamp::from(received.received_at);
        let parsed = Datagram::parse(received.bytes);
        let worker = match &parsed {
            Ok(datagram) => self.worker_of(datagram.header.agent_address),
            Err(_) => worker,
        };
        let telemetry = &mut *self.worker(worker);
        telemetry.now = now;
        telemetry.last = Some(received.received_at);
        match parsed {
            Ok(datagram) => {
                let sender = received.source;
                telemetry.registry.ingest_from(now, sender, &datagram);
            }
            Err(_) => {
                telemetry.malformed += 1;
                if let Some(protocol) = OtherProtocol::detect(received.bytes) {
                    telemetry.protocols.add(protocol, 1);
                }
            }
        }
    }

    /// The worker whose registry has the agents with this address.
    fn worker_of(&self, agent: Address) -> usize {
        let workers = self.0.telemetry.len();
        if workers == 1 {
            return 0;
        }
        let hash = match agent.ip() {
            Some(ip) => self.0.hasher.hash_one(ip.to_canonical()),
            None => 0,
        };
        (hash % workers as u64) as usize
    }

    /// The time of the latest event of any worker.
    pub(crate) fn now(&self) -> Timestamp {
        let times = self.each().map(|telemetry| telemetry.now);
        times.max().unwrap_or(Timestamp::ZERO)
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for telemetry in self.each() {
            totals.health += telemetry.registry.health();
            totals.agents.extend(telemetry.registry.agents());
            totals.last = totals.last.max(telemetry.last);
            totals.malformed += telemetry.malformed;
            totals.protocols += telemetry.protocols;
            if let Some(drops) = telemetry.kernel_drops {
                *totals.kernel_drops.get_or_insert(0) += drops;
            }
        }
        totals
    }

    /// The answer to a query over all registries.
    pub(crate) fn query(&self, now: Timestamp, query: &Query) -> Result<Partial, MergeError> {
        let mut all = Partial::empty(query);
        for telemetry in self.each() {
            let part = telemetry.registry.partial(now, query);
            drop(telemetry);
            all.merge(part)?;
        }
        Ok(all)
    }

    /// The heaviest flows over all registries, each of which watches this definition only.
    pub(crate) fn flows(
        &self,
        now: Timestamp,
        definition: &flow::Definition,
    ) -> Result<flow::Answer, flow::MergeError> {
        let mut all = flow::Partial::empty(definition);
        for telemetry in self.each() {
            let registry = &telemetry.registry;
            let id = registry.flow_definitions().next().map(|(id, _)| id);
            let part = id.and_then(|id| registry.flow_partial(now, id));
            drop(telemetry);
            if let Some(part) = part {
                all.merge(part)?;
            }
        }
        Ok(all.answer(now))
    }

    /// Starts the totals of flows anew. The names of addresses remain known.
    pub(crate) fn restart_flows(
        &self,
        definition: &flow::Definition,
    ) -> Result<(), flow::TooManyDefinitions> {
        for mut telemetry in self.each() {
            let registry = &mut telemetry.registry;
            let former = registry.flow_definitions().next().map(|(id, _)| id);
            registry.watch_flows(definition.clone())?;
            if let Some(former) = former {
                registry.unwatch_flows(former);
            }
        }
        Ok(())
    }

    /// The number of entities of each kind and lifecycle.
    pub(crate) fn entity_counts(&self, now: Timestamp) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for telemetry in self.each() {
            for entity in telemetry.registry.entities(now) {
                let key = (entity.kind().to_string(), entity.lifecycle().to_string());
                *counts.entry(key).or_default() += 1;
            }
        }
        counts
    }
}

fn lock(telemetry: &Mutex<Telemetry>) -> MutexGuard<'_, Telemetry> {
    telemetry.lock().unwrap_or_else(PoisonError::into_inner)
}
