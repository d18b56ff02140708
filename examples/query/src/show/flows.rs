//! The heaviest flows, with error bounds.

use std::ops::Range;

use serde::Serialize;
use sflow_metrics::{Timestamp, flow};

use super::columns::Columns;
use super::{Style, csv, json, moment};
use crate::quantity::quantity;
use crate::series::{Name, Reading};
use crate::telemetry::Shared;
use untrusted::escaped;

/// Length of the longest bar, in characters.
const MAX_BAR: usize = 20;

#[derive(Serialize)]
struct Line<'a> {
    time: &'a str,
    flows: String,
    /// In seconds since 1970.
    window: Option<Range<f64>>,
    keys: &'a [flow::Key],
    rows: &'a [flow::Row],
    total: f64,
    total_sampling_error: f64,
    total_rate_error: f64,
    other: f64,
    samples: u64,
    tracked: usize,
    evicted: u64,
    unseen: f64,
    unreported: f64,
}

impl<'a> Line<'a> {
    fn new(time: &'a str, flows: String, answer: &'a flow::Answer) -> Self {
        let window = answer.window.as_ref();
        let seconds =
            |window: &Range<Timestamp>| window.start.as_secs_f64()..window.end.as_secs_f64();
        Self {
            time,
            flows,
            window: window.map(seconds),
            keys: &answer.keys,
            rows: &answer.rows,
            total: answer.total,
            total_sampling_error: answer.total_sampling_error,
            total_rate_error: answer.total_rate_error,
            other: answer.other,
            samples: answer.samples,
            tracked: answer.tracked,
            evicted: answer.evicted,
            unseen: answer.unseen,
            unreported: answer.unreported,
        }
    }
}

/// Multiplies all values.
fn scale(answer: &mut flow::Answer, factor: f64) {
    for row in &mut answer.rows {
        row.value *= factor;
        row.sampling_error *= factor;
        row.rate_error *= factor;
        row.error *= factor;
    }
    answer.total *= factor;
    answer.total_sampling_error *= factor;
    answer.total_rate_error *= factor;
    answer.other *= factor;
    answer.unseen *= factor;
}

/// The text of a definition, with the shown measure.
fn shown(definition: &flow::Definition, style: Style) -> String {
    let text = definition.to_string();
    match style.is_bits && definition.value().unit() == "bytes" {
        true => text.replacen("value=bytes", "value=bits", 1).replacen(
            "value=drops.bytes",
            "value=drops.bits",
            1,
        ),
        false => text,
    }
}

/// A definition whose measure may be `bits`, `bits.net` or `drops.bits`, and whether it is.
pub(crate) fn definition(text: &str) -> Result<(flow::Definition, bool), flow::Error> {
    const BITS: [(&str, &str); 3] = [
        ("bits.net", "bytes.net"),
        ("drops.bits", "drops.bytes"),
        ("bits", "bytes"),
    ];
    let parts = text.split(';').map(|part| {
        let value = part.trim_start().strip_prefix("value=")?.trim_start();
        BITS.iter().find_map(|(bits, bytes)| {
            let rest = value.strip_prefix(bits)?;
            let is_whole = rest.is_empty() || rest.starts_with(['[', ' ']);
            is_whole.then(|| format!("value={bytes}{rest}"))
        })
    });
    let measures: Vec<Option<String>> = parts.collect();
    if measures.iter().all(Option::is_none) {
        return Ok((text.parse()?, false));
    }
    let parts = text.split(';').zip(measures);
    let parts: Vec<String> = parts
        .map(|(part, measure)| measure.unwrap_or_else(|| part.to_owned()))
        .collect();
    Ok((parts.join(";").parse()?, true))
}

pub(super) fn csv_titles(definition: &flow::Definition, out: &mut Vec<u8>) {
    let keys = definition.keys().iter().map(|key| key.name());
    csv::row(
        ["time"].into_iter().chain(keys).chain(["value", "error"]),
        out,
    );
}

/// The values of the heaviest flows.
pub(super) fn values(
    shared: &Shared,
    now: Timestamp,
    definition: &flow::Definition,
) -> anyhow::Result<Vec<(Name, Reading)>> {
    let answer = shared.flows(now, definition)?;
    let values = answer.rows.iter().map(|row| {
        let keys: Vec<String> = row.keys.iter().map(flow::Value::to_string).collect();
        let name = Name {
            expression: 0,
            group: Some(keys.join(", ")),
        };
        let reading = Reading {
            value: Some(row.value),
            ..Reading::default()
        };
        (name, reading)
    });
    Ok(values.collect())
}

pub(super) fn write(
    shared: &Shared,
    now: Timestamp,
    at: &str,
    definition: &flow::Definition,
    style: Style,
    out: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let mut answer = shared.flows(now, definition)?;
    let (factor, unit) = style.unit(&unit(definition));
    scale(&mut answer, factor);
    let shown = shown(definition, style);
    if style.is_json {
        return json(&Line::new(at, shown, &answer), out);
    }
    if style.is_csv {
        for row in &answer.rows {
            let mut cells = vec![at.to_owned()];
            cells.extend(row.keys.iter().map(flow::Value::to_string));
            cells.extend([row.value, row.sampling_error + row.error].map(|it| it.to_string()));
            csv::row(cells.iter().map(String::as_str), out);
        }
        return Ok(());
    }
    let number = |value: f64| match unit.starts_with("b") {
        true => quantity(value, &unit),
        false => quantity(value, ""),
    };
    let keys = answer.keys.iter().map(|key| key.name());
    let titles: Vec<&str> = keys.chain([&*unit, "±", "share", ""]).collect();
    let mut columns = Columns::titled(&titles);
    let keys = answer.keys.len();
    columns.align_right(keys..keys + 3);
    let widest = answer.rows.first().map_or(0.0, |row| row.value);
    for row in &answer.rows {
        let keys = row
            .keys
            .iter()
            .map(flow::Value::to_string)
            .map(|value| escaped(&value).into_owned());
        let values = [
            number(row.value),
            number(row.sampling_error + row.error),
            share(row.value, answer.total),
            bar(row.value, widest),
        ];
        columns.row(keys.chain(values));
    }
    let mut whole = vec![("(all)", answer.total, number(answer.total_sampling_error))];
    if answer.keys.is_empty() {
        // The only row is the total.
        whole.truncate(usize::from(answer.rows.is_empty()));
    } else if !matches!(definition.value(), flow::Measure::Distinct(_)) {
        // Counts of distinct values are not additive.
        whole.insert(0, ("(other)", answer.other, String::new()));
    }
    for (name, value, error) in whole {
        let names = (0..answer.keys.len().max(1)).map(|column| if column == 0 { name } else { "" });
        let values = [
            number(value),
            error,
            share(value, answer.total),
            String::new(),
        ];
        columns.row(
            names
                .map(str::to_owned)
                .chain(values)
                .skip(usize::from(answer.keys.is_empty())),
        );
    }
    let window = answer.window.as_ref().map_or_else(String::new, |window| {
        let (start, end) = (moment(window.start.into()), moment(window.end.into()));
        format!(", window {start} to {end}")
    });
    let title = format!("{at}  {shown}{window}, {} samples\n", answer.samples);
    out.extend_from_slice(title.as_bytes());
    columns.write(style, out);
    if answer.evicted > 0 {
        let line = format!(
            "{} flows evicted to limit memory; a flow that is not kept has at most {} {unit}\n",
            answer.evicted,
            number(answer.unseen)
        );
        out.extend_from_slice(line.as_bytes());
    }
    if answer.unreported > 0.0 {
        let line = format!(
            "dropped packets that were not reported, estimated: {}\n",
            number(answer.unreported)
        );
        out.extend_from_slice(line.as_bytes());
    }
    out.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
struct Key {
    name: &'static str,
    means: &'static str,
}

/// Text or JSON of every key of flows.
pub(crate) fn keys(is_json: bool) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut columns = Columns::titled(&["key", "meaning"]);
    for key in flow::Key::all() {
        if is_json {
            let key = Key {
                name: key.name(),
                means: key.doc(),
            };
            json(&key, &mut out)?;
        } else {
            columns.row([key.name(), key.doc()].map(str::to_owned));
        }
    }
    if !is_json {
        columns.write(Style::default(), &mut out);
        let values: Vec<_> = flow::Measure::names().collect();
        out.extend_from_slice(format!("\nvalue={}\n", values.join(" | ")).as_bytes());
    }
    Ok(out)
}

pub(crate) fn unit(definition: &flow::Definition) -> String {
    let noun = match definition.value() {
        flow::Measure::Bytes | flow::Measure::NetBytes | flow::Measure::DropBytes => "bytes",
        flow::Measure::Frames => "frames",
        flow::Measure::Drops => "drops",
        _ => return "distinct".to_owned(),
    };
    if definition.is_rate() {
        format!("{noun}/s")
    } else {
        noun.to_owned()
    }
}

fn share(value: f64, total: f64) -> String {
    if total > 0.0 {
        format!("{:.1} %", 100.0 * value / total)
    } else {
        String::new()
    }
}

fn bar(value: f64, widest: f64) -> String {
    let length = if widest > 0.0 {
        value / widest * MAX_BAR as f64
    } else {
        0.0
    };
    "▇".repeat((length.round() as usize).clamp(usize::from(value > 0.0), MAX_BAR))
}
