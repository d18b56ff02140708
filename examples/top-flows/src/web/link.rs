//! The question in the query string of a URL.

use std::fmt;

use serde::Deserialize;
use sflow_metrics::flow;

use super::html::Part;
use crate::question::{Aggregate, Field, Fields, MOST, Mistake, Question, Sort, smoothing};

/// Maximum length of a field in bytes.
pub(super) const LONGEST: usize = 4000;

/// The parameters of a URL.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Params {
    keys: Option<String>,
    value: Option<String>,
    filter: Option<String>,
    top: Option<String>,
    least: Option<String>,
    aggregate: Option<String>,
    smooth: Option<String>,
    sort: Option<String>,
    view: Option<String>,
    still: Option<String>,
    part: Option<String>,
}

/// The question of a request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The question, or the default one if it is invalid.
    pub(super) question: Question,
    /// The text of the question.
    pub(super) fields: Fields,
    pub(super) mistake: Option<Mistake>,
    pub(super) is_matrix: bool,
    /// Whether the page does not refresh.
    pub(super) is_still: bool,
    /// Whether only the changing part of the page is requested.
    pub(super) is_part: bool,
}

impl Params {
    /// The question of these parameters, with defaults from another question.
    pub(super) fn read(self, usual: &Question) -> Asked {
        let own = Fields::of(usual);
        // A form sends all fields; a URL without fields has the default question.
        let is_asked = self.keys.is_some() || self.value.is_some() || self.filter.is_some();
        let fields = match is_asked {
            true => Fields {
                keys: self.keys.unwrap_or_default(),
                value: self.value.unwrap_or_default(),
                filter: self.filter.unwrap_or_default(),
            },
            false => own,
        };
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let top = number(&self.top).unwrap_or(usual.top);
        let least: Option<f64> = self.least.as_deref().and_then(|text| text.parse().ok());
        let smooth = self.smooth.as_deref().and_then(|text| smoothing(text).ok());
        let mut question = Question {
            top: top.clamp(1, MOST),
            least: least
                .filter(|least| least.is_finite())
                .unwrap_or(usual.least)
                .max(0.0),
            aggregate: match self.aggregate.as_deref() {
                Some("max") => Aggregate::Max,
                Some("sum") => Aggregate::Sum,
                _ => usual.aggregate,
            },
            smoothing: smooth.unwrap_or(usual.smoothing),
            sort: self.sort.as_deref().map_or(Sort::default(), sort),
            ..usual.clone()
        };
        let too_long = Field::ALL
            .into_iter()
            .find(|field| fields.text(*field).len() > LONGEST);
        let read = match too_long {
            Some(field) => Err(Mistake {
                field,
                position: 0,
                message: format!("more than {LONGEST} bytes"),
            }),
            None => fields.read(&question),
        };
        let mistake = match read {
            Ok(read) => {
                question = read;
                None
            }
            Err(mistake) => Some(mistake),
        };
        Asked {
            question,
            fields,
            mistake,
            is_matrix: self.view.as_deref() == Some("matrix"),
            is_still: self.still.is_some(),
            is_part: self.part.is_some(),
        }
    }
}

/// `0`, `-0`, `value`, `-value`: a column, reversed with a minus sign.
fn sort(text: &str) -> Sort {
    let (text, is_reversed) = match text.strip_prefix('-') {
        Some(column) => (column, true),
        None => (text, false),
    };
    Sort {
        column: text
            .parse()
            .ok()
            .filter(|column| *column < flow::Definition::MAX_KEYS),
        is_reversed,
    }
}

/// The URL of a question, escaped for an attribute.
pub(super) struct Link<'q> {
    pub(super) question: &'q Question,
    pub(super) is_matrix: bool,
    pub(super) is_still: bool,
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/?")?;
        self.query().fmt(f)
    }
}

impl Link<'_> {
    /// The query string.
    pub(super) fn query(&self) -> String {
        let question = self.question;
        let fields = Fields::of(question);
        let mut query = format!(
            "keys={}&amp;value={}&amp;filter={}&amp;top={}&amp;aggregate={}",
            Part(&fields.keys),
            Part(&fields.value),
            Part(&fields.filter),
            question.top,
            question.aggregate.name(),
        );
        if question.least > 0.0 {
            query += &format!("&amp;least={}", question.least);
        }
        match question.smoothing {
            Some(flow::Definition::SMOOTHING) => {}
            Some(constant) => query += &format!("&amp;smooth={}s", constant.as_secs_f64()),
            None => query += "&amp;smooth=off",
        }
        if question.sort != Sort::default() {
            let column = question
                .sort
                .column
                .map_or("value".to_owned(), |column| column.to_string());
            let sign = if question.sort.is_reversed { "-" } else { "" };
            query += &format!("&amp;sort={sign}{column}");
        }
        if self.is_matrix {
            query += "&amp;view=matrix";
        }
        if self.is_still {
            query += "&amp;still=1";
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use sflow_metrics::flow;

    use super::*;
    use crate::question::Narrow;

    #[test]
    fn question_is_parsed_from_its_link() {
        let value = flow::Value::Text("a&b=\"<ü>\";|*\\".into());
        let question = Question {
            top: 7,
            least: 5.0,
            smoothing: None,
            aggregate: Aggregate::Max,
            sort: Sort {
                column: Some(0),
                is_reversed: true,
            },
            ..Question::new([flow::Key::IpSource, flow::Key::Url])
        }
        .narrowed(flow::Key::Url, &value, Narrow::To);
        let link = Link {
            question: &question,
            is_matrix: true,
            is_still: true,
        };
        let address = link.to_string().replace("&amp;", "&");
        assert!(
            address.is_ascii() && !address.contains(['<', '"', ' ']),
            "{address}"
        );
        let uri: axum::http::Uri = address.parse().unwrap();
        let params = axum::extract::Query::<Params>::try_from_uri(&uri).unwrap();
        let asked = params.0.read(&Question::new([]));
        assert_eq!((asked.question, asked.mistake), (question, None));
        assert!(asked.is_matrix && asked.is_still);
    }

    #[test]
    fn invalid_parameters_have_defaults() {
        let usual = Question::new([flow::Key::IpSource]);
        let params = Params {
            top: Some("-1".to_owned()),
            least: Some("NaN".to_owned()),
            aggregate: Some("most".to_owned()),
            smooth: Some("off;top=7".to_owned()),
            sort: Some("x".to_owned()),
            ..Params::default()
        };
        assert_eq!(params.read(&usual).question, usual);
        let long = Params {
            keys: Some("x".repeat(LONGEST + 1)),
            ..Params::default()
        };
        assert!(long.read(&usual).mistake.is_some());
    }
}
