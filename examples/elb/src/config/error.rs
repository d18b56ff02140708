//! Errors of a configuration, with their keys and their places in the file.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::source::Source;
use crate::format::shortened;

/// Maximum number of reported errors.
pub(super) const MOST_ERRORS: usize = 20;
/// Maximum length of a quoted line, a key and a message.
pub(super) const LONGEST: usize = 1_000;

/// Why a configuration is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        error: String,
    },
    /// The content is invalid: all errors, in the order of their lines; at most the first 20.
    #[error("{}", listed(.0))]
    Invalid(Vec<Invalid>),
}

/// One error of a configuration: invalid TOML, an unknown key, or an invalid value.
///
/// Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The key, such as `service[0].policy.max`; empty for invalid TOML.
    pub key: String,
    /// The problem and the expected value.
    pub message: String,
    /// The place in the file; `None` for a label.
    pub place: Option<Place>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the line, from 1.
    pub line: usize,
    /// Column, in characters from 1.
    pub column: usize,
    /// The line without values that may be secrets; `None` if nothing of it can be shown.
    pub source: Option<String>,
    /// Number of characters before the place in `source`.
    pub(super) indent: usize,
    /// Number of characters at fault.
    pub(super) width: usize,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "line {}: ", place.line)?;
            if let Some(source) = &place.source {
                write!(f, "`{}`: ", source.trim_start())?;
            }
        }
        f.write_str(&self.summary())
    }
}

impl Invalid {
    /// Bounds key and message, and replaces their unprintable characters.
    pub(super) fn shorten(&mut self) {
        self.key = shortened(&self.key, LONGEST);
        self.message = shortened(&self.message, LONGEST);
    }

    /// Key and message.
    fn summary(&self) -> String {
        match self.key.as_str() {
            "" => self.message.clone(),
            key => format!("{key}: {}", self.message),
        }
    }

    /// Key and message, and below them the place with the line and a mark under the value.
    fn excerpt(&self) -> String {
        let summary = self.summary();
        let Some(place) = &self.place else {
            return summary;
        };
        let (line, column) = (place.line, place.column);
        let mut excerpt = format!("{summary}\n --> line {line}, column {column}\n");
        if let Some(source) = &place.source {
            let margin = " ".repeat(line.to_string().len());
            excerpt += &format!("{margin} |\n{line} | {source}\n");
            let width = source.chars().count().saturating_sub(place.indent);
            if width > 0 {
                let (space, mark) = (" ".repeat(place.indent), "^".repeat(place.width.min(width)));
                excerpt += &format!("{margin} | {space}{mark}\n");
            }
        }
        excerpt
    }
}

impl ConfigError {
    /// An error without a place in the file.
    pub(super) fn of(key: impl Into<String>, message: impl Into<String>) -> Self {
        let mut invalid = Invalid {
            key: key.into(),
            message: message.into(),
            place: None,
        };
        invalid.shorten();
        Self::Invalid(vec![invalid])
    }
}

/// The errors with their places below each other, those without a place in one line.
fn listed(errors: &[Invalid]) -> String {
    let has_place = errors.iter().any(|error| error.place.is_some());
    let excerpts: Vec<String> = errors.iter().map(Invalid::excerpt).collect();
    excerpts.join(if has_place { "\n" } else { "; " })
}

/// Errors of a validation, which continues after each.
#[derive(Debug, Default)]
pub(super) struct Errors(pub(super) Vec<Invalid>);

impl Errors {
    pub(super) fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Invalid {
            key: key.into(),
            message: message.into(),
            place: None,
        });
    }

    /// The value of a result; adds its error.
    pub(super) fn check<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.add(key, problem)).ok()
    }

    /// The result of the validation of a file with this text.
    pub(super) fn result_of_file<T>(self, text: &str, value: T) -> Result<T, ConfigError> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(Source::new(text).located(self.0)),
        }
    }

    /// The result of the validation of labels, which have no place in a file.
    pub(super) fn result<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.truncate(MOST_ERRORS);
        self.0.iter_mut().for_each(Invalid::shorten);
        Err(ConfigError::Invalid(self.0))
    }
}

/// The message of a deserializer in the words of the file format. The wrong value is quoted if it is
/// public and neither a table nor a list is expected; returns whether it may be quoted.
pub(super) fn message(error: &str, is_public: bool) -> (String, bool) {
    let invalid = error
        .strip_prefix("invalid type: ")
        .or_else(|| error.strip_prefix("invalid value: "));
    if let Some((found, expected)) = invalid.and_then(|it| it.rsplit_once(", expected ")) {
        let expected = match expected {
            "u32" => "a whole number from 0 to 4294967295",
            "a nonzero u32" => "a whole number from 1 to 4294967295",
            "i32" => "a whole number from -2147483648 to 2147483647",
            "usize" => "a whole number from 0",
            "f64" => "a number",
            "a boolean" => "true or false",
            "path string" => "a string",
            "a sequence" => "a list",
            "a map" => "a table",
            other if other.starts_with("struct ") => "a table",
            other => other,
        };
        let is_quoted = is_public && !["a list", "a table"].contains(&expected);
        let found = match found {
            "map" => "a table",
            "sequence" => "a list",
            _ if !is_quoted => return (format!("expected {expected}"), false),
            found => {
                let number = found.split_once('`');
                let number = number.and_then(|(_, number)| number.strip_suffix('`'));
                number.unwrap_or(found.strip_prefix("string ").unwrap_or(found))
            }
        };
        return (format!("expected {expected}, found {found}"), is_quoted);
    }
    let variant = error.strip_prefix("unknown variant `");
    if let Some((found, expected)) = variant.and_then(|it| it.split_once("`, expected ")) {
        let expected = expected.replace('`', "\"");
        return (format!("expected {expected}, found {found:?}"), is_public);
    }
    let message = match error.strip_prefix("missing field ") {
        Some(key) => format!("{key} is missing"),
        None if error == "wanted string or table" => "expected a string".to_owned(),
        None => error.replacen("unknown field", "unknown key", 1),
    };
    (message, is_public)
}
