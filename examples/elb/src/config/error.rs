//! Errors of a configuration, with their keys and their places in the file.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::format::shortened;

/// Maximum number of reported errors.
const MOST_ERRORS: usize = 20;
/// Maximum length of a quoted line, a key and a message.
const LONGEST: usize = 1_000;
/// Keys whose values are secrets or may contain some.
const SECRETS: [&str; 5] = ["token", "url", "arguments", "program", "endpoints"];

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
    /// Number of characters at fault.
    width: usize,
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
    fn shorten(&mut self) {
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
            let width = source.chars().count().saturating_sub(column - 1);
            if width > 0 {
                let (space, mark) = (" ".repeat(column - 1), "^".repeat(place.width.min(width)));
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

/// A key of a file.
#[derive(Debug)]
struct Entry {
    /// The key with its tables, such as `service[0].policy.max`.
    path: String,
    key: Range<usize>,
    value: Range<usize>,
    is_table: bool,
}

/// A file with errors, to find their keys and places.
#[derive(Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    /// The content; `None` if the text is not TOML.
    document: Option<Spanned<DeValue<'t>>>,
    entries: Vec<Entry>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let document = DeTable::parse(text).ok();
        let document = document.map(|it| Spanned::new(it.span(), DeValue::Table(it.into_inner())));
        Self {
            text,
            entries: document
                .iter()
                .flat_map(|it| entries(it.get_ref(), ""))
                .collect(),
            document,
        }
    }

    /// All errors of deserialization, in the order in which they are found. The first is given.
    /// Removes each wrong key or value and continues with `next`. Returns also what `next` returns
    /// for the rest.
    pub(super) fn type_errors<T>(
        &self,
        mut error: toml::de::Error,
        next: impl Fn(Spanned<DeValue<'t>>) -> Result<T, toml::de::Error>,
    ) -> (Vec<Invalid>, Option<T>) {
        /// Maximum number of bytes that are parsed again, so that a large file is parsed once or
        /// twice.
        const MOST_BYTES: usize = 1024 * 1024;

        let most = (MOST_BYTES / self.text.len().max(1)).clamp(1, MOST_ERRORS);
        let mut errors = vec![self.invalid(&error)];
        let mut document = self.document.clone();
        while let Some(document) = &mut document
            && errors.len() < most
            && error
                .span()
                .is_some_and(|span| remove(document.get_mut(), &span))
        {
            match next(document.clone()) {
                Ok(rest) => return (errors, Some(rest)),
                Err(next) => error = next,
            }
            let invalid = self.invalid(&error);
            let is_removed = error.message().starts_with("missing field")
                && errors.iter().any(|it| table_of(&it.key) == invalid.key);
            if !is_removed {
                errors.push(invalid);
            }
        }
        (errors, None)
    }

    /// The first errors in the order of their keys in the file. Finds the places of those without
    /// one: that of a missing key is its table.
    pub(super) fn located(&self, mut errors: Vec<Invalid>) -> ConfigError {
        let entries = self
            .entries
            .iter()
            .map(|entry| (entry.path.as_str(), entry));
        let entries: HashMap<&str, &Entry> = entries.collect();
        let entry = |key: &str| ancestors(key).find_map(|path| entries.get(path).copied());
        errors.sort_by_cached_key(|error| entry(&error.key).map(|entry| entry.key.start));
        errors.truncate(MOST_ERRORS);
        for error in errors.iter_mut().filter(|error| error.place.is_none()) {
            let entry = entry(&error.key);
            error.place =
                entry.map(|entry| self.place(&entry.value, Some(entry), is_public(&entry.path)));
            error.shorten();
        }
        ConfigError::Invalid(errors)
    }

    /// An error of the parser. Values of tables and lists, and of keys that may be secrets, are left
    /// out.
    fn invalid(&self, error: &toml::de::Error) -> Invalid {
        let span = error.span().unwrap_or_default();
        let is_here = |entry: &&Entry| entry.key == span || entry.value == span;
        let entry = self.entries.iter().rfind(is_here);
        let path = entry.map_or("", |entry| &entry.path);
        let (message, is_quoted) = message(error.message(), is_public(path));
        Invalid {
            key: shortened(path, LONGEST),
            message: shortened(&message, LONGEST),
            place: Some(self.place(&span, entry, is_quoted)),
        }
    }

    /// The place of an error in an entry, and of its line what can be shown.
    fn place(&self, span: &Range<usize>, entry: Option<&Entry>, is_public: bool) -> Place {
        let text = self.text;
        let (before, rest) = text.split_at_checked(span.start).unwrap_or((text, ""));
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let (above, left) = before.split_at_checked(begin).unwrap_or(("", before));
        let value = rest.get(..span.len()).unwrap_or(rest);
        let shows_value = is_public && !value.starts_with(['{', '[']) && !value.contains('\n');
        let source = entry.and_then(|entry| {
            let quoted = |entry| self.quoted(entry, begin, shows_value.then_some(span));
            let tables = ancestors(&entry.path).skip(1);
            let mut tables =
                tables.filter_map(|path| self.entries.iter().find(|it| it.path == path));
            quoted(entry).or_else(|| tables.find_map(quoted))
        });
        Place {
            line: above.matches('\n').count() + 1,
            column: left.chars().count() + 1,
            source: source.filter(|source| source.len() <= LONGEST),
            width: value.chars().count().max(1),
        }
    }

    /// The line that begins at `begin` if it is that of the entry: a table's header, or the key and,
    /// if it is at `shown`, the value. The rest of a line may contain a secret, also if the text is
    /// not TOML or the key is misspelt.
    fn quoted(&self, entry: &Entry, begin: usize, shown: Option<&Range<usize>>) -> Option<String> {
        let value = self.text.get(entry.value.clone())?;
        if entry.is_table && entry.value.start == begin && value.starts_with('[') {
            return (!value.contains(['"', '\''])).then(|| value.to_owned());
        }
        // The tables of a dotted key.
        let tables = self.text.get(begin..entry.key.start)?;
        let is_bare = |it: char| it.is_ascii_alphanumeric() || "_-. \t".contains(it);
        if entry.key == entry.value || !tables.chars().all(is_bare) {
            return None;
        }
        match shown {
            Some(shown) if *shown == entry.value => self.text.get(begin..shown.end),
            _ => None,
        }
        .map(str::to_owned)
        .or_else(|| Some(format!("{} = …", self.text.get(begin..entry.key.end)?)))
    }
}

/// The key and its tables, the innermost first.
pub(super) fn ancestors<'k>(key: &'k str) -> impl Iterator<Item = &'k str> {
    let table = |key: &&'k str| key.get(..key.rfind(['.', '['])?);
    std::iter::successors(Some(key), table)
}

/// The table or list of a key; empty for that of the file.
pub(super) fn table_of(key: &str) -> &str {
    ancestors(key).nth(1).unwrap_or_default()
}

/// Whether the value of a key can be shown.
fn is_public(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    let last = last.split('[').next().unwrap_or_default();
    !SECRETS.contains(&last)
}

/// All keys and elements below a value.
fn entries(value: &DeValue<'_>, path: &str) -> Vec<Entry> {
    let mut children = Vec::new();
    match value {
        DeValue::Table(table) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (key, value) in table {
                children.push((format!("{path}{dot}{}", key.get_ref()), key.span(), value));
            }
        }
        DeValue::Array(members) => {
            for (place, value) in members.iter().enumerate() {
                children.push((format!("{path}[{place}]"), value.span(), value));
            }
        }
        _ => {}
    }
    let child = |(path, key, value): (String, _, &Spanned<DeValue<'_>>)| {
        let below = entries(value.get_ref(), &path);
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        let value = value.span();
        below.into_iter().chain([Entry {
            path,
            key,
            value,
            is_table,
        }])
    };
    children.into_iter().flat_map(child).collect()
}

/// Removes the key at this place, or the key or element with the value at this place.
fn remove(value: &mut DeValue<'_>, place: &Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => {
            let is_here = |(key, value): &(&Spanned<_>, &Spanned<_>)| {
                key.span() == *place || value.span() == *place
            };
            let found = table.iter().find(is_here).map(|(key, _)| key.clone());
            match found {
                Some(key) => table.remove(&key).is_some(),
                None => table
                    .iter_mut()
                    .any(|(_, value)| remove(value.get_mut(), place)),
            }
        }
        DeValue::Array(members) => {
            let before = members.len();
            let kept = members.iter().filter(|member| member.span() != *place);
            *members = kept.cloned().collect();
            members.len() < before
                || members
                    .iter_mut()
                    .any(|member| remove(member.get_mut(), place))
        }
        _ => false,
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
