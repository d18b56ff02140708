//! Line charts as SVG.

use std::fmt::Write as _;

use crate::quantity::quantity;
use crate::series::{Recorder, Series};
use untrusted::printable;

/// The maximum number of lines of a panel: the heaviest.
const MOST_LINES: usize = 8;

/// Colours that are distinguishable for colour-blind readers, on light and on dark ground
/// (Okabe and Ito).
const COLORS: [&str; MOST_LINES] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#8f8f8f", "#b3a800",
];

const WIDTH: f64 = 900.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
/// The height of the plot area of a panel.
const HEIGHT: f64 = 200.0;
const TITLE: f64 = 40.0;
const AXIS: f64 = 30.0;
const LEGEND: f64 = 18.0;

/// The series with one unit.
pub(crate) struct Panel<'r> {
    pub(crate) unit: String,
    /// The factor of the values.
    pub(crate) factor: f64,
    pub(crate) lines: Vec<(String, &'r Series)>,
}

/// An SVG image with one panel for each unit, below each other. It has a transparent ground and is
/// readable on light and dark pages.
pub(crate) fn svg(recorder: &Recorder, title: &str, mut panels: Vec<Panel<'_>>) -> String {
    for panel in &mut panels {
        let mean = |series: &Series| series.statistics().map_or(f64::MIN, |it| it.mean);
        panel
            .lines
            .sort_by(|(_, a), (_, b)| mean(b).total_cmp(&mean(a)));
        panel.lines.truncate(MOST_LINES);
    }
    let height = |panel: &Panel<'_>| TITLE + HEIGHT + AXIS + LEGEND * panel.lines.len() as f64;
    let total = panels.iter().map(height).sum::<f64>() + 10.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{}</title>\n\
         <style>text {{ fill: #333 }} .grid {{ stroke: #8888; stroke-width: 0.5 }} \
         path {{ fill: none; stroke-width: 1.5; stroke-linejoin: round }} \
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} }}</style>\n",
        escaped(title)
    );
    let mut top = 0.0;
    for panel in &panels {
        draw(recorder, panel, top, &mut out);
        top += height(panel);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(recorder: &Recorder, panel: &Panel<'_>, top: f64, out: &mut String) {
    let intervals = recorder.intervals();
    let (top, width) = (top + TITLE, WIDTH - LEFT - RIGHT);
    let values = || {
        let series = panel.lines.iter().map(|(_, series)| series);
        series.flat_map(|series| series.means().flatten())
    };
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let step = tick((high - low) * panel.factor) / panel.factor;
    let (low, high) = (
        (low / step).floor() * step,
        (high / step).ceil().max(1.0) * step,
    );
    let y = |value: f64| top + HEIGHT * (1.0 - (value - low) / (high - low));
    let x = |index: f64| LEFT + width * index / (intervals.max(2) - 1) as f64;
    let rows = ((high - low) / step).round() as u32;
    for row in 0..=rows {
        let value = low + f64::from(row) * step;
        let (right, y) = (WIDTH - RIGHT, y(value));
        let label = quantity(value * panel.factor, &panel.unit);
        _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            y + 4.0,
            escaped(&label)
        );
    }
    let start = recorder
        .start()
        .and_then(|start| jiff::Timestamp::try_from(start).ok());
    for (part, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let after = recorder
            .interval()
            .mul_f64(part * (intervals.max(2) - 1) as f64);
        let time = start.and_then(|start| start.checked_add(after).ok());
        let (x, y) = (LEFT + width * part, top + HEIGHT + 18.0);
        if let Some(time) = time {
            _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{time:.0}</text>"
            );
        }
    }
    for ((name, series), (color, place)) in panel.lines.iter().zip(COLORS.iter().zip(0u8..)) {
        let mut path = String::new();
        let mut is_drawing = false;
        for (index, value) in (0u32..).zip(series.means()) {
            // A gap where the value is unknown.
            if let Some(value) = value {
                let command = if is_drawing { 'L' } else { 'M' };
                _ = write!(path, "{command}{:.1} {:.1}", x(f64::from(index)), y(value));
                if !is_drawing {
                    // Visible also if the next value is unknown.
                    path.push_str("h0.1");
                }
            }
            is_drawing = value.is_some();
        }
        let y = top + HEIGHT + AXIS + LEGEND * (f64::from(place) + 0.7);
        _ = writeln!(
            out,
            "<path stroke=\"{color}\" d=\"{path}\"/>\
             <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{color}\"/>\
             <text x=\"{}\" y=\"{y:.1}\">{}</text>",
            y - 6.0,
            LEFT + 20.0,
            escaped(name)
        );
    }
}

/// A distance of 1, 2 or 5 times a power of ten between about four ticks in a range.
fn tick(range: f64) -> f64 {
    if !range.is_finite() || range <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf((range / 4.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let fitting = steps.into_iter().find(|step| range / step <= 5.0);
    fitting.unwrap_or(10.0 * power)
}

/// Text from the network in XML.
fn escaped(text: &str) -> String {
    printable(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        for (range, expected) in [(100.0, 20.0), (7.0, 2.0), (0.04, 0.01), (0.0, 1.0)] {
            assert_eq!(tick(range), expected, "{range}");
        }
        assert_eq!(tick(f64::INFINITY), 1.0);
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("<b>&\"\u{1b}"), "&lt;b&gt;&amp;&quot;\u{fffd}");
    }
}
