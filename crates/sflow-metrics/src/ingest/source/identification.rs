/// How sure it is who a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identification {
    /// It has not been asked for its UUID yet.
    Pending,
    /// It is the one with its UUID, or has none.
    Confirmed,
    /// Another one has its UUID and may be it.
    Shadow,
    /// Another one has its UUID and is not it.
    Duplicate,
}

/// What readers of events know of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    Nothing,
    Appeared,
    Live,
    Stale,
}
