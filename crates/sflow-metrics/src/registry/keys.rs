//! Values of the keys of queries.

use std::borrow::Cow;

use super::Registry;
use super::entity::Entity;
use crate::entity::EntityKind;
use crate::ingest::source::Source;
use crate::query::Key;
use crate::timestamp::Timestamp;

/// The value of a key of a source.
pub(super) fn value_in<'r>(
    key: Key,
    registry: &'r Registry,
    source: &'r Source,
    now: Timestamp,
) -> Option<Cow<'r, [u8]>> {
    // The most frequent keys do not need the agent.
    let own = match key {
        Key::Container => EntityKind::Container,
        Key::Interface => EntityKind::Interface,
        _ => return value_of(key, &registry.entity(source, now)?),
    };
    (source.kind == own).then(|| source.name.as_bytes().into())
}

/// The value of a key of an entity.
fn value_of<'r>(key: Key, entity: &Entity<'r>) -> Option<Cow<'r, [u8]>> {
    let kind = entity.kind();
    let text = |value: Option<String>| value.map(|value| value.into_bytes().into());
    match key {
        Key::Container => (kind == EntityKind::Container).then(|| name(entity)),
        Key::ContainerUuid if kind == EntityKind::Container => {
            text(entity.uuid().map(|uuid| uuid.to_string()))
        }
        Key::ContainerUuid => None,
        Key::ContainerState => {
            let state = entity.state()?;
            match state.name() {
                Some(name) => Some(name.as_bytes().into()),
                None => text(Some(state.0.to_string())),
            }
        }
        Key::Host => host_of(entity).map(|host| name(&host)),
        Key::HostUuid => text(host_of(entity)?.uuid().map(|uuid| uuid.to_string())),
        Key::Interface => (kind == EntityKind::Interface).then(|| name(entity)),
        Key::InterfaceIndex => text(entity.if_index().map(|index| index.to_string())),
        Key::Agent => text(Some(entity.agent().address.to_string())),
        Key::SubAgent => text(Some(entity.agent().sub_agent.to_string())),
        Key::Sender => text(Some(entity.agent().sender.to_string())),
        Key::DataSource => text(entity.data_source().map(|source| source.to_string())),
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
