//! Completion of names, and of values that occur in the stream.

use sflow_metrics::{Timestamp, flow};

pub mod values;
use crate::question::{Field, Value};
pub use values::KeyValues;

/// Maximum number of completions.
const MOST: usize = 50;

/// A completion of a text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Completion {
    /// The text of the field up to the cursor, completed.
    pub text: String,
    /// The completed name or value.
    pub word: String,
    /// A description, or the share of the value.
    pub note: String,
}

/// Completions of a text in a field, best first.
pub fn complete(
    field: Field,
    text: &str,
    key_values: &KeyValues,
    now: Timestamp,
) -> Vec<Completion> {
    let world = World { key_values, now };
    let mut found = match field {
        Field::Keys => world.keys(text, &[','], ""),
        Field::Value => match text.split_once('(') {
            Some((before, _)) if before.trim() == "distinct" => world.keys(text, &['(', ','], ""),
            _ => values(text),
        },
        Field::Filter => world.filter(text),
    };
    found.truncate(MOST);
    found
}

struct World<'o> {
    key_values: &'o KeyValues,
    now: Timestamp,
}

impl World<'_> {
    /// Keys that complete the last word; keys with values in the stream first.
    fn keys(&self, text: &str, separators: &[char], behind: &str) -> Vec<Completion> {
        let (before, word) = last_word(text, separators);
        let taken: Vec<&str> = before.split(separators).map(str::trim).collect();
        let mut keys: Vec<_> = flow::Key::all()
            .iter()
            .filter(|key| behind == "=" || !taken.contains(&key.name()))
            .filter_map(|key| Some((rank(key.name(), word)?, *key)))
            .map(|(rank, key)| {
                let example = self.key_values.values(key, self.now).into_iter().next();
                ((rank, example.is_none()), key, example)
            })
            .collect();
        keys.sort_by_key(|(order, ..)| *order);
        let completion = |(_, key, example): (_, flow::Key, Option<values::ValueShare>)| {
            let note = match example {
                Some(example) => format!("now {}: {}", example.value, key.doc()),
                None => format!("no values now: {}", key.doc()),
            };
            Completion {
                text: format!("{before}{}{behind}", key.name()),
                word: key.name().to_owned(),
                note,
            }
        };
        keys.into_iter().map(completion).collect()
    }

    fn filter(&self, text: &str) -> Vec<Completion> {
        let start = behind_last(text, "&").unwrap_or(0);
        let group = text[start..].trim_start().strip_prefix('(');
        // Inside parentheses, the last condition.
        let condition = match group {
            Some(group) => &group[behind_last(group, "||").unwrap_or(0)..],
            None => &text[start..],
        };
        let done = &text[..text.len() - condition.len()];
        let Some((key, values)) = condition.split_once('=') else {
            let mut keys = self.keys(condition, &[], "=");
            for completion in &mut keys {
                completion.text.insert_str(0, done);
            }
            return keys;
        };
        let Some(key) = flow::Key::named(key.trim_end_matches('!').trim()) else {
            return Vec::new();
        };
        let word = &values[behind_last(values, "|").unwrap_or(0)..];
        let before = &text[..text.len() - word.len()];
        let mut found: Vec<_> = self
            .key_values
            .values(key, self.now)
            .into_iter()
            .filter_map(|seen| {
                let typed = as_typed(&seen.value, group.is_some())?;
                let rank = rank(&typed, word)?;
                let completion = Completion {
                    text: format!("{before}{typed}"),
                    word: typed,
                    note: format!("{:.1} % of the packets", seen.share * 100.0),
                };
                Some((rank, completion))
            })
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found
            .into_iter()
            .map(|(_, completion)| completion)
            .collect()
    }
}

fn values(text: &str) -> Vec<Completion> {
    let mut found: Vec<_> = Value::names()
        .filter_map(|name| Some((rank(name, text.trim())?, name)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    let completion = |(_, name): (_, &'static str)| {
        let (text, note) = match name {
            "bits" => ("bits", "on the wire"),
            "bits.net" => ("bits.net", "without frame check sequence"),
            "bytes" => ("bytes", "on the wire"),
            "bytes.net" => ("bytes.net", "without frame check sequence"),
            "frames" => ("frames", "packets"),
            "distinct" => ("distinct(", "number of distinct values of keys"),
            "drops" => ("drops", "dropped packets"),
            "drops.bytes" => ("drops.bytes", "bytes of dropped packets"),
            other => (other, "of dropped packets"),
        };
        Completion {
            text: text.to_owned(),
            word: name.to_owned(),
            note: note.to_owned(),
        }
    };
    found.into_iter().map(completion).collect()
}

/// The text of a value in a filter, which is different inside parentheses.
fn as_typed(value: &flow::Value, is_in_parentheses: bool) -> Option<String> {
    match value {
        flow::Value::Absent => None,
        flow::Value::Named(..) | flow::Value::Flags(_) => Some(value.to_string()),
        _ => {
            let test = flow::Test::exactly(value)?;
            Some(match is_in_parentheses {
                true => test.to_string().replace(')', r"\)"),
                false => test.to_string(),
            })
        }
    }
}

/// The rank of a match: at the start of the name, at the start of a part, or elsewhere.
fn rank(name: &str, typed: &str) -> Option<u8> {
    let (name, typed) = (name.to_lowercase(), typed.to_lowercase());
    match name.find(&typed)? {
        0 => Some(0),
        at if name.as_bytes().get(at - 1) == Some(&b'.') => Some(1),
        _ => Some(2),
    }
}

/// The text before the last word, and the last word.
fn last_word<'t>(text: &'t str, separators: &[char]) -> (&'t str, &'t str) {
    let at = text.rfind(separators).map_or(0, |at| at + 1);
    let word = text[at..].trim_start();
    (&text[..text.len() - word.len()], word)
}

/// The position after the last separator that is not escaped.
fn behind_last(text: &str, separator: &str) -> Option<usize> {
    let mut is_escaped = false;
    let mut last = None;
    for (at, character) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
        } else if text[at..].starts_with(separator) {
            last = Some(at + separator.len());
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(field: Field, text: &str) -> Vec<String> {
        let key_values = KeyValues::default();
        let found = complete(field, text, &key_values, Timestamp::ZERO);
        found
            .into_iter()
            .map(|completion| completion.text)
            .collect()
    }

    #[test]
    fn last_word_is_completed() {
        assert_eq!(
            texts(Field::Keys, "ip.d"),
            ["ip.dst", "ip.dscp", "inner.ip.dst", "inner.ip.dscp"]
        );
        let second = texts(Field::Keys, "ip.src, ip.s");
        assert_eq!(second, ["ip.src, inner.ip.src"], "a key is not repeated");
        assert_eq!(
            texts(Field::Value, "bi"),
            ["bits", "bits.net", "drops.bits"]
        );
        assert_eq!(texts(Field::Value, "dist"), ["distinct("]);
        assert_eq!(
            texts(Field::Value, "distinct(ip.src,vla")[0],
            "distinct(ip.src,vlan"
        );
        assert_eq!(
            texts(Field::Filter, "vlan=7&tcp"),
            ["vlan=7&tcp.flags=", "vlan=7&inner.tcp.flags="]
        );
        assert!(texts(Field::Filter, "xyzzy=").is_empty());
        assert_eq!(
            texts(Field::Filter, r"url=a\&b&vni.i"),
            [r"url=a\&b&vni.in="]
        );
        let among = texts(Field::Filter, "vlan=7&(ip.ds=1||vni.i");
        assert_eq!(among, ["vlan=7&(ip.ds=1||vni.in="]);
        let first = texts(Field::Filter, "(vni.i");
        assert_eq!(first, ["(vni.in="]);
        assert_eq!(texts(Field::Keys, "").len(), MOST);
    }

    #[test]
    fn parenthesis_in_value_is_escaped_inside_parentheses() {
        let value = flow::Value::Text("a)b".into());
        assert_eq!(as_typed(&value, false).as_deref(), Some("a)b"));
        assert_eq!(as_typed(&value, true).as_deref(), Some(r"a\)b"));
    }
}
