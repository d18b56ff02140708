//! What of a configuration is told to nobody.

use std::ops::Range;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// What stands in its place, and there means: as it is.
const BLANK: &str = "***";

/// Where it stands: table and key.
const SECRETS: &[[&str; 2]] = &[["http", "token"]];

/// The text without its secrets.
pub(super) fn blanked(text: &str) -> String {
    let mut blanked = text.to_owned();
    for (place, _) in found(text) {
        blanked.replace_range(place, &format!("{BLANK:?}"));
    }
    blanked
}

/// The values without secrets.
pub(super) fn blank(config: &mut Value) {
    for [table, key] in SECRETS {
        if let Some(value) = config.get_mut(table).and_then(|table| table.get_mut(key))
            && !value.is_null()
        {
            *value = BLANK.into();
        }
    }
}

/// The text with the secrets that another has where this one has blanks.
pub(super) fn filled(text: &str, from: &str) -> String {
    let known = found(from);
    let mut filled = text.to_owned();
    for (place, key) in found(text) {
        let is_blank = text
            .get(place.clone())
            .is_some_and(|value| value.trim_matches(['"', '\'']) == BLANK);
        let secret = known.iter().find(|(_, known)| *known == key);
        let secret = secret.and_then(|(place, _)| from.get(place.clone()));
        if let (true, Some(secret)) = (is_blank, secret) {
            filled.replace_range(place, secret);
        }
    }
    filled
}

/// Where secrets stand in a text, the last first; none if it is no TOML.
fn found(text: &str) -> Vec<(Range<usize>, [&'static str; 2])> {
    let Ok(document) = DeTable::parse(text) else {
        return Vec::new();
    };
    let place = |secret: [&'static str; 2]| {
        let [table, key] = secret;
        let DeValue::Table(table) = document.get_ref().get(table)?.get_ref() else {
            return None;
        };
        Some((table.get(key)?.span(), secret))
    };
    let mut places: Vec<_> = SECRETS.iter().copied().filter_map(place).collect();
    places.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_neither_told_nor_lost() {
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
            ("[http]\nlisten = 1", "[http]\nlisten = 1"),
            ("", ""),
        ] {
            assert_eq!(blanked(text), expected);
            assert_eq!(filled(expected, text), text);
            let other = "http.token = 'other'";
            assert_eq!(filled(other, text), other);
        }
        let mut values = serde_json::json!({ "http": { "token": "x", "listen": 1 } });
        blank(&mut values);
        assert_eq!(
            values,
            serde_json::json!({ "http": { "token": "***", "listen": 1 } })
        );
    }
}
