//! The results of a query, with the number of entities that contributed.

use serde::Serialize;
use sflow_metrics::{
    Timestamp,
    query::{Expression, Owner, Query, Summary},
};

use super::{Style, age, csv, json};
use crate::quantity::quantity;
use crate::series::{Name, Reading};
use crate::telemetry::Shared;
use untrusted::escaped;

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    answers: Vec<Answer>,
}

/// Ages are in seconds.
#[derive(Serialize)]
struct Answer {
    expression: String,
    unit: String,
    value: Option<f64>,
    /// Of percentiles over many entities.
    #[serde(skip_serializing_if = "Option::is_none")]
    relative_error: Option<f64>,
    contributing: usize,
    matched: usize,
    warming: usize,
    stale: usize,
    newest: Option<f64>,
    oldest: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<String>,
}

/// An answer to one expression, and the entity with the minimum, maximum or newest value.
type Answered = (Summary, Option<Owner>);

/// The arguments of `write` that are the same for all groups.
#[derive(Clone, Copy)]
struct Writer<'a> {
    at: &'a str,
    query: &'a Query,
    style: Style,
}

pub(super) fn write(
    shared: &Shared,
    now: Timestamp,
    at: &str,
    query: &Query,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let writer = Writer { at, query, style };
    let partial = shared.query(now, query)?;
    if query.grouping().is_none() {
        return writer.write(None, partial.summaries(now), out);
    }
    let groups = partial.groups(now);
    for group in groups.groups {
        let owners = partial.owners(&group.name);
        let answered = group.summaries.into_iter().zip(owners).collect();
        writer.write(Some(&group.name), answered, out)?;
    }
    if !style.is_json && !style.is_csv && groups.left_out > 0 {
        let line = format!(
            "{at}  {} entities left out: too many groups\n",
            groups.left_out
        );
        out.extend_from_slice(line.as_bytes());
    }
    Ok(())
}

pub(super) fn csv_titles(out: &mut Vec<u8>) {
    csv::row(["time", "group", "expression", "unit", "value"], out);
}

/// The values of all expressions and groups.
pub(super) fn values(
    shared: &Shared,
    now: Timestamp,
    query: &Query,
) -> anyhow::Result<Vec<(Name, Reading)>> {
    let partial = shared.query(now, query)?;
    let mut values = Vec::new();
    let mut add = |group: Option<String>, expression: usize, summary: &Summary| {
        let name = Name { expression, group };
        let reading = Reading {
            value: summary.value,
            contributing: summary.contributing,
            matched: summary.matched,
        };
        values.push((name, reading));
    };
    if query.grouping().is_none() {
        for (index, (summary, _)) in partial.summaries(now).iter().enumerate() {
            add(None, index, summary);
        }
    } else {
        for group in partial.groups(now).groups {
            for (index, summary) in group.summaries.iter().enumerate() {
                add(Some(group.name.to_string()), index, summary);
            }
        }
    }
    Ok(values)
}

impl Writer<'_> {
    fn write(
        &self,
        group: Option<&str>,
        answered: Vec<Answered>,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let answers = self.query.expressions().iter().zip(answered);
        if self.style.is_json {
            let line = Line {
                time: self.at,
                query: self.query.to_string(),
                group,
                answers: answers
                    .map(|(expression, answered)| Answer::of(expression, answered, self.style))
                    .collect(),
            };
            return json(&line, out);
        }
        for (expression, (summary, owner)) in answers {
            let (factor, unit) = self.style.unit(&unit(expression));
            if self.style.is_csv {
                let value = summary.value.map(|value| (factor * value).to_string());
                let shown = expression.to_string();
                let group = group.unwrap_or_default();
                let value = value.unwrap_or_default();
                csv::row([self.at, group, &shown, &unit, &value], out);
                continue;
            }
            let value = match summary.value {
                Some(value) => quantity(factor * value, &unit),
                None => "no value".to_owned(),
            };
            let error = match summary.relative_error {
                0.0 => String::new(),
                error => format!(" (±{} %)", 100.0 * error),
            };
            let group = group.map_or(String::new(), |group| format!("  {}", escaped(group)));
            let shown = expression.to_string();
            let shown = escaped(&shown);
            let line = format!(
                "{}{group}  {shown}  {}{error}  {}{}\n",
                self.at,
                value,
                basis(expression, &summary),
                owner.map_or(String::new(), |owner| format!(": {}", escaped(&owner.name)))
            );
            out.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }
}

impl Answer {
    fn of(expression: &Expression, (summary, owner): Answered, style: Style) -> Self {
        let (factor, unit) = style.unit(&unit(expression));
        Self {
            expression: expression.to_string(),
            unit,
            value: summary.value.map(|value| factor * value),
            relative_error: (summary.relative_error > 0.0).then_some(summary.relative_error),
            contributing: summary.contributing,
            matched: summary.matched,
            warming: summary.warming,
            stale: summary.stale,
            newest: summary.newest.map(|age| age.as_secs_f64()),
            oldest: summary.oldest.map(|age| age.as_secs_f64()),
            winner: owner.map(|owner| owner.name),
        }
    }
}

/// The number of entities that contributed, and the age of their values.
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

pub(super) fn plural(expression: &Expression, count: usize) -> String {
    let kind = match expression.entity() {
        sflow_metrics::entity::Kind::Other => "source".to_owned(),
        kind => kind.to_string(),
    };
    if count == 1 { kind } else { format!("{kind}s") }
}

pub(super) fn unit(expression: &Expression) -> String {
    let metric = expression.metrics().first();
    metric.map_or(String::new(), |metric| metric.unit().to_owned())
}
