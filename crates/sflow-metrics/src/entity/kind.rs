//! What is measured, how it does, and its number.

use core::fmt;

/// What kind of thing is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EntityKind {
    /// A physical host.
    Host,
    /// A container or virtual machine: the stream says the same of both, and does not tell
    /// which it is.
    Container,
    /// A network interface.
    Interface,
    /// An application that counts its own operations.
    Application,
    /// Anything else that counts, such as a switch's datapath.
    Other,
}

/// How an entity does.
///
/// What an entity last said is believed for three of its own intervals: learned from when its
/// samples come, not configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Lifecycle {
    /// One sample since it, or its agent, started: gauges have values, rates do not.
    Warming,
    /// It has rates, and is heard in time.
    Live,
    /// It has not been heard for several of its intervals: it has no values.
    Stale,
    /// It has not been heard for so long that it is no longer there.
    Gone,
}

/// Names one entity for as long as the registry lives; never used again for another.
///
/// A host or container with a UUID keeps it when it is reported as another data source or by
/// another agent, if it was no longer heard at its former place. A container that stopped and
/// was started again is another one, unless its agent never said that it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct EntityId(pub(crate) u64);

impl fmt::Display for EntityKind {
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

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
