//! The answer to a query, and what it stands on.

use serde::Serialize;
use sflow_metrics::{Expression, Query, Registry, Summary, Timestamp};

use super::{age, json, number};

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    query: String,
    answers: Vec<Answer>,
}

/// Ages are in seconds.
#[derive(Serialize)]
struct Answer {
    expression: String,
    unit: String,
    value: Option<f64>,
    contributing: usize,
    matched: usize,
    warming: usize,
    stale: usize,
    newest: Option<f64>,
    oldest: Option<f64>,
}

pub(super) fn write(
    registry: &Registry,
    now: Timestamp,
    at: &str,
    query: &Query,
    is_json: bool,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let summaries = registry.query(now, query);
    let answers = query.expressions().iter().zip(summaries);
    if is_json {
        let answers = answers.map(|(expression, summary)| Answer {
            expression: expression.to_string(),
            unit: unit(expression),
            value: summary.value,
            contributing: summary.contributing,
            matched: summary.matched,
            warming: summary.warming,
            stale: summary.stale,
            newest: summary.newest.map(|age| age.as_secs_f64()),
            oldest: summary.oldest.map(|age| age.as_secs_f64()),
        });
        let line = Line {
            time: at,
            query: query.to_string(),
            answers: answers.collect(),
        };
        return json(&line, out);
    }
    for (expression, summary) in answers {
        let value = match summary.value {
            Some(value) => format!("{} {}", number(value), unit(expression)),
            None => "no value".to_owned(),
        };
        let line = format!(
            "{at}  {expression}  {}  {}",
            value.trim_end(),
            basis(expression, &summary)
        );
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    Ok(())
}

/// On how much the answer stands.
fn basis(expression: &Expression, summary: &Summary) -> String {
    let (contributing, matched) = (summary.contributing, summary.matched);
    let mut basis = format!(
        "from {contributing} of {matched} {}",
        plural(expression, matched)
    );
    if let (Some(newest), Some(oldest)) = (summary.newest, summary.oldest) {
        basis.push_str(&format!(", {} to {} old", age(newest), age(oldest)));
    }
    basis
}

fn plural(expression: &Expression, count: usize) -> String {
    let kind = match expression.entity() {
        sflow_metrics::EntityKind::Other => "source".to_owned(),
        kind => kind.to_string(),
    };
    if count == 1 { kind } else { format!("{kind}s") }
}

fn unit(expression: &Expression) -> String {
    let metric = expression.metrics().first();
    metric.map_or(String::new(), |metric| metric.unit().to_owned())
}
