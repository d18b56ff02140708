//! Rows of comma-separated values (RFC 4180).

/// Appends a row. A text that a spreadsheet would run as a formula begins with an apostrophe.
pub(super) fn row<'c>(cells: impl IntoIterator<Item = &'c str>, out: &mut Vec<u8>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let is_number = cell.parse::<f64>().is_ok();
        let apostrophe = match cell.starts_with(['=', '+', '-', '@']) && !is_number {
            true => "'",
            false => "",
        };
        let cell = format!("{apostrophe}{}", untrusted::escaped(cell));
        if cell.contains([',', '"']) {
            out.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_text() {
        let mut out = Vec::new();
        row(["a,b", "say \"x\"", "=1+1", "-1.5", "a\nb", ""], &mut out);
        let expected = "\"a,b\",\"say \"\"x\"\"\",'=1+1,-1.5,a\\nb,\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
