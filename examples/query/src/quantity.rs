//! Numbers with units, as people read them.

/// A value with about four significant digits and its unit: `25.17 MB/s`, `44.40 %`,
/// `1,234,568 packets`. Bytes and bits have decimal prefixes.
pub(crate) fn quantity(value: f64, unit: &str) -> String {
    let (short, is_prefixed) = match unit {
        "bytes" => ("B", true),
        "bytes/s" => ("B/s", true),
        "bits" => ("bit", true),
        "bits/s" | "bit/s" => ("bit/s", true),
        "1/s" => ("/s", false),
        unit => (unit, false),
    };
    if !is_prefixed {
        let number = number(value);
        return if short.is_empty() {
            number
        } else {
            format!("{number} {short}")
        };
    }
    let prefixes = ["", "k", "M", "G", "T", "P"];
    let mut scaled = value;
    let mut index = 0;
    // 999.95 has four digits as 1.000 of the next prefix.
    while scaled.abs() >= 999.95 && index + 1 < prefixes.len() {
        scaled /= 1000.0;
        index += 1;
    }
    format!("{} {}{short}", number(scaled), prefixes[index])
}

/// A number with about four significant digits, and thousands separators; whole numbers have no
/// decimals.
pub(crate) fn number(value: f64) -> String {
    let digits: usize = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        large if large >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        large if large >= 10.0 => 2,
        _ => 3,
    };
    let plain = format!("{value:.digits$}");
    if value.abs() < 1000.0 || !value.is_finite() {
        return plain;
    }
    let (sign, figures) = plain.split_at(usize::from(value < 0.0));
    let mut grouped = sign.to_owned();
    for (index, figure) in figures.char_indices() {
        if index > 0 && (figures.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(figure);
    }
    grouped
}

/// Bytes as bits: the factor and the unit.
pub(crate) fn as_bits(unit: &str) -> Option<(f64, &'static str)> {
    match unit {
        "bytes" => Some((8.0, "bits")),
        "bytes/s" => Some((8.0, "bits/s")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_significant_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (0.1234, "0.123"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (1_000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-123_456.0, "-123,456"),
            (-12.345, "-12.35"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn bytes_and_bits_have_prefixes() {
        for (value, unit, expected) in [
            (25_174_813.0, "bytes/s", "25.17 MB/s"),
            (999.94, "bytes", "999.9 B"),
            (999.96, "bytes", "1.000 kB"),
            (-1_500.0, "bits/s", "-1.500 kbit/s"),
            (3e20, "bits", "300,000 Pbit"),
            (44.4, "%", "44.40 %"),
            (4.0, "", "4"),
            (1_234.0, "frames/s", "1,234 frames/s"),
        ] {
            assert_eq!(quantity(value, unit), expected);
        }
    }
}
