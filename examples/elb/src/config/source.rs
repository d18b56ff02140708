//! A configuration file in which the places of errors are found. Of the text, errors quote only what
//! cannot be a secret.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Invalid, LONGEST, MOST_ERRORS, Place, message};
use crate::format::shortened;

/// Keys whose values are secrets or may contain some.
const SECRETS: [&str; 6] = [
    "address",
    "arguments",
    "endpoints",
    "program",
    "token",
    "url",
];

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
        let indent = left.chars().count();
        let source = entry.and_then(|entry| {
            let quoted = |entry| {
                let source = self.quoted(entry, begin, shows_value.then_some(span))?;
                Some((source, indent))
            };
            let tables = ancestors(&entry.path).skip(1);
            let mut tables =
                tables.filter_map(|path| self.entries.iter().find(|it| it.path == path));
            quoted(entry)
                .or_else(|| self.nested(begin, span, shows_value))
                .or_else(|| tables.find_map(quoted))
        });
        let source = source.filter(|(source, _)| source.len() <= LONGEST);
        let (source, indent) = source.unzip();
        Place {
            line: above.matches('\n').count() + 1,
            column: left.chars().count() + 1,
            source,
            indent: indent.unwrap_or_default(),
            width: value.chars().count().max(1),
        }
    }

    /// The line that begins at `begin` up to a key or value in a list or an inline table, with `…` in
    /// place of all other values, and the number of characters before it. `None` if the line contains
    /// other text than bare keys and values.
    fn nested(
        &self,
        begin: usize,
        span: &Range<usize>,
        shows_value: bool,
    ) -> Option<(String, usize)> {
        let is_bare = |it: char| it.is_ascii_alphanumeric() || "_-".contains(it);
        let parts = self.entries.iter().flat_map(|entry| {
            let text = self.text.get(entry.value.clone()).unwrap_or_default();
            let is_list = text.starts_with('[');
            let value = (!entry.is_table && !is_list).then_some((&entry.value, true));
            let key = (entry.key != entry.value).then_some((&entry.key, false));
            key.into_iter().chain(value)
        });
        let is_before =
            |(part, _): &(&Range<usize>, bool)| part.end > begin && part.start <= span.start;
        let mut parts: Vec<_> = parts.filter(is_before).collect();
        parts.sort_by_key(|(part, _)| part.start);
        let (mut source, mut behind) = (String::new(), begin);
        for (part, is_value) in parts {
            let between = self.text.get(behind..part.start)?;
            if !between.chars().all(|it| " \t=.,[]{}".contains(it)) {
                return None;
            }
            source += between;
            let (text, indent) = (self.text.get(part.clone())?, source.chars().count());
            match is_value {
                true if part != span || !shows_value => source.push('…'),
                false if !text.chars().all(is_bare) => return None,
                _ => source += text,
            }
            if part == span {
                return Some((source, indent));
            }
            behind = part.end;
        }
        None
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
    path.split(['.', '[']).all(|key| !SECRETS.contains(&key))
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
