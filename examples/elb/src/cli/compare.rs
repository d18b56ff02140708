use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use super::{Log, runtime, say, say_part};
use crate::compare::{Grid, Options, compare};

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Chance: the same number gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many runs, each with the next seed, are averaged.
    #[arg(long, value_name = "N", default_value_t = 5, conflicts_with = "grid",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,

    /// The part of its capacity that a replica is to be loaded with, by ours and by HPA.
    #[arg(long, value_name = "PART", default_value_t = 0.8, value_parser = part)]
    target: f64,

    /// Try gains and delays with each other instead, and tell what swings.
    #[arg(long)]
    grid: bool,

    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,

    /// Where the chart is written.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "elb-compare.svg",
        conflicts_with = "grid"
    )]
    out: PathBuf,
}

const HELP: &str = "\
Policies:
  elb         ours, with every default: decides every 2 s, shrinks after 5 minutes
  elb-minute  ours, but shrinks after one minute: what the window costs
  article     the article's rule: one more above 100 %, one fewer below 50 %
  hpa         Kubernetes' autoscaler: every 15 s, tolerance 10 %, grows by 100 % or
              4 pods in 15 s, shrinks after 5 minutes
  fixed-peak  as many replicas as can just carry the highest load, always
  fixed-mean  as many as can just carry the mean load, always

Columns:
  overload s  seconds in which the replicas that ran could not carry the load
  replica s   replicas ordered, times how long: what it costs
  changes     how often their number was changed
  settling s  from when the load rests to the last change or overload
  overshoot   replicas above those that the highest load takes at the target

Everybody reads the same telemetry: counters every 10 s, one datagram of a hundred
lost; a container takes 3 to 8 s to start. It takes about 3 s, the grid about 5
(built with --release).

Examples:
  elb compare                       the table, and the chart in elb-compare.svg
  elb compare --seeds 50            the same, with less chance in it
  elb compare --target 0.6 --json   more in reserve, for a program to read
  elb compare --grid                does anything oscillate?";

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("error")?;
        if self.grid {
            let grown = runtime()?.block_on(Grid::full(self.seed, self.target).run())?;
            return self.print(&grown, &grown.to_string());
        }
        let options = Options {
            seed: self.seed,
            seeds: self.seeds,
            target: self.target,
        };
        let comparison = runtime()?.block_on(compare(options))?;
        fs::write(&self.out, comparison.chart())
            .with_context(|| format!("cannot write the chart to {}", self.out.display()))?;
        self.print(&comparison, &comparison.to_string())?;
        if !self.json {
            say!("The chart is in {}.", self.out.display())?;
        }
        Ok(())
    }

    fn print(&self, result: &impl Serialize, table: &str) -> anyhow::Result<()> {
        if self.json {
            say!("{}", untrusted::json::to_string_pretty(result)?)?;
        } else {
            say_part!("{table}")?;
        }
        Ok(())
    }
}

/// A part of the whole that leaves something to do and something in reserve.
fn part(text: &str) -> Result<f64, String> {
    let part: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.3..=1.0).contains(&part) {
        Ok(part)
    } else {
        Err("a target is between 0.3 and 1, as in 0.8".to_owned())
    }
}
