use core::fmt;
use std::borrow::Cow;

use crate::entity::Entity;
use crate::kind::EntityKind;
use crate::registry::Registry;
use crate::source::Source;
use crate::timestamp::Timestamp;

/// What entities can be told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `vir_host_name`: the name of a container or virtual machine.
    VirHostName,
    /// `vir_uuid`: its UUID.
    VirUuid,
    /// `vir_cpu_state`: what it is doing, such as `running` or `paused`.
    VirCpuState,
    /// `host_name`: the name of a host; of a container or interface, that of its host.
    HostName,
    /// `uuid`: the UUID of a host; of a container or interface, that of its host.
    Uuid,
    /// `ifname`: the name of an interface.
    IfName,
    /// `ifindex`: the number of an interface.
    IfIndex,
    /// `agent`: the address that the agent gives itself.
    Agent,
    /// `sub_agent`: the stream of the agent.
    SubAgent,
    /// `sender`: the address that the datagrams come from.
    Sender,
    /// `data_source`: the data source, as `3:100042`.
    DataSource,
}

impl Key {
    const NAMES: [(&'static str, Self); 11] = [
        ("vir_host_name", Self::VirHostName),
        ("vir_uuid", Self::VirUuid),
        ("vir_cpu_state", Self::VirCpuState),
        ("host_name", Self::HostName),
        ("uuid", Self::Uuid),
        ("ifname", Self::IfName),
        ("ifindex", Self::IfIndex),
        ("agent", Self::Agent),
        ("sub_agent", Self::SubAgent),
        ("sender", Self::Sender),
        ("data_source", Self::DataSource),
    ];

    /// The key of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, key)| *key)
    }

    /// The names of all keys.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let line = Self::NAMES.iter().find(|(_, key)| *key == self);
        line.map_or("", |(name, _)| *name)
    }

    /// What a source has under this key.
    pub(super) fn value_in<'r>(
        self,
        registry: &'r Registry,
        source: &'r Source,
        now: Timestamp,
    ) -> Option<Cow<'r, [u8]>> {
        // What is asked most is found without asking for its agent.
        let own = match self {
            Self::VirHostName => EntityKind::Container,
            Self::IfName => EntityKind::Interface,
            _ => return self.value_of(&registry.entity(source, now)?),
        };
        (source.kind == own).then(|| source.name.as_bytes().into())
    }

    /// What an entity has under this key.
    fn value_of<'r>(self, entity: &Entity<'r>) -> Option<Cow<'r, [u8]>> {
        let kind = entity.kind();
        let text = |value: Option<String>| value.map(|value| value.into_bytes().into());
        match self {
            Self::VirHostName => (kind == EntityKind::Container).then(|| name(entity)),
            Self::VirUuid if kind == EntityKind::Container => {
                text(entity.uuid().map(|uuid| uuid.to_string()))
            }
            Self::VirUuid => None,
            Self::VirCpuState => {
                let state = entity.state()?;
                match state.name() {
                    Some(name) => Some(name.as_bytes().into()),
                    None => text(Some(state.0.to_string())),
                }
            }
            Self::HostName => host_of(entity).map(|host| name(&host)),
            Self::Uuid => text(host_of(entity)?.uuid().map(|uuid| uuid.to_string())),
            Self::IfName => (kind == EntityKind::Interface).then(|| name(entity)),
            Self::IfIndex => text(entity.if_index().map(|index| index.to_string())),
            Self::Agent => text(Some(entity.agent().address.to_string())),
            Self::SubAgent => text(Some(entity.agent().sub_agent.to_string())),
            Self::Sender => text(Some(entity.agent().sender.to_string())),
            Self::DataSource => text(entity.data_source().map(|source| source.to_string())),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn name<'r>(entity: &Entity<'r>) -> Cow<'r, [u8]> {
    entity.source.name.as_bytes().into()
}

fn host_of<'r>(entity: &Entity<'r>) -> Option<Entity<'r>> {
    if entity.kind() == EntityKind::Host {
        Some(*entity)
    } else {
        entity.parent()
    }
}
