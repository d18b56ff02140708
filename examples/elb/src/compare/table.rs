use std::fmt;

use super::contender::Contender;
use super::trace::{Score, Settling};
use super::verdict::Difference;
use super::{Comparison, CourseResult, PolicyResult};
use crate::words;

/// The columns, each with the width that its largest number takes.
const COLUMNS: [(&str, usize); 5] = [
    ("overload s", 10),
    ("replica s", 9),
    ("changes", 7),
    ("settling s", 10),
    ("overshoot", 9),
];

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12}", "")?;
        for (name, width) in COLUMNS {
            write!(f, " {name:>width$} ")?;
        }
        writeln!(f)?;
        for course in &self.courses {
            writeln!(f, "{}: {}", course.name, course.about)?;
            for result in &course.results {
                course.row(f, result)?;
            }
            if !course.why.is_empty() {
                writeln!(f, "  where elb does not win on both overload and cost:")?;
            }
            for line in &course.why {
                wrapped(f, line)?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "* best of those that are not told the load beforehand, as the fixed sizes are.\n\
             Means of {} runs.",
            self.options.seeds
        )?;
        for rival in Contender::ALL
            .into_iter()
            .filter(|policy| policy.is_rival())
        {
            self.tally(f, rival)?;
        }
        Ok(())
    }
}

impl Comparison {
    /// How often ours won against a rival.
    fn tally(&self, f: &mut fmt::Formatter<'_>, rival: Contender) -> fmt::Result {
        let differences = self.courses.iter().filter_map(|course| {
            let of = |policy| course.results.iter().find(|result| result.policy == policy);
            Some(Difference::between(of(Contender::Elb)?, of(rival)?))
        });
        let (mut calmer, mut cheaper, mut both) = (0, 0, 0);
        for difference in differences {
            let wins = (difference.is_less_overloaded(), difference.is_cheaper());
            calmer += u32::from(wins.0);
            cheaper += u32::from(wins.1);
            both += u32::from(wins == (true, true));
        }
        writeln!(
            f,
            "elb against {:<11} less overloaded in {calmer}, cheaper in {cheaper}, both in {both} \
             of {} loads",
            format!("{}:", rival.name()),
            self.courses.len(),
        )
    }
}

impl CourseResult {
    fn row(&self, f: &mut fmt::Formatter<'_>, result: &PolicyResult) -> fmt::Result {
        write!(f, "  {:<10}", result.policy.name())?;
        for (place, (_, width)) in COLUMNS.iter().enumerate() {
            let shown = cells(&result.score).into_iter().nth(place);
            let (text, value) = shown.unwrap_or_default();
            let is_best = !result.policy.is_fixed()
                && value.is_finite()
                && self.results.iter().all(|other| {
                    let other_value = cells(&other.score).into_iter().nth(place);
                    other.policy.is_fixed() || other_value.is_none_or(|other| value <= other.1)
                });
            let mark = if is_best { '*' } else { ' ' };
            write!(f, " {text:>width$}{mark}")?;
        }
        writeln!(f)
    }
}

/// What each column shows, and by what it is compared: as it is shown.
fn cells(score: &Score) -> [(String, f64); 5] {
    let tenth = |value: f64| (format!("{value:.1}"), (value * 10.0).round());
    let settling = match score.settling {
        Settling::Restless => ("–".to_owned(), f64::INFINITY),
        Settling::Never => ("never".to_owned(), f64::INFINITY),
        Settling::After(seconds) => (format!("{seconds:.0}"), seconds.round()),
    };
    let cost = score.replica_seconds.round();
    [
        tenth(score.overload_seconds),
        (words::count(cost as u64), cost),
        tenth(score.changes),
        settling,
        tenth(score.overshoot),
    ]
}

/// A remark, in lines of a width that any terminal has.
fn wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    const WIDTH: usize = 78;
    let mut line = String::from("  -");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(f, "{line}")
}
