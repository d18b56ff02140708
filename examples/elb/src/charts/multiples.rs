//! Small multiples: the replicas of several policies under several workloads, one panel per
//! workload.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, DrawResult, Mark, Panel};
use super::palette::{CARD, EDGE, INK, LOAD, MUTED, WITHOUT};
use super::picture::described;
use super::series::Series;
use crate::format::shortened;
use crate::view::Point;

/// One panel.
#[derive(Clone, Debug)]
pub struct Multiple {
    /// Title of the panel.
    pub title: String,
    /// Description of the workload.
    pub about: String,
    /// History of each policy. The load is the same for all, in replicas that can just serve it.
    pub pasts: Vec<Vec<Point>>,
}

/// The replicas of each policy and the load, panel by panel. The first policy is drawn on top.
pub fn multiples(title: &str, policies: &[&str], panels: &[Multiple]) -> String {
    let mut svg = String::new();
    match draw(&mut svg, title, policies, panels) {
        Ok(()) => described(&svg, title),
        Err(error) => described(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"360\" height=\"300\"></svg>",
            &format!("The chart could not be drawn: {error}"),
        ),
    }
}

const COLUMNS: i32 = 2;
const WIDTH: i32 = 920;
const HEADER: i32 = 74;
const FOOTER: i32 = 30;
const PANEL: i32 = 210;
const MARGIN: i32 = 16;
/// Space for the labels of the vertical axis.
const LABELS: i32 = 30;

const SHAPE: RGBColor = RGBColor(0xE1, 0xE5, 0xEA);
/// Colours of the policies, in order. Further policies have the last colour.
const COLORS: [RGBColor; 6] = [
    LOAD,
    RGBColor(0x1F, 0x9E, 0x8F),
    WITHOUT,
    RGBColor(0x8A, 0x4F, 0xBF),
    RGBColor(0x5B, 0x67, 0x74),
    RGBColor(0xA3, 0xAD, 0xB8),
];

fn draw(svg: &mut String, title: &str, policies: &[&str], panels: &[Multiple]) -> DrawResult {
    let rows = i32::try_from(panels.len())
        .unwrap_or(i32::MAX)
        .clamp(1, 40)
        .saturating_add(COLUMNS - 1)
        / COLUMNS;
    let height = HEADER + rows * PANEL + FOOTER;
    let canvas = Canvas::new(svg, (WIDTH.unsigned_abs(), height.unsigned_abs()));
    canvas.fill((0, 0), (WIDTH, height), EDGE)?;
    canvas.fill((1, 1), (WIDTH - 2, height - 2), CARD)?;
    canvas.title(&shortened(title, 90), (MARGIN, 24), 16.0, INK)?;
    let mut legend = vec![(Mark::Area(SHAPE), "load")];
    let lines = policies.iter().zip(0..);
    legend.extend(lines.map(|(name, place)| (Mark::Line(color(place)), *name)));
    canvas.legend(&legend, WIDTH - MARGIN, 52)?;

    for (place, panel) in (0..COLUMNS * rows).zip(panels) {
        let column = (WIDTH - MARGIN) / COLUMNS;
        let left = MARGIN + place % COLUMNS * column;
        let top = HEADER + place / COLUMNS * PANEL;
        draw_panel(&canvas, panel, (left, top), column - MARGIN)?;
    }
    let note = "replicas, and the load as the replicas that can just carry it, over time (min:s)";
    canvas.text(note, (WIDTH - MARGIN, height - 16), HPos::Right, MUTED)?;
    canvas.finish()
}

fn draw_panel(
    canvas: &Canvas<'_>,
    multiple: &Multiple,
    (left, top): (i32, i32),
    width: i32,
) -> DrawResult {
    canvas.title(&multiple.title, (left, top + 8), 13.0, INK)?;
    canvas.text(&multiple.about, (left, top + 26), HPos::Left, MUTED)?;
    let pasts: Vec<Series> = multiple
        .pasts
        .iter()
        .map(|past| Series::new(past))
        .collect();
    let Some(first) = pasts.first() else {
        return Ok(());
    };
    let (begin, end) = first.span().unwrap_or((0.0, 60.0));
    let highest = first.largest_load().min(1_000.0).ceil() as u32;
    let most = pasts
        .iter()
        .map(Series::most_replicas)
        .fold(highest, u32::max);
    let (top, bottom) = (top + 42, top + PANEL - 36);
    let panel = Panel {
        canvas,
        x: &Axis::time((begin, end), None, width - LABELS, 70),
        y: &Axis::replicas(most, bottom - top),
        left: left + LABELS,
        right: left + width,
        top,
        bottom,
    };
    for run in first.load() {
        panel.area(&run, SHAPE)?;
    }
    panel.frame()?;
    for (place, past) in pasts.iter().enumerate().rev() {
        let stairs = past.stairs(|point| point.wanted);
        panel.line(&stairs, color(place), if place == 0 { 2 } else { 1 })?;
    }
    panel.times()
}

fn color(place: usize) -> RGBColor {
    let last = COLORS.last().copied().unwrap_or(MUTED);
    COLORS.get(place).copied().unwrap_or(last)
}
