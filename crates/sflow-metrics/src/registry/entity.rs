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

/// A host, container or interface as the registry knows it at a given moment.
#[derive(Clone, Copy)]
pub struct Entity<'r> {
    pub(crate) registry: &'r Registry,
    pub(crate) agent: &'r Agent,
    pub(crate) source: &'r Source,
    pub(crate) now: Timestamp,
}

impl<'r> Entity<'r> {
    /// Its own number.
    pub fn id(&self) -> EntityId {
        self.source.id
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> EntityKind {
        self.source.kind
    }

    /// The name that its agent gives it: of a host or container its host name, of an interface
    /// its port name. Empty if there is none. Bytes that were not UTF-8 are replaced, control
    /// characters are kept: escape it before you print it.
    pub fn name(&self) -> &'r str {
        self.source.name.as_str()
    }

    /// Its UUID. Of a container it may be the first half of the container's id.
    pub fn uuid(&self) -> Option<Uuid> {
        self.source.known_uuid()
    }

    /// What a container says that it is doing.
    pub fn state(&self) -> Option<DomainState> {
        self.source.state
    }

    /// The `ifIndex` of an interface.
    pub fn if_index(&self) -> Option<u32> {
        self.source.if_index
    }

    /// The data source of the agent that it is.
    pub fn data_source(&self) -> Option<DataSource> {
        self.source.data_source
    }

    /// The agent that reports it.
    pub fn agent(&self) -> AgentKey {
        self.agent.status.key
    }

    /// The speed of an interface in bits per second; `None` if it does not know.
    pub fn speed(&self) -> Option<u64> {
        self.source.if_speed
    }

    /// How an interface sends and receives; `None` if it does not know.
    pub fn direction(&self) -> Option<IfDirection> {
        let direction = self.source.if_direction;
        direction.filter(|direction| *direction != IfDirection::UNKNOWN)
    }

    /// Whether an interface works: it should, and it does. `None` of anything else.
    pub fn is_up(&self) -> Option<bool> {
        const SHOULD_AND_DOES: u32 = 0b11;
        let status = self.source.if_status?;
        Some(status & SHOULD_AND_DOES == SHOULD_AND_DOES)
    }

    /// Who it is, in words that outlive it.
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

    /// What it is part of: the host of a container or interface.
    pub fn parent(&self) -> Option<Entity<'r>> {
        let source = self.registry.parent_of(self.source)?;
        Some(Entity { source, ..*self })
    }

    /// How it does.
    pub fn lifecycle(&self) -> Lifecycle {
        self.source.lifecycle(self.now, self.registry.config())
    }

    /// How often it is heard.
    pub fn interval(&self) -> Duration {
        self.source.interval(self.registry.config())
    }

    /// When its first sample came.
    pub fn first_seen(&self) -> Timestamp {
        self.source.first_seen
    }

    /// When its last sample came.
    pub fn last_seen(&self) -> Timestamp {
        self.source.last_seen
    }

    /// How long ago its last sample came.
    pub fn age(&self) -> Duration {
        self.now - self.source.last_seen
    }

    /// Samples of it that came.
    pub fn samples(&self) -> u64 {
        self.source.samples
    }

    /// Samples of it that are missing between those.
    pub fn samples_lost(&self) -> u64 {
        self.source.samples_lost
    }

    /// The part of its samples that is missing, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        part(self.samples_lost(), self.samples())
    }

    /// What it reports under names of its own: each name, and the value.
    pub fn custom_metrics(&self) -> impl Iterator<Item = (&'r str, Option<f64>)> + use<'r> {
        let is_heard = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        let customs = self.source.customs().iter();
        customs.map(move |custom| {
            let value = custom.get().map(|(value, _)| value);
            (custom.name(), value.filter(|_| is_heard))
        })
    }

    /// The number that a counter stands at, as it was sent last: of a [rate](crate::MetricKind)
    /// what it is the growth of. `None` if it is not known, or the entity was not heard in time.
    ///
    /// It starts again with the entity, and one of 32 bits when it is full.
    pub fn count(&self, metric: &Metric) -> Option<u64> {
        let is_heard = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        self.source.count(metric).filter(|_| is_heard)
    }

    /// The last reading of a metric; `None` if it has none that can be believed now.
    pub fn value(&self, metric: &Metric) -> Option<f64> {
        let is_heard = matches!(self.lifecycle(), Lifecycle::Warming | Lifecycle::Live);
        if is_heard {
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
