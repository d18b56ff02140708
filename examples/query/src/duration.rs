//! Durations on the command line.

use std::time::Duration;

/// `10s`, `500ms`, `5m`, `1h`; a bare number is seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("unknown unit `{other}`; use ms, s, m or h")),
    };
    let number: f64 = digits
        .parse()
        .map_err(|_| "give a number and a unit, as in 10s or 5m".to_owned())?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("give a duration above zero, as in 10s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units() {
        for (text, milliseconds) in [
            ("10s", 10_000),
            ("10", 10_000),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)));
        }
        for text in ["", "s", "-1s", "0s", "10d", "1e400s", "NaN"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
