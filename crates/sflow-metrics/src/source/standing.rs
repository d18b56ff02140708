/// How sure it is who a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has not been asked for its UUID yet.
    Unsettled,
    /// It is the one with its UUID, or has none.
    Settled,
    /// Another one has its UUID and may be it.
    Shadow,
    /// Another one has its UUID and is not it.
    Twin,
}

/// What readers of events know of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Nothing,
    Appeared,
    Live,
    Stale,
}
