//! Secrets of a configuration, which responses never contain.

use std::ops::Range;

use serde_json::Value;
use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::hooks::without_query;

/// Replacement of a secret. In a new configuration it means: unchanged.
const BLANK: &str = "***";

/// Paths of tokens, and of arguments, which may contain some: tables, lists of tables (each element),
/// and the key.
const TOKENS: &[&[&str]] = &[
    &["http", "token"],
    &["pool", "hook", "token"],
    &["pool", "hook", "arguments"],
];
/// Path of URLs whose queries may contain a secret.
const URL: &[&str] = &["pool", "hook", "url"];

/// The text with secrets replaced, and without comments, which may contain former secrets. All lines
/// keep their numbers.
pub(super) fn blanked(text: &str) -> String {
    let secrets = found(text);
    let is_in_secret = |comment: &Range<usize>| {
        let mut secrets = secrets.iter();
        secrets.any(|secret| secret.place.contains(&comment.start))
    };
    let comments = comments(text).filter(|comment| !is_in_secret(comment));
    let blank = |secret: &Secret| toml::Value::from(secret.blank.as_str()).to_string();
    let blanks = secrets.iter().map(|it| (it.place.clone(), blank(it)));
    let changes = comments.map(|comment| (comment, String::new()));
    let mut changes: Vec<_> = changes.chain(blanks).collect();
    changes.sort_by_key(|(place, _)| place.start);
    replaced(text, changes.iter().map(|(place, new)| (place, new)))
}

/// The places of comments, with the space before them.
fn comments(text: &str) -> impl Iterator<Item = Range<usize>> {
    let tokens = Source::new(text).lex();
    let comments = tokens.filter(|token| token.kind() == TokenKind::Comment);
    comments.map(|comment| {
        let span = comment.span();
        let before = text.get(..span.start()).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).len()..span.end()
    })
}

/// Replaces sections of a text, which are in order and do not overlap.
fn replaced<'t>(
    text: &str,
    changes: impl IntoIterator<Item = (&'t Range<usize>, impl AsRef<str>)>,
) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut behind = 0;
    for (place, new) in changes {
        replaced += text.get(behind..place.start).unwrap_or_default();
        replaced += new.as_ref();
        behind = place.end;
    }
    replaced + text.get(behind..).unwrap_or_default()
}

/// Replaces secrets in parsed values.
pub(super) fn blank(config: &mut Value) {
    for path in TOKENS {
        blank_at(config, path);
    }
}

fn blank_at(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(members), _) => members.iter_mut().for_each(|it| blank_at(it, path)),
        (Value::Null, []) => {}
        (value, []) => *value = BLANK.into(),
        (value, [key, rest @ ..]) => {
            if let Some(member) = value.get_mut(key) {
                blank_at(member, rest);
            }
        }
    }
}

/// The text with the secrets of another text instead of replacements.
pub(super) fn filled(text: &str, from: &str) -> String {
    let (known, found) = (found(from), found(text));
    let changes = found.iter().filter_map(|secret| {
        let known = known.iter().find(|known| known.path == secret.path)?;
        let is_unchanged = secret.value.as_ref() == Some(&known.blank);
        let value = from.get(known.place.clone())?;
        is_unchanged.then_some((&secret.place, value))
    });
    replaced(text, changes)
}

/// Whether a text contains a replacement of a secret.
pub(super) fn has_blank(text: &str) -> bool {
    let is_blank = |secret: &Secret| secret.value.as_ref() == Some(&secret.blank);
    found(text).iter().any(is_blank)
}

/// A secret in a text.
struct Secret {
    place: Range<usize>,
    path: Vec<String>,
    /// The value, if it is a string.
    value: Option<String>,
    /// Its replacement.
    blank: String,
}

/// The secrets in a text, in order; empty if it is not TOML.
fn found(text: &str) -> Vec<Secret> {
    let Ok(document) = DeTable::parse(text) else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for path in TOKENS {
        search(document.get_ref(), path, &[], &mut secrets, |_| {
            Some(BLANK.to_owned())
        });
    }
    search(document.get_ref(), URL, &[], &mut secrets, |url| {
        let url = url.filter(|url| {
            url.split_once('?')
                .is_some_and(|(_, query)| !query.is_empty())
        });
        url.map(without_query)
    });
    secrets.sort_by_key(|secret| secret.place.start);
    secrets
}

/// Adds the secrets at a path; `blank` returns the replacement of a value, if it contains a secret.
fn search(
    table: &DeTable<'_>,
    path: &[&str],
    before: &[String],
    found: &mut Vec<Secret>,
    blank: fn(Option<&str>) -> Option<String>,
) {
    let [key, rest @ ..] = path else { return };
    let Some(value) = table.get(*key) else { return };
    let path = [before, &[(*key).to_owned()]].concat();
    match value.get_ref() {
        scalar if rest.is_empty() => found.extend(blank(scalar.as_str()).map(|blank| Secret {
            place: value.span(),
            path,
            value: scalar.as_str().map(str::to_owned),
            blank,
        })),
        DeValue::Table(table) => search(table, rest, &path, found, blank),
        DeValue::Array(members) => {
            for (place, member) in members.iter().enumerate() {
                if let DeValue::Table(table) = member.get_ref() {
                    // By name, so that a secret is found if the order of tables changes.
                    let name = table.get("name").and_then(|name| name.get_ref().as_str());
                    let name = name.map_or_else(|| place.to_string(), str::to_owned);
                    search(table, rest, &[&path[..], &[name]].concat(), found, blank);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_and_restored() {
        for (text, expected) in [
            (
                "[http]\ntoken = \"correct horse\"\nlisten = 1\n",
                "[http]\ntoken = \"***\"\nlisten = 1\n",
            ),
            ("http.token = 'x'", "http.token = \"***\""),
            (
                "http = { token = \"\"\"\na\"\"\" }",
                "http = { token = \"***\" }",
            ),
            (
                "[http]\n\"tok\\u0065n\" = \"x\"",
                "[http]\n\"tok\\u0065n\" = \"***\"",
            ),
            (
                "[[pool]]\nname = \"a\"\nhook = { url = \"u\", token = \"x\" }\n\
                 [[pool]]\nname = \"b\"\n[pool.hook]\ntoken = \"y\"\n",
                "[[pool]]\nname = \"a\"\nhook = { url = \"u\", token = \"***\" }\n\
                 [[pool]]\nname = \"b\"\n[pool.hook]\ntoken = \"***\"\n",
            ),
            (
                "[[pool]]\nname = \"a\"\nhook.url = 'https://a/b?key=x&y'\n",
                "[[pool]]\nname = \"a\"\nhook.url = \"https://a/b?…\"\n",
            ),
            (
                "[[pool]]\nname = \"a\"\nhook.url = 'https://a/b?'\n",
                "[[pool]]\nname = \"a\"\nhook.url = 'https://a/b?'\n",
            ),
            ("[http]\nlisten = 1", "[http]\nlisten = 1"),
            ("", ""),
        ] {
            assert_eq!(blanked(text), expected);
            assert_eq!(filled(expected, text), text);
            assert_eq!(has_blank(expected), expected != text, "{expected}");
            assert!(!has_blank(text), "{text}");
            let other = "http.token = 'other'";
            assert_eq!(filled(other, text), other);
        }
        // The query of a URL is not sent to another server.
        let before = "[[pool]]\nname = \"a\"\nhook.url = \"https://a/?x\"\n";
        let moved = "[[pool]]\nname = \"a\"\nhook.url = \"https://b/?…\"\n";
        assert_eq!(filled(moved, before), moved);
        assert!(has_blank(moved));
        // The order of pools does not matter.
        let before = "[[pool]]\nname = \"a\"\nhook.token = \"x\"\n\
                      [[pool]]\nname = \"b\"\nhook.token = \"y\"\n";
        let turned = "[[pool]]\nname = \"b\"\nhook.token = \"***\"\n\
                      [[pool]]\nname = \"a\"\nhook.token = \"***\"\n";
        let expected = "[[pool]]\nname = \"b\"\nhook.token = \"y\"\n\
                        [[pool]]\nname = \"a\"\nhook.token = \"x\"\n";
        assert_eq!(filled(turned, before), expected);
        let mut values = serde_json::json!({ "pool": [{ "hook": { "token": "x" } }, {}] });
        blank(&mut values);
        let blanked = serde_json::json!({ "pool": [{ "hook": { "token": "***" } }, {}] });
        assert_eq!(values, blanked);
        let mut values = serde_json::json!({ "http": { "token": "x", "listen": 1 } });
        blank(&mut values);
        assert_eq!(
            values,
            serde_json::json!({ "http": { "token": "***", "listen": 1 } })
        );
    }

    #[test]
    fn comments_are_left_out_and_lines_keep_their_numbers() {
        for (text, expected) in [
            (
                "# token = \"former\"\n[http]\ntoken = \"x\"\t# \"next\"\n# end",
                "\n[http]\ntoken = \"***\"\n",
            ),
            (
                "[http]\nname = \"a # b\" # c\nlisten = 'd # e'\n",
                "[http]\nname = \"a # b\"\nlisten = 'd # e'\n",
            ),
            (
                "text = \"\"\"\n# not a comment\n\"\"\" # one\n",
                "text = \"\"\"\n# not a comment\n\"\"\"\n",
            ),
            (
                "[[pool]]\nhook.arguments = [ # a\n\"x\"] # b\n",
                "[[pool]]\nhook.arguments = \"***\"\n",
            ),
        ] {
            assert_eq!(blanked(text), expected);
        }
    }
}
