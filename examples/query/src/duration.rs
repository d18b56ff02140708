//! Durations on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// `10s`, `500ms`, `5m`, `1h30m`; a bare number is seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    let duration = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => {
            let duration = text.parse::<SignedDuration>().ok();
            duration.and_then(|duration| duration.try_into().ok())
        }
    };
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or("give a duration above zero in ms, s, m or h, as in 10s or 5m")
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
            ("1h30m", 5_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)));
        }
        for text in ["", "s", "-1s", "0s", "10d", "1e400s", "NaN"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
