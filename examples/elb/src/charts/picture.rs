//! A chart with two panels over the same time: load, and replicas.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{self, Canvas, DrawResult, Mark, Panel, legend_width, text_width};
use super::note::{self, Note};
use super::palette::{
    CALM, CARD, EDGE, GRID, INK, LIMIT, LOAD, MUTED, RUNNING, SPREAD, UNKNOWN, WITHOUT,
};
use super::series::{LARGEST_LOAD, Series};
use crate::format::{Scale, shortened};
use crate::policy::SubjectKind;

/// Reference values of the load.
#[derive(Clone, Copy)]
pub(super) enum Limits {
    None,
    Upper(f64),
    Target(f64),
    Between(f64, f64),
}

impl Limits {
    pub(super) fn new(lower: f64, upper: f64) -> Self {
        let usable = |value: &f64| *value > 0.0 && *value <= LARGEST_LOAD;
        match (Some(lower).filter(usable), Some(upper).filter(usable)) {
            (_, None) => Self::None,
            (None, Some(upper)) => Self::Upper(upper),
            (Some(lower), Some(upper)) if lower < upper => Self::Between(lower, upper),
            (Some(_), Some(upper)) => Self::Target(upper),
        }
    }

    fn lines(self) -> Vec<(f64, &'static str)> {
        match self {
            Self::None => vec![],
            Self::Upper(upper) => vec![(upper, "upper")],
            Self::Target(target) => vec![(target, "target")],
            Self::Between(lower, upper) => vec![(upper, "upper"), (lower, "lower")],
        }
    }

    fn highest(self) -> f64 {
        self.lines().first().map_or(0.0, |(value, _)| *value)
    }
}

/// A chart with two panels over the same time.
pub(super) struct Picture<'a> {
    /// Subject of the accessible description.
    pub(super) about: &'a str,
    /// Whether the subject is a service or a pool.
    pub(super) kind: SubjectKind,
    /// Title; empty for none.
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    pub(super) unit: &'a str,
    pub(super) limits: Limits,
    /// Maximum of the replicas axis.
    pub(super) most_replicas: u32,
    pub(super) with: &'a Series,
    /// Marks in order of time.
    pub(super) notes: &'a [Note],
    /// Address of the page that lists the decisions, percent-encoded.
    pub(super) page: Option<&'a str>,
    /// Start of the time axis in Unix seconds, if known.
    pub(super) began: Option<i64>,
    /// The series without the balancer. If present, gaps are not shaded.
    pub(super) without: Option<&'a Series>,
}

impl Picture<'_> {
    pub(super) fn draw(&self, (width, height): (u32, u32)) -> String {
        let size = (width.clamp(360, 4096), height.clamp(300, 4096));
        let (mut svg, mut marks) = (String::new(), String::new());
        match self.draw_into(&mut svg, &mut marks, size) {
            Ok(()) => described(&svg, &format!("Load and replicas of {}", self.about)).replacen(
                "</svg>",
                &format!("{marks}</svg>"),
                1,
            ),
            // Writing to a string does not fail. If it did, the page would show an error instead of
            // the chart.
            Err(error) => described(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"360\" height=\"300\"></svg>",
                &format!("The chart could not be drawn: {error}"),
            ),
        }
    }

    /// Draws the chart, and the marks that are placed on top.
    fn draw_into(&self, svg: &mut String, marks: &mut String, size: (u32, u32)) -> DrawResult {
        let canvas = Canvas::new(svg, size);
        let layout = Layout::new(size, self.title.is_empty());
        let (width, height) = (layout.width, layout.height);
        canvas.fill((0, 0), (width, height), EDGE)?;
        canvas.fill((1, 1), (width - 2, height - 2), CARD)?;

        let largest = self
            .pasts()
            .map(Series::largest_load)
            .fold(self.limits.highest() * 1.25, f64::max);
        let scale = Scale::fitting(&shortened(self.unit, 12), largest);
        let spans = self.pasts().filter_map(Series::span);
        let (first, last) = spans
            .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
            .unwrap_or((0.0, 0.0));

        let time = Axis::time((first, last), self.began, layout.right - layout.left, 70);
        let (top, bottom) = layout.load;
        let load = Axis::load(largest, &scale, bottom - top);
        let load = Panel {
            canvas: &canvas,
            x: &time,
            y: &load,
            left: layout.left,
            right: layout.right,
            top,
            bottom,
        };
        let (top, bottom) = layout.replicas;
        let replicas = Axis::replicas(self.most_replicas, bottom - top);
        let replicas = Panel {
            y: &replicas,
            top,
            bottom,
            ..load
        };

        self.draw_title(&canvas, &layout)?;
        self.draw_load(&load, &layout, &scale)?;
        self.draw_replicas(&replicas, &layout)?;
        replicas.times()?;
        for note in self.notes {
            let place = replicas.place((note.at, f64::from(note.to)));
            note.draw(marks, place, self.page);
        }
        let note = match self.began {
            Some(_) => "time of day (UTC)",
            None => "time since start (min:s)",
        };
        canvas.text(note, (layout.right, height - 14), HPos::Right, MUTED)?;
        canvas.finish()
    }

    fn pasts(&self) -> impl Iterator<Item = &Series> {
        [Some(self.with), self.without].into_iter().flatten()
    }

    fn draw_title(&self, canvas: &Canvas<'_>, layout: &Layout) -> DrawResult {
        const SIZE: f64 = 16.0;
        if self.title.is_empty() {
            return Ok(());
        }
        let available = layout.width - 2 * MARGIN;
        // Bold text is wider.
        let title = fitting(self.title, available, SIZE * 1.15);
        canvas.title(&title, (MARGIN, layout.title), SIZE, INK)?;
        let rest = available - text_width(&title, SIZE * 1.15) - 24;
        let subtitle = fitting(self.subtitle, rest, canvas::SMALL);
        if rest > 60 && !subtitle.is_empty() {
            canvas.text(
                &subtitle,
                (layout.width - MARGIN, layout.title),
                HPos::Right,
                MUTED,
            )?;
        }
        Ok(())
    }

    fn draw_load(&self, panel: &Panel<'_, '_>, layout: &Layout, scale: &Scale) -> DrawResult {
        let gaps = match self.without {
            Some(_) => Vec::new(),
            None => self.with.gaps(),
        };
        for gap in &gaps {
            panel.stretch(*gap, UNKNOWN)?;
        }
        if self.notes.len() <= MANY {
            for note in self.notes {
                panel.stretch((note.at, note.at), GRID)?;
            }
        }
        for run in self.spread() {
            panel.between(&run, SPREAD)?;
        }
        if let Limits::Between(lower, upper) = self.limits {
            panel.band((lower, upper), CALM)?;
        }
        let unit = match scale.unit() {
            "" => String::new(),
            unit => format!(" ({unit})"),
        };
        heading(
            panel,
            &format!("Load per {}{unit}", self.kind.member()),
            &self.load_legend(scale, !gaps.is_empty()),
            layout.load_heading,
        )?;
        panel.frame()?;
        self.draw_limits(panel)?;
        if let Some(without) = self.without {
            for run in without.load() {
                panel.line(&run, WITHOUT, 2)?;
            }
        }
        for run in self.with.load() {
            panel.line(&run, LOAD, 2)?;
        }
        if self.pasts().all(|past| past.load().is_empty()) {
            let middle = (
                i32::midpoint(panel.left, panel.right),
                i32::midpoint(panel.top, panel.bottom),
            );
            panel
                .canvas
                .text("no data yet", middle, HPos::Center, MUTED)?;
        }
        Ok(())
    }

    fn load_legend(&self, scale: &Scale, gaps: bool) -> Vec<(Mark, String)> {
        let mut legend = match self.without {
            Some(_) => vec![
                (Mark::Line(LOAD), "with the balancer".to_owned()),
                (Mark::Line(WITHOUT), "without".to_owned()),
            ],
            None => vec![(Mark::Line(LOAD), "load".to_owned())],
        };
        legend.extend(match self.limits {
            Limits::None => None,
            Limits::Between(lower, upper) => {
                let (lower, upper) = (scale.number(lower), scale.write(upper));
                Some((Mark::Area(CALM), format!("thresholds {lower}–{upper}")))
            }
            Limits::Upper(upper) => {
                let upper = scale.write(upper);
                Some((Mark::Line(LIMIT), format!("upper threshold {upper}")))
            }
            Limits::Target(target) => {
                Some((Mark::Line(LIMIT), format!("target {}", scale.write(target))))
            }
        });
        if !self.spread().is_empty() {
            legend.push((Mark::Area(SPREAD), "least to most loaded".to_owned()));
        }
        if gaps {
            legend.push((Mark::Area(UNKNOWN), "no data".to_owned()));
        }
        legend
    }

    /// The threshold lines, with their names in the margin.
    fn draw_limits(&self, panel: &Panel<'_, '_>) -> DrawResult {
        const LINE_HEIGHT: i32 = 13;
        let mut lowest_label = i32::MIN;
        for (value, name) in self.limits.lines() {
            let (_, y) = panel.place((0.0, value));
            panel
                .canvas
                .fill((panel.left, y), (panel.right - panel.left, 1), LIMIT)?;
            let label = y.max(lowest_label.saturating_add(LINE_HEIGHT));
            panel
                .canvas
                .text(name, (panel.right + 6, label), HPos::Left, LIMIT)?;
            lowest_label = label;
        }
        Ok(())
    }

    fn draw_replicas(&self, panel: &Panel<'_, '_>, layout: &Layout) -> DrawResult {
        let mut legend = vec![
            (Mark::Line(LOAD), "wanted".to_owned()),
            (Mark::Area(RUNNING), "running".to_owned()),
        ];
        if self.without.is_some() {
            legend.push((Mark::Line(WITHOUT), "without".to_owned()));
        }
        let kinds = note::kinds(self.notes);
        legend.extend(
            kinds.filter_map(|kind| Some((Mark::Dot(kind.color()), kind.name()?.to_owned()))),
        );
        let title = match self.kind {
            SubjectKind::Service => "Replicas",
            SubjectKind::Pool => "Machines",
        };
        heading(panel, title, &legend, layout.replicas_heading)?;
        panel.area(&self.with.stairs(|point| point.running), RUNNING)?;
        panel.frame()?;
        if let Some(without) = self.without {
            panel.line(&without.stairs(|point| point.running), WITHOUT, 2)?;
        }
        panel.line(&self.with.stairs(|point| point.wanted), LOAD, 2)?;
        self.label_changes(panel)
    }

    /// Labels each change of the replicas with the new number, where space permits.
    fn label_changes(&self, panel: &Panel<'_, '_>) -> DrawResult {
        let mut free_from = panel.left;
        let changes = self.notes.iter().filter(|note| note.kind.is_change());
        for change in changes {
            let (x, y) = panel.place((change.at, f64::from(change.to)));
            let label = change.to.to_string();
            let half = text_width(&label, canvas::SMALL) / 2;
            // The vertical line of a decrease is above the mark.
            let middle = if change.to < change.from {
                x + half + 6
            } else {
                x
            };
            if middle - half > free_from && middle + half < panel.right + RIGHT {
                panel
                    .canvas
                    .text(&label, (middle, y - 12), HPos::Center, INK)?;
                free_from = middle + half;
            }
        }
        Ok(())
    }

    /// The range from the least to the most loaded container, if there is only one series.
    fn spread(&self) -> Vec<Vec<(f64, f64, f64)>> {
        match self.without {
            Some(_) => Vec::new(),
            None => self.with.spread(),
        }
    }
}

/// Maximum number of marks with vertical lines in the load panel; more would hide the load.
const MANY: usize = 40;
const MARGIN: i32 = 16;
/// Space for the labels of the vertical axes.
const LEFT: i32 = 44;
/// Space for the names of the thresholds.
const RIGHT: i32 = 42;

/// Positions in pixels.
struct Layout {
    width: i32,
    height: i32,
    left: i32,
    right: i32,
    title: i32,
    load_heading: i32,
    load: (i32, i32),
    replicas_heading: i32,
    replicas: (i32, i32),
}

impl Layout {
    fn new((width, height): (u32, u32), untitled: bool) -> Self {
        let (width, height) = (width.cast_signed(), height.cast_signed());
        let title = 26;
        let load_heading = if untitled { 22 } else { title + 30 };
        let heading = if width < SINGLE_LINE_WIDTH {
            2 * HEADING
        } else {
            HEADING
        };
        let below = 44;
        let plots = height - load_heading - heading - 28 - HEADING - below;
        let top = load_heading + heading;
        let load = (top, top + plots * 64 / 100);
        let replicas_heading = load.1 + 28;
        let replicas = (replicas_heading + HEADING - 4, height - below);
        Self {
            width,
            height,
            left: MARGIN + LEFT,
            right: width - MARGIN - RIGHT,
            title,
            load_heading,
            load,
            replicas_heading,
            replicas,
        }
    }
}

const HEADING: i32 = 20;
/// From this width, the heading of a panel and its legend are on the same line.
const SINGLE_LINE_WIDTH: i32 = 640;

/// Draws the heading on the left and the legend on the right, or below it if the width is
/// insufficient.
fn heading(panel: &Panel<'_, '_>, name: &str, legend: &[(Mark, String)], y: i32) -> DrawResult {
    let edge = panel.left - LEFT;
    panel.canvas.title(name, (edge, y), canvas::SMALL, INK)?;
    let mut legend: Vec<(Mark, &str)> = legend
        .iter()
        .map(|(mark, name)| (*mark, name.as_str()))
        .collect();
    let right = panel.right + RIGHT;
    if edge + text_width(name, canvas::SMALL) + 24 + legend_width(&legend) <= right {
        return panel.canvas.legend(&legend, right, y);
    }
    while edge + legend_width(&legend) > right {
        legend.pop();
    }
    panel
        .canvas
        .legend(&legend, edge + legend_width(&legend), y + HEADING)
}

/// The text, truncated to a width.
fn fitting(text: &str, width: i32, size: f64) -> String {
    let mut limit = text.chars().take(200).count();
    loop {
        let short = shortened(text, limit);
        if limit <= 1 || text_width(&short, size) <= width {
            return short;
        }
        limit -= 1;
    }
}

/// Adds an accessible description to the drawing.
pub(super) fn described(svg: &str, message: &str) -> String {
    let message = escaped(&shortened(message, 200));
    let opening = format!("<svg role=\"img\" aria-label=\"{message}\" stroke-linejoin=\"round\" ");
    svg.replacen("<svg ", &opening, 1)
}

/// Text, escaped for an element or an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
