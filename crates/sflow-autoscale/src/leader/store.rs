use thiserror::Error;

/// The record of the lease, in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The instance that holds the lease; empty if it was released.
    pub holder: String,
    /// Where clients reach the holder.
    pub address: String,
    /// The number of the leadership; it increases by one at each takeover.
    pub term: u64,
    /// The number of renewals in this term.
    pub renewed: u64,
    /// Text of the leader for its successor, such as the orders in progress of its node pools
    /// ([`NodePools::journal`](crate::node_pools::NodePools::journal)).
    pub journal: String,
}

/// A record and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The version of the store. Every write gives another one, also after a deletion.
    pub version: u64,
    /// The record.
    pub record: Record,
}

/// A store of one record with compare-and-swap: swarm's Raft, etcd, a row of a database.
///
/// The implementation limits each call to
/// [`LeaseSettings::timeout`](super::LeaseSettings::timeout). Reads have to be linearizable, or a stale
/// read delays a takeover; writes have to be so in any case.
#[allow(
    async_fn_in_trait,
    reason = "used through generics only, on a single task"
)]
pub trait LeaseStore {
    /// The record; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Unreachable`].
    async fn read(&mut self) -> Result<Option<StoredRecord>, LeaseError>;

    /// Creates the record.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Conflict`] if it exists.
    async fn create(&mut self, record: &Record) -> Result<(), LeaseError>;

    /// Replaces the record of this version.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Conflict`] if it has another version or does not exist.
    async fn replace(&mut self, version: u64, record: &Record) -> Result<(), LeaseError>;
}

/// The errors of a store.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// Another process has written the record. This write was not made.
    #[error("the lease was changed by another process")]
    Conflict,
    /// No answer in time, no quorum, or an invalid answer. Whether a write was made is unknown.
    #[error("the lease cannot be read or written: {0}")]
    Unreachable(String),
}
