//! The full-screen view, top to bottom: status, services, decisions, telemetry, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::service::{self, Detail};
use crate::format::{Scale, count, duration, shortened};
use crate::view::{DecisionView, ServiceView, Snapshot};
use untrusted::printable;

/// Draws the snapshot. Parts that do not fit are omitted.
pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot) {
    let area = frame.area();
    let intake = intake(snapshot, area.width);
    let header = if area.height < 8 { 1 } else { 2 };
    let telemetry = if area.height < 12 {
        0
    } else {
        1 + u16::from(intake.len() > 1)
    };
    let keys = u16::from(area.height > 3);
    let decisions = match area.height {
        ..16 => 0,
        16..30 => 6,
        _ => 10,
    };
    let available = area
        .height
        .saturating_sub(header + decisions + telemetry + keys);
    let (detail, services) = services_height(&snapshot.services, available);
    let [header, services, decisions, telemetry, keys] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Length(services),
        Constraint::Fill(1),
        Constraint::Length(telemetry),
        Constraint::Length(keys),
    ])
    .areas(area);

    frame.render_widget(Paragraph::new(heading(snapshot, header.width)), header);
    draw_services(frame, snapshot, detail, services);
    frame.render_widget(Paragraph::new(decided(snapshot, decisions)), decisions);
    frame.render_widget(Paragraph::new(intake), telemetry);
    let hint = Line::from(vec![" q ".bold(), "or Ctrl-C quits".dim()]);
    frame.render_widget(hint, keys);
}

fn heading(snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let mut left = vec![
        Span::raw(" "),
        Span::raw(shortened(&snapshot.title, 24)).bold(),
        Span::raw(format!("  {}", duration(snapshot.elapsed))),
    ];
    if snapshot.speed.is_finite() && snapshot.speed > 0.0 && snapshot.speed != 1.0 {
        let speed = Scale::fitting("", snapshot.speed).number(snapshot.speed);
        left.push(format!("  {speed} × real time").dim());
    }
    let load = snapshot.load.as_deref().unwrap_or_default();
    let mut rows = [left, vec![Span::raw(format!(" {}", printable(load))).dim()]];
    let width = usize::from(width);
    if let Some(page) = snapshot.page.as_deref() {
        let page = Span::raw(printable(page).into_owned()).underlined();
        let used = |row: &[Span<'_>]| -> usize { row.iter().map(Span::width).sum() };
        // In the first row with sufficient width, right-aligned.
        let row = rows
            .iter_mut()
            .find(|row| used(row) + page.width() + 3 <= width);
        if let Some(row) = row {
            let gap = width - used(row) - page.width() - 1;
            row.extend([Span::raw(" ".repeat(gap)), page]);
        }
    }
    rows.map(Line::from).to_vec()
}

/// The level of detail at which the services fit into this number of rows, and their height.
fn services_height(services: &[ServiceView], available: u16) -> (Detail, u16) {
    let needed = |detail: Detail| -> usize {
        services
            .iter()
            .map(|service| usize::from(detail.least_height(service)))
            .sum()
    };
    let details = [Detail::Charts, Detail::Signals, Detail::Line];
    let fitting = details
        .into_iter()
        .find(|detail| needed(*detail) <= usize::from(available));
    let detail = fitting.unwrap_or(Detail::Line);
    match detail {
        Detail::Charts if !services.is_empty() => (detail, available),
        _ => (
            detail,
            u16::try_from(needed(detail).max(1))
                .unwrap_or(u16::MAX)
                .min(available),
        ),
    }
}

fn draw_services(frame: &mut Frame<'_>, snapshot: &Snapshot, detail: Detail, area: Rect) {
    let services = snapshot.services.as_slice();
    if services.is_empty() {
        let message = " Waiting for the first round.";
        frame.render_widget(Line::from(message).dim(), area);
        return;
    }
    let mut free = area;
    for (index, service) in services.iter().enumerate() {
        let left = services.len() - index;
        if left > 1 && usize::from(free.height) < left && free.height <= 1 {
            let message = format!(" and {left} more services; see the page");
            frame.render_widget(Line::from(message).dim(), free);
            return;
        }
        let share = free.height / u16::try_from(left).unwrap_or(u16::MAX);
        let height = detail.height(service, share.max(1)).min(free.height);
        let [this, rest] =
            Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(free);
        service::draw(frame, service, detail, this);
        free = rest;
    }
}

/// The decisions, newest first, as many as fit.
fn decided(snapshot: &Snapshot, area: Rect) -> Vec<Line<'static>> {
    let several = snapshot.services.len() > 1;
    let mut lines = vec![Line::from(" Decisions").bold()];
    if snapshot.decisions.is_empty() {
        lines.push(Line::from("  none yet").dim());
    }
    for decision in snapshot.decisions.iter().rev() {
        if lines.len() >= usize::from(area.height) {
            break;
        }
        lines.extend(decision_lines(decision, several, usize::from(area.width)));
    }
    lines
}

fn decision_lines(decision: &DecisionView, several: bool, width: usize) -> Vec<Line<'static>> {
    let (from, to) = (decision.from, decision.to);
    let change = match to.cmp(&from) {
        std::cmp::Ordering::Greater => format!("{from} → {to}").fg(Color::Cyan).bold(),
        std::cmp::Ordering::Less => format!("{from} → {to}").fg(Color::Green).bold(),
        std::cmp::Ordering::Equal => format!("stay {to}").dim(),
    };
    let pad = " ".repeat(9usize.saturating_sub(change.width()));
    let mut start = vec![format!("{:>7}  ", duration(decision.at)).dim()];
    if several {
        start.push(Span::raw(format!(
            "{:<13}",
            shortened(&decision.service, 12)
        )));
    }
    start.extend([change, Span::raw(pad)]);
    let indent: usize = start.iter().map(Span::width).sum();
    let reasons = decision.reasons.join("; ");
    let mut rows = wrapped(&printable(&reasons), width.saturating_sub(indent + 1)).into_iter();
    start.push(Span::raw(rows.next().unwrap_or_default()));
    let rest = rows.map(|row| Line::from(format!("{}{row}", " ".repeat(indent))));
    std::iter::once(Line::from(start)).chain(rest).collect()
}

fn intake(snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let intake = &snapshot.intake;
    let first = Line::from(vec![
        " Telemetry  ".bold(),
        Span::raw(format!(
            "{} agents · {} datagrams · {} samples",
            count(intake.agents),
            count(intake.datagrams),
            count(intake.samples)
        )),
    ]);
    let refused = intake.refused.iter().filter(|(_, number)| **number > 0);
    let causes: Vec<String> = refused
        .map(|(cause, number)| format!("{} {}", count(*number), printable(cause)))
        .collect();
    if causes.is_empty() {
        return vec![first];
    }
    let available = usize::from(width).saturating_sub(13);
    let causes = shortened(&causes.join(" · "), available);
    vec![
        first,
        Line::from(vec![" Refused    ".bold(), causes.fg(Color::Yellow)]),
    ]
}

/// Wraps the text to `width` columns, between words where possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| Span::raw(text).width();
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        for piece in pieces(word, width.max(1)) {
            let Some(row) = rows.last_mut() else { continue };
            match columns(row) {
                0 => row.push_str(piece),
                used if used + 1 + columns(piece) <= width => {
                    row.push(' ');
                    row.push_str(piece);
                }
                _ => rows.push(piece.to_owned()),
            }
        }
    }
    rows
}

/// Splits a word that is wider than a row.
fn pieces(word: &str, width: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, c) in word.char_indices() {
        let columns = Span::raw(&word[at..at + c.len_utf8()]).width();
        if used + columns > width && at > start {
            pieces.push(&word[start..at]);
            (start, used) = (at, 0);
        }
        used += columns;
    }
    pieces.push(&word[start..]);
    pieces
}

/// Style of unusual values.
pub(super) fn odd(is_odd: bool) -> Style {
    if is_odd {
        Style::new().fg(Color::Yellow).bold()
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::view::{Point, SignalView};

    fn screen(snapshot: &Snapshot, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend");
        terminal
            .draw(|frame| draw(frame, snapshot))
            .expect("memory takes everything");
        let buffer = terminal.backend().buffer();
        let mut screen = String::new();
        for row in buffer.content().chunks(usize::from(width)) {
            let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            writeln!(screen, "{}", row.trim_end()).expect("memory takes everything");
        }
        screen
    }

    fn service(name: &str) -> ServiceView {
        let point = |at: u32| Point {
            at: f64::from(at) * 2.0,
            load: (at > 2).then(|| 40_000.0 + f64::from(at % 20) * 8_000.0),
            wanted: 1 + at / 10,
            running: 1 + at.saturating_sub(3) / 10,
            ..Point::default()
        };
        let bytes = SignalView {
            metric: "vir_bytes_in+vir_bytes_out".to_owned(),
            unit: "B/s".to_owned(),
            value: Some(112_000.0),
            upper: 100_000.0,
            lower: 50_000.0,
            contributing: 4,
            matched: 5,
            ..SignalView::default()
        };
        let cpu = SignalView {
            metric: "vir_cpu_utilization".to_owned(),
            unit: "%".to_owned(),
            value: None,
            upper: 1.0,
            lower: 0.5,
            contributing: 0,
            matched: 5,
            ..SignalView::default()
        };
        ServiceView {
            name: name.to_owned(),
            mode: "act".to_owned(),
            wanted: Some(6),
            running: Some(5),
            seen: Some(5),
            recommended: Some(5),
            bounds: (1, 10),
            signals: vec![bytes, cpu],
            past: (0..52).map(point).collect(),
        }
    }

    fn snapshot(services: &[&str]) -> Snapshot {
        let decision = |at: f64, from: u32, to: u32, reason: &str| DecisionView {
            kind: crate::policy::SubjectKind::Service,
            at,
            service: services.first().copied().unwrap_or_default().to_owned(),
            from,
            to,
            reasons: vec![reason.to_owned(), "one step at a time".to_owned()],
            ..DecisionView::default()
        };
        let mut snapshot = Snapshot {
            title: "demo".to_owned(),
            page: Some("http://127.0.0.1:8008/".to_owned()),
            elapsed: 103.0,
            speed: 10.0,
            load: Some("simulated load: 750 kB/s".to_owned()),
            services: services.iter().map(|name| service(name)).collect(),
            decisions: vec![
                decision(60.0, 4, 3, "every signal is below its lower threshold"),
                decision(
                    80.0,
                    5,
                    5,
                    "4 of 5 containers report; nothing is known of the others",
                ),
                decision(
                    100.0,
                    5,
                    6,
                    "vir_bytes_in+vir_bytes_out of 112 kB/s is above 100 kB/s",
                ),
            ],
            ..Snapshot::default()
        };
        snapshot.intake.agents = 3;
        snapshot.intake.datagrams = 12_345;
        snapshot.intake.samples = 67_890;
        snapshot
            .intake
            .refused
            .insert("not sFlow version 5".to_owned(), 4);
        snapshot.intake.refused.insert("nothing".to_owned(), 0);
        snapshot
    }

    /// Compares with a file in this directory; with `BLESS=1` set, rewrites the file.
    fn assert_screen(name: &str, screen: &str) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/terminal/screens");
        let path = std::path::Path::new(folder).join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, screen).expect("the folder is there");
        }
        let expected = std::fs::read_to_string(&path).expect("BLESS=1 writes it");
        assert!(expected == screen, "{name} was\n{expected}and is\n{screen}");
    }

    #[test]
    fn screens_match_the_stored_ones() {
        assert_screen("80x24.txt", &screen(&snapshot(&["apache"]), 80, 24));
        assert_screen("120x40.txt", &screen(&snapshot(&["apache"]), 120, 40));
        assert_screen(
            "two-services-80x24.txt",
            &screen(&snapshot(&["apache", "mysql"]), 80, 24),
        );
    }

    #[test]
    fn small_terminal_shows_status_and_services() {
        let small = screen(&snapshot(&["apache"]), 40, 6);
        for expected in ["demo  1:43", "apache", "6 wanted", "q or Ctrl-C quits"] {
            assert!(small.contains(expected), "no {expected:?} in\n{small}");
        }
    }

    #[test]
    fn any_size_and_any_number_of_services_can_be_drawn() {
        let names: Vec<String> = (0..30).map(|index| format!("service-{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for count in [0, 1, 2, 30] {
            let snapshot = snapshot(&names[..count]);
            for width in [1, 2, 7, 20, 61, 80, 200] {
                for height in (1..27).chain([60]) {
                    screen(&snapshot, width, height);
                }
            }
        }
        let many = screen(&snapshot(&names), 80, 24);
        assert!(many.contains("and 18 more services"), "{many}");
    }

    #[test]
    fn control_characters_of_names_are_not_drawn() {
        let name = "x\x1b[2J\n\u{9b}31m\u{202e}";
        let mut hostile = snapshot(&[name, name]);
        hostile.title = name.to_owned();
        hostile.page = Some(name.to_owned());
        hostile.load = Some(name.to_owned());
        hostile.intake.refused.insert(name.to_owned(), 1);
        for service in &mut hostile.services {
            service.mode = name.to_owned();
            service.signals[0].metric = name.to_owned();
            service.signals[0].unit = name.to_owned();
        }
        hostile.decisions[0].reasons.push(name.to_owned());
        for (width, height) in [(80, 24), (120, 40), (40, 8)] {
            let screen = screen(&hostile, width, height);
            let commands = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!screen.contains(commands), "{screen:?}");
            assert_eq!(screen.lines().count(), usize::from(height));
        }
    }

    #[test]
    fn extreme_values_are_drawn() {
        let mut absurd = snapshot(&["x"]);
        absurd.elapsed = f64::NAN;
        absurd.speed = f64::INFINITY;
        let service = &mut absurd.services[0];
        (service.wanted, service.running) = (Some(u32::MAX), Some(0));
        service.bounds = (7, 3);
        for (signal, value) in service.signals.iter_mut().zip([f64::INFINITY, -1e300]) {
            (signal.value, signal.upper, signal.lower) = (Some(value), f64::NAN, f64::INFINITY);
        }
        let point = |at, load, wanted| Point {
            at,
            load: Some(load),
            wanted,
            running: 0,
            ..Point::default()
        };
        service.past = vec![
            point(-1e300, 1e308, u32::MAX),
            point(f64::NAN, 0.0, 1),
            point(1e300, -1.0, 0),
        ];
        for (width, height) in [(80, 24), (120, 40)] {
            screen(&absurd, width, height);
        }
    }

    #[test]
    fn long_reasons_are_wrapped_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrapped("負荷分散", 5), ["負荷", "分散"]);
        assert_eq!(wrapped("", 0), [""]);
    }
}
