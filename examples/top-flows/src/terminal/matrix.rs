//! The matrix of services as a heat map: traffic from each row to each column.

use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};

use crate::format::{number, padded, right};
use crate::matrix::{Matrix, Party};

const NAME: usize = 16;
const CELL: usize = 10;

/// From cold to hot.
const HEAT: [Color; 8] = [
    Color::Indexed(17),
    Color::Indexed(18),
    Color::Indexed(54),
    Color::Indexed(90),
    Color::Indexed(126),
    Color::Indexed(161),
    Color::Indexed(202),
    Color::Indexed(214),
];

/// The same without colours.
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

/// Number of services that fit a screen of this size, in addition to the outside.
pub(super) fn capacity(width: usize, height: usize) -> usize {
    let columns = width.saturating_sub(NAME + CELL + 2) / CELL;
    let rows = height.saturating_sub(5);
    columns.min(rows).saturating_sub(1).max(1)
}

/// The cell at a row and column of the area, below a title and the heading.
pub(super) fn cell_at(row: usize, column: usize) -> Option<(usize, usize)> {
    let column = column.checked_sub(NAME + 1)?;
    Some((row.checked_sub(2)?, column / CELL))
}

/// The matrix with its sums; the selected cell is marked.
pub(super) fn lines(matrix: &Matrix, chosen: (usize, usize)) -> Vec<Line<'static>> {
    let parties: Vec<String> = matrix.parties.iter().map(Party::name).collect();
    let mut heading = Line::from(padded(" from ↓   to →", NAME + 1)).dim();
    for (to, party) in parties.iter().enumerate() {
        let text = right(party, CELL - 1) + " ";
        heading.push_span(match to == chosen.1 {
            true => Span::raw(text).bold().underlined(),
            false => Span::raw(text).bold(),
        });
    }
    heading.push_span(Span::raw(right("all", CELL - 1)).dim());
    let mut lines = vec![heading];
    for (from, party) in parties.iter().enumerate() {
        let name = Span::raw(format!(" {} ", padded(party, NAME - 1))).bold();
        let mut line = Line::from(match from == chosen.0 {
            true => name.underlined(),
            false => name,
        });
        for to in 0..parties.len() {
            line.push_span(cell(matrix, from, to, (from, to) == chosen));
        }
        line.push_span(Span::raw(right(&number(matrix.sent(from)), CELL - 1)).dim());
        lines.push(line);
    }
    let mut sums = Line::from(Span::raw(format!(" {} ", padded("all", NAME - 1)))).dim();
    for to in 0..parties.len() {
        sums.push_span(Span::raw(right(&number(matrix.received(to)), CELL - 1) + " ").dim());
    }
    sums.push_span(Span::raw(right(&number(matrix.total), CELL - 1)).bold());
    lines.push(sums);
    lines.push(legend(matrix));
    if matrix.beyond > 0.0 {
        let beyond = number(matrix.beyond);
        let text = format!(
            " {beyond} {} more of services beyond the limit",
            matrix.unit
        );
        lines.push(Line::from(text).dim());
    }
    lines
}

/// The largest value of every second colour.
fn legend(matrix: &Matrix) -> Line<'static> {
    let mut line = Line::from(" up to").dim();
    for ((value, colour), shade) in matrix.scale().iter().zip(1..).zip(&SHADES[1..]) {
        let text = format!("{shade} {} ", number(*value));
        line.push_span(" ");
        line.push_span(Span::styled(text, colours(2 * colour - 1)));
    }
    line.push_span(Span::raw(format!(" {}", matrix.unit)).dim());
    line
}

/// The style of a step of the heat.
fn colours(step: usize) -> Style {
    let colour = HEAT.get(step).copied().unwrap_or(Color::Reset);
    let text = if step >= 6 {
        Color::Black
    } else {
        Color::White
    };
    Style::new().bg(colour).fg(text)
}

fn cell(matrix: &Matrix, from: usize, to: usize, is_chosen: bool) -> Span<'static> {
    let value = matrix.cell(from, to);
    let heat = matrix.heat(from, to);
    let style = match step(heat, HEAT.len()) {
        None => Style::new().fg(Color::DarkGray),
        Some(step) => colours(step),
    };
    let shade = step(heat, SHADES.len() - 1).map_or(0, |step| step + 1);
    let text = match value > 0.0 {
        true => format!("{}{} ", SHADES[shade], right(&number(value), CELL - 2)),
        false => format!("{} ", right("·", CELL - 1)),
    };
    let span = Span::styled(text, style);
    if is_chosen { span.reversed() } else { span }
}

/// The step of an intensity; `None` without traffic.
fn step(heat: f64, steps: usize) -> Option<usize> {
    let step = (heat * steps as f64).ceil() as usize;
    (heat > 0.0).then(|| step.clamp(1, steps) - 1)
}
