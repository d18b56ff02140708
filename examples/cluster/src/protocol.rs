//! The messages between `ask` and workers: JSON over HTTP.
//!
//! `GET /partitions` lists the partitions of a worker. `GET /query` and `GET /flows` return the
//! contribution of the requested partitions, which the worker still owns, to one answer.

use serde::{Deserialize, Serialize};
use sflow_metrics::{flow, query};

/// The partitions of a worker.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Partitions {
    /// The number of partitions of the topic.
    pub(crate) total: usize,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Partition {
    pub(crate) partition: i32,
    /// Whether all records have been read.
    pub(crate) is_current: bool,
    /// The time of the assignment in milliseconds since 1970.
    pub(crate) assigned_ms: u64,
    /// Datagrams since the assignment.
    pub(crate) datagrams: u64,
}

/// What to answer, of `GET /query` and `GET /flows`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Request {
    /// The text of the query or of the definition of flows.
    pub(crate) text: String,
    /// The time of the answer in nanoseconds since 1970, the same for all workers.
    pub(crate) at: u64,
    /// The numbers of the partitions, separated by commas.
    pub(crate) partitions: String,
}

/// The contribution of some partitions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Contribution<P> {
    /// The requested partitions that the worker owns and has read to their end.
    pub(crate) partitions: Vec<i32>,
    pub(crate) partial: P,
}

/// Partials that are merged.
pub(crate) trait Merge: Sized {
    fn merge(&mut self, other: Self) -> anyhow::Result<()>;
}

impl Merge for query::Partial {
    fn merge(&mut self, other: Self) -> anyhow::Result<()> {
        Ok(self.merge(other)?)
    }
}

impl Merge for flow::Partial {
    fn merge(&mut self, other: Self) -> anyhow::Result<()> {
        Ok(self.merge(other)?)
    }
}
