//! Formatting of values and of external text, the same for terminal, page and charts.

use jiff::Timestamp as Calendar;
pub use plot::duration;
pub use sflow_autoscale::format::{Scale, count, counted, limits, number, quantity, span};
use sflow_metrics::Timestamp;
pub use untrusted::shortened;

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
