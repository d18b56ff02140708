//! Numbers with their unit: `82.3 kB/s`, `0.75 %`, `1.5 cores`.

/// How numbers of one unit are written, so that an axis or a comparison has one prefix only.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    divisor: f64,
    unit: String,
}

impl Scale {
    /// The scale on which `largest` has one to three digits before the point.
    ///
    /// Only bytes, bits and plain rates take a decimal prefix; `%` and `cores` do not.
    pub fn fitting(unit: &str, largest: f64) -> Self {
        let prefixes: &[(f64, &str)] = match unit {
            "B" | "B/s" | "b/s" | "bit/s" => {
                &[(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
            }
            _ => &[],
        };
        let prefix = prefixes
            .iter()
            .find(|(divisor, _)| largest.abs() >= *divisor);
        match prefix {
            Some((divisor, prefix)) => Self {
                divisor: *divisor,
                unit: format!("{prefix}{unit}"),
            },
            None => Self {
                divisor: 1.0,
                unit: unit.to_owned(),
            },
        }
    }

    /// The unit with its prefix: `kB/s`.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What a number is divided by before it is written: 1000 for `kB/s`.
    pub fn divisor(&self) -> f64 {
        self.divisor
    }

    /// The number alone, with two or three significant digits and thousands separators.
    pub fn number(&self, value: f64) -> String {
        let scaled = value / self.divisor;
        if scaled.abs() >= 1e7 {
            return format!("{scaled:.2e}");
        }
        if scaled.abs() >= 999.5 {
            let sign = if scaled < 0.0 { "-" } else { "" };
            return format!("{sign}{}", count(scaled.abs().round() as u64));
        }
        let decimals = match scaled.abs() {
            x if x >= 99.95 => 0,
            x if x >= 9.995 => 1,
            x if x >= 0.0995 => 2,
            x if x >= 0.00995 => 3,
            x if x >= 0.000_995 => 4,
            _ => 6,
        };
        let text = format!("{scaled:.decimals$}");
        let short = match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => text.as_str(),
        };
        if short == "-0" {
            "0".to_owned()
        } else {
            short.to_owned()
        }
    }

    /// The number and the unit.
    pub fn write(&self, value: f64) -> String {
        if self.unit.is_empty() {
            return self.number(value);
        }
        format!("{} {}", self.number(value), self.unit)
    }
}

/// A number with its unit, or the words for not knowing it; unknown is never written as zero.
pub fn quantity(value: Option<f64>, unit: &str) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) => Scale::fitting(unit, value).write(value),
        None => "no data".to_owned(),
    }
}

/// A whole number, or the word for an unknown one; unknown is never written as zero.
pub fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| count(value.into()))
}

/// The range between two thresholds, `50–100 kB/s`, or what there is instead of one:
/// `target 100 kB/s`.
pub fn limits(lower: f64, upper: f64, unit: &str) -> String {
    let scale = Scale::fitting(unit, upper);
    match lower < upper {
        true => format!("{}–{}", scale.number(lower), scale.write(upper)),
        false => format!("target {}", scale.write(upper)),
    }
}

/// A number and the word for what is counted: `1 task`, `2 tasks`.
pub fn counted(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

/// A whole number with its thousands set apart: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time with its unit: `0.5 s`, `90 s`, `5 min`, `2.5 h`.
pub fn span(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..120.0 => (seconds, "s"),
        ..7_200.0 => (seconds / 60.0, "min"),
        _ => (seconds / 3_600.0, "h"),
    };
    quantity(Some(value.max(0.0)), unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_carry_their_unit() {
        for (value, unit, expected) in [
            (82_345.0, "B/s", "82.3 kB/s"),
            (100_000.0, "B/s", "100 kB/s"),
            (999.0, "B/s", "999 B/s"),
            (1_250_000.0, "B/s", "1.25 MB/s"),
            (3.2e9, "b/s", "3.2 Gb/s"),
            (0.756, "%", "0.76 %"),
            (250.0, "%", "250 %"),
            (99.97, "%", "100 %"),
            (12_345.0, "%", "12,345 %"),
            (1.234e40, "%", "1.23e40 %"),
            (1.5, "cores", "1.5 cores"),
            (-0.001, "%", "-0.001 %"),
            (-1e-9, "%", "0 %"),
            (0.00412, "cores", "0.0041 cores"),
            (0.0, "B/s", "0 B/s"),
            (20.0, "", "20"),
        ] {
            assert_eq!(quantity(Some(value), unit), expected);
        }
    }

    #[test]
    fn unknown_value_is_not_a_number() {
        assert_eq!(quantity(None, "B/s"), "no data");
        assert_eq!(quantity(Some(f64::NAN), "B/s"), "no data");
        assert_eq!(quantity(Some(f64::INFINITY), "%"), "no data");
    }

    #[test]
    fn one_scale_serves_a_whole_axis() {
        let scale = Scale::fitting("B/s", 400_000.0);
        assert_eq!(scale.unit(), "kB/s");
        assert_eq!(
            [0.0, 500.0, 50_000.0].map(|x| scale.number(x)),
            ["0", "0.5", "50"]
        );
    }

    #[test]
    fn limits_share_a_unit() {
        assert_eq!(limits(50_000.0, 100_000.0, "B/s"), "50–100 kB/s");
        assert_eq!(limits(0.5, 1.0, "%"), "0.5–1 %");
        assert_eq!(limits(70.0, 70.0, "%"), "target 70 %");
    }

    #[test]
    fn thousands_are_separated() {
        let shown = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn a_span_has_a_unit() {
        let shown = [0.0, 0.5, 15.0, 90.0, 300.0, 5_400.0, 9_000.0, -1.0].map(span);
        assert_eq!(
            shown,
            [
                "0 s", "0.5 s", "15 s", "90 s", "5 min", "90 min", "2.5 h", "0 s"
            ]
        );
    }
}
