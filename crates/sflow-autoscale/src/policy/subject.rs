use serde::{Deserialize, Serialize};

use crate::format::count;

/// The subject of a decision: a service or a pool of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Subject {
    /// Whether it is a service or a pool.
    pub kind: SubjectKind,
    /// The name of the service or pool.
    #[serde(rename = "service")]
    pub name: String,
}

impl Subject {
    /// The service of this name.
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            kind: SubjectKind::Service,
            name: name.into(),
        }
    }

    /// The pool of this name.
    pub fn pool(name: impl Into<String>) -> Self {
        Self {
            kind: SubjectKind::Pool,
            name: name.into(),
        }
    }
}

/// The kind of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A service, whose replicas are tasks.
    #[default]
    Service,
    /// A pool of nodes, whose replicas are machines.
    Pool,
}

impl SubjectKind {
    /// `service` or `pool`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Pool => "pool",
        }
    }

    /// The noun for one replica.
    const fn replica(self) -> &'static str {
        match self {
            Self::Service => "replica",
            Self::Pool => "machine",
        }
    }

    /// The noun for replicas: `replicas`, `machines`.
    pub const fn replicas(self) -> &'static str {
        match self {
            Self::Service => "replicas",
            Self::Pool => "machines",
        }
    }

    /// The noun for a member that is measured: `container`, `machine`.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Service => "container",
            Self::Pool => "machine",
        }
    }

    /// A number of replicas or machines.
    pub(super) fn counted(self, number: u32) -> String {
        match number {
            1 => format!("1 {}", self.replica()),
            _ => format!("{} {}", count(number.into()), self.replicas()),
        }
    }

    /// A number of containers or machines.
    pub(super) fn members(self, number: u32) -> String {
        match number {
            1 => format!("1 {}", self.member()),
            _ => format!("{} {}s", count(number.into()), self.member()),
        }
    }
}
