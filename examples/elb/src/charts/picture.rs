//! A chart with two panels over the same time: load, and replicas.

use std::collections::BTreeSet;

use plot::{Axis, Drawing, GRID, INK, LINE, MUTED, Panel, Symbol, legend_width, text_width};

use super::mark::{Kind, Mark, marks};
use super::series::{LARGEST_LOAD, Series};
use super::{CALM, COMPARISON, LIMIT, RUNNING, SPREAD, UNKNOWN, WITHOUT};
use crate::format::{Scale, clock, duration, shortened, unix};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, Point, ServiceView, SignalView};

/// Recent history of a service: load per container with its thresholds, the range from the least to
/// the most loaded container, and the desired and running replicas. Decisions are marked with their
/// reasons. Gaps in the load are left blank.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The service, or a pool in the same form.
    pub service: &'a ServiceView,
    /// Whether it is a service or a pool.
    pub kind: SubjectKind,
    /// Decisions about it, oldest first.
    pub decisions: &'a [DecisionView],
    /// Start of the loop in Unix seconds; `None` if the loop does not run by the wall clock.
    pub began: Option<i64>,
}

impl Live<'_> {
    /// The chart as a separate file.
    ///
    /// Sizes below 360 × 300 pixels are raised to that size, which the labels need.
    pub fn file(&self, size: (u32, u32)) -> String {
        self.draw(size, None)
    }

    /// The chart as part of a page, without a title. The mark of decision 7 links to `#decision-7`
    /// of the page at `list`, which is percent-encoded.
    pub fn part(&self, size: (u32, u32), list: &str) -> String {
        self.draw(size, Some(list))
    }

    fn draw(&self, size: (u32, u32), page: Option<&str>) -> String {
        let service = self.service;
        let series = Series::new(&service.past);
        let unnamed = SignalView::default();
        let signal = service.signals.first().unwrap_or(&unnamed);
        let time = |decision: &DecisionView| match self.began {
            Some(_) => clock(unix(decision.time)),
            None => duration(decision.at),
        };
        let span = series.span().unwrap_or_default();
        let marks = marks(self.decisions, &series.changes(), span, time);
        let advised = marks.iter().map(|mark| mark.to).max().unwrap_or(0);
        // A far maximum would flatten the line.
        let (most, maximum) = (series.most_replicas(), service.bounds.1);
        let is_far = maximum > most.saturating_mul(3).max(10);
        let picture = Picture {
            name: &service.name,
            kind: self.kind,
            metric: &signal.metric,
            unit: &signal.unit,
            limits: limits(signal.shown_limits()),
            most_replicas: most.max(advised).max(if is_far { 0 } else { maximum }),
            with: &series,
            without: None,
            marks: &marks,
            page,
            began: self.began,
        };
        picture.draw(size)
    }
}

/// Compares the load with and without the balancer: mean load per container with the `upper`
/// threshold, and the replicas.
///
/// `unit` is the unit of the loads and of `upper` (`B/s`, `%`).
pub fn comparison(
    title: &str,
    with: &[Point],
    without: &[Point],
    upper: f64,
    unit: &str,
) -> String {
    let (with, without) = (Series::new(with), Series::new(without));
    let changes = with.changes();
    let marks = changes.iter().map(|it| {
        let message = format!("{}: {} → {}", duration(it.at), it.from, it.to);
        Mark::change(it, Kind::Counters, message)
    });
    let picture = Picture {
        name: title,
        kind: SubjectKind::Service,
        metric: "",
        unit,
        limits: limits((f64::NAN, upper)),
        most_replicas: with.most_replicas().max(without.most_replicas()),
        with: &with,
        without: Some(&without),
        marks: &marks.collect::<Vec<_>>(),
        page: None,
        began: None,
    };
    picture.draw(COMPARISON)
}

/// Reference values of the load, largest first, with their names: both thresholds, a target, or
/// the upper threshold only.
pub(crate) fn limits((lower, upper): (f64, f64)) -> Vec<(f64, &'static str)> {
    let usable = |value: f64| (value > 0.0 && value <= LARGEST_LOAD).then_some(value);
    match (usable(lower), usable(upper)) {
        (_, None) => vec![],
        (None, Some(upper)) => vec![(upper, "upper")],
        (Some(lower), Some(upper)) if lower < upper => vec![(upper, "upper"), (lower, "lower")],
        (Some(_), Some(upper)) => vec![(upper, "target")],
    }
}

/// A chart with two panels over the same time.
struct Picture<'a> {
    name: &'a str,
    /// Whether the subject is a service or a pool.
    kind: SubjectKind,
    metric: &'a str,
    unit: &'a str,
    limits: Vec<(f64, &'static str)>,
    /// Maximum of the replicas axis.
    most_replicas: u32,
    with: &'a Series,
    /// Marks in order of time.
    marks: &'a [Mark],
    /// Address of the page that lists the decisions, percent-encoded. If present, the chart is part
    /// of a page that contains the name and the metric.
    page: Option<&'a str>,
    /// Start of the time axis in Unix seconds, if known.
    began: Option<i64>,
    /// The series without the balancer. If present, gaps are not shaded.
    without: Option<&'a Series>,
}

impl Picture<'_> {
    fn draw(&self, (width, height): (u32, u32)) -> String {
        let width = width.clamp(360, 4096).cast_signed();
        let height = height.clamp(300, 4096).cast_signed();
        let about = format!("Load and replicas of {}", self.name);
        let mut drawing = Drawing::new(&about, (width, height));

        let highest = self.limits.first().map_or(0.0, |(value, _)| value * 1.25);
        let largest = self.pasts().map(Series::largest_load);
        let largest = largest.fold(highest, f64::max);
        let scale = Scale::fitting(&shortened(self.unit, 12), largest);
        let spans = self.pasts().filter_map(Series::span);
        let span = spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
        let (left, right) = (MARGIN + LEFT, width - MARGIN - RIGHT);
        let time = Axis::time(span.unwrap_or_default(), self.began, right - left, 70);

        // From top to bottom: title, heading and load, heading and replicas, time.
        let load_heading = if self.page.is_some() { 22 } else { TITLE + 30 };
        let lines = if width < SINGLE_LINE_WIDTH { 2 } else { 1 };
        let top = load_heading + lines * HEADING;
        let below = height - 44;
        let bottom = top + (below - top - 28 - HEADING) * 64 / 100;
        let load = Panel {
            x: time.clone(),
            y: Axis::values(largest, bottom - top, |value| scale.number(value)),
            left,
            right,
            top,
            bottom,
        };
        let replicas_heading = bottom + 28;
        let top = replicas_heading + HEADING - 4;
        let replicas = Panel {
            x: time,
            y: Axis::counts(self.most_replicas, below - top),
            top,
            bottom: below,
            ..load
        };

        self.draw_title(&mut drawing, width);
        self.draw_load(&mut drawing, &load, &scale, load_heading);
        self.draw_replicas(&mut drawing, &replicas, replicas_heading);
        replicas.times(&mut drawing);
        for mark in self.marks {
            let link = self.page.zip(mark.id);
            drawing.mark(plot::Mark {
                at: replicas.place((mark.at, f64::from(mark.to))),
                shape: mark.kind.shape(),
                color: mark.kind.color(),
                tooltip: mark.message.clone(),
                link: link.map(|(list, id)| format!("{list}#decision-{id}")),
            });
        }
        let note = match self.began {
            Some(_) => "time of day (UTC)",
            None => "time since start (min:s)",
        };
        drawing.text(note, (right, height - 14), "end", MUTED);
        drawing.svg()
    }

    fn pasts(&self) -> impl Iterator<Item = &Series> {
        [Some(self.with), self.without].into_iter().flatten()
    }

    fn draw_title(&self, drawing: &mut Drawing, width: i32) {
        // Relative to labels; bold text is wider.
        const SIZE: f64 = 16.0 / 12.0 * 1.15;
        if self.page.is_some() {
            return;
        }
        let available = width - 2 * MARGIN;
        let title = fitting(self.name, (f64::from(available) / SIZE) as i32);
        drawing.title(&title, (MARGIN, TITLE), 16);
        let rest = available - (f64::from(text_width(&title)) * SIZE) as i32 - 24;
        let metric = fitting(self.metric, rest);
        if rest > 60 && !metric.is_empty() {
            drawing.text(&metric, (width - MARGIN, TITLE), "end", MUTED);
        }
    }

    fn draw_load(&self, drawing: &mut Drawing, panel: &Panel, scale: &Scale, heading_y: i32) {
        let gaps = match self.without {
            Some(_) => Vec::new(),
            None => self.with.gaps(),
        };
        for gap in &gaps {
            panel.shade(drawing, *gap, WHOLE, UNKNOWN);
        }
        if self.marks.len() <= MANY {
            for mark in self.marks {
                panel.shade(drawing, (mark.at, mark.at), WHOLE, GRID);
            }
        }
        for run in self.spread() {
            panel.between(drawing, &run, SPREAD);
        }
        if let [(upper, _), (lower, _)] = self.limits[..] {
            panel.shade(drawing, WHOLE, (lower, upper), CALM);
        }
        let unit = match scale.unit() {
            "" => String::new(),
            unit => format!(" ({unit})"),
        };
        heading(
            drawing,
            panel,
            &format!("Load per {}{unit}", self.kind.member()),
            self.load_legend(scale, !gaps.is_empty()),
            heading_y,
        );
        panel.frame(drawing);
        self.draw_limits(drawing, panel);
        if let Some(without) = self.without {
            for run in without.load() {
                panel.line(drawing, &run, WITHOUT, 2);
            }
        }
        for run in self.with.load() {
            panel.line(drawing, &run, LINE, 2);
        }
        if self.pasts().all(|past| past.load().is_empty()) {
            let middle = (
                i32::midpoint(panel.left, panel.right),
                i32::midpoint(panel.top, panel.bottom),
            );
            drawing.text("no data yet", middle, "middle", MUTED);
        }
    }

    fn load_legend(&self, scale: &Scale, gaps: bool) -> Vec<(Symbol, String)> {
        let mut legend = match self.without {
            Some(_) => vec![
                (Symbol::Line(LINE), "with the balancer".to_owned()),
                (Symbol::Line(WITHOUT), "without".to_owned()),
            ],
            None => vec![(Symbol::Line(LINE), "load".to_owned())],
        };
        legend.extend(match self.limits[..] {
            [(upper, _), (lower, _)] => {
                let (lower, upper) = (scale.number(lower), scale.write(upper));
                Some((Symbol::Area(CALM), format!("thresholds {lower}–{upper}")))
            }
            [(target, "target")] => {
                let target = scale.write(target);
                Some((Symbol::Line(LIMIT), format!("target {target}")))
            }
            [(upper, _)] => {
                let upper = scale.write(upper);
                Some((Symbol::Line(LIMIT), format!("upper threshold {upper}")))
            }
            _ => None,
        });
        if !self.spread().is_empty() {
            legend.push((Symbol::Area(SPREAD), "least to most loaded".to_owned()));
        }
        if gaps {
            legend.push((Symbol::Area(UNKNOWN), "no data".to_owned()));
        }
        legend
    }

    /// The threshold lines, with their names in the margin.
    fn draw_limits(&self, drawing: &mut Drawing, panel: &Panel) {
        const LINE_HEIGHT: i32 = 13;
        let mut lowest_label = i32::MIN;
        for (value, name) in &self.limits {
            let (_, y) = panel.place((0.0, *value));
            drawing.fill((panel.left, y), (panel.right - panel.left, 1), LIMIT);
            let label = y.max(lowest_label.saturating_add(LINE_HEIGHT));
            drawing.text(name, (panel.right + 6, label), "start", LIMIT);
            lowest_label = label;
        }
    }

    fn draw_replicas(&self, drawing: &mut Drawing, panel: &Panel, heading_y: i32) {
        let (title, running) = match self.kind {
            SubjectKind::Service => ("Replicas", "running"),
            SubjectKind::Pool => ("Machines", "serving"),
        };
        let mut legend = vec![
            (Symbol::Line(LINE), "desired".to_owned()),
            (Symbol::Area(RUNNING), running.to_owned()),
        ];
        if self.without.is_some() {
            legend.push((Symbol::Line(WITHOUT), "without".to_owned()));
        }
        let kinds: BTreeSet<Kind> = self.marks.iter().map(|mark| mark.kind).collect();
        let named = kinds
            .iter()
            .filter_map(|kind| Some((kind.color(), kind.name()?)));
        legend.extend(named.map(|(color, name)| (Symbol::Dot(color), name.to_owned())));
        heading(drawing, panel, title, legend, heading_y);
        panel.area(drawing, &self.with.stairs(|point| point.running), RUNNING);
        panel.frame(drawing);
        if let Some(without) = self.without {
            panel.line(drawing, &without.stairs(|point| point.running), WITHOUT, 2);
        }
        panel.line(drawing, &self.with.stairs(|point| point.wanted), LINE, 2);
        self.label_changes(drawing, panel);
    }

    /// Labels each change of the replicas with the new number, where space permits.
    fn label_changes(&self, drawing: &mut Drawing, panel: &Panel) {
        let mut free_from = panel.left;
        let changes = self.marks.iter().filter(|mark| mark.kind.is_change());
        for change in changes {
            let (x, y) = panel.place((change.at, f64::from(change.to)));
            let label = change.to.to_string();
            let half = text_width(&label) / 2;
            // The vertical line of a decrease is above the mark.
            let middle = if change.to < change.from {
                x + half + 6
            } else {
                x
            };
            if middle - half > free_from && middle + half < panel.right + RIGHT {
                drawing.text(&label, (middle, y - 12), "middle", INK);
                free_from = middle + half;
            }
        }
    }

    /// The range from the least to the most loaded container, if there is only one series.
    fn spread(&self) -> Vec<Vec<(f64, f64, f64)>> {
        match self.without {
            Some(_) => Vec::new(),
            None => self.with.spread(),
        }
    }
}

/// The whole axis.
const WHOLE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
/// Maximum number of marks with vertical lines in the load panel; more would hide the load.
const MANY: usize = 40;
const MARGIN: i32 = 16;
/// Space for the labels of the vertical axes.
const LEFT: i32 = 44;
/// Space for the names of the thresholds.
const RIGHT: i32 = 42;

/// Vertical position of the title.
const TITLE: i32 = 26;
/// Height of a line of a heading.
const HEADING: i32 = 20;
/// From this width, the heading of a panel and its legend are on the same line.
const SINGLE_LINE_WIDTH: i32 = 640;

/// Draws the heading on the left and the legend on the right, or below it if the width is
/// insufficient.
fn heading(
    drawing: &mut Drawing,
    panel: &Panel,
    name: &str,
    mut legend: Vec<(Symbol, String)>,
    y: i32,
) {
    let edge = panel.left - LEFT;
    drawing.title(name, (edge, y), 12);
    let right = panel.right + RIGHT;
    if edge + text_width(name) + 24 + legend_width(&legend) <= right {
        return drawing.legend(&legend, right, y);
    }
    while edge + legend_width(&legend) > right {
        legend.pop();
    }
    drawing.legend(&legend, edge + legend_width(&legend), y + HEADING);
}

/// The text, truncated to a width.
fn fitting(text: &str, width: i32) -> String {
    let length = text.chars().take(200).count();
    let mut short = (1..=length).rev().map(|limit| shortened(text, limit));
    let fitting = short.find(|text| text_width(text) <= width);
    fitting.unwrap_or_default()
}
