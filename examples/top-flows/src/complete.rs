//! What can be typed next: names of the catalogue and values that are being seen.

use sflow_metrics::{Timestamp, flow};

use crate::observed::Observed;
use crate::question::{Field, Value};

/// Completions at most.
const MOST: usize = 50;

/// Something that can be typed in place of what is being typed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Completion {
    /// The text of the field up to the cursor, completed.
    pub text: String,
    /// What is new in it: a name or a value.
    pub word: String,
    /// What that is, or how much of it there is.
    pub note: String,
}

/// What a field can go on with behind this text, the likeliest first.
pub fn complete(field: Field, text: &str, observed: &Observed, now: Timestamp) -> Vec<Completion> {
    let world = World { observed, now };
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
    observed: &'o Observed,
    now: Timestamp,
}

impl World<'_> {
    /// Keys in place of the last word, those first that are being seen.
    fn keys(&self, text: &str, separators: &[char], behind: &str) -> Vec<Completion> {
        let (before, word) = last_word(text, separators);
        let taken: Vec<&str> = before.split(separators).map(str::trim).collect();
        let mut keys: Vec<_> = flow::Key::all()
            .iter()
            .filter(|key| behind == "=" || !taken.contains(&key.name()))
            .filter_map(|key| Some((rank(key.name(), word)?, *key)))
            .map(|(rank, key)| {
                let example = self.observed.values(key, self.now).into_iter().next();
                ((rank, example.is_none()), key, example)
            })
            .collect();
        keys.sort_by_key(|(order, ..)| *order);
        let completion = |(_, key, example): (_, flow::Key, Option<crate::observed::Seen>)| {
            let note = match example {
                Some(seen) => format!("now {}: {}", seen.value, key.doc()),
                None => format!("not seen: {}", key.doc()),
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
        // Between parentheses the last of several conditions.
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
            .observed
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
            "bits.net" => ("bits.net", "without the check sequence"),
            "bytes" => ("bytes", "on the wire"),
            "bytes.net" => ("bytes.net", "without the check sequence"),
            "frames" => ("frames", "packets"),
            "distinct" => ("distinct(", "how many different values of keys"),
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

/// A value as a filter takes it, perhaps between parentheses.
fn as_typed(value: &flow::Value, is_among: bool) -> Option<String> {
    match value {
        flow::Value::Absent => None,
        flow::Value::Named(..) | flow::Value::Flags(_) => Some(value.to_string()),
        _ => {
            let test = flow::Test::exactly(value)?;
            Some(match is_among {
                true => format!("{test:#}"),
                false => test.to_string(),
            })
        }
    }
}

/// How well a name fits what is typed: it begins so, a part of it does, or it is in it.
fn rank(name: &str, typed: &str) -> Option<u8> {
    let (name, typed) = (name.to_lowercase(), typed.to_lowercase());
    match name.find(&typed)? {
        0 => Some(0),
        at if name.as_bytes().get(at - 1) == Some(&b'.') => Some(1),
        _ => Some(2),
    }
}

/// What is before the last word, with the blanks behind it, and that word.
fn last_word<'t>(text: &'t str, separators: &[char]) -> (&'t str, &'t str) {
    let at = text.rfind(separators).map_or(0, |at| at + 1);
    let word = text[at..].trim_start();
    (&text[..text.len() - word.len()], word)
}

/// The place behind the last separator that stands for itself.
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
        let observed = Observed::default();
        let found = complete(field, text, &observed, Timestamp::ZERO);
        found
            .into_iter()
            .map(|completion| completion.text)
            .collect()
    }

    #[test]
    fn names_are_completed_where_they_stand() {
        assert_eq!(
            texts(Field::Keys, "ip.d"),
            ["ip.dst", "ip.dscp", "inner.ip.dst", "inner.ip.dscp"]
        );
        let second = texts(Field::Keys, "ip.src, ip.s");
        assert_eq!(second, ["ip.src, inner.ip.src"], "the first one is taken");
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
}
