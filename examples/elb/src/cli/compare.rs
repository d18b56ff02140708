use std::path::PathBuf;
use std::thread;

use serde::Serialize;
use sflow_simulator::comparison::{
    CAPACITY, Candidate, Comparison, Grid, NamedWorkload, Options, WorkloadResult,
};
use sflow_simulator::experiment::Trace;

use super::{Log, say, say_part, write_chart};
use crate::charts::{Multiple, multiples};
use crate::view::Point;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Seed of the random numbers: the same seed gives the same result.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Number of runs to average; each uses the next seed.
    #[arg(long, value_name = "N", default_value_t = 5, conflicts_with = "grid",
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,

    /// Target load per replica as a fraction of its capacity, for elb and HPA.
    #[arg(long, value_name = "PART", default_value_t = 0.8, value_parser = part)]
    target: f64,

    /// Compare combinations of gains and delays instead, and list those that oscillate.
    #[arg(long)]
    grid: bool,

    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,

    /// File for the chart.
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
  elb         elb with default settings: every 2 s, scales down after 5 minutes
  elb-minute  elb, but scales down after one minute
  article     two thresholds: one more above 100 %, one fewer below 50 %
  hpa         Kubernetes' autoscaler: every 15 s, tolerance 10 %, scales up by 100 % or
              4 pods in 15 s, scales down after 5 minutes
  fixed-peak  constant: the replicas that can just serve the highest load
  fixed-mean  constant: the replicas that can just serve the mean load

Columns:
  overload s  seconds in which the running replicas could not serve the load
  replica s   desired replicas integrated over time: the cost
  changes     number of changes of the size
  settling s  time from a steady load to the last change or overload
  overshoot   replicas above the number that the highest load needs at the target

All policies use the same telemetry: counters every 10 s, 1 % of the datagrams
lost; a container takes 3 to 8 s to start. The comparison takes about 3 s, the grid
about 5 s (built with --release).

Examples:
  elb compare                       the table, and the chart in elb-compare.svg
  elb compare --seeds 50            the same, averaged over more runs
  elb compare --target 0.6 --json   more reserve, as JSON
  elb compare --grid                list combinations that oscillate";

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("error")?;
        if self.grid {
            let result = Grid::full(self.seed, self.target).run()?;
            return self.print(&result, &result.to_string());
        }
        let options = Options {
            seed: self.seed,
            seeds: self.seeds,
            target: self.target,
        };
        let comparison = compare(options)?;
        write_chart(&self.out, &chart(&comparison))?;
        self.print(&comparison, &comparison.to_string())?;
        if !self.json {
            say!("Chart written to {}", self.out.display())?;
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

/// Compares the policies, each workload in a thread of its own.
fn compare(options: Options) -> anyhow::Result<Comparison> {
    let workloads = NamedWorkload::all(options.seed);
    let workloads = thread::scope(|scope| {
        let run = |workload| scope.spawn(move || WorkloadResult::run(workload, &options));
        let running: Vec<_> = workloads.iter().map(run).collect();
        let results = running.into_iter().map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        results.collect::<Result<_, _>>()
    })?;
    Ok(Comparison { options, workloads })
}

/// Load and replicas of all policies over time, for the first seed, as SVG.
fn chart(comparison: &Comparison) -> String {
    let panel = |workload: &WorkloadResult| Multiple {
        title: workload.name.to_owned(),
        about: workload.about.to_owned(),
        pasts: workload
            .results
            .iter()
            .map(|result| points(&result.trace))
            .collect(),
    };
    let panels: Vec<Multiple> = comparison.workloads.iter().map(panel).collect();
    let names = Candidate::ALL.map(Candidate::name);
    multiples("Desired replicas of each policy", &names, &panels)
}

/// The points of a trace. No change is lost, but it may be drawn slightly late.
fn points(trace: &Trace) -> Vec<Point> {
    // More points than pixels would only enlarge the file.
    const POINTS: usize = 450;
    let stride = trace.moments.len().div_ceil(POINTS).max(1);
    let moments = trace.moments.iter().zip(1_u32..).step_by(stride);
    moments
        .map(|(moment, place)| Point {
            at: (trace.every * place).as_secs_f64(),
            load: Some(moment.offered / CAPACITY),
            wanted: moment.desired,
            running: moment.running,
            ..Point::default()
        })
        .collect()
}

/// A target that leaves a reserve.
fn part(text: &str) -> Result<f64, &'static str> {
    let part = text.parse().ok();
    let part = part.filter(|part| (0.3..=1.0).contains(part));
    part.ok_or("a target is between 0.3 and 1, as in 0.8")
}
