use std::time::Duration;

use sflow_metrics::flow;

use super::{Aggregate, Question, Value};
use untrusted::printable;

/// The text of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fields {
    /// Keys, separated by commas.
    #[serde(default)]
    pub keys: String,
    /// The measure, and optionally a window as in `bytes[1m tumbling]`.
    #[serde(default)]
    pub value: String,
    /// Conditions, separated by `&`.
    #[serde(default)]
    pub filter: String,
}

/// A field of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The keys that distinguish flows.
    Keys,
    /// The measure.
    Value,
    /// The filters of packets.
    Filter,
}

/// An error in a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .field.name())]
pub struct Mistake {
    /// The field.
    pub field: Field,
    /// The position in characters.
    pub position: usize,
    /// A message for users.
    pub message: String,
}

impl Field {
    /// All fields in the order of the screen.
    pub const ALL: [Self; 3] = [Self::Keys, Self::Value, Self::Filter];

    /// The name in options and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Value => "value",
            Self::Filter => "filter",
        }
    }

    /// The next field; the first one after the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Keys => Self::Value,
            Self::Value => Self::Filter,
            Self::Filter => Self::Keys,
        }
    }
}

impl Fields {
    /// The text of a question.
    pub fn of(question: &Question) -> Self {
        let joined = |items: Vec<String>, separator| items.join(separator);
        let window = question
            .window
            .map(|length| format!("[{}s tumbling]", length.as_secs_f64()));
        Self {
            keys: joined(question.keys.iter().map(ToString::to_string).collect(), ","),
            value: question.value.to_string() + &window.unwrap_or_default(),
            filter: joined(
                question.filters.iter().map(ToString::to_string).collect(),
                "&",
            ),
        }
    }

    /// The text of a field.
    pub fn text(&self, field: Field) -> &str {
        match field {
            Field::Keys => &self.keys,
            Field::Value => &self.value,
            Field::Filter => &self.filter,
        }
    }

    /// The text of a field for editing.
    pub fn text_mut(&mut self, field: Field) -> &mut String {
        match field {
            Field::Keys => &mut self.keys,
            Field::Value => &mut self.value,
            Field::Filter => &mut self.filter,
        }
    }

    /// Replaces keys, value and filter of a question; an empty value is the default.
    ///
    /// # Errors
    ///
    /// The first error in the order of the fields.
    pub fn read(&self, question: &Question) -> Result<Question, Mistake> {
        let keys = flow::Key::parse_list(self.keys.trim_end_matches([',', ' ']));
        let keys = keys.map_err(|error| self.mistake(Field::Keys, &error))?;
        let (measure, window) = match self.value.find('[') {
            Some(at) => (&self.value[..at], Some(self.window(at)?)),
            None => (&*self.value, None),
        };
        let value = match measure.trim() {
            "" => Value::default(),
            value => value
                .parse()
                .map_err(|error| self.mistake(Field::Value, &error))?,
        };
        let filters = flow::Filter::parse_list(without_end(&self.filter));
        let filters = filters.map_err(|error| self.mistake(Field::Filter, &error))?;
        let most = flow::Definition::MAX_KEYS - 3;
        if question.aggregate == Aggregate::Max && keys.len() > most {
            return Err(Mistake {
                field: Field::Keys,
                position: 0,
                message: format!("at most {most} keys with the aggregate `max`"),
            });
        }
        Ok(Question {
            keys,
            value,
            window,
            filters,
            ..question.clone()
        })
    }

    /// The length of the window that begins at this position of the value.
    fn window(&self, at: usize) -> Result<Duration, Mistake> {
        const BEFORE: &str = "keys=";
        let text = &self.value[at..];
        let definition = format!("{BEFORE}{text}").parse::<flow::Definition>();
        let definition = definition.map_err(|error| {
            let position = at + error.position().saturating_sub(BEFORE.len());
            self.mistake_at(Field::Value, position, &error)
        })?;
        // Other parts of a definition are in other fields.
        let is_window = text.trim_end().ends_with(']') && !text.contains(';');
        let length = definition.window().filter(|_| is_window);
        length.ok_or_else(|| Mistake {
            field: Field::Value,
            position: self.value.chars().count(),
            message: "expected the end after `]`".to_owned(),
        })
    }

    fn mistake(&self, field: Field, error: &flow::Error) -> Mistake {
        self.mistake_at(field, error.position(), error)
    }

    /// A mistake at this position in bytes.
    fn mistake_at(&self, field: Field, position: usize, error: &flow::Error) -> Mistake {
        let text = self.text(field);
        let before = text.get(..position).unwrap_or(text);
        let message = error.kind().to_string();
        Mistake {
            field,
            position: before.chars().count(),
            message: printable(&message).into_owned(),
        }
    }
}

/// The filter without a trailing `&`.
fn without_end(filter: &str) -> &str {
    match filter.trim_end().strip_suffix('&') {
        Some(before) if !before.ends_with('\\') => before.trim_end(),
        _ => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(keys: &str, value: &str, filter: &str) -> Fields {
        Fields {
            keys: keys.to_owned(),
            value: value.to_owned(),
            filter: filter.to_owned(),
        }
    }

    #[test]
    fn text_is_written_as_parsed() {
        let usual = Question::new([]);
        for typed in [
            fields("ip.src,ip.dst", "bits", ""),
            fields("", "frames", "ip.protocol=6&port.dst=80|443"),
            fields("drop.reason", "drops", "agent!=10.0.0.1"),
            fields("", "bits", r"url=a\&"),
            fields("ip.src", "bits[60s tumbling]", ""),
            fields("ip.src", "distinct(ip.dst)[5s tumbling]", "vlan=7"),
        ] {
            let question = typed.read(&usual).unwrap();
            assert_eq!(Fields::of(&question), typed);
        }
        let unfinished = fields("ip.src, ", "", "vlan=7 & ").read(&usual).unwrap();
        assert_eq!(Fields::of(&unfinished), fields("ip.src", "bits", "vlan=7"));
    }

    #[test]
    fn error_has_field_and_position() {
        let usual = Question::new([]);
        for (typed, field, position, message) in [
            (
                fields("ip.src,ip.dts", "", ""),
                Field::Keys,
                7,
                "did you mean `ip.dst`?",
            ),
            (
                fields("ip.src;value=x", "", ""),
                Field::Keys,
                6,
                "expected `,`",
            ),
            (
                fields("xyzzy", "", ""),
                Field::Keys,
                0,
                "unknown key `xyzzy`",
            ),
            (fields("", "octets", ""), Field::Value, 0, "unknown value"),
            (
                fields("", "octets[1m tumbling]", ""),
                Field::Value,
                0,
                "unknown value",
            ),
            (
                fields("", "bits[1m]", ""),
                Field::Value,
                7,
                "expected `tumbling`",
            ),
            (
                fields("", "bits[1m tumbling];top=1", ""),
                Field::Value,
                23,
                "expected the end",
            ),
            (
                fields("", "", "url=ä&vlan=x"),
                Field::Filter,
                11,
                "`x` is not a number",
            ),
            (
                fields("", "", "vlan=7;top=1"),
                Field::Filter,
                6,
                "expected `&`",
            ),
        ] {
            let mistake = typed.read(&usual).unwrap_err();
            assert_eq!(
                (mistake.field, mistake.position),
                (field, position),
                "{mistake}"
            );
            assert!(mistake.message.contains(message), "{mistake}");
        }
    }
}
