use core::fmt;

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// A physical host.
    Host,
    /// A container or virtual machine. sFlow reports both in the same way.
    Container,
    /// A network interface.
    Interface,
    /// An application that reports its own counters.
    Application,
    /// Any other data source, such as the datapath of a switch.
    Other,
}

/// Whether the data of an entity is current.
///
/// The polling interval of each entity is learned from its samples. Its last sample is current for
/// [`stale_after`](crate::Config::stale_after) intervals, by default three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Lifecycle {
    /// Only one sample since it or its agent started: gauges have values, rates do not.
    Warming,
    /// Rates and gauges have values.
    Live,
    /// No sample for several polling intervals: it has no values.
    Stale,
    /// No sample for [`gone_after`](crate::Config::gone_after): it is removed.
    Gone,
}

/// The id of an entity, unique during the lifetime of a registry.
///
/// A host or container with a UUID keeps its id when another data source or agent reports it, unless
/// the former one still reports it as well. A container that stopped and was started again gets a
/// new id, unless its agent did not report the stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Id(pub(crate) u64);

impl From<Id> for u64 {
    /// The number, as `serde` writes it.
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Container => "container",
            Self::Interface => "interface",
            Self::Application => "application",
            Self::Other => "other",
        })
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warming => "warming",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Gone => "gone",
        })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
