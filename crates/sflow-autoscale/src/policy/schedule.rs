//! Bounds for certain times of certain days.

use std::fmt;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use sflow_metrics::Timestamp;

/// Bounds at certain times.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// The time of the day at which it begins.
    pub from: Time,
    /// The time at which it ends; if it is not later than `from`, on the next day.
    pub to: Time,
    /// The time zone.
    pub zone: TimeZone,
    /// The minimum of replicas, if it sets one.
    pub min: Option<u32>,
    /// The maximum of replicas, if it sets one.
    pub max: Option<u32>,
}

impl Schedule {
    /// Whether it applies at this time.
    pub fn is_at(&self, now: Timestamp) -> bool {
        let nanos = i128::from(now.as_nanos());
        let Ok(now) = jiff::Timestamp::from_nanosecond(nanos) else {
            return false;
        };
        let here = self.zone.to_datetime(now);
        let (day, time) = (here.date().weekday(), here.time());
        let is_over_night = self.to <= self.from;
        if is_over_night {
            (time >= self.from && self.days.contains(&day))
                || (time < self.to && self.days.contains(&day.previous()))
        } else {
            time >= self.from && time < self.to && self.days.contains(&day)
        }
    }
}

/// Parses days: `mon-fri`, `sat,sun`, `daily`.
pub fn days(text: &str) -> Option<Vec<Weekday>> {
    let week = || Weekday::Monday.cycle_forward().take(7);
    if text.trim().eq_ignore_ascii_case("daily") {
        return Some(week().collect());
    }
    let day = |word: &str| week().find(|day| short_name(*day).eq_ignore_ascii_case(word.trim()));
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        for day in first.cycle_forward().take(7) {
            if !days.contains(&day) {
                days.push(day);
            }
            if day == last {
                break;
            }
        }
    }
    Some(days)
}

/// `mon`, `tue`, …
fn short_name(day: Weekday) -> String {
    let name = format!("{day:?}").to_ascii_lowercase();
    name.chars().take(3).collect()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, day) in self.days.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{}", short_name(*day))?;
        }
        let (from, to) = (self.from.strftime("%H:%M"), self.to.strftime("%H:%M"));
        write!(f, " {from}–{to} {}", self.zone.iana_name().unwrap_or("UTC"))
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(days_text: &str, from: &str, to: &str, zone: &str) -> Schedule {
        Schedule {
            days: days(days_text).unwrap(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            min: Some(4),
            max: None,
        }
    }

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_secs(u64::try_from(time.as_second()).unwrap())
    }

    #[test]
    fn schedule_uses_local_time() {
        let work = schedule("mon-fri", "08:00", "18:00", "Europe/Berlin");
        for (time, is_at) in [
            // A Monday of the winter, one hour ahead of UTC.
            ("2026-11-23T06:59:59Z", false),
            ("2026-11-23T07:00:00Z", true),
            ("2026-11-23T16:59:59Z", true),
            ("2026-11-23T17:00:00Z", false),
            // A Monday of the summer, two hours ahead.
            ("2026-07-20T06:00:00Z", true),
            ("2026-07-20T16:00:00Z", false),
            // A Sunday.
            ("2026-11-22T09:00:00Z", false),
        ] {
            assert_eq!(work.is_at(at(time)), is_at, "{time}");
        }
        assert_eq!(
            work.to_string(),
            "mon,tue,wed,thu,fri 08:00–18:00 Europe/Berlin"
        );
    }

    #[test]
    fn night_belongs_to_the_day_of_its_start() {
        let night = schedule("fri", "22:00", "06:00", "UTC");
        for (time, is_at) in [
            ("2026-11-27T21:59:00Z", false),
            ("2026-11-27T22:00:00Z", true),
            ("2026-11-28T05:59:00Z", true),
            ("2026-11-28T06:00:00Z", false),
            ("2026-11-27T05:00:00Z", false),
        ] {
            assert_eq!(night.is_at(at(time)), is_at, "{time}");
        }
        let whole = schedule("daily", "00:00", "00:00", "UTC");
        assert!(whole.is_at(at("2026-11-27T00:00:00Z")));
        assert!(whole.is_at(at("2026-11-27T23:59:59Z")));
    }

    #[test]
    fn daylight_saving_time_is_respected() {
        // 02:30 does not exist on this night, and exists twice on the other.
        let short = schedule("sun", "02:15", "02:45", "Europe/Berlin");
        let hits = |from: &str| {
            let start = at(from);
            let minutes =
                (0..360).map(|minute| start + std::time::Duration::from_secs(60 * minute));
            minutes.filter(|time| short.is_at(*time)).count()
        };
        assert_eq!(hits("2026-03-29T00:00:00Z"), 0);
        assert_eq!(hits("2026-10-25T00:00:00Z"), 60);
    }

    #[test]
    fn days_are_parsed() {
        use Weekday::{Friday, Monday, Saturday, Sunday};
        assert_eq!(days("sat, Sun"), Some(vec![Saturday, Sunday]));
        assert_eq!(
            days("fri-mon"),
            Some(vec![Friday, Saturday, Sunday, Monday])
        );
        assert_eq!(days("daily").unwrap().len(), 7);
        for text in ["", "monday", "mon-", "mon..fri", "mon;tue"] {
            assert_eq!(days(text), None, "{text}");
        }
    }
}
