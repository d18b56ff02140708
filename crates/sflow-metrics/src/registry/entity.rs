use core::fmt;
use core::time::Duration;

use sflow_v5::DataSource;
use sflow_v5::enums::{DomainState, IfDirection};
use sflow_v5::types::Uuid;

use crate::agent::{AgentKey, part};
use crate::catalogue::Metric;
use crate::entity::Identity;
use crate::entity::{EntityId, EntityKind, Lifecycle};
use crate::ingest::agent::Agent;
use crate::ingest::source::Source;
use crate::registry::Registry;
use crate::timestamp::Timestamp;

/// A host, container, interface or application in a registry, at a given time.
#[derive(Clone, Copy)]
pub struct Entity<'r> {
    pub(crate) registry: &'r Registry,
    pub(crate) agent: &'r Agent,
    pub(crate) source: &'r Source,
    pub(crate) now: Timestamp,
}

impl<'r> Entity<'r> {
    /// The id, which is unique in the registry.
    pub fn id(&self) -> EntityId {
        self.source.id
    }

    /// The kind.
    pub fn kind(&self) -> EntityKind {
        self.source.kind
    }

    /// The name that the agent reports: the host name of a host or container, the port name of an
    /// interface. Empty if unknown. Invalid UTF-8 is replaced, control characters are kept: escape
    /// the name before printing.
    pub fn name(&self) -> &'r str {
        self.source.name.as_str()
    }

    /// The UUID. For a container it may be the first half of the container id.
    pub fn uuid(&self) -> Option<Uuid> {
        self.source.known_uuid()
    }

    /// The state of a container.
    pub fn state(&self) -> Option<DomainState> {
        self.source.state
    }

    /// The `ifIndex` of an interface.
    pub fn if_index(&self) -> Option<u32> {
        self.source.if_index
    }

    /// The data source; `None` for an application that is identified by its name.
    pub fn data_source(&self) -> Option<DataSource> {
        self.source.data_source
    }

    /// The agent that reports it.
    pub fn agent(&self) -> AgentKey {
        self.agent.status.key
    }

    /// The speed of an interface in bits per second; `None` if unknown.
    pub fn speed(&self) -> Option<u64> {
        self.source.if_speed()
    }

    /// The duplex mode of an interface; `None` if unknown.
    pub fn direction(&self) -> Option<IfDirection> {
        let direction = self.source.if_direction;
        direction.filter(|direction| *direction != IfDirection::UNKNOWN)
    }

    /// Whether both the administrative and the operational status of an interface are up. `None`
    /// for other kinds.
    pub fn is_up(&self) -> Option<bool> {
        const ADMIN_AND_OPERATIONAL: u32 = 0b11;
        let status = self.source.if_status?;
        Some(status & ADMIN_AND_OPERATIONAL == ADMIN_AND_OPERATIONAL)
    }

    /// The identity as an owned value.
    pub fn identity(&self) -> Identity {
        Identity {
            id: self.id(),
            kind: self.kind(),
            name: self.name().into(),
            uuid: self.uuid(),
            agent: self.agent(),
            data_source: self.data_source(),
        }
    }

    /// The host of a container, interface or application.
    pub fn parent(&self) -> Option<Entity<'r>> {
        let source = self.registry.parent_of(self.source)?;
        Some(Entity { source, ..*self })
    }

    /// The state of its data.
    pub fn lifecycle(&self) -> Lifecycle {
        self.source.lifecycle(self.now, self.registry.config())
    }

    /// The polling interval.
    pub fn interval(&self) -> Duration {
        self.source.interval(self.registry.config())
    }

    /// Time of the first sample.
    pub fn first_seen(&self) -> Timestamp {
        self.source.first_seen
    }

    /// Time of the last sample.
    pub fn last_seen(&self) -> Timestamp {
        self.source.last_seen
    }

    /// Time since the last sample.
    pub fn age(&self) -> Duration {
        self.now - self.source.last_seen
    }

    /// Number of samples received.
    pub fn samples(&self) -> u64 {
        self.source.samples
    }

    /// Number of samples lost.
    pub fn samples_lost(&self) -> u64 {
        self.source.samples_lost
    }

    /// The share of lost samples, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        part(self.samples_lost(), self.samples())
    }

    /// Names and values of the custom metrics.
    pub fn custom_metrics(&self) -> impl Iterator<Item = (&'r str, Option<f64>)> + use<'r> {
        let is_current = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        let customs = self.source.customs().iter();
        customs.map(move |custom| {
            let value = custom.get().map(|(value, _)| value);
            (custom.name(), value.filter(|_| is_current))
        })
    }

    /// The last value of the counter of a [rate](crate::MetricKind::Rate). `None` if it is unknown or
    /// the entity is stale.
    ///
    /// Counters restart with the entity, and counters of 32 bits wrap.
    pub fn count(&self, metric: &Metric) -> Option<u64> {
        let is_current = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        self.source.count(metric).filter(|_| is_current)
    }

    /// The last reading of a metric; `None` if it is unknown or the entity is stale.
    pub fn value(&self, metric: &Metric) -> Option<f64> {
        let is_current = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        if is_current {
            self.source.value(metric).map(|(value, _)| value)
        } else {
            None
        }
    }
}

impl fmt::Debug for Entity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entity")
            .field("id", &self.id())
            .field("kind", &self.kind())
            .field("name", &self.name())
            .field("data_source", &self.data_source())
            .field("lifecycle", &self.lifecycle())
            .finish_non_exhaustive()
    }
}
