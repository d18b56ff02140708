//! What sources have under the keys of queries.

use std::borrow::Cow;

use super::Registry;
use super::entity::Entity;
use crate::entity::EntityKind;
use crate::ingest::source::Source;
use crate::query::Key;
use crate::timestamp::Timestamp;

/// What a source has under this key.
pub(super) fn value_in<'r>(
    key: Key,
    registry: &'r Registry,
    source: &'r Source,
    now: Timestamp,
) -> Option<Cow<'r, [u8]>> {
    // What is asked most is found without asking for its agent.
    let own = match key {
        Key::VirHostName => EntityKind::Container,
        Key::IfName => EntityKind::Interface,
        _ => return value_of(key, &registry.entity(source, now)?),
    };
    (source.kind == own).then(|| source.name.as_bytes().into())
}

/// What an entity has under this key.
fn value_of<'r>(key: Key, entity: &Entity<'r>) -> Option<Cow<'r, [u8]>> {
    let kind = entity.kind();
    let text = |value: Option<String>| value.map(|value| value.into_bytes().into());
    match key {
        Key::VirHostName => (kind == EntityKind::Container).then(|| name(entity)),
        Key::VirUuid if kind == EntityKind::Container => {
            text(entity.uuid().map(|uuid| uuid.to_string()))
        }
        Key::VirUuid => None,
        Key::VirCpuState => {
            let state = entity.state()?;
            match state.name() {
                Some(name) => Some(name.as_bytes().into()),
                None => text(Some(state.0.to_string())),
            }
        }
        Key::HostName => host_of(entity).map(|host| name(&host)),
        Key::Uuid => text(host_of(entity)?.uuid().map(|uuid| uuid.to_string())),
        Key::IfName => (kind == EntityKind::Interface).then(|| name(entity)),
        Key::IfIndex => text(entity.if_index().map(|index| index.to_string())),
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
