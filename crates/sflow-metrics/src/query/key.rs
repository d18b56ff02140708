use core::fmt;
use core::str::FromStr;

use super::{Error, ErrorKind};
use crate::entity::EntityKind;

/// A property of entities, for filters and groupings.
///
/// Flow definitions use the same names, with `.src` and `.dst` for the ends of a packet where the
/// property has two values: `host`, `container.src`. [`Key::named`] also accepts the names of
/// earlier versions, such as `vir_host_name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `container`: the name of a container or virtual machine.
    Container,
    /// `container.uuid`: its UUID.
    ContainerUuid,
    /// `container.state`: its state, such as `running` or `paused`.
    ContainerState,
    /// `host`: the name of a host, or of the host of a container or interface.
    Host,
    /// `host.uuid`: the UUID of a host, or of the host of a container or interface.
    HostUuid,
    /// `interface`: the name of an interface.
    Interface,
    /// `interface.index`: the `ifIndex` of an interface.
    InterfaceIndex,
    /// `agent`: the address that the agent reports for itself.
    Agent,
    /// `sub_agent`: the number of the sub-agent.
    SubAgent,
    /// `sender`: the source address of the datagrams.
    Sender,
    /// `data_source`: the data source, as `3:100042`.
    DataSource,
}

impl Key {
    const NAMES: [(&'static str, Self); 11] = [
        ("container", Self::Container),
        ("container.uuid", Self::ContainerUuid),
        ("container.state", Self::ContainerState),
        ("host", Self::Host),
        ("host.uuid", Self::HostUuid),
        ("interface", Self::Interface),
        ("interface.index", Self::InterfaceIndex),
        ("agent", Self::Agent),
        ("sub_agent", Self::SubAgent),
        ("sender", Self::Sender),
        ("data_source", Self::DataSource),
    ];

    /// Names of earlier versions.
    const ALIASES: [(&'static str, Self); 7] = [
        ("vir_host_name", Self::Container),
        ("vir_uuid", Self::ContainerUuid),
        ("vir_cpu_state", Self::ContainerState),
        ("host_name", Self::Host),
        ("uuid", Self::HostUuid),
        ("ifname", Self::Interface),
        ("ifindex", Self::InterfaceIndex),
    ];

    /// The key with this name, or with this name in earlier versions.
    ///
    /// ```
    /// use sflow_metrics::query::Key;
    ///
    /// assert_eq!(Key::named("container"), Some(Key::Container));
    /// assert_eq!(Key::named("vir_host_name"), Some(Key::Container));
    /// assert_eq!(Key::Container.name(), "container");
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter().chain(&Self::ALIASES);
        names.find(|(known, _)| *known == name).map(|(_, key)| *key)
    }

    /// All keys in the order of their documentation.
    pub const fn all() -> &'static [Self] {
        const ALL: [Key; Key::NAMES.len()] = {
            let mut all = [Key::Container; Key::NAMES.len()];
            let mut index = 0;
            while index < all.len() {
                all[index] = Key::NAMES[index].1;
                index += 1;
            }
            all
        };
        &ALL
    }

    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::all().iter().map(|key| key.name())
    }

    /// The kind of entities that have the key; `None` for a key of several kinds.
    pub(super) fn entity(self) -> Option<EntityKind> {
        match self {
            Self::Container | Self::ContainerUuid | Self::ContainerState => {
                Some(EntityKind::Container)
            }
            Self::Interface | Self::InterfaceIndex => Some(EntityKind::Interface),
            Self::Host
            | Self::HostUuid
            | Self::Agent
            | Self::SubAgent
            | Self::Sender
            | Self::DataSource => None,
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        let line = Self::NAMES.iter().find(|(_, key)| *key == self);
        line.map_or("", |(name, _)| *name)
    }
}

impl FromStr for Key {
    type Err = Error;

    /// As [`named`](Self::named).
    ///
    /// ```
    /// use sflow_metrics::query::Key;
    ///
    /// assert_eq!("host".parse(), Ok(Key::Host));
    /// assert!("hots".parse::<Key>().is_err());
    /// ```
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name).ok_or_else(|| Error::new(name, 0, ErrorKind::UnknownKey(name.to_owned())))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
