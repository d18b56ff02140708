use crate::put::put;

/// A text table with aligned columns.
pub(super) struct Table {
    head: &'static [&'static str],
    /// The number of left-aligned columns; the columns after them are right-aligned.
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &'static [&'static str], left: usize) -> Self {
        Self {
            head,
            left,
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes the table and an empty line, unless it has no rows.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell| cell.chars().count());
            let head = self.head.get(column).map_or(0, |head| head.len());
            widths.max().unwrap_or(0).max(head)
        };
        let widths: Vec<_> = (0..self.head.len()).map(width).collect();
        self.line(self.head.iter().copied(), &widths, out);
        for row in &self.rows {
            self.line(row.iter().map(String::as_str), &widths, out);
        }
        out.push(b'\n');
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, widths: &[usize], out: &mut Vec<u8>) {
        let start = out.len();
        for (column, (cell, width)) in cells.zip(widths).enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            if column < self.left {
                put!(out, "{gap}{cell:<width$}");
            } else {
                put!(out, "{gap}{cell:>width$}");
            }
        }
        while out.len() > start && out.last() == Some(&b' ') {
            out.pop();
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["name", "count"], 1);
        let mut out = Vec::new();
        table.write(&mut out);
        assert_eq!(out, b"");
        table.row(vec!["größer".to_owned(), "7".to_owned()]);
        table.row(vec!["x".to_owned(), "1234567".to_owned()]);
        table.write(&mut out);
        let expected = "name      count\ngrößer        7\nx       1234567\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
