//! A service on the screen: a card with charts, a card with signals, or a single line.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, BorderType, Chart, Dataset, GraphType, Paragraph};

use super::draw::odd;
use crate::charts::{self, series::Series};
use crate::format::{Scale, duration, number, quantity, shortened};
use crate::view::{Point, ServiceView, SignalView};

/// Level of detail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Charts,
    Signals,
    Line,
}

const BORDERS: u16 = 2;
const LEAST_CHART: u16 = 5;

impl Detail {
    /// Minimum height for this level.
    pub(super) fn least_height(self, service: &ServiceView) -> u16 {
        let signals = u16::try_from(service.signals.len())
            .unwrap_or(u16::MAX)
            .min(20);
        match self {
            Self::Charts => BORDERS + 1 + signals + LEAST_CHART,
            Self::Signals => BORDERS + 1 + signals,
            Self::Line => 1,
        }
    }

    /// Height that is used of a share.
    pub(super) fn height(self, service: &ServiceView, share: u16) -> u16 {
        match self {
            Self::Charts => share,
            _ => self.least_height(service),
        }
    }
}

/// Draws a service at a level of detail.
pub(super) fn draw(frame: &mut Frame<'_>, service: &ServiceView, detail: Detail, area: Rect) {
    if detail == Detail::Line {
        frame.render_widget(line(service), area);
        return;
    }
    let title = Line::from(vec![
        Span::raw(format!(" {} ", shortened(&service.name, 40)))
            .fg(Color::Reset)
            .bold(),
        Span::raw(format!("{} ", shortened(&service.mode, 12))).dim(),
    ]);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().fg(Color::DarkGray))
        .title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let [top, charts] = Layout::vertical([
        Constraint::Length(Detail::Signals.least_height(service) - BORDERS),
        Constraint::Fill(1),
    ])
    .areas(inside);
    let mut rows = vec![replicas(service)];
    rows.extend(
        service
            .signals
            .iter()
            .map(|signal| signal_row(signal, top.width)),
    );
    frame.render_widget(Paragraph::new(rows), top);
    if detail == Detail::Charts {
        draw_charts(frame, service, charts);
    }
}

fn line(service: &ServiceView) -> Line<'static> {
    let mut line = Line::from(vec![
        Span::raw(format!(" {:<16} ", shortened(&service.name, 16))).bold(),
        Span::raw(format!("{:>3} desired ", number(service.wanted))),
        Span::styled(
            format!("{:>3} running ", number(service.running)),
            odd(service.running != service.wanted),
        ),
        Span::styled(
            format!("{:>3} seen", number(service.seen)),
            odd(service.seen != service.running),
        ),
    ]);
    for signal in &service.signals {
        line.push_span(Span::raw("  "));
        line.push_span(value(signal));
    }
    line
}

fn replicas(service: &ServiceView) -> Line<'static> {
    let (least, most) = service.bounds;
    let mut line = Line::from(vec![
        " replicas  ".dim(),
        number(service.wanted).bold(),
        " desired  ".dim(),
        Span::styled(
            number(service.running),
            odd(service.running != service.wanted),
        ),
        " running  ".dim(),
        Span::styled(number(service.seen), odd(service.seen != service.running)),
        " seen  ".dim(),
        format!("within {least}–{most}  ").dim(),
    ]);
    let (Some(desired), Some(running)) = (service.wanted, service.running) else {
        return line;
    };
    let places = most.max(desired).max(running);
    if places <= 24 {
        let on = running.min(desired);
        let square = |sign: &str, number: u32| sign.repeat(number as usize);
        line.push_span(square("■", on).fg(Color::Cyan));
        line.push_span(square("□", desired - on).fg(Color::Cyan));
        line.push_span(square("▪", running - on).fg(Color::Yellow));
        let taken = desired.max(running);
        line.push_span(square("·", places - taken).dim());
    }
    line
}

/// Metric, value, bar, thresholds and number of reporting containers. The bar takes the remaining
/// width.
fn signal_row(signal: &SignalView, width: u16) -> Line<'static> {
    const VALUE: usize = 11;
    const LIMITS: usize = 15;
    const REPORT: usize = 13;
    let limits = signal.limits();
    let (limits, value) = (shortened(&limits, LIMITS), value(signal));
    let width = usize::from(width);
    let name = 26.min(width / 3);
    let bar_width = width
        .saturating_sub(name + VALUE + LIMITS + REPORT + 4)
        .min(40);
    let metric = shortened(&signal.metric, name);
    let mut line = Line::from(format!(" {metric:<name$}"));
    line.push_span(" ".repeat(VALUE.saturating_sub(value.width())));
    line.push_span(value);
    line.push_span(" ");
    line.spans.extend(bar(signal, bar_width));
    line.push_span(format!(" {limits:<LIMITS$} ").dim());
    let report = match signal.unknown {
        true => "unknown".to_owned(),
        false => format!("{}/{} report", signal.contributing, signal.matched),
    };
    line.push_span(Span::styled(
        report,
        odd(signal.contributing != signal.matched),
    ));
    line
}

fn value(signal: &SignalView) -> Span<'static> {
    let text = shortened(&quantity(signal.value, &signal.unit), 11);
    match known(signal) {
        None => Span::raw(text).dim(),
        Some(value) if value > signal.upper => Span::raw(text).fg(Color::Yellow).bold(),
        Some(_) => Span::raw(text).bold(),
    }
}

/// The value relative to its thresholds: `████░░░···`.
fn bar(signal: &SignalView, width: usize) -> Vec<Span<'static>> {
    let value = known(signal).unwrap_or(0.0);
    let full = (signal.upper * 1.5).max(value);
    if width < 4 || !full.is_finite() || full <= 0.0 {
        return vec![Span::raw(" ".repeat(width))];
    }
    let cell = |value: f64| ((value / full * width as f64).round().max(0.0) as usize).min(width);
    let (filled, lower, upper) = (cell(value), cell(signal.lower), cell(signal.upper));
    let color = if value > signal.upper {
        Color::Yellow
    } else {
        Color::Cyan
    };
    let before = lower.max(filled) - filled;
    let band = upper.saturating_sub(lower.max(filled));
    let after = width - filled - before - band;
    vec![
        "█".repeat(filled).fg(color),
        "·".repeat(before).dim(),
        "░".repeat(band).fg(Color::Green),
        "·".repeat(after).dim(),
    ]
}

fn known(signal: &SignalView) -> Option<f64> {
    signal.value.filter(|value| value.is_finite())
}

fn draw_charts(frame: &mut Frame<'_>, service: &ServiceView, area: Rect) {
    let series = Series::new(&service.past);
    let (first, last) = series.span().unwrap_or((0.0, 0.0));
    let time = [first, last.max(first + 60.0)];
    if area.width < 60 {
        draw_load(frame, service, &series, time, area);
        return;
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)])
        .spacing(2)
        .areas(area);
    draw_load(frame, service, &series, time, left);
    draw_replicas(frame, &series, time, right);
}

fn draw_load(
    frame: &mut Frame<'_>,
    service: &ServiceView,
    series: &Series,
    time: [f64; 2],
    area: Rect,
) {
    let unnamed = SignalView::default();
    let signal = service.signals.first().unwrap_or(&unnamed);
    let limits = charts::limits(signal.shown_limits());
    let highest = limits.first().map_or(0.0, |(limit, _)| limit * 1.25);
    let top = match series.largest_load().max(highest) {
        0.0 => 1.0,
        top => top,
    };
    let scale = Scale::fitting(&signal.unit, top);

    let lines: Vec<[(f64, f64); 2]> = limits
        .iter()
        .map(|(limit, _)| [(time[0], *limit), (time[1], *limit)])
        .collect();
    let runs = series.load();
    let mut datasets: Vec<Dataset<'_>> = lines
        .iter()
        .map(|line| dataset(line, Style::new().fg(Color::Green)))
        .collect();
    datasets.extend(
        runs.iter()
            .map(|run| dataset(run, Style::new().fg(Color::Cyan))),
    );
    let unit = match shortened(scale.unit(), 12) {
        unit if unit.is_empty() => String::new(),
        unit => format!(" ({unit})"),
    };
    let title = format!("load per container{unit}");
    let labels = [0.0, top / 2.0, top].map(|value| scale.number(value));
    draw_chart(frame, &title, datasets, time, top, labels, area);
}

fn draw_replicas(frame: &mut Frame<'_>, series: &Series, time: [f64; 2], area: Rect) {
    let most = series.most_replicas().max(2);
    let most = most.saturating_add(most % 2);
    let stairs = |replicas: fn(&Point) -> u32| series.stairs(replicas);
    let (desired, running) = (stairs(|point| point.wanted), stairs(|point| point.running));
    let datasets = vec![
        dataset(&running, Style::new().fg(Color::DarkGray)),
        dataset(&desired, Style::new().fg(Color::Cyan)),
    ];
    let labels = [0, most / 2, most].map(|number| number.to_string());
    let title = "replicas desired, running";
    draw_chart(frame, title, datasets, time, f64::from(most), labels, area);
}

fn dataset(points: &[(f64, f64)], style: Style) -> Dataset<'_> {
    let line = if points.len() > 1 {
        GraphType::Line
    } else {
        GraphType::Scatter
    };
    Dataset::default()
        .marker(Marker::Braille)
        .graph_type(line)
        .style(style)
        .data(points)
}

fn draw_chart(
    frame: &mut Frame<'_>,
    title: &str,
    datasets: Vec<Dataset<'_>>,
    time: [f64; 2],
    top: f64,
    labels: [String; 3],
    area: Rect,
) {
    let [heading, plot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::from(format!(" {title}")).dim(), heading);
    let axis = || Axis::default().style(Style::new().fg(Color::DarkGray));
    let quiet = |text: String| Span::raw(text).fg(Color::Gray);
    let times = time.map(|at| quiet(duration(at)));
    let chart = Chart::new(datasets)
        .x_axis(axis().bounds(time).labels(times))
        .y_axis(axis().bounds([0.0, top]).labels(labels.map(quiet)))
        .legend_position(None);
    frame.render_widget(chart, plot);
}
