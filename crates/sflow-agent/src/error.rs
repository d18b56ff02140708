use sflow_v5::{DataSource, EncodeError};

/// Why an [`Agent`](crate::Agent) refused a source or a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The agent has no source with this key: it was never added, or it was removed.
    #[error("unknown source")]
    UnknownSource,
    /// The agent already has a source with this key.
    #[error("a source with this key exists")]
    DuplicateKey,
    /// Another source of the agent reports as this data source. Collectors would take the two
    /// for one.
    #[error("data source {0} is in use by another source")]
    DuplicateDataSource(DataSource),
    /// The sample does not fit into a datagram of its own. It is counted in
    /// [`Stats::oversized`](crate::Stats::oversized).
    #[error("the sample does not fit into a datagram of {max_datagram} bytes")]
    TooLarge {
        /// [`Config::max_datagram`](crate::Config::max_datagram), in bytes.
        max_datagram: usize,
    },
    /// A value does not fit into the encoding, or the closure that writes the records returned
    /// this error.
    #[error(transparent)]
    Encode(EncodeError),
}
