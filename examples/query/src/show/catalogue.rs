//! The list of metrics.

use serde::Serialize;
use sflow_metrics::{Metric, MetricKind, entity};

use super::columns::Columns;
use super::{Style, json};

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    unit: &'a str,
    kind: MetricKind,
    entity: entity::Kind,
    origin: &'a str,
}

/// Text or JSON of every metric.
pub(crate) fn catalogue(is_json: bool) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    if is_json {
        for metric in Metric::all() {
            let line = Line {
                name: metric.name(),
                unit: metric.unit(),
                kind: metric.kind(),
                entity: metric.entity(),
                origin: metric.origin(),
            };
            json(&line, &mut out)?;
        }
    } else {
        let mut columns = Columns::titled(&["metric", "unit", "entity", "source"]);
        for metric in Metric::all() {
            let cells = [metric.name(), metric.unit(), "", metric.origin()];
            let mut cells = cells.map(str::to_owned);
            cells[2] = metric.entity().to_string();
            columns.row(cells);
        }
        columns.write(Style::default(), &mut out);
    }
    Ok(out)
}
