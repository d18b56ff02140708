//! The full-screen view, top to bottom: status, services, decisions, telemetry, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::service::{self, Detail};
use crate::format::{Scale, count, duration, shortened};
use crate::view::{DecisionView, ServiceView, Snapshot};
use screen::wrapped;
use untrusted::printable;

/// Draws a snapshot in full screen. Parts that do not fit are omitted.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot) {
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
    let needed = |detail: &Detail| -> u16 {
        let heights = services.iter().map(|service| detail.least_height(service));
        heights.fold(0, u16::saturating_add)
    };
    let mut details = [Detail::Charts, Detail::Signals, Detail::Line].into_iter();
    let fitting = details.find(|detail| needed(detail) <= available);
    match fitting.unwrap_or(Detail::Line) {
        Detail::Charts if !services.is_empty() => (Detail::Charts, available),
        detail => (detail, needed(&detail).max(1).min(available)),
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

/// Style of unusual values.
pub(super) fn odd(is_odd: bool) -> Style {
    if is_odd {
        Style::new().fg(Color::Yellow).bold()
    } else {
        Style::new()
    }
}
