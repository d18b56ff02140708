//! Statistics of a query over a whole capture.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Serialize;
use sflow_metrics::query::Query;

use super::columns::Columns;
use super::{answers, json, moment, seconds};
use crate::plot::Panel;
use crate::quantity::quantity;
use crate::series::{Name, Recorder, Series};
use crate::show::Style;
use untrusted::escaped;

/// The width of a sparkline in characters.
const SPARKLINE: usize = 24;

#[derive(Serialize)]
struct Line<'a> {
    since: &'a str,
    /// The end, as in other objects.
    time: &'a str,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    expression: String,
    unit: String,
    /// The mean over time.
    value: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    p95: Option<f64>,
    last: Option<f64>,
    /// The largest numbers of entities at one time.
    contributing: usize,
    matched: usize,
}

pub(crate) fn write(
    recorder: &Recorder,
    query: &Query,
    since: SystemTime,
    until: SystemTime,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let (start, end) = (moment(since), moment(until));
    if style.is_json {
        return write_json(recorder, query, &start, &end, style, out);
    }
    let is_grouped = query.grouping().is_some();
    let group = is_grouped.then_some("group");
    let titles = ["mean", "min", "max", "p95", "last", "from", "over time"];
    let titles: Vec<&str> = group
        .into_iter()
        .chain(["expression"])
        .chain(titles)
        .collect();
    let mut columns = Columns::titled(&titles);
    columns.align_right(1 + usize::from(is_grouped)..6 + usize::from(is_grouped));
    let mut rows: Vec<(&Name, &Series)> = recorder.series().collect();
    rows.sort_by_key(|(name, _)| (&name.group, name.expression));
    for (name, series) in rows {
        let Some(expression) = query.expressions().get(name.expression) else {
            continue;
        };
        let (factor, unit) = style.unit(&answers::unit(expression));
        let shown = |value: f64| quantity(value * factor, &unit);
        let values = match series.statistics() {
            Some(it) => [
                shown(it.mean),
                shown(it.min),
                shown(it.max),
                shown(it.p95),
                it.last.map_or_else(|| "unknown".to_owned(), shown),
            ],
            None => ["no value", "", "", "", ""].map(str::to_owned),
        };
        let (least, most) = series.contributing.unwrap_or_default();
        let mut from = match least == most {
            true => most.to_string(),
            false => format!("{least} to {most}"),
        };
        if most < series.matched {
            from += &format!(" of {}", series.matched);
        }
        from += &format!(" {}", answers::plural(expression, series.matched));
        let group = is_grouped.then(|| escaped(name.group.as_deref().unwrap_or("")).into_owned());
        let expression = escaped(&expression.to_string()).into_owned();
        let spark = series.sparkline(SPARKLINE, recorder.intervals());
        columns.row(
            group
                .into_iter()
                .chain([expression])
                .chain(values)
                .chain([from, spark]),
        );
    }
    let length = until.duration_since(since).unwrap_or_default();
    let title = format!("{start} to {end}, {}\n", seconds(length.as_secs_f64()));
    out.extend_from_slice(title.as_bytes());
    columns.write(style, out);
    if recorder.is_incomplete() {
        out.extend_from_slice(b"some groups are left out: too many\n");
    }
    Ok(())
}

/// One line for each group.
fn write_json(
    recorder: &Recorder,
    query: &Query,
    since: &str,
    time: &str,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let groups: BTreeSet<_> = recorder.series().map(|(name, _)| &name.group).collect();
    for group in groups {
        let series = recorder.series().filter(|(name, _)| name.group == *group);
        let answers = series.filter_map(|(name, series)| {
            let expression = query.expressions().get(name.expression)?;
            let (factor, unit) = style.unit(&answers::unit(expression));
            let statistics = series.statistics();
            let value = |read: fn(&crate::series::Statistics) -> f64| {
                statistics.as_ref().map(|it| factor * read(it))
            };
            Some(Answer {
                expression: expression.to_string(),
                unit,
                value: value(|it| it.mean),
                min: value(|it| it.min),
                max: value(|it| it.max),
                p95: value(|it| it.p95),
                last: statistics.and_then(|it| it.last).map(|last| factor * last),
                contributing: series.contributing.map_or(0, |(_, most)| most),
                matched: series.matched,
            })
        });
        let line = Line {
            since,
            time,
            query: query.to_string(),
            group: group.as_deref(),
            answers: answers.collect(),
        };
        json(&line, out)?;
    }
    Ok(())
}

/// The panels of a chart: one for each unit.
pub(crate) fn panels<'r>(recorder: &'r Recorder, query: &Query, style: Style) -> Vec<Panel<'r>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for (name, series) in recorder.series() {
        let Some(expression) = query.expressions().get(name.expression) else {
            continue;
        };
        let (factor, unit) = style.unit(&answers::unit(expression));
        let group = name.group.as_deref().map(|group| format!("{group}: "));
        let line = format!("{}{expression}", group.unwrap_or_default());
        match panels.iter_mut().find(|panel| panel.unit == unit) {
            Some(panel) => panel.lines.push((line, series)),
            None => panels.push(Panel {
                unit,
                factor,
                lines: vec![(line, series)],
            }),
        }
    }
    panels
}
