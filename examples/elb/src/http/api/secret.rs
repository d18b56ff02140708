//! Secrets of a configuration, which responses never contain.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// Replacement of a secret. In a new configuration it means: unchanged.
const BLANK: &str = "***";

/// Paths of secrets: tables, lists of tables (each element), and the key.
const SECRETS: &[&[&str]] = &[&["http", "token"], &["pool", "hook", "token"]];

/// The text with secrets replaced.
pub(super) fn blanked(text: &str) -> String {
    let blank = format!("{BLANK:?}");
    replaced(text, found(text).iter().map(|(place, _)| (place, &*blank)))
}

/// Replaces sections of a text, which are in order and do not overlap.
fn replaced<'t>(
    text: &str,
    changes: impl IntoIterator<Item = (&'t Range<usize>, &'t str)>,
) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut behind = 0;
    for (place, new) in changes {
        replaced += text.get(behind..place.start).unwrap_or_default();
        replaced += new;
        behind = place.end;
    }
    replaced + text.get(behind..).unwrap_or_default()
}

/// Replaces secrets in parsed values.
pub(super) fn blank(config: &mut Value) {
    for path in SECRETS {
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
    let known = found(from).into_iter();
    let known: HashMap<Vec<String>, Range<usize>> =
        known.map(|(place, key)| (key, place)).collect();
    let places = found(text);
    let secret = |(place, key): &(Range<usize>, Vec<String>)| {
        let value = text.get(place.clone())?;
        let secret = from.get(known.get(key)?.clone())?;
        (value.trim_matches(['"', '\'']) == BLANK).then_some(secret)
    };
    let changes = places
        .iter()
        .filter_map(|found| Some((&found.0, secret(found)?)));
    replaced(text, changes)
}

/// Positions of secrets in a text and their paths, in order; empty if it is not TOML.
fn found(text: &str) -> Vec<(Range<usize>, Vec<String>)> {
    let Ok(document) = DeTable::parse(text) else {
        return Vec::new();
    };
    let mut places = Vec::new();
    for path in SECRETS {
        search(document.get_ref(), path, Vec::new(), &mut places);
    }
    places.sort_by_key(|(place, _)| place.start);
    places
}

fn search(
    table: &DeTable<'_>,
    path: &[&str],
    before: Vec<String>,
    places: &mut Vec<(Range<usize>, Vec<String>)>,
) {
    let [key, rest @ ..] = path else { return };
    let Some(value) = table.get(*key) else { return };
    let mut names = before;
    names.push((*key).to_owned());
    match value.get_ref() {
        _ if rest.is_empty() => places.push((value.span(), names)),
        DeValue::Table(table) => search(table, rest, names, places),
        DeValue::Array(members) => {
            for (place, member) in members.iter().enumerate() {
                if let DeValue::Table(table) = member.get_ref() {
                    // By name, so that a secret is found if the order of tables changes.
                    let name = table.get("name").and_then(|name| name.get_ref().as_str());
                    let name = name.map_or_else(|| place.to_string(), str::to_owned);
                    let names = names.iter().cloned().chain([name]).collect();
                    search(table, rest, names, places);
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
                "# mine\n[http]\ntoken = \"correct horse\" # secret\nlisten = 1\n",
                "# mine\n[http]\ntoken = \"***\" # secret\nlisten = 1\n",
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
            ("[http]\nlisten = 1", "[http]\nlisten = 1"),
            ("", ""),
        ] {
            assert_eq!(blanked(text), expected);
            assert_eq!(filled(expected, text), text);
            let other = "http.token = 'other'";
            assert_eq!(filled(other, text), other);
        }
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
}
