//! The whole stream or its first seconds as one document.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use command::Progress;
use serde::Serialize;
use sflow_collector::capture::Capture;
use sflow_collector::udp::UdpReceiver;

use crate::format;
use crate::matrix::Matrix;
use crate::model::{Client, Model, Status};
use crate::picture::Picture;
use crate::question::{Fields, Question};
use crate::service_names;
use crate::source::{Source, passed_over, stored};
use crate::timeline::Point;

/// Number of datagrams after which all questions are updated.
const OFTEN: u64 = 256;

/// Maximum number of services in a document.
pub const SERVICES: usize = 200;

/// Reads a capture to its end, or listens for this time; returns the answer to a question.
///
/// # Errors
///
/// If the stream fails before the first datagram.
pub fn run(
    source: Source,
    path: Option<&PathBuf>,
    question: &Question,
    length: Duration,
    is_over: &AtomicBool,
) -> anyhow::Result<(Model, Option<Picture>)> {
    let mut model = source.model(path, f64::INFINITY);
    let (begin, client) = (Instant::now(), Client::Local);
    match source {
        Source::Capture(capture) => {
            let progress = Progress::new(&model.status.source, capture.file_size(), begin, true);
            let mut capture = match progress.reporter() {
                Some(reporter) => Box::new(capture.on_progress(reporter)),
                None => capture,
            };
            let ended = read(&mut capture, &mut model, question, is_over);
            drop(progress);
            model.status.passed_over = passed_over(&capture);
            // Datagrams before the error are shown.
            match ended {
                Err(error) if model.status.datagrams > 0 => {
                    model.status.fault = Some(format!("{error:#}"));
                }
                ended => ended?,
            }
        }
        Source::Socket(receiver) => {
            model.pass(SystemTime::now().into());
            listen(receiver, &mut model, question, length, is_over)?;
        }
    }
    let picture = model.ask(question, client, begin)?;
    Ok((model, picture))
}

fn read(
    capture: &mut Capture,
    model: &mut Model,
    question: &Question,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    let wall = Instant::now();
    loop {
        let received = match capture.next_datagram() {
            Ok(Some(received)) => received,
            Ok(None) => break,
            Err(error) => {
                model.status.add_file_error(error)?;
                continue;
            }
        };
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let datagram = stored(&received);
        let at = datagram.at;
        model.receive(datagram);
        model.pass(at);
        if model.status.datagrams == 1 {
            model.ask(question, Client::Local, wall)?;
        } else if model.status.datagrams.is_multiple_of(OFTEN) {
            model.catch_up();
        }
    }
    model.status.has_ended = true;
    Ok(())
}

fn listen(
    mut receiver: UdpReceiver,
    model: &mut Model,
    question: &Question,
    length: Duration,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    model.ask(question, Client::Local, begin)?;
    let mut caught_up = begin;
    while let Some(left) = length.checked_sub(begin.elapsed())
        && !left.is_zero()
        && !is_over.load(Ordering::Relaxed)
    {
        let timeout = left.min(Duration::from_millis(50));
        if let Some(received) = receiver.receive_within(timeout)? {
            model.receive(stored(&received));
        }
        model.status.kernel_drops = receiver.stats().kernel_drops;
        if caught_up.elapsed() > Duration::from_millis(20) {
            caught_up = Instant::now();
            model.pass(SystemTime::now().into());
            model.catch_up();
        }
    }
    model.pass(SystemTime::now().into());
    Ok(())
}

/// The JSON document of a picture.
#[derive(Debug, Serialize)]
pub struct Document<'p> {
    as_of: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Range<String>>,
    stream: &'p Status,
    #[serde(flatten)]
    fields: Fields,
    aggregate: &'static str,
    unit: &'p str,
    rows: Vec<RowDocument<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<f64>,
    total: f64,
    total_error: f64,
    samples: u64,
    tracked: usize,
    evicted: u64,
    unseen: f64,
    unreported: f64,
    missed: u64,
    #[serde(skip_serializing_if = "<[Point]>::is_empty")]
    history: &'p [Point],
}

#[derive(Debug, Serialize)]
struct RowDocument<'p> {
    keys: BTreeMap<&'static str, &'p sflow_metrics::flow::Value>,
    value: f64,
    error: f64,
    share: Option<f64>,
    samples: u64,
}

impl<'p> Document<'p> {
    /// The document of a picture, with or without the timeline.
    pub fn new(picture: &'p Picture, stream: &'p Status, with_timeline: bool) -> Self {
        let names = || picture.keys().iter().map(|key| key.name());
        let row = |row: &'p crate::picture::Row| RowDocument {
            keys: names().zip(&row.keys).collect(),
            value: row.value,
            error: row.error,
            share: (picture.total > 0.0).then(|| row.value / picture.total),
            samples: row.samples,
        };
        Self {
            as_of: format::moment(picture.at),
            window: window(picture),
            stream,
            fields: Fields::of(&picture.question),
            aggregate: picture.question.aggregate.name(),
            unit: &picture.unit,
            rows: picture.rows.iter().map(row).collect(),
            other: picture.other,
            total: picture.total,
            total_error: picture.total_error,
            samples: picture.samples,
            tracked: picture.tracked,
            evicted: picture.evicted,
            unseen: picture.unseen,
            unreported: picture.unreported,
            missed: picture.missed,
            history: if with_timeline {
                &picture.timeline
            } else {
                &[]
            },
        }
    }
}

/// The JSON document of a matrix.
#[derive(Debug, Serialize)]
pub struct MatrixDocument<'p> {
    as_of: String,
    stream: &'p Status,
    unit: &'p str,
    parties: Vec<String>,
    /// Traffic from each row to each column.
    cells: Vec<Vec<f64>>,
    beyond: f64,
    total: f64,
}

impl<'p> MatrixDocument<'p> {
    /// The document of a matrix.
    pub fn new(matrix: &'p Matrix, stream: &'p Status) -> Self {
        let places = 0..matrix.parties.len();
        let row = |from| places.clone().map(|to| matrix.cell(from, to)).collect();
        Self {
            as_of: format::moment(matrix.at),
            stream,
            unit: &matrix.unit,
            parties: matrix
                .parties
                .iter()
                .map(crate::matrix::Party::name)
                .collect(),
            cells: places.clone().map(row).collect(),
            beyond: matrix.beyond,
            total: matrix.total,
        }
    }
}

fn window(picture: &Picture) -> Option<Range<String>> {
    let window = picture.window.as_ref()?;
    Some(format::moment(window.start)..format::moment(window.end))
}

/// A matrix as text, with the traffic from each row to each column.
pub fn matrix_text(matrix: &Matrix) -> String {
    const CELL: usize = 9;
    let names: Vec<String> = matrix
        .parties
        .iter()
        .map(crate::matrix::Party::name)
        .collect();
    let lengths = names.iter().map(|name| name.chars().count());
    let first = lengths.max().unwrap_or(0).clamp(16, 32);
    let mut widths: Vec<usize> = names
        .iter()
        .map(|name| name.chars().count().clamp(CELL, 20))
        .collect();
    widths.push(CELL);
    let row = |name: &str, cells: Vec<String>| {
        let cells = cells.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("  {}", format::right(cell, *width)));
        let line = format::padded(name, first) + &cells.collect::<String>();
        line.trim_end().to_owned() + "\n"
    };
    let number = |value: f64| match value > 0.0 {
        true => format::number(value),
        false => "·".to_owned(),
    };
    let mut text = format!("{}  {}\n", format::moment(matrix.at), matrix.unit);
    let title = |name: &String| name.clone();
    let titles = names.iter().map(title).chain(["all".to_owned()]);
    text += &row("from ↓   to →", titles.collect());
    for (from, name) in names.iter().enumerate() {
        let cells = (0..names.len()).map(|to| number(matrix.cell(from, to)));
        text += &row(name, cells.chain([number(matrix.sent(from))]).collect());
    }
    let sums = (0..names.len()).map(|to| number(matrix.received(to)));
    text += &row("all", sums.chain([number(matrix.total)]).collect());
    if matrix.beyond > 0.0 {
        text += &format!(
            "{} more of services beyond the limit\n",
            format::number(matrix.beyond)
        );
    }
    text
}

/// The table of a picture as text.
pub fn text(picture: &Picture) -> String {
    let mut widths: Vec<usize> = picture.keys().iter().map(|key| key.name().len()).collect();
    let rows: Vec<Vec<String>> = picture
        .rows
        .iter()
        .map(|row| service_names::values(picture.keys(), &row.keys).collect())
        .collect();
    for row in &rows {
        for (width, value) in widths.iter_mut().zip(row) {
            *width = (*width).max(value.chars().count()).clamp(7, 48);
        }
    }
    if widths.is_empty() {
        widths.push(7);
    }
    let line = |keys: Vec<String>, value: f64| {
        let mut line = String::new();
        for (place, width) in widths.iter().enumerate() {
            let key = keys.get(place).map_or("", String::as_str);
            line += &format!("{}  ", format::padded(key, *width));
        }
        let bar = match picture.largest > 0.0 {
            true => (value / picture.largest * 20.0).round().clamp(0.0, 20.0) as usize,
            false => 0,
        };
        let share = format::share(value, picture.total);
        line += &format!(
            "{:>7}  {share:>7}  {}",
            format::number(value),
            "▇".repeat(bar)
        );
        line.trim_end().to_owned() + "\n"
    };
    let fields = Fields::of(&picture.question);
    let mut text = format!(
        "{}  keys={};value={};filter={}",
        format::moment(picture.at),
        fields.keys,
        fields.value,
        untrusted::printable(&fields.filter)
    );
    if let Some(window) = window(picture) {
        text += &format!("  window {} to {}", window.start, window.end);
    }
    text.push('\n');
    for (key, width) in picture.keys().iter().zip(&widths) {
        text += &format!("{}  ", format::padded(key.name(), *width));
    }
    text += &format!("{}\n", picture.unit);
    for (keys, row) in rows.into_iter().zip(&picture.rows) {
        text += &line(keys, row.value);
    }
    if let Some(other) = picture.other {
        text += &line(vec!["(other)".to_owned()], other).replace('▇', "");
    }
    let all = line(vec!["(total)".to_owned()], picture.total).replace('▇', "");
    text += &all;
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
