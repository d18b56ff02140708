//! The telemetry of the partitions of a worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use sflow_collector::Received;
use sflow_metrics::query::{self, Query};
use sflow_metrics::{Config, Registry, Timestamp, flow};
use sflow_v5::Datagram;

use crate::protocol::{self, Contribution, Merge};

/// A partition whose newest record is older than this when it is read is behind, and answers nothing.
const MAX_LAG: Duration = Duration::from_secs(2);
/// The interval at which a registry drops what has not been reported for long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// The partitions of a worker, shared by the reader and the HTTP server.
///
/// Each partition has a registry of its own, which begins empty at its assignment and ends with it,
/// so that state never mixes with that of a former owner.
#[derive(Clone, Debug)]
pub(crate) struct Partitions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    flows: Vec<flow::Definition>,
    watched: Vec<Query>,
    partitions: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The number of partitions of the topic; 0 while unknown.
    total: usize,
    owned: BTreeMap<i32, Arc<Mutex<Partition>>>,
}

#[derive(Debug)]
struct Partition {
    registry: Registry,
    assigned_at: SystemTime,
    datagrams: u64,
    /// Whether all records were read once since the assignment.
    is_replayed: bool,
    /// Whether the last record was older than [`MAX_LAG`], and the end has not been reached since.
    is_behind: bool,
    expired_at: Option<SystemTime>,
}

/// Why a worker cannot answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswerable {
    /// The definition of flows or the window is not among those that the worker keeps.
    NotWatched,
    /// The partials of the worker do not merge.
    Merge,
}

impl Partitions {
    /// # Errors
    ///
    /// If a registry does not keep so many definitions of flows.
    pub(crate) fn new(
        config: Config,
        flows: Vec<flow::Definition>,
        watched: Vec<Query>,
    ) -> anyhow::Result<Self> {
        let shared = Shared {
            config,
            flows,
            watched,
            partitions: Mutex::default(),
        };
        shared.registry()?;
        Ok(Self(Arc::new(shared)))
    }

    pub(crate) fn set_total(&self, total: usize) {
        lock(&self.0.partitions).total = total;
    }

    pub(crate) fn assign(&self, partition: i32, now: SystemTime) -> anyhow::Result<()> {
        let assigned = Partition {
            registry: self.0.registry()?,
            assigned_at: now,
            datagrams: 0,
            is_replayed: false,
            is_behind: false,
            expired_at: None,
        };
        let assigned = Arc::new(Mutex::new(assigned));
        lock(&self.0.partitions).owned.insert(partition, assigned);
        Ok(())
    }

    pub(crate) fn revoke(&self, partition: i32) {
        lock(&self.0.partitions).owned.remove(&partition);
    }

    pub(crate) fn reach_end(&self, partition: i32) {
        if let Some(partition) = self.get(partition) {
            let mut partition = lock(&partition);
            partition.is_replayed = true;
            partition.is_behind = false;
        }
    }

    pub(crate) fn ingest(&self, partition: i32, received: Received<'_>, now: SystemTime) {
        let Some(partition) = self.get(partition) else {
            return;
        };
        let Ok(datagram) = Datagram::parse(received.bytes) else {
            return;
        };
        lock(&partition).ingest(received, &datagram, now);
    }

    pub(crate) fn list(&self) -> protocol::Partitions {
        let (total, owned) = {
            let table = lock(&self.0.partitions);
            (table.total, table.owned.clone())
        };
        let listed = owned.into_iter().map(|(number, partition)| {
            let partition = lock(&partition);
            let since = partition.assigned_at.duration_since(SystemTime::UNIX_EPOCH);
            protocol::Partition {
                partition: number,
                is_current: partition.is_current(),
                assigned_ms: u64::try_from(since.unwrap_or_default().as_millis())
                    .unwrap_or(u64::MAX),
                datagrams: partition.datagrams,
            }
        });
        protocol::Partitions {
            total,
            partitions: listed.collect(),
        }
    }

    /// The contribution of these partitions to a query.
    pub(crate) fn query(
        &self,
        at: Timestamp,
        query: &Query,
        partitions: &[i32],
    ) -> Result<Contribution<query::Partial>, Unanswerable> {
        if query.window().is_some() && !self.0.watched.contains(query) {
            return Err(Unanswerable::NotWatched);
        }
        let empty = query::Partial::empty(query);
        self.contribution(partitions, empty, |registry| {
            Some(registry.partial(at, query))
        })
    }

    /// The contribution of these partitions to flows.
    pub(crate) fn flows(
        &self,
        at: Timestamp,
        definition: &flow::Definition,
        partitions: &[i32],
    ) -> Result<Contribution<flow::Partial>, Unanswerable> {
        if !self.0.flows.contains(definition) {
            return Err(Unanswerable::NotWatched);
        }
        let empty = flow::Partial::empty(definition);
        self.contribution(partitions, empty, |registry| {
            let mut watched = registry.flow_definitions();
            let (id, _) = watched.find(|(_, watched)| *watched == definition)?;
            registry.flow_partial(at, id)
        })
    }

    fn contribution<P: Merge>(
        &self,
        partitions: &[i32],
        empty: P,
        partial: impl Fn(&Registry) -> Option<P>,
    ) -> Result<Contribution<P>, Unanswerable> {
        let mut contribution = Contribution {
            partitions: Vec::new(),
            partial: empty,
        };
        for number in partitions {
            if contribution.partitions.contains(number) {
                continue;
            }
            let Some(partition) = self.get(*number) else {
                continue;
            };
            let part = {
                let partition = lock(&partition);
                partition.is_current().then(|| partial(&partition.registry))
            };
            if let Some(part) = part.flatten() {
                let merged = contribution.partial.merge(part);
                merged.map_err(|_| Unanswerable::Merge)?;
                contribution.partitions.push(*number);
            }
        }
        Ok(contribution)
    }

    fn get(&self, partition: i32) -> Option<Arc<Mutex<Partition>>> {
        lock(&self.0.partitions).owned.get(&partition).cloned()
    }
}

impl Shared {
    fn registry(&self) -> anyhow::Result<Registry> {
        let mut registry = Registry::new(self.config.clone());
        registry.group_containers_by(swarm::service_of);
        for query in &self.watched {
            registry.watch(query);
        }
        for definition in &self.flows {
            registry.watch_flows(definition.clone())?;
        }
        Ok(registry)
    }
}

impl Partition {
    fn is_current(&self) -> bool {
        self.is_replayed && !self.is_behind
    }

    fn ingest(&mut self, received: Received<'_>, datagram: &Datagram<'_>, now: SystemTime) {
        let at = received.received_at;
        self.is_behind = now.duration_since(at).is_ok_and(|lag| lag > MAX_LAG);
        self.datagrams += 1;
        // By the time of the records, which replay faster than they were received.
        let expired_at = *self.expired_at.get_or_insert(at);
        if at
            .duration_since(expired_at)
            .is_ok_and(|since| since >= EXPIRY_INTERVAL)
        {
            self.registry.expire(at.into());
            self.expired_at = Some(at);
        }
        self.registry
            .ingest_from(at.into(), received.source, datagram);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn partitions() -> Partitions {
        let flows = "keys=ip.src;value=bytes".parse().unwrap();
        let watched = "avg:load_one[1m]".parse().unwrap();
        let partitions = Partitions::new(Config::default(), vec![flows], vec![watched]);
        partitions.unwrap()
    }

    #[test]
    fn only_owned_partitions_that_were_read_contribute_once() {
        let partitions = partitions();
        for partition in [0, 1, 2] {
            partitions.assign(partition, NOW).unwrap();
        }
        partitions.reach_end(0);
        partitions.reach_end(2);
        partitions.revoke(2);
        let query = "avg:load_one".parse().unwrap();
        let answered = partitions.query(Timestamp::ZERO, &query, &[3, 2, 1, 0, 0]);
        assert_eq!(answered.unwrap().partitions, [0]);
    }

    #[test]
    fn what_is_not_kept_is_an_error() {
        let partitions = partitions();
        for (query, is_kept) in [
            ("avg:load_one", true),
            ("avg:load_one[1m]", true),
            ("avg:load_one[2m]", false),
        ] {
            let query = query.parse().unwrap();
            let answered = partitions.query(Timestamp::ZERO, &query, &[]);
            assert_eq!(answered.is_ok(), is_kept);
        }
        for (definition, is_kept) in [
            ("keys=ip.src;value=bytes", true),
            ("keys=ip.dst;value=bytes", false),
        ] {
            let definition = definition.parse().unwrap();
            let answered = partitions.flows(Timestamp::ZERO, &definition, &[]);
            assert_eq!(answered.is_ok(), is_kept);
        }
    }

    #[test]
    fn partition_behind_its_end_is_not_current() {
        let partitions = partitions();
        partitions.assign(0, NOW).unwrap();
        let is_current = || partitions.list().partitions[0].is_current;
        let mut buffer = [0; 64];
        let header = sflow_v5::Header::default();
        let datagram = sflow_v5::Encoder::new(&mut buffer, &header)
            .unwrap()
            .finish();
        let ingest = |age| {
            let received = Received {
                received_at: NOW,
                source: ([192, 0, 2, 1], 6343).into(),
                bytes: datagram,
            };
            partitions.ingest(0, received, NOW + age);
        };
        assert!(!is_current());
        ingest(Duration::from_secs(1));
        assert!(!is_current(), "the end has not been reached");
        partitions.reach_end(0);
        assert!(is_current());
        ingest(MAX_LAG + Duration::from_secs(1));
        assert!(!is_current());
        ingest(Duration::ZERO);
        assert!(is_current());
        ingest(MAX_LAG + Duration::from_secs(1));
        partitions.reach_end(0);
        assert!(is_current());
        assert_eq!(partitions.list().partitions[0].datagrams, 4);
    }
}
