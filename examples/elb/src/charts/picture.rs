//! A chart with two panels over the same time: load, and replicas.

use super::COMPARISON;
use super::axis::Axis;
use super::drawing::{
    CALM, Drawing, GRID, INK, LIMIT, LOAD, MUTED, Panel, RUNNING, SPREAD, Symbol, UNKNOWN, WITHOUT,
    legend_width, text_width,
};
use super::mark::{self, Note, notes};
use super::series::{Change, LARGEST_LOAD, Series};
use crate::format::{Scale, clock, duration, shortened, unix};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, Point, ServiceView};

/// A change of replicas without a known decision.
fn done(change: &Change) -> DecisionView {
    DecisionView {
        at: change.at,
        from: change.from,
        to: change.to,
        outcome: "done",
        ..DecisionView::default()
    }
}

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
        let signal = service.signals.first();
        let most = series.most_replicas();
        // A far maximum would flatten the line.
        let is_far = service.bounds.1 > most.saturating_mul(3).max(10);
        let time = |decision: &DecisionView| match self.began {
            Some(_) => clock(unix(decision.time)),
            None => duration(decision.at),
        };
        let span = series.span().unwrap_or((0.0, 0.0));
        let notes = notes(self.decisions, &series.changes(), span, time);
        let advised = notes.iter().map(|note| note.to).max().unwrap_or(0);
        let picture = Picture {
            name: &service.name,
            kind: self.kind,
            metric: signal.map_or("", |signal| signal.metric.as_str()),
            unit: signal.map_or("", |signal| signal.unit.as_str()),
            limits: signal.map_or(Limits::None, |s| Limits::new(s.lower, s.upper)),
            most_replicas: most
                .max(advised)
                .max(if is_far { 0 } else { service.bounds.1 }),
            with: &series,
            without: None,
            notes: &notes,
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
    let span = with.span().unwrap_or((0.0, 0.0));
    let changes: Vec<DecisionView> = with.changes().iter().map(done).collect();
    let changes = notes(&changes, &[], span, |change| duration(change.at));
    let picture = Picture {
        name: title,
        kind: SubjectKind::Service,
        metric: "",
        unit,
        limits: Limits::new(f64::NAN, upper),
        most_replicas: with.most_replicas().max(without.most_replicas()),
        with: &with,
        without: Some(&without),
        notes: &changes,
        page: None,
        began: None,
    };
    picture.draw(COMPARISON)
}

/// Reference values of the load.
#[derive(Clone, Copy)]
enum Limits {
    None,
    Upper(f64),
    Target(f64),
    Between(f64, f64),
}

impl Limits {
    fn new(lower: f64, upper: f64) -> Self {
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
struct Picture<'a> {
    name: &'a str,
    /// Whether the subject is a service or a pool.
    kind: SubjectKind,
    metric: &'a str,
    unit: &'a str,
    limits: Limits,
    /// Maximum of the replicas axis.
    most_replicas: u32,
    with: &'a Series,
    /// Marks in order of time.
    notes: &'a [Note],
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
        let size = (
            width.clamp(360, 4096).cast_signed(),
            height.clamp(300, 4096).cast_signed(),
        );
        let mut drawing = Drawing::new(&format!("Load and replicas of {}", self.name), size);
        let layout = Layout::new(size, self.page.is_some());

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
            x: time.clone(),
            y: load,
            left: layout.left,
            right: layout.right,
            top,
            bottom,
        };
        let (top, bottom) = layout.replicas;
        let replicas = Axis::replicas(self.most_replicas, bottom - top);
        let replicas = Panel {
            x: time,
            y: replicas,
            top,
            bottom,
            ..load
        };

        self.draw_title(&mut drawing, &layout);
        self.draw_load(&mut drawing, &load, &layout, &scale);
        self.draw_replicas(&mut drawing, &replicas, &layout);
        replicas.times(&mut drawing);
        let mark = |note: &Note| {
            let place = replicas.place((note.at, f64::from(note.to)));
            note.mark(place, self.page)
        };
        drawing.marks = self.notes.iter().map(mark).collect();
        let note = match self.began {
            Some(_) => "time of day (UTC)",
            None => "time since start (min:s)",
        };
        let place = (layout.right, layout.height - 14);
        drawing.text(note, place, "end", MUTED);
        drawing.svg()
    }

    fn pasts(&self) -> impl Iterator<Item = &Series> {
        [Some(self.with), self.without].into_iter().flatten()
    }

    fn draw_title(&self, drawing: &mut Drawing, layout: &Layout) {
        // Relative to labels; bold text is wider.
        const SIZE: f64 = 16.0 / 12.0 * 1.15;
        if self.page.is_some() {
            return;
        }
        let available = layout.width - 2 * MARGIN;
        let title = fitting(self.name, (f64::from(available) / SIZE) as i32);
        drawing.title(&title, (MARGIN, layout.title), 16);
        let rest = available - (f64::from(text_width(&title)) * SIZE) as i32 - 24;
        let metric = fitting(self.metric, rest);
        if rest > 60 && !metric.is_empty() {
            let place = (layout.width - MARGIN, layout.title);
            drawing.text(&metric, place, "end", MUTED);
        }
    }

    fn draw_load(&self, drawing: &mut Drawing, panel: &Panel, layout: &Layout, scale: &Scale) {
        let gaps = match self.without {
            Some(_) => Vec::new(),
            None => self.with.gaps(),
        };
        for gap in &gaps {
            panel.stretch(drawing, *gap, UNKNOWN);
        }
        if self.notes.len() <= MANY {
            for note in self.notes {
                panel.stretch(drawing, (note.at, note.at), GRID);
            }
        }
        for run in self.spread() {
            panel.between(drawing, &run, SPREAD);
        }
        if let Limits::Between(lower, upper) = self.limits {
            panel.band(drawing, (lower, upper), CALM);
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
            layout.load_heading,
        );
        panel.frame(drawing);
        self.draw_limits(drawing, panel);
        if let Some(without) = self.without {
            for run in without.load() {
                panel.line(drawing, &run, WITHOUT, 2);
            }
        }
        for run in self.with.load() {
            panel.line(drawing, &run, LOAD, 2);
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
                (Symbol::Line(LOAD), "with the balancer".to_owned()),
                (Symbol::Line(WITHOUT), "without".to_owned()),
            ],
            None => vec![(Symbol::Line(LOAD), "load".to_owned())],
        };
        legend.extend(match self.limits {
            Limits::None => None,
            Limits::Between(lower, upper) => {
                let (lower, upper) = (scale.number(lower), scale.write(upper));
                Some((Symbol::Area(CALM), format!("thresholds {lower}–{upper}")))
            }
            Limits::Upper(upper) => {
                let upper = scale.write(upper);
                Some((Symbol::Line(LIMIT), format!("upper threshold {upper}")))
            }
            Limits::Target(target) => Some((
                Symbol::Line(LIMIT),
                format!("target {}", scale.write(target)),
            )),
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
        for (value, name) in self.limits.lines() {
            let (_, y) = panel.place((0.0, value));
            drawing.fill((panel.left, y), (panel.right - panel.left, 1), LIMIT);
            let label = y.max(lowest_label.saturating_add(LINE_HEIGHT));
            drawing.text(name, (panel.right + 6, label), "start", LIMIT);
            lowest_label = label;
        }
    }

    fn draw_replicas(&self, drawing: &mut Drawing, panel: &Panel, layout: &Layout) {
        let mut legend = vec![
            (Symbol::Line(LOAD), "desired".to_owned()),
            (Symbol::Area(RUNNING), "running".to_owned()),
        ];
        if self.without.is_some() {
            legend.push((Symbol::Line(WITHOUT), "without".to_owned()));
        }
        let kinds = mark::kinds(self.notes);
        legend.extend(
            kinds.filter_map(|kind| Some((Symbol::Dot(kind.color()), kind.name()?.to_owned()))),
        );
        let title = match self.kind {
            SubjectKind::Service => "Replicas",
            SubjectKind::Pool => "Machines",
        };
        heading(drawing, panel, title, legend, layout.replicas_heading);
        panel.area(drawing, &self.with.stairs(|point| point.running), RUNNING);
        panel.frame(drawing);
        if let Some(without) = self.without {
            panel.line(drawing, &without.stairs(|point| point.running), WITHOUT, 2);
        }
        panel.line(drawing, &self.with.stairs(|point| point.wanted), LOAD, 2);
        self.label_changes(drawing, panel);
    }

    /// Labels each change of the replicas with the new number, where space permits.
    fn label_changes(&self, drawing: &mut Drawing, panel: &Panel) {
        let mut free_from = panel.left;
        let changes = self.notes.iter().filter(|note| note.kind.is_change());
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
    fn new((width, height): (i32, i32), untitled: bool) -> Self {
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
    let mut limit = text.chars().take(200).count();
    loop {
        let short = shortened(text, limit);
        if limit <= 1 || text_width(&short) <= width {
            return short;
        }
        limit -= 1;
    }
}
