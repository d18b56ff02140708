use crate::query::Spaces;

/// Why a text is not a valid [`Definition`](crate::flow::Definition), or not a valid part of one.
///
/// `Display` writes three lines: the [kind](Error::kind), the text, and a mark below the
/// [position](Error::position).
///
/// ```
/// use sflow_metrics::flow;
///
/// let error = "keys=ip.source;value=bytes".parse::<flow::Definition>().unwrap_err();
/// assert_eq!(error.position(), 5);
/// assert_eq!(
///     error.to_string(),
///     "unknown key `ip.source`; did you mean `ip.src`?\n  \
///        keys=ip.source;value=bytes\n       ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}\n  {text}\n  {pointer}^", pointer = Spaces(.text, *.position))]
pub struct Error {
    text: String,
    position: usize,
    kind: ErrorKind,
}

/// The reason why a text is not a valid flow definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text does not continue as required.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Unknown part of a definition.
    #[error("unknown part `{0}`; expected keys, value, filter, top or smooth")]
    UnknownPart(String),
    /// A part of a definition, or a key in a list of keys, occurs twice.
    #[error("duplicate `{0}`")]
    Duplicate(String),
    /// Unknown key.
    #[error("unknown key `{name}`{}", did_you_mean(.suggestions))]
    UnknownKey {
        /// The name in the text.
        name: String,
        /// Keys with similar names; may be empty.
        suggestions: Vec<&'static str>,
    },
    /// More keys than [`Definition::MAX_KEYS`](crate::flow::Definition::MAX_KEYS).
    #[error("more than {limit} keys")]
    TooManyKeys {
        /// The maximum.
        limit: usize,
    },
    /// Unknown measure.
    #[error(
        "unknown value `{0}`; expected bytes, bytes.net, frames, distinct(key,…), drops or \
             drops.bytes"
    )]
    UnknownMeasure(String),
    /// Not a value that the key of a filter can have.
    #[error("`{value}` is not {expected}")]
    InvalidValue {
        /// The value in the text.
        value: String,
        /// What the key's values are, with an article: `a MAC address`.
        expected: &'static str,
    },
    /// Not a duration, or a duration of zero.
    #[error("`{0}` is not a duration such as 500ms, 10s or 1m, nor `off`")]
    InvalidDuration(String),
    /// A definition with `smooth` and a window.
    #[error("`smooth` and a window exclude each other")]
    SmoothedWindow,
    /// Not a number of flows.
    #[error("`{0}` is not a number")]
    InvalidNumber(String),
}

impl Error {
    pub(super) fn new(text: &str, position: usize, kind: ErrorKind) -> Self {
        Self {
            text: text.replace(char::is_control, " "),
            position,
            kind,
        }
    }

    /// The reason.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The position of the error in bytes from the start of the text.
    pub fn position(&self) -> usize {
        self.position
    }
}

fn did_you_mean(suggestions: &[&str]) -> String {
    if suggestions.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = suggestions.iter().map(|key| format!("`{key}`")).collect();
    format!("; did you mean {}?", quoted.join(" or "))
}
