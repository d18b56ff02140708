//! Formatting of durations and times.

use jiff::Timestamp as Calendar;
use sflow_metrics::Timestamp;

/// A duration: `0:07`, `12:30`, `1:02:03`.
pub fn duration(seconds: f64) -> String {
    let whole = if seconds.is_finite() {
        seconds.max(0.0).floor() as u64
    } else {
        0
    };
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The time at the start of a log line: `2016-09-24T01:00:17+0000`.
///
/// `unix` is in seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// ```
/// assert_eq!(elb::format::log_time(1_474_678_817), "2016-09-24T01:00:17+0000");
/// ```
pub fn log_time(unix: i64) -> String {
    formatted(unix, "%Y-%m-%dT%H:%M:%S+0000")
}

/// The time of day in UTC: `01:00:17`.
pub fn clock(unix: i64) -> String {
    formatted(unix, "%H:%M:%S")
}

/// The day in UTC: `2016-09-24`.
pub fn date(unix: i64) -> String {
    formatted(unix, "%Y-%m-%d")
}

/// Unix seconds of a time whose origin is the Unix epoch.
pub fn unix(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX)
}

/// Times outside the calendar's range are clamped.
fn formatted(unix: i64, format: &str) -> String {
    let time = Calendar::from_second(unix).unwrap_or(Calendar::MAX);
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_like_a_clock() {
        let shown = [0.0, 7.9, 60.0, 750.0, 3_723.0, -1.0, f64::NAN].map(duration);
        assert_eq!(
            shown,
            ["0:00", "0:07", "1:00", "12:30", "1:02:03", "0:00", "0:00"]
        );
    }

    #[test]
    fn moments_have_the_form_of_the_original_log() {
        for (unix, expected) in [
            (0, "1970-01-01T00:00:00+0000"),
            (-1, "1969-12-31T23:59:59+0000"),
            (951_782_400, "2000-02-29T00:00:00+0000"),
            (1_474_678_817, "2016-09-24T01:00:17+0000"),
            (4_107_542_399, "2100-02-28T23:59:59+0000"),
            (4_107_542_400, "2100-03-01T00:00:00+0000"),
        ] {
            assert_eq!(log_time(unix), expected);
            assert_eq!(format!("{}T{}+0000", date(unix), clock(unix)), expected);
        }
        assert_eq!(date(i64::MAX), "9999-12-30");
    }
}
