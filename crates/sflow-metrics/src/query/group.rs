//! Answers by group.

use core::fmt;
use std::borrow::Cow;

use super::{Key, Summary, piece, separated};

/// By what entities are put together: a [`Key`], or the part of it that a pattern shows.
///
/// ```
/// use sflow_metrics::query::{Grouping, Key};
///
/// // The service of a task: all but the last two parts of its name.
/// let by_service = Grouping::by(Key::VirHostName).showing("", ".*.*");
/// assert_eq!(by_service.group_of("shop_web.3.rsm0h0ay4dbn").as_deref(), Some("shop_web"));
/// assert_eq!(by_service.group_of("sidecar"), None);
/// assert_eq!(by_service.to_string(), "vir_host_name=(*).*.*");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    key: Key,
    shown: Option<Shown>,
}

/// What stands in front of the part that is shown, and what behind it: pieces with gaps between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    front: Vec<String>,
    back: Vec<String>,
}

impl Grouping {
    /// By the whole value of a key.
    pub const fn by(key: Key) -> Self {
        Self { key, shown: None }
    }

    /// By the part of the value between what fits `front` and what fits `back`, in which each
    /// `*` stands for any number of characters; as long as it can be. Who does not fit is in no
    /// group.
    #[must_use]
    pub fn showing(self, front: &str, back: &str) -> Self {
        let pieces = |pattern: &str| pattern.split('*').map(str::to_owned).collect();
        self.between(pieces(front), pieces(back))
    }

    /// The key.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The group of this value, if it is in one.
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
    /// One for each group, in the order of their names.
    pub groups: Vec<Group>,
    /// Entities that passed the filters and are in no group.
    pub ungrouped: u64,
    /// Entities whose groups were too many: there are
    /// [`max_groups`](crate::Config::max_groups).
    pub left_out: u64,
}

/// The answer for one group.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Group {
    /// What its entities have in common, of strangers: escape it before you print it.
    pub name: Box<str>,
    /// One for each expression of the query.
    pub summaries: Vec<Summary>,
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Text in a grouping, where some characters have a meaning.
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
    fn parts_of_names() {
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
            let grouping = Grouping::by(Key::VirHostName).showing(front, back);
            let group = grouping.group_of(name);
            assert_eq!(group.as_deref(), expected, "{grouping} of {name}");
        }
    }
}
