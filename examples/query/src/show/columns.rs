use std::ops::Range;

use super::Style;

/// Rows of text in columns, each as wide as its widest cell; the first row has the titles.
#[derive(Debug, Default)]
pub(super) struct Columns {
    rows: Vec<Vec<String>>,
    right: Range<usize>,
}

impl Columns {
    pub(super) fn titled(titles: &[&str]) -> Self {
        let mut columns = Self::default();
        columns.row(titles.iter().map(|title| (*title).to_owned()));
        columns
    }

    /// Aligns these columns on the right.
    pub(super) fn align_right(&mut self, columns: Range<usize>) {
        self.right = columns;
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn write(&self, style: Style, out: &mut Vec<u8>) {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(
                |(column, (cell, width))| match self.right.contains(&column) {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:width$}"),
                },
            );
            let line = cells.collect::<Vec<_>>().join("  ");
            let line = line.trim_end();
            let line = match index == 0 && style.is_colored {
                true => format!("\u{1b}[1m{line}\u{1b}[0m\n"),
                false => format!("{line}\n"),
            };
            out.extend_from_slice(line.as_bytes());
        }
    }
}
