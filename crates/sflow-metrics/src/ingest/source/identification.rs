/// Whether the identity of a source is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identification {
    /// The UUID was not compared yet.
    Pending,
    /// The source is the only one with its UUID, or has no UUID.
    Confirmed,
    /// Another source has the UUID, and may be the same entity.
    Shadow,
    /// Another source has the UUID, and is another entity.
    Duplicate,
}

/// The last event of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    Nothing,
    Appeared,
    Live,
    Stale,
}
