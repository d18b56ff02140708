use sflow_metrics::flow;

use super::{Aggregate, Question, Value};
use untrusted::printable;

/// A question as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fields {
    /// Keys, separated by commas.
    #[serde(default)]
    pub keys: String,
    /// What is measured.
    #[serde(default)]
    pub value: String,
    /// Conditions, separated by `&`.
    #[serde(default)]
    pub filter: String,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// What tells flows apart.
    Keys,
    /// What is measured of them.
    Value,
    /// Of which packets.
    Filter,
}

/// What is wrong in a field, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {words}", .field.name())]
pub struct Mistake {
    /// In which field.
    pub field: Field,
    /// Where, in characters from its start.
    pub position: usize,
    /// What.
    pub words: String,
}

impl Field {
    /// All, in the order in which they are typed.
    pub const ALL: [Self; 3] = [Self::Keys, Self::Value, Self::Filter];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Value => "value",
            Self::Filter => "filter",
        }
    }

    /// The one behind it, going round.
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
    /// How a question would be typed.
    pub fn of(question: &Question) -> Self {
        let joined = |items: Vec<String>, separator| items.join(separator);
        Self {
            keys: joined(question.keys.iter().map(ToString::to_string).collect(), ","),
            value: question.value.to_string(),
            filter: joined(
                question.filters.iter().map(ToString::to_string).collect(),
                "&",
            ),
        }
    }

    /// What stands in a field.
    pub fn text(&self, field: Field) -> &str {
        match field {
            Field::Keys => &self.keys,
            Field::Value => &self.value,
            Field::Filter => &self.filter,
        }
    }

    /// The same, to be written.
    pub fn text_mut(&mut self, field: Field) -> &mut String {
        match field {
            Field::Keys => &mut self.keys,
            Field::Value => &mut self.value,
            Field::Filter => &mut self.filter,
        }
    }

    /// The question with what is typed here in place of its own keys, value and filter; an empty
    /// value is the usual one.
    ///
    /// # Errors
    ///
    /// The first mistake, in the order of the fields.
    pub fn read(&self, question: &Question) -> Result<Question, Mistake> {
        let keys = flow::Key::parse_list(self.keys.trim_end_matches([',', ' ']));
        let keys = keys.map_err(|error| self.mistake(Field::Keys, &error))?;
        let value = match self.value.trim() {
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
                words: format!("with the aggregate `max` there can be {most} keys"),
            });
        }
        Ok(Question {
            keys,
            value,
            filters,
            ..question.clone()
        })
    }

    fn mistake(&self, field: Field, error: &flow::Error) -> Mistake {
        let text = self.text(field);
        let before = text.get(..error.position()).unwrap_or(text);
        let words = error.kind().to_string();
        Mistake {
            field,
            position: before.chars().count(),
            words: printable(&words).replace("; `flow::Key::all` lists them", ""),
        }
    }
}

/// A filter without the `&` that waits for another condition.
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
    fn what_is_typed_is_read_and_written() {
        let usual = Question::new([]);
        for typed in [
            fields("ip.src,ip.dst", "bits", ""),
            fields("", "frames", "ip.protocol=6&port.dst=80|443"),
            fields("drop.reason", "drops", "agent!=10.0.0.1"),
            fields("", "bits", r"url=a\&"),
        ] {
            let question = typed.read(&usual).unwrap();
            assert_eq!(Fields::of(&question), typed);
        }
        let unfinished = fields("ip.src, ", "", "vlan=7 & ").read(&usual).unwrap();
        assert_eq!(Fields::of(&unfinished), fields("ip.src", "bits", "vlan=7"));
    }

    #[test]
    fn mistakes_are_told_in_their_field() {
        let usual = Question::new([]);
        for (typed, field, position, words) in [
            (
                fields("ip.src,ip.dts", "", ""),
                Field::Keys,
                7,
                "is it `ip.dst`?",
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
                "no key is called `xyzzy`",
            ),
            (
                fields("", "octets", ""),
                Field::Value,
                0,
                "no value is called",
            ),
            (
                fields("", "", "url=ä&vlan=x"),
                Field::Filter,
                11,
                "`x` is no number",
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
            assert!(mistake.words.contains(words), "{mistake}");
        }
    }
}
