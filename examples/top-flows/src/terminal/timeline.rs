//! The timeline as stacked stripes: one column per moment, one colour per flow.

use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use crate::timeline::Point;

/// Colours of the heaviest flows in their order.
pub(super) const COLOURS: [Color; 5] = [
    Color::Cyan,
    Color::Yellow,
    Color::Green,
    Color::Magenta,
    Color::Blue,
];

/// Colour of all other flows.
pub(super) const REST: Color = Color::DarkGray;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The timeline with this number of rows and columns, the newest moment at the right.
pub(super) fn lines(points: &[Point], rows: usize, columns: usize) -> Vec<Line<'static>> {
    let newest = &points[points.len().saturating_sub(columns)..];
    let largest = newest.iter().map(|point| point.total).fold(0.0, f64::max);
    let blank = columns.saturating_sub(newest.len());
    (0..rows)
        .map(|row| {
            // Rows from the top, each with its lower edge in eighths of a row.
            let floor = (rows - 1 - row) * 8;
            let mut line = Line::from(" ".repeat(blank));
            for point in newest {
                line.push_span(cell(point, largest, rows * 8, floor));
            }
            line
        })
        .collect()
}

/// The largest total of the visible moments.
pub(super) fn largest(points: &[Point], columns: usize) -> f64 {
    let newest = &points[points.len().saturating_sub(columns)..];
    newest.iter().map(|point| point.total).fold(0.0, f64::max)
}

/// One cell: the stripe that fills it from below, with the next stripe as background.
fn cell(point: &Point, largest: f64, height: usize, floor: usize) -> Span<'static> {
    let eighths = |value: f64| match largest > 0.0 {
        true => (value / largest * height as f64).round() as usize,
        false => 0,
    };
    let mut below = 0.0;
    let mut layers: Vec<(usize, Color)> = Vec::new();
    for (place, part) in point.parts.iter().enumerate() {
        below += part;
        let colour = COLOURS.get(place).copied().unwrap_or(REST);
        layers.push((eighths(below.min(point.total)), colour));
    }
    layers.push((eighths(point.total), REST));
    let mut reaching = layers.iter().filter(|(top, _)| *top > floor);
    let Some((top, colour)) = reaching.next() else {
        return Span::raw(" ");
    };
    let style = Style::new().fg(*colour);
    if *top >= floor + 8 {
        return Span::styled("█", style);
    }
    let symbol = EIGHTHS.get(top - floor).copied().unwrap_or("█");
    match reaching.find(|(above, _)| above > top) {
        Some((_, behind)) => Span::styled(symbol, style.bg(*behind)),
        None => Span::styled(symbol, style),
    }
}

#[cfg(test)]
mod tests {
    use sflow_metrics::Timestamp;

    use super::*;

    fn point(parts: &[f64], total: f64) -> Point {
        Point {
            at: Timestamp::ZERO,
            parts: parts.to_vec(),
            total,
        }
    }

    #[test]
    fn stripes_are_stacked() {
        let points = [point(&[0.0], 0.0), point(&[4.0], 8.0), point(&[12.0], 16.0)];
        let lines = lines(&points, 2, 4);
        let text = |line: &Line<'_>| -> String {
            line.spans
                .iter()
                .map(|span| span.content.as_ref())
                .collect()
        };
        assert_eq!(text(&lines[0]), "   ▄", "{lines:?}");
        assert_eq!(text(&lines[1]), "  ▄█");
        let (half, full) = (&lines[1].spans[2], &lines[0].spans[3]);
        assert_eq!(
            (half.style.fg, half.style.bg),
            (Some(COLOURS[0]), Some(REST))
        );
        assert_eq!(
            (full.style.fg, full.style.bg),
            (Some(COLOURS[0]), Some(REST))
        );
        assert_eq!(largest(&points, 1), 16.0);
        assert_eq!(super::lines(&[], 2, 3).len(), 2);
    }
}
