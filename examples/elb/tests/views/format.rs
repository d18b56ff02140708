//! Formatting of durations, times and external text.

use elb::format::{clock, date, duration, log_time, shortened};

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

#[test]
fn long_text_is_cut_between_characters() {
    assert_eq!(shortened("größer", 6), "größer");
    assert_eq!(shortened("größer", 4), "grö…");
    assert_eq!(shortened("ab", 0), "…");
}
