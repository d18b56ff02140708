//! The screen from top to bottom: stream, question, timeline, flows, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::editor::Editor;
use super::list::List;
use super::state::{Overlay, State};
use super::{matrix, table, timeline};
use crate::format::{self, count, moment, number, padded, shortened};
use crate::model::Status;
use crate::preset::Preset;
use crate::question::{Field, Fields};
use untrusted::printable;

/// The column where a field begins.
const LABEL: u16 = 9;

const HELP: [&str; 22] = [
    "k v f      edit keys, value, filter: Tab completes,",
    "           ↑ ↓ select, Enter applies, Esc cancels",
    "p          presets by category: type to search, Enter selects",
    "m          matrix of traffic between services",
    "",
    "← → ↑ ↓    select a cell; the selection follows its flow",
    "Enter      only packets with this value",
    "!          only packets without this value",
    "Backspace  previous question",
    "s          sort by this column; again: reverse",
    "",
    "u          bits, bytes, packets",
    "a          flows of several data sources: sum or maximum",
    "t, l       list 10, 20, 50, … flows; none smaller than this one",
    "space      pause; also pauses a capture",
    "+ -        double or halve the speed of a capture",
    "[ ] { } r  10 s or 60 s back or forward in a capture; its start",
    "mouse      select a row or cell; in the timeline, a time",
    "q, Ctrl-C  quit",
    "",
    "Rows, (other) and (total) belong to one time: the visible rows and",
    "(other) add up to (total). The timeline shows the last minutes.",
];

/// Draws the screen; a small one without the timeline.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let area = frame.area();
    let timeline = match area.height {
        ..16 => 0,
        16..30 => 4,
        _ => 8,
    };
    let [top, fields, timeline, main, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Length(if state.is_matrix { 0 } else { timeline }),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(heading(state, usize::from(top.width)), top);
    draw_fields(frame, state, fields);
    state.services = matrix::capacity(usize::from(main.width), usize::from(main.height));
    state.page_rows = usize::from(main.height).saturating_sub(3);
    state.main_area = main;
    let rows = state.shown.as_ref().map_or(0, |picture| picture.rows.len());
    state.first_row = table::first_row(state, rows, state.page_rows);
    // The columns of the moments.
    let left = timeline.x + LABEL.min(timeline.width);
    let columns = timeline.width.saturating_sub(LABEL + 1);
    state.timeline_area = Rect::new(left, timeline.y, columns, timeline.height);
    draw_timeline(frame, state, timeline);
    draw_main(frame, state, main);
    frame.render_widget(hints(state, usize::from(keys.width)), keys);
    match &state.overlay {
        Overlay::None => {}
        Overlay::Editor(editor) => draw_editor(frame, editor, fields),
        Overlay::Presets(list) => draw_presets(frame, list, &state.presets),
        Overlay::Help => draw_help(frame),
    }
}

fn heading(state: &State, width: usize) -> Line<'static> {
    let Some(status) = &state.status else {
        return Line::default();
    };
    let mut line = Line::from(vec![
        Span::raw(" top-flows ").bold(),
        Span::raw(shortened(&status.source, 28)),
    ]);
    if status.is_capture && status.speed.is_finite() {
        line.push_span(format!(" ×{}", number(status.speed)));
    }
    let (word, style) = doing(status);
    line.push_span("  ");
    line.push_span(Span::styled(word, style));
    let at = state.clock.map(moment).unwrap_or_default();
    let as_of = format!("as of {} ", at.replace('T', " "));
    let short = at.get(11..19).unwrap_or_default().to_owned() + " ";
    for text in [as_of, short] {
        let used = line.width();
        if state.clock.is_some() && used + text.width() < width {
            line.push_span(" ".repeat(width - used - text.width()));
            line.push_span(text);
            break;
        }
    }
    line
}

fn doing(status: &Status) -> (String, Style) {
    let odd = Style::new().fg(Color::Yellow).bold();
    match status {
        Status {
            fault: Some(fault), ..
        } => (shortened(fault, 60), odd),
        Status {
            is_paused: true, ..
        } => ("paused".to_owned(), odd),
        Status {
            has_ended: true, ..
        } => ("ended".to_owned(), odd),
        Status {
            is_capture: true, ..
        } => ("playing".to_owned(), Style::new().fg(Color::Green)),
        _ => ("live".to_owned(), Style::new().fg(Color::Green)),
    }
}

fn draw_fields(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let fields = match &state.overlay {
        Overlay::Editor(editor) => editor.fields.clone(),
        _ => Fields::of(&state.question),
    };
    let width = usize::from(area.width.saturating_sub(LABEL));
    let mut lines = Vec::new();
    for field in Field::ALL {
        let is_typed = matches!(&state.overlay, Overlay::Editor(editor) if editor.field == field);
        let label = format!(" {:<7} ", field.name());
        let label = match is_typed {
            true => Span::raw(label).bold().fg(Color::Cyan),
            false => Span::raw(label).dim(),
        };
        let text = match fields.text(field) {
            "" if is_typed => String::new(),
            "" if field == Field::Keys => "(all traffic as one flow)".to_owned(),
            "" => "(all packets)".to_owned(),
            text => shortened(text, width),
        };
        let mut line = Line::from(vec![label, Span::raw(text)]);
        if field == Field::Value {
            let question = &state.question;
            let kind = match (question.window, question.smoothing) {
                (Some(_), _) => "in the last complete window".to_owned(),
                (None, Some(constant)) => {
                    format!("per second, over {} s", number(constant.as_secs_f64()))
                }
                (None, None) => "since the start".to_owned(),
            };
            let aggregate = question.aggregate.name();
            let mut more = format!(
                "  {kind} · {aggregate} of data sources · top {}",
                question.top
            );
            if question.least > 0.0 {
                more += &format!(" from {}", number(question.least));
            }
            line.push_span(Span::raw(more).dim());
        }
        lines.push(line);
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_timeline(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let Some(picture) = &state.shown else { return };
    if area.height < 2 {
        return;
    }
    let rows = usize::from(area.height - 1);
    let columns = usize::from(area.width.saturating_sub(LABEL + 1));
    let largest = timeline::largest(&picture.timeline, columns);
    let newest = picture.timeline.len().min(columns);
    let mut lines = timeline::lines(&picture.timeline, rows, columns);
    for (row, line) in lines.iter_mut().enumerate() {
        // The value at the upper edge of the row; below the last one is zero.
        let label = match row {
            0 => number(largest),
            _ if rows >= 4 && row == rows / 2 => {
                number(largest * (rows - row) as f64 / rows as f64)
            }
            _ if row + 1 == rows => "0".to_owned(),
            _ => String::new(),
        };
        let label = format::right(&label, usize::from(LABEL) - 1);
        line.spans.insert(0, Span::raw(format!("{label} ")).dim());
    }
    let title = format!("the last {newest} s, {}", picture.unit);
    let shown = &picture.timeline[picture.timeline.len() - newest..];
    let time = |point: Option<&crate::timeline::Point>| {
        let at = point.map(|point| moment(point.at)).unwrap_or_default();
        at.get(11..19).unwrap_or_default().to_owned()
    };
    let (first, last) = (time(shown.first()), time(shown.last()));
    let mut axis = format!("{}{title}", " ".repeat(usize::from(LABEL)));
    let right_edge = usize::from(LABEL) + columns;
    for (at, end) in [(first, right_edge - newest + 8), (last, right_edge)] {
        let used = axis.chars().count();
        if used + 10 <= end {
            axis += &format!("{at:>width$}", width = end - used);
        }
    }
    lines.push(Line::from(axis).dim());
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_main(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let lines = match (state.is_matrix, &state.matrix, &state.shown) {
        (true, Some(matrix), _) => {
            let mut lines = matrix::lines(matrix, state.cell);
            let title = format!(
                " services, {}; traffic of no container is outside",
                matrix.unit
            );
            lines.insert(0, Line::from(title).dim());
            lines
        }
        (false, _, Some(picture)) => table::lines(picture, state, height, width),
        _ => vec![waiting(state)],
    };
    frame.render_widget(Paragraph::new(lines), area);
}

fn waiting(state: &State) -> Line<'static> {
    let message = match &state.status {
        Some(status) if status.has_ended => match &status.passed_over {
            Some(passed_over) => format!(" No datagrams: {passed_over}"),
            None => " No datagrams.".to_owned(),
        },
        _ => " Waiting for the first datagram: do agents send to this port?".to_owned(),
    };
    Line::from(message).dim()
}

fn hints(state: &State, width: usize) -> Line<'static> {
    let hints: &[(&str, &str)] = match &state.overlay {
        Overlay::Editor(_) => &[
            ("Tab", "complete"),
            ("↑↓", "select"),
            ("Enter", "apply"),
            ("Esc", "cancel"),
        ],
        Overlay::Presets(_) => &[
            ("type", "to search"),
            ("↑↓", "select"),
            ("Enter", "apply"),
            ("Esc", "cancel"),
        ],
        Overlay::Help => &[("any key", "back")],
        Overlay::None if state.is_matrix => &[
            ("m", "flows"),
            ("arrows", "select"),
            ("Enter", "inside"),
            ("u", "unit"),
            ("space", "pause"),
            ("?", "help"),
            ("q", "quit"),
        ],
        Overlay::None => &[
            ("kvf", "edit"),
            ("p", "presets"),
            ("m", "matrix"),
            ("⏎", "inside"),
            ("⌫", "back"),
            ("s", "sort"),
            ("u", "unit"),
            ("space", "pause"),
            ("?", "help"),
            ("q", "quit"),
        ],
    };
    let hint = |(key, does): &(&'static str, &'static str)| {
        [
            Span::raw(*key).bold(),
            Span::raw(format!(" {does}  ")).dim(),
        ]
    };
    let length = |hint: &[Span<'_>; 2]| hint.iter().map(Span::width).sum::<usize>();
    // Help and quit are always shown.
    let (others, last) = hints.split_at(hints.len().saturating_sub(2));
    let reserved: usize = last.iter().map(|pair| length(&hint(pair))).sum();
    let mut line = Line::from(" ");
    for pair in others.iter().map(hint) {
        if line.width() + length(&pair) + reserved <= width {
            line.spans.extend(pair);
        }
    }
    line.spans.extend(last.iter().flat_map(hint));
    let asides = [state.page.clone(), state.status.as_ref().map(received)];
    for aside in asides.into_iter().flatten() {
        if line.width() + aside.width() + 2 <= width && matches!(state.overlay, Overlay::None) {
            line.push_span(Span::raw(format!("{aside}  ")).dim());
        }
    }
    line
}

fn received(status: &Status) -> String {
    let mut text = format!("{} datagrams", count(status.datagrams));
    if let Some(not_sflow) = status.not_sflow() {
        text += &format!(", {not_sflow}");
    }
    if let Some(drops) = status.kernel_drops.filter(|drops| *drops > 0) {
        text += &format!(", {} dropped here", count(drops));
    }
    text
}

fn draw_editor(frame: &mut Frame<'_>, editor: &Editor, fields: Rect) {
    const COMPLETIONS: u16 = 10;
    let place = Field::ALL
        .iter()
        .position(|field| *field == editor.field)
        .unwrap_or(0);
    let row = fields.y + u16::try_from(place).unwrap_or(0);
    let width = fields.width.saturating_sub(LABEL + 1);
    // The field, scrolled so that the cursor is visible.
    let shown = printable(editor.input.value());
    let scroll = editor.input.visual_scroll(usize::from(width));
    let line =
        Rect::new(LABEL, row, fields.width.saturating_sub(LABEL), 1).intersection(frame.area());
    let typed =
        Paragraph::new(shown.as_ref()).scroll((0, u16::try_from(scroll).unwrap_or(u16::MAX)));
    frame.render_widget(Clear, line);
    frame.render_widget(typed.underlined(), line);
    let column = editor.input.visual_cursor().saturating_sub(scroll);
    let x = LABEL + u16::try_from(column).unwrap_or(u16::MAX).min(width);
    frame.set_cursor_position(Position::new(x, row));
    // The error and the completions below it.
    let indent = " ".repeat(usize::from(LABEL));
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some(mistake) = &editor.mistake {
        if mistake.field == editor.field {
            let before: String = shown.chars().take(mistake.position).collect();
            let column = before.width().saturating_sub(scroll);
            lines.push(
                Line::from(format!("{}^", " ".repeat(column)))
                    .fg(Color::Red)
                    .bold(),
            );
        }
        let message = match mistake.field == editor.field {
            true => mistake.message.clone(),
            false => mistake.to_string(),
        };
        lines.push(Line::from(message).fg(Color::Red));
    }
    let first = editor.chosen.map_or(0, |chosen| {
        (chosen + 1).saturating_sub(usize::from(COMPLETIONS))
    });
    let offered = editor
        .completions
        .iter()
        .enumerate()
        .skip(first)
        .take(usize::from(COMPLETIONS));
    for (place, completion) in offered {
        let word = padded(&completion.word, 26);
        let note = printable(&completion.note).into_owned();
        let line = Line::from(vec![
            Span::raw(word).bold(),
            Span::raw(" "),
            Span::raw(note).dim(),
        ]);
        lines.push(match editor.chosen == Some(place) {
            true => line.reversed(),
            false => line,
        });
    }
    let left = editor
        .completions
        .len()
        .saturating_sub(first + usize::from(COMPLETIONS));
    if left > 0 {
        lines.push(Line::from(format!("and {left} more")).dim());
    }
    for line in &mut lines {
        line.spans.insert(0, Span::raw(indent.clone()));
    }
    lines.push(Line::from("─".repeat(usize::from(fields.width))).dim());
    let height = u16::try_from(lines.len()).unwrap_or(0);
    let below = Rect::new(0, row + 1, fields.width, height).intersection(frame.area());
    frame.render_widget(Clear, below);
    frame.render_widget(Paragraph::new(lines), below);
}

fn draw_presets(frame: &mut Frame<'_>, list: &List, presets: &[Preset]) {
    let area = frame.area();
    let area = Rect::new(
        2,
        1,
        area.width.saturating_sub(4),
        area.height.saturating_sub(3),
    )
    .intersection(area);
    let block = framed(" Presets ");
    let inside = block.inner(area);
    let fitting = list.fitting(presets);
    let rows = usize::from(inside.height.saturating_sub(1));
    let first = (list.chosen + 1).saturating_sub(rows);
    let typed = printable(list.typed.value()).into_owned();
    let mut lines = vec![Line::from(vec![
        "find: ".dim(),
        Span::raw(typed),
        "▏".into(),
    ])];
    let mut category = "";
    for (number, place) in fitting.iter().enumerate().skip(first).take(rows) {
        let Some(preset) = presets.get(*place) else {
            continue;
        };
        let heading = match preset.category == category {
            true => "",
            false => preset.category.as_str(),
        };
        category = &preset.category;
        let line = Line::from(vec![
            Span::raw(padded(heading, 12)).bold(),
            Span::raw(padded(&preset.protocol, 10)).dim(),
            Span::raw(printable(&preset.description).into_owned()),
        ]);
        lines.push(match number == list.chosen {
            true => line.reversed(),
            false => line,
        });
    }
    if fitting.is_empty() {
        lines.push(Line::from("no preset contains these words").dim());
    }
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let height = u16::try_from(HELP.len() + 2).unwrap_or(u16::MAX);
    let width = 70;
    let area = Rect::new(
        area.width.saturating_sub(width) / 2,
        area.height.saturating_sub(height) / 2,
        width,
        height,
    )
    .intersection(area);
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|line| Line::from(format!(" {line}")))
        .collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(framed(" Keys ")), area);
}

fn framed(title: &str) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::new().fg(Color::DarkGray))
        .title(title)
}
