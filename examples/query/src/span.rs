//! The part of a capture that `--since` and `--until` select.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use crate::duration;

/// A time on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// This long after the first datagram.
    After(Duration),
    At(Timestamp),
    /// A time of day in UTC, on the day on which it is nearest to the first datagram.
    OfDay(civil::Time),
}

impl When {
    /// `2026-11-23T04:05:00Z`, `2026-11-23 04:05` (UTC), `04:05`, or `90s` after the first datagram.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time));
        }
        if text.contains(':') || text.contains('-') {
            if let Ok(time) = text.parse::<civil::Time>() {
                return Ok(Self::OfDay(time));
            }
            let time = text.parse::<civil::DateTime>().ok();
            let time = time.and_then(|time| time.to_zoned(TimeZone::UTC).ok());
            return time.map(|time| Self::At(time.timestamp())).ok_or(EXPECTED);
        }
        let after = text.strip_prefix('+').unwrap_or(text);
        match duration::parse(after) {
            Ok(after) => Ok(Self::After(after)),
            Err(_) if after == "0" => Ok(Self::After(Duration::ZERO)),
            Err(_) => Err(EXPECTED),
        }
    }

    fn resolve(self, first: SystemTime) -> Option<SystemTime> {
        match self {
            Self::After(after) => first.checked_add(after),
            Self::At(time) => Some(time.into()),
            Self::OfDay(time) => {
                let first = Timestamp::try_from(first).ok()?;
                let today = first.to_zoned(TimeZone::UTC).date();
                let days = [today.yesterday().ok(), Some(today), today.tomorrow().ok()];
                let on = |day: civil::Date| {
                    let time = day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
                    Some(time.timestamp())
                };
                let times = days.into_iter().flatten().filter_map(on);
                let nearest = times.min_by_key(|time| first.duration_until(*time).abs());
                nearest.map(SystemTime::from)
            }
        }
    }
}

const EXPECTED: &str = "expected a time as in 2026-11-23T04:05:00Z or 04:05 (UTC), or a duration after \
                        the start of the capture as in 90s";

/// Where a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    Before,
    Within,
    After,
}

/// The selected part of a capture; all of it by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) since: Option<When>,
    pub(crate) until: Option<When>,
}

/// The limits of a [`Span`] in the time of a capture, and its first and last datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
}

impl Span {
    pub(crate) fn limits(self, first: SystemTime) -> Limits {
        Limits {
            since: self.since.and_then(|when| when.resolve(first)),
            until: self.until.and_then(|when| when.resolve(first)),
            first,
            last: first,
        }
    }
}

impl Limits {
    pub(crate) fn position(&mut self, time: SystemTime) -> Position {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if self.since.is_some_and(|since| time < since) {
            Position::Before
        } else if self.until.is_some_and(|until| time > until) {
            Position::After
        } else {
            Position::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative_to_first_datagram() {
        let at = |text: &str| SystemTime::from(text.parse::<Timestamp>().unwrap());
        let first = at("2026-11-23T23:50:10Z");
        for (text, expected) in [
            ("2026-11-23T23:55:00Z", "2026-11-23T23:55:00Z"),
            ("2026-11-24T01:55:00+02:00", "2026-11-23T23:55:00Z"),
            ("2026-11-23 23:55", "2026-11-23T23:55:00Z"),
            ("2026-11-23", "2026-11-23T00:00:00Z"),
            ("23:55", "2026-11-23T23:55:00Z"),
            ("23:49:30", "2026-11-23T23:49:30Z"),
            ("00:05", "2026-11-24T00:05:00Z"),
            ("90s", "2026-11-23T23:51:40Z"),
            ("+1m30s", "2026-11-23T23:51:40Z"),
            ("0", "2026-11-23T23:50:10Z"),
        ] {
            let when = When::parse(text).unwrap();
            assert_eq!(when.resolve(first), Some(at(expected)), "{text}");
        }
        for text in ["", "noon", "25:00", "2026-13-01", "-5s", "10d"] {
            assert_eq!(When::parse(text), Err(EXPECTED), "{text}");
        }
    }
}
