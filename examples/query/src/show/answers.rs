//! The results of a query, with the number of entities that contributed.

use serde::Serialize;
use sflow_metrics::{
    Registry, Timestamp,
    query::{Expression, Query, Summary},
};

use super::{age, json, number};
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
    contributing: usize,
    matched: usize,
    warming: usize,
    stale: usize,
    newest: Option<f64>,
    oldest: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    winner: Option<String>,
}

/// The arguments of `write!` that are the same for all groups.
#[derive(Clone, Copy)]
struct Writer<'a> {
    registry: &'a Registry,
    now: Timestamp,
    at: &'a str,
    query: &'a Query,
    is_json: bool,
}

pub(super) fn write(
    registry: &Registry,
    now: Timestamp,
    at: &str,
    query: &Query,
    is_json: bool,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let writer = Writer {
        registry,
        now,
        at,
        query,
        is_json,
    };
    if query.grouping().is_none() {
        return writer.write(None, &registry.query(now, query), out);
    }
    let groups = registry.query_groups(now, query);
    for group in &groups.groups {
        writer.write(Some(&group.name), &group.summaries, out)?;
    }
    if !is_json && groups.left_out > 0 {
        let line = format!(
            "{at}  {} entities left out: too many groups\n",
            groups.left_out
        );
        out.extend_from_slice(line.as_bytes());
    }
    Ok(())
}

impl Writer<'_> {
    fn write(
        &self,
        group: Option<&str>,
        summaries: &[Summary],
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let answers = self.query.expressions().iter().zip(summaries);
        if self.is_json {
            let line = Line {
                time: self.at,
                query: self.query.to_string(),
                group,
                answers: answers
                    .map(|(expression, summary)| self.answer(expression, summary))
                    .collect(),
            };
            return json(&line, out);
        }
        for (expression, summary) in answers {
            let value = match summary.value {
                Some(value) => format!("{} {}", number(value), unit(expression)),
                None => "no value".to_owned(),
            };
            let group = group.map_or(String::new(), |group| format!("  {}", escaped(group)));
            let shown = expression.to_string();
            let shown = escaped(&shown);
            let line = format!(
                "{}{group}  {shown}  {}  {}{}\n",
                self.at,
                value.trim_end(),
                basis(expression, summary),
                self.winner(summary)
                    .map_or(String::new(), |name| format!(": {}", escaped(&name)))
            );
            out.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }

    fn answer(&self, expression: &Expression, summary: &Summary) -> Answer {
        Answer {
            expression: expression.to_string(),
            unit: unit(expression),
            value: summary.value,
            contributing: summary.contributing,
            matched: summary.matched,
            warming: summary.warming,
            stale: summary.stale,
            newest: summary.newest.map(|age| age.as_secs_f64()),
            oldest: summary.oldest.map(|age| age.as_secs_f64()),
            winner: self.winner(summary),
        }
    }

    /// The name of the entity with the minimum or maximum.
    fn winner(&self, summary: &Summary) -> Option<String> {
        let winner = summary.winner?;
        let mut entities = self.registry.entities(self.now);
        let entity = entities.find(|entity| entity.id() == winner)?;
        Some(entity.name().to_owned())
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

fn plural(expression: &Expression, count: usize) -> String {
    let kind = match expression.entity() {
        sflow_metrics::entity::Kind::Other => "source".to_owned(),
        kind => kind.to_string(),
    };
    if count == 1 { kind } else { format!("{kind}s") }
}

fn unit(expression: &Expression) -> String {
    let metric = expression.metrics().first();
    metric.map_or(String::new(), |metric| metric.unit().to_owned())
}
