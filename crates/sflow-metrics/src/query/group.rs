//! Answers by group.

use core::fmt;
use std::borrow::Cow;

use super::{Key, Summary, piece};
use crate::display::{padded, separated};

/// A grouping of entities by the value of a [`Key`], or by a part of it.
///
/// For other groupings see
/// [`Registry::query_groups_by`](crate::Registry::query_groups_by).
///
/// ```
/// use sflow_metrics::query::{Grouping, Key};
///
/// // All but the last two parts of the name.
/// let by_service = Grouping::by(Key::Container).showing("", ".*.*");
/// assert_eq!(by_service.group_of("shop_web.3.rsm0h0ay4dbn").as_deref(), Some("shop_web"));
/// assert_eq!(by_service.group_of("sidecar"), None);
/// assert_eq!(by_service.to_string(), "container=(*).*.*");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    key: Key,
    shown: Option<Shown>,
}

/// Literal parts before and after the group name. `*` matches between two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    front: Vec<String>,
    back: Vec<String>,
}

impl Grouping {
    /// Groups by the whole value of a key.
    pub const fn by(key: Key) -> Self {
        Self { key, shown: None }
    }

    /// Groups by the longest part of the value between a prefix that matches `front` and a suffix
    /// that matches `back`. `*` matches any number of characters. An entity with another value is
    /// in no group.
    #[must_use]
    pub fn showing(self, front: &str, back: &str) -> Self {
        let pieces = |pattern: &str| pattern.split('*').map(str::to_owned).collect();
        self.between(pieces(front), pieces(back))
    }

    /// The key.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The group of a value; `None` if it is in no group.
    pub fn group_of<'v>(&self, value: &'v str) -> Option<Cow<'v, str>> {
        self.part_of(value.as_bytes()).map(String::from_utf8_lossy)
    }

    pub(super) fn between(self, front: Vec<String>, back: Vec<String>) -> Self {
        let shown = Some(Shown { front, back });
        Self { shown, ..self }
    }

    pub(crate) fn part_of<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let Some(Shown { front, back }) = &self.shown else {
            return Some(value);
        };
        let mut rest = value;
        for (place, piece) in front.iter().enumerate() {
            rest = match place {
                0 => piece::behind(rest, piece)?,
                _ => piece::behind_first(rest, piece)?,
            };
        }
        for (place, piece) in back.iter().rev().enumerate() {
            rest = match place {
                0 => piece::before(rest, piece)?,
                _ => piece::before_last(rest, piece)?,
            };
        }
        Some(rest)
    }
}

/// The answers to a query by group.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Groups {
    /// The groups, sorted by name.
    pub groups: Vec<Group>,
    /// Number of matching entities in no group.
    pub ungrouped: u64,
    /// Number of matching entities in groups beyond
    /// [`max_groups`](crate::Config::max_groups).
    pub left_out: u64,
}

/// The answer for one group.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Group {
    /// The name. It comes from the network: escape it before printing.
    pub name: Box<str>,
    /// The answers, one for each expression of the query.
    pub summaries: Vec<Summary>,
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        self.key.fmt(f)?;
        let Some(Shown { front, back }) = &self.shown else {
            return Ok(());
        };
        f.write_str("=")?;
        separated(f, "*", front.iter().map(|piece| Escaped(piece)))?;
        f.write_str("(*)")?;
        separated(f, "*", back.iter().map(|piece| Escaped(piece)))
    }
}

/// Text in a grouping, with special characters escaped.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for character in self.0.chars() {
            if character.is_whitespace() || r"\*()[".contains(character) {
                f.write_str("\\")?;
            }
            f.write_char(character)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_is_part_of_name() {
        let cases = [
            ("", "", "web.1.x", Some("web.1.x")),
            ("", ".*.*", "web.1.x", Some("web")),
            ("", ".*.*", "my.web.1.x", Some("my.web")),
            ("", ".*.*", "web.1", None),
            ("", ".*", "web.1.x", Some("web.1")),
            ("shop_", ".*.*", "shop_web.1.x", Some("web")),
            ("shop_", ".*.*", "bank_web.1.x", None),
            ("*_", ".*.*", "shop_web_2.1.x", Some("web_2")),
            ("*-", "", "a-b-c", Some("b-c")),
            ("web", "web", "web", None),
            ("web", "web", "webweb", Some("")),
        ];
        for (front, back, name, expected) in cases {
            let grouping = Grouping::by(Key::Container).showing(front, back);
            let group = grouping.group_of(name);
            assert_eq!(group.as_deref(), expected, "{grouping} of {name}");
        }
    }
}
