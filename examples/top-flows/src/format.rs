//! Printable text and human-readable numbers.

use sflow_metrics::{Timestamp, flow};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use untrusted::printable;

/// Printable text in at most this number of columns; `…` replaces the rest.
pub fn shortened(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text.into_owned();
    }
    let mut short = String::new();
    let mut left = columns.saturating_sub(1);
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        short.push(character);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

/// Like [`shortened`], padded with spaces on the right.
pub fn padded(text: &str, columns: usize) -> String {
    let mut text = shortened(text, columns);
    let missing = columns.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// Like [`shortened`], padded with spaces on the left.
pub fn right(text: &str, columns: usize) -> String {
    let text = shortened(text, columns);
    let missing = columns.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(missing))
}

/// A printable value of a key; `-` if absent.
pub fn value(value: &flow::Value) -> String {
    printable(&value.to_string()).into_owned()
}

/// A number with three significant digits and a decimal prefix: `82.3k`, `1.25M`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let (mut scaled, mut prefix) = (value, 0);
    while scaled.abs() >= 999.5 && prefix + 1 < PREFIXES.len() {
        scaled /= 1000.0;
        prefix += 1;
    }
    if scaled.abs() >= 1e6 {
        return format!("{value:.2e}");
    }
    let digits = match scaled.abs() {
        x if x >= 99.95 => 0,
        x if x >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{scaled:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text.as_str(),
    };
    let text = if text == "-0" { "0" } else { text };
    let prefix = PREFIXES.get(prefix).copied().unwrap_or_default();
    format!("{text}{prefix}")
}

/// A percentage: `12.5 %`; empty if the whole is negligible.
pub fn share(value: f64, whole: f64) -> String {
    match whole >= 0.005 && value.is_finite() {
        true => format!("{:.1} %", 100.0 * value / whole),
        false => String::new(),
    }
}

/// An integer with thousands separators: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `2016-09-24T01:00:17.000Z`; `at no time` if it is outside the calendar.
pub fn moment(at: Timestamp) -> String {
    let calendar = i128::from(at.as_nanos());
    match jiff::Timestamp::from_nanosecond(calendar) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => "at no time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shortened_by_columns() {
        assert_eq!(shortened("größer", 6), "größer");
        assert_eq!(shortened("größer", 4), "grö…");
        assert_eq!(shortened("負荷分散", 5), "負荷…");
        assert_eq!(padded("負荷分散", 4), "負… ");
        assert_eq!(right("ab", 4), "  ab");
        assert_eq!(shortened("ab", 0), "");
    }

    #[test]
    fn numbers_have_three_digits_and_prefix() {
        for (value, expected) in [
            (0.0, "0"),
            (0.126, "0.13"),
            (12.34, "12.3"),
            (999.4, "999"),
            (999.6, "1k"),
            (82_345.0, "82.3k"),
            (1_250_000.0, "1.25M"),
            (1e40, "1.00e40"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(share(1.0, 8.0), "12.5 %");
        assert_eq!(share(1.0, 0.0), "");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn time_is_formatted_as_rfc_3339() {
        let at = Timestamp::from_secs(1_474_678_817);
        assert_eq!(moment(at), "2016-09-24T01:00:17.000Z");
    }
}
