use std::fmt;

use super::candidate::Candidate;
use super::summary::Difference;
use super::{Comparison, PolicyResult, WorkloadResult};
use crate::experiment::{Score, Settling};
use sflow_autoscale::format;

/// Columns and their widths.
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
        for workload in &self.workloads {
            writeln!(f, "{}: {}", workload.name, workload.about)?;
            for result in &workload.results {
                workload.row(f, result)?;
            }
            if !workload.why.is_empty() {
                writeln!(f, "  where elb is not better in both overload and cost:")?;
            }
            for line in &workload.why {
                wrapped(f, line)?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "* best policy without prior knowledge of the load (fixed sizes have it).\n\
             Means of {} runs.",
            self.options.seeds
        )?;
        for rival in Candidate::ALL
            .into_iter()
            .filter(|policy| policy.is_rival())
        {
            self.tally(f, rival)?;
        }
        Ok(())
    }
}

impl Comparison {
    /// Number of workloads in which elb is better than another policy.
    fn tally(&self, f: &mut fmt::Formatter<'_>, rival: Candidate) -> fmt::Result {
        let differences = self.workloads.iter().filter_map(|workload| {
            let of = |policy| {
                workload
                    .results
                    .iter()
                    .find(|result| result.policy == policy)
            };
            Some(Difference::between(of(Candidate::Elb)?, of(rival)?))
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
            self.workloads.len(),
        )
    }
}

impl WorkloadResult {
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

/// Displayed values of the columns, and the value that is compared.
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
        (format::count(cost as u64), cost),
        tenth(score.changes),
        settling,
        tenth(score.overshoot),
    ]
}

/// Wraps a remark to the width of a terminal.
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
