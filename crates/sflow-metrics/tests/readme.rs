//! The README lists the metrics of the catalogue. `BLESS=1` updates the list.

use std::fmt::Write as _;
use std::fs;

use sflow_metrics::{Metric, MetricKind};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const START: &str =
    "<!-- metrics: written by `BLESS=1 cargo test -p sflow-metrics --test readme` -->\n";
const END: &str = "<!-- end of metrics -->\n";

#[test]
fn readme_lists_the_metrics() {
    let readme = fs::read_to_string(README).unwrap();
    let (before, behind) = readme.split_once(START).expect("the start of the table");
    let (table, behind) = behind.split_once(END).expect("the end of the table");
    let expected = expected();
    if std::env::var_os("BLESS").is_some() {
        fs::write(README, [before, START, &expected, END, behind].concat()).unwrap();
    } else {
        assert_eq!(table, expected, "set BLESS=1 to update the table");
    }
}

/// One line for each structure, with its metrics; and one for each that is computed.
fn expected() -> String {
    let mut table = "\n| structure | of | metrics, per second where the field counts |\n\
                     | --- | --- | --- |\n"
        .to_owned();
    let raw = Metric::all()
        .iter()
        .filter(|metric| metric.kind() != MetricKind::Derived);
    let raw: Vec<_> = raw.collect();
    for metrics in raw.chunk_by(|one, other| structure(one) == structure(other)) {
        let names: Vec<_> = metrics.iter().map(|metric| described(metric)).collect();
        let (structure, of) = (structure(metrics[0]), metrics[0].entity());
        writeln!(table, "| `{structure}` | {of} | {} |", names.join(", ")).unwrap();
    }
    writeln!(
        table,
        "\n| computed | unit | of | from |\n| --- | --- | --- | --- |"
    )
    .unwrap();
    for metric in Metric::all() {
        if metric.kind() == MetricKind::Derived {
            let (name, unit) = (metric.name(), metric.unit());
            writeln!(
                table,
                "| `{name}` | {unit} | {} | {} |",
                metric.entity(),
                metric.origin()
            )
            .unwrap();
        }
    }
    table
}

fn structure(metric: &Metric) -> &str {
    metric
        .origin()
        .split_once('.')
        .map_or("its host", |(structure, _)| structure)
}

fn described(metric: &Metric) -> String {
    match (metric.kind(), metric.unit()) {
        (_, "") | (MetricKind::Rate, "1/s") => format!("`{}`", metric.name()),
        (_, unit) => format!("`{}` ({unit})", metric.name()),
    }
}
