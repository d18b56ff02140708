//! Durations and moments in words.

/// A duration as a clock shows it: `0:07`, `12:30`, `1:02:03`.
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

/// A moment as a log line begins with it: `2016-09-24T01:00:17+0000`.
///
/// `unix` is in seconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// ```
/// assert_eq!(elb::words::log_time(1_474_678_817), "2016-09-24T01:00:17+0000");
/// ```
pub fn log_time(unix: i64) -> String {
    let (days, second) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+0000")
}

/// The time of day in UTC: `01:00:17`.
pub fn clock(unix: i64) -> String {
    let second = unix.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// The day in UTC: `2016-09-24`.
pub fn date(unix: i64) -> String {
    let (year, month, day) = civil_date(unix.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day in the Gregorian calendar, so many days after 1970-01-01.
///
/// Years are counted from March, so that the leap day is a year's last; then every month but
/// that last one begins at the same day of each year.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    const FROM_1_MARCH_OF_YEAR_0_TO_1970: i64 = 719_468;

    let days = days + FROM_1_MARCH_OF_YEAR_0_TO_1970;
    let (era, day_of_era) = (
        days.div_euclid(DAYS_IN_400_YEARS),
        days.rem_euclid(DAYS_IN_400_YEARS),
    );
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, carry) = match month_from_march {
        ..10 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    (era * 400 + year_of_era + carry, month, day)
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
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut expected = (1600, 1, 1);
        for days in -135_140..157_054 {
            assert_eq!(civil_date(days), expected);
            expected = day_after(expected);
        }
        assert_eq!(expected, (2400, 1, 1));
    }

    fn day_after((year, month, day): (i64, i64, i64)) -> (i64, i64, i64) {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (month, day) if day == last => (year, month + 1, 1),
            (month, day) => (year, month, day + 1),
        }
    }
}
