//! Small multiples: the replicas of several policies under several workloads, one panel per
//! workload.

use plot::{Axis, Color, Drawing, LINE, MUTED, Panel, Symbol};

use super::WITHOUT;
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
    let rows = panels.len().clamp(1, 40).div_ceil(COLUMNS as usize) as i32;
    let height = HEADER + rows * PANEL + FOOTER;
    let mut drawing = Drawing::new(title, (WIDTH, height));
    drawing.title(&shortened(title, 90), (MARGIN, 24), 16);
    let mut legend = vec![(Symbol::Area(SHAPE), "load".to_owned())];
    let lines = policies.iter().enumerate();
    legend.extend(lines.map(|(place, name)| (Symbol::Line(color(place)), (*name).to_owned())));
    drawing.legend(&legend, WIDTH - MARGIN, 52);
    for (place, panel) in (0..COLUMNS * rows).zip(panels) {
        let column = (WIDTH - MARGIN) / COLUMNS;
        let left = MARGIN + place % COLUMNS * column;
        let top = HEADER + place / COLUMNS * PANEL;
        draw(&mut drawing, panel, (left, top), column - MARGIN);
    }
    let note = "replicas, and the load as the replicas that can just carry it, over time (min:s)";
    drawing.text(note, (WIDTH - MARGIN, height - 16), "end", MUTED);
    drawing.svg()
}

const COLUMNS: i32 = 2;
const WIDTH: i32 = 920;
const HEADER: i32 = 74;
const FOOTER: i32 = 30;
const PANEL: i32 = 210;
const MARGIN: i32 = 16;
/// Space for the labels of the vertical axis.
const LABELS: i32 = 30;

const SHAPE: Color = ("#E1E5EA", "#E1E5EA");
/// Colours of the policies, in order. Further policies have the last colour.
const COLORS: [Color; 6] = [
    LINE,
    ("#1F9E8F", "#1F9E8F"),
    WITHOUT,
    ("#8A4FBF", "#8A4FBF"),
    MUTED,
    ("#A3ADB8", "#A3ADB8"),
];

fn draw(drawing: &mut Drawing, multiple: &Multiple, (left, top): (i32, i32), width: i32) {
    drawing.title(&multiple.title, (left, top + 8), 13);
    drawing.text(&multiple.about, (left, top + 26), "start", MUTED);
    let pasts: Vec<Series> = multiple
        .pasts
        .iter()
        .map(|past| Series::new(past))
        .collect();
    let Some(first) = pasts.first() else {
        return;
    };
    let (begin, end) = first.span().unwrap_or((0.0, 60.0));
    let highest = first.largest_load().min(1_000.0).ceil() as u32;
    let most = pasts
        .iter()
        .map(Series::most_replicas)
        .fold(highest, u32::max);
    let (top, bottom) = (top + 42, top + PANEL - 36);
    let panel = Panel {
        x: Axis::time((begin, end), None, width - LABELS, 70),
        y: Axis::counts(most, bottom - top),
        left: left + LABELS,
        right: left + width,
        top,
        bottom,
    };
    for run in first.load() {
        panel.area(drawing, &run, SHAPE);
    }
    panel.frame(drawing);
    for (place, past) in pasts.iter().enumerate().rev() {
        let stairs = past.stairs(|point| point.wanted);
        let width = if place == 0 { 2 } else { 1 };
        panel.line(drawing, &stairs, color(place), width);
    }
    panel.times(drawing);
}

fn color(place: usize) -> Color {
    let last = COLORS.last().copied().unwrap_or(MUTED);
    COLORS.get(place).copied().unwrap_or(last)
}
