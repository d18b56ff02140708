use core::fmt;

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
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
