//! A drawing: shapes and text in pixels, and panels with axes. Its markup is the template
//! `chart.svg`.

use std::fmt::Write as _;

use askama::Template;

use super::axis::Axis;
use super::mark::{Kind, Mark};
use crate::format::shortened;

/// A colour in hexadecimal: on a light and on a dark page.
pub(super) type Color = (&'static str, &'static str);

/// Background.
const CARD: Color = ("#FFFFFF", "#161B22");
/// Border.
const EDGE: Color = ("#D8DEE4", "#30363D");
/// Titles.
pub(super) const INK: Color = ("#1F2933", "#E6EDF3");
/// Labels.
pub(super) const MUTED: Color = ("#5B6774", "#9AA5B1");
/// Grid.
pub(super) const GRID: Color = ("#EAEDF0", "#252B33");
/// Time axis, and baselines.
const AXIS: Color = ("#C3CAD2", "#48515C");
/// Time ranges without data.
pub(super) const UNKNOWN: Color = ("#F3F4F6", "#1E242C");
/// Range between the thresholds.
pub(super) const CALM: Color = ("#E6F4EA", "#16301F");
/// The thresholds.
pub(super) const LIMIT: Color = ("#3B7450", "#5FAF7B");
/// Load, and changes by the balancer.
pub(super) const LOAD: Color = ("#1D63D8", "#6CA8FF");
/// Running replicas, drawn below the desired replicas.
pub(super) const RUNNING: Color = ("#D3E2FA", "#1B3358");
/// The series without the balancer.
pub(super) const WITHOUT: Color = ("#D06A1B", "#D06A1B");
/// Range from the least to the most loaded container.
pub(super) const SPREAD: Color = ("#DDE8FB", "#1C2E4A");
/// Decisions based on packet samples.
pub(super) const SAMPLES: Color = ("#8A3FC4", "#C39BF0");
/// Decisions that were not applied.
pub(super) const FAILED: Color = ("#B3261E", "#FF8A80");

/// CSS rules that recolour a chart inside an element with class `chart` for a dark page.
///
/// A chart has its colours in attributes, so that it is complete as a file; the CSS of a page takes
/// precedence over attributes.
pub fn night_rules() -> String {
    const ALL: [Color; 14] = [
        CARD, EDGE, INK, MUTED, GRID, AXIS, UNKNOWN, CALM, LIMIT, LOAD, RUNNING, SPREAD, SAMPLES,
        FAILED,
    ];
    let rule = |(day, night)| {
        format!(
            ".chart [fill=\"{day}\"]{{fill:{night}}}.chart [stroke=\"{day}\"]{{stroke:{night}}}"
        )
    };
    ALL.into_iter().map(rule).collect()
}

#[derive(Template)]
#[template(path = "chart.svg")]
pub(super) struct Drawing {
    /// Accessible description.
    about: String,
    size: (i32, i32),
    shapes: Vec<Shape>,
    /// Marks and their positions, on top of the shapes.
    pub(super) marks: Vec<((i32, i32), Mark)>,
    /// Address of the page that lists the decisions, percent-encoded. Marks link to it.
    pub(super) list: Option<String>,
}

enum Shape {
    /// Position, size, colour.
    Rect((i32, i32), (i32, i32), Color),
    /// Centre, radius, colour.
    Dot((i32, i32), u32, Color),
    /// Points, width, colour.
    Line(String, u32, Color),
    /// Points of the outline, colour.
    Area(String, Color),
    /// Position, anchor, colour, text.
    Text((i32, i32), Anchor, Color, String),
    /// Position, font size, text.
    Title((i32, i32), u32, String),
}

/// `start`, `middle` or `end`: the part of a text that is at its position.
type Anchor = &'static str;

/// Symbol of a legend entry.
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    Line(Color),
    Area(Color),
    Dot(Color),
}

impl Drawing {
    /// A card with a border.
    pub(super) fn new(about: &str, (width, height): (i32, i32)) -> Self {
        let mut drawing = Self {
            about: shortened(about, 200),
            size: (width, height),
            shapes: Vec::new(),
            marks: Vec::new(),
            list: None,
        };
        drawing.fill((0, 0), (width, height), EDGE);
        drawing.fill((1, 1), (width - 2, height - 2), CARD);
        drawing
    }

    pub(super) fn svg(&self) -> String {
        // Writing to a string does not fail. If it did, the page would show the error instead of
        // the chart.
        self.render().unwrap_or_else(|error| error.to_string())
    }

    /// A filled rectangle. With a width or height of one pixel it is a sharp line.
    pub(super) fn fill(&mut self, at: (i32, i32), size: (i32, i32), color: Color) {
        self.shapes.push(Shape::Rect(at, size, color));
    }

    /// Text whose vertical middle is at the given position.
    pub(super) fn text(&mut self, text: &str, at: (i32, i32), anchor: Anchor, color: Color) {
        let shape = Shape::Text(at, anchor, color, text.to_owned());
        self.shapes.push(shape);
    }

    pub(super) fn title(&mut self, text: &str, at: (i32, i32), size: u32) {
        self.shapes.push(Shape::Title(at, size, text.to_owned()));
    }

    fn dot(&mut self, center: (i32, i32), radius: u32, color: Color) {
        self.shapes.push(Shape::Dot(center, radius, color));
    }

    /// A legend that ends at `right`, its first entry leftmost.
    pub(super) fn legend(&mut self, entries: &[(Symbol, String)], right: i32, y: i32) {
        let mut x = right - legend_width(entries);
        for (symbol, name) in entries {
            match *symbol {
                Symbol::Line(color) => self.fill((x, y - 1), (SWATCH, 3), color),
                Symbol::Area(color) => self.fill((x, y - 5), (SWATCH, 10), color),
                Symbol::Dot(color) => self.dot((x + SWATCH / 2, y), 4, color),
            }
            x += SWATCH + 6;
            self.text(name, (x, y), "start", MUTED);
            x += text_width(name) + 14;
        }
    }
}

/// Width of a symbol in a legend.
const SWATCH: i32 = 14;

pub(super) fn legend_width(entries: &[(Symbol, String)]) -> i32 {
    let width = |(_, name): &(Symbol, String)| SWATCH + 6 + text_width(name) + 14;
    entries.iter().map(width).sum::<i32>() - 14
}

/// Estimated width of a label in a wide font; fonts differ.
pub(super) fn text_width(text: &str) -> i32 {
    let ems = |c| match c {
        'i' | 'j' | 'l' | ' ' | '.' | ',' | ':' | '\'' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '+' => 0.9,
        'A'..='Z' => 0.7,
        ' '..='~' | '–' => 0.62,
        _ => 1.0,
    };
    (text.chars().map(ems).sum::<f64>() * 12.0).ceil() as i32
}

/// A plot area with two axes.
pub(super) struct Panel {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Panel {
    /// Pixel coordinates of a value.
    pub(super) fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let along = |value: f64, axis: &Axis| {
            let span = axis.range.end - axis.range.start;
            ((value - axis.range.start) / span).clamp(0.0, 1.0)
        };
        let width = f64::from(self.right - self.left);
        let height = f64::from(self.bottom - self.top);
        let x = f64::from(self.left) + along(x, &self.x) * width;
        let y = f64::from(self.bottom) - along(y, &self.y) * height;
        (x.round() as i32, y.round() as i32)
    }

    /// Values as the points of a line.
    fn points(&self, values: impl Iterator<Item = (f64, f64)>) -> String {
        values.fold(String::new(), |mut points, value| {
            let (x, y) = self.place(value);
            let _ = write!(points, "{x},{y} ");
            points
        })
    }

    /// Grid and labels of the vertical axis, and the baseline.
    pub(super) fn frame(&self, drawing: &mut Drawing) {
        for (value, label) in &self.y.ticks {
            let (_, y) = self.place((self.x.range.start, *value));
            let color = if *value == 0.0 { AXIS } else { GRID };
            drawing.fill((self.left, y), (self.right - self.left, 1), color);
            drawing.text(label, (self.left - 8, y), "end", MUTED);
        }
    }

    /// Labels of time, below the panel.
    pub(super) fn times(&self, drawing: &mut Drawing) {
        for (at, label) in &self.x.ticks {
            let (x, _) = self.place((*at, 0.0));
            drawing.fill((x, self.bottom), (1, 5), AXIS);
            drawing.text(label, (x, self.bottom + 15), "middle", MUTED);
        }
    }

    /// Shades ranges of time and of values, at least one pixel wide. An infinite range is that of
    /// the axis.
    pub(super) fn shade(
        &self,
        drawing: &mut Drawing,
        (begin, end): (f64, f64),
        (low, high): (f64, f64),
        color: Color,
    ) {
        let ((left, bottom), (right, top)) = (self.place((begin, low)), self.place((end, high)));
        drawing.fill((left, top), ((right - left).max(1), bottom - top), color);
    }

    /// A line; a single point is a dot.
    pub(super) fn line(
        &self,
        drawing: &mut Drawing,
        values: &[(f64, f64)],
        color: Color,
        width: u32,
    ) {
        match values {
            [] => {}
            [value] => drawing.dot(self.place(*value), 3, color),
            _ => {
                let points = self.points(values.iter().copied());
                drawing.shapes.push(Shape::Line(points, width, color));
            }
        }
    }

    /// The area between a line and the axis.
    pub(super) fn area(&self, drawing: &mut Drawing, values: &[(f64, f64)], color: Color) {
        let ends = values.first().zip(values.last());
        let base = ends.map(|(first, last)| [(last.0, 0.0), (first.0, 0.0)]);
        let base = base.into_iter().flatten();
        let points = self.points(values.iter().copied().chain(base));
        drawing.shapes.push(Shape::Area(points, color));
    }

    /// The area between two lines. Each point: x, lower value, upper value.
    pub(super) fn between(&self, drawing: &mut Drawing, values: &[(f64, f64, f64)], color: Color) {
        let upper = values.iter().map(|(at, _, upper)| (*at, *upper));
        let lower = values.iter().rev().map(|(at, lower, _)| (*at, *lower));
        let points = self.points(upper.chain(lower));
        drawing.shapes.push(Shape::Area(points, color));
    }
}
