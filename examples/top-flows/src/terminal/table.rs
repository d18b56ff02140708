//! The table of flows: one row per flow, with a bar for its value.

use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::state::State;
use super::timeline::{COLOURS, REST};
use crate::format::{self, padded, right};
use crate::picture::{Picture, Row};
use crate::service_names;

const VALUE: usize = 8;
const SHARE: usize = 8;
const MARK: usize = 2;
const LEAST_KEY: usize = 6;

/// The heading, the rows around the cursor, and the sums.
pub(super) fn lines(
    picture: &Picture,
    state: &State,
    height: usize,
    width: usize,
) -> Vec<Line<'static>> {
    let table = Table::new(picture, state, width);
    let capacity = height.saturating_sub(3);
    let first = first_row(state, picture.rows.len(), capacity);
    let visible = picture.rows.iter().enumerate().skip(first).take(capacity);
    let mut lines = vec![table.heading()];
    let mut in_sight = 0.0;
    let mut count = 0;
    for (place, row) in visible {
        in_sight += row.value;
        count += 1;
        lines.push(table.row(place, row));
    }
    if picture.rows.is_empty() {
        let message = match (picture.samples, picture.question.least > 0.0) {
            (0, _) => "  No packet has passed the filter yet.",
            (_, true) => "  All flows are below the minimum.",
            (_, false) => "  No traffic now.",
        };
        lines.push(Line::from(message).dim());
    }
    let missing = height.saturating_sub(lines.len() + 2);
    lines.extend((0..missing).map(|_| Line::default()));
    if let Some(other) = picture.other {
        let hidden: f64 = picture.rows.iter().map(|row| row.value).sum::<f64>() - in_sight;
        let out_of_sight = picture.rows.len() - count;
        let name = match out_of_sight {
            0 => "(other)".to_owned(),
            _ => format!(
                "(other, and {out_of_sight} of {} listed)",
                picture.rows.len()
            ),
        };
        lines.push(table.sum(&name, other + hidden.max(0.0)));
    }
    lines.push(table.sum("(total)", picture.total).bold());
    lines
}

/// The first visible row, so that the cursor is visible.
pub(super) fn first_row(state: &State, rows: usize, capacity: usize) -> usize {
    let row = match state.cursor.flow {
        Some(_) => state.cursor.row,
        None => 0,
    };
    (row + 1)
        .saturating_sub(capacity)
        .min(rows.saturating_sub(capacity))
}

struct Table<'p> {
    picture: &'p Picture,
    state: &'p State,
    widths: Vec<usize>,
    bar: usize,
}

impl<'p> Table<'p> {
    fn new(picture: &'p Picture, state: &'p State, width: usize) -> Self {
        let bar = (width / 5).clamp(4, 30);
        let available = width.saturating_sub(MARK + VALUE + SHARE + bar + 1);
        let wanted: Vec<usize> = picture
            .keys()
            .iter()
            .enumerate()
            .map(|(column, key)| {
                let values = picture.rows.iter().filter_map(|row| row.keys.get(column));
                let longest = values
                    .map(|value| service_names::value(*key, value).width())
                    .max();
                // Space for the arrow of the order.
                longest.unwrap_or(0).max(key.name().len() + 2)
            })
            .collect();
        Self {
            picture,
            state,
            widths: fitted(wanted, available),
            bar,
        }
    }

    fn heading(&self) -> Line<'static> {
        let sort = self.picture.question.sort;
        let title = |name: &str, column: Option<usize>| match sort.column == column {
            true if sort.is_reversed => format!("{name} ▲"),
            true => format!("{name} ▼"),
            false => name.to_owned(),
        };
        let mut line = Line::from(" ".repeat(MARK));
        for (column, (key, width)) in self.picture.keys().iter().zip(&self.widths).enumerate() {
            let text = format!("{} ", padded(&title(key.name(), Some(column)), *width));
            let is_here = self.state.cursor.column == column;
            line.push_span(marked(Span::raw(text), is_here));
        }
        if self.widths.is_empty() {
            line.push_span(" ".repeat(7));
        }
        let text = title(&self.picture.unit, None);
        let text = format!("{} ", right(&text, VALUE.max(text.width())));
        let is_here = self.state.cursor.column >= self.widths.len();
        line.push_span(marked(Span::raw(text), is_here));
        line
    }

    fn row(&self, place: usize, row: &Row) -> Line<'static> {
        let colour = row.stripe.and_then(|stripe| COLOURS.get(stripe)).copied();
        let colour = colour.unwrap_or(REST);
        let cursor = &self.state.cursor;
        let is_chosen = cursor.flow.is_some() && cursor.row == place;
        let mark = if is_chosen { "▸" } else { " " };
        let mut line = Line::from(vec![Span::raw(mark), Span::raw("▌").fg(colour)]);
        let values = service_names::values(self.picture.keys(), &row.keys);
        for (column, (value, width)) in values.zip(&self.widths).enumerate() {
            let text = padded(&value, *width);
            let is_here = is_chosen && cursor.column == column;
            line.push_span(match is_here {
                true => Span::raw(text).reversed(),
                false => Span::raw(text),
            });
            line.push_span(" ");
        }
        if self.widths.is_empty() {
            line.push_span("all    ");
        }
        line.spans.extend(self.amount(row.value));
        line.spans
            .extend(bar(row.value, self.picture.largest, self.bar, colour));
        line
    }

    fn sum(&self, name: &str, value: f64) -> Line<'static> {
        let columns: usize = self.widths.iter().map(|width| width + 1).sum();
        let columns = columns.max(7);
        let mut line = Line::from(" ".repeat(MARK));
        line.push_span(Span::raw(padded(name, columns)).dim());
        line.spans.extend(self.amount(value));
        line
    }

    fn amount(&self, value: f64) -> [Span<'static>; 2] {
        let share = format::share(value, self.picture.total);
        [
            Span::raw(right(&format::number(value), VALUE)),
            Span::raw(format!("{} ", right(&share, SHARE))).dim(),
        ]
    }
}

fn marked(span: Span<'static>, is_here: bool) -> Span<'static> {
    match is_here {
        true => span.bold().underlined(),
        false => span.bold(),
    }
}

/// A bar to an eighth of a column.
fn bar(value: f64, largest: f64, columns: usize, colour: Color) -> Vec<Span<'static>> {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if largest <= 0.0 || value <= 0.0 {
        return Vec::new();
    }
    let length = (value / largest * columns as f64 * 8.0).round() as usize;
    let length = length.clamp(1, columns * 8);
    let rest = EIGHTHS.get(length % 8).copied().unwrap_or_default();
    let text = format!("{}{rest}", "█".repeat(length / 8));
    vec![Span::styled(text, Style::new().fg(colour))]
}

/// Reduces the widest columns until all fit the available width.
fn fitted(mut wanted: Vec<usize>, available: usize) -> Vec<usize> {
    let available = available.saturating_sub(wanted.len());
    while wanted.iter().sum::<usize>() > available {
        let Some(widest) = wanted.iter_mut().max() else {
            break;
        };
        if *widest <= LEAST_KEY {
            break;
        }
        *widest -= 1;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_give_way_first() {
        assert_eq!(fitted(vec![10, 40, 4], 60), [10, 40, 4]);
        assert_eq!(fitted(vec![10, 40, 4], 40), [10, 23, 4]);
        assert_eq!(fitted(vec![30, 30], 5), [6, 6]);
        assert!(fitted(Vec::new(), 5).is_empty());
    }

    #[test]
    fn bar_is_not_longer_than_its_width() {
        let text = |value, largest| {
            let spans = bar(value, largest, 4, Color::Cyan);
            spans
                .iter()
                .map(|span| span.content.to_string())
                .collect::<String>()
        };
        assert_eq!(text(8.0, 8.0), "████");
        assert_eq!(text(9.0, 8.0), "████");
        assert_eq!(text(1.0, 8.0), "▌");
        assert_eq!(text(1e-9, 8.0), "▏", "something is there");
        assert_eq!(text(0.0, 8.0), "");
        assert_eq!(text(0.0, 0.0), "");
    }
}
