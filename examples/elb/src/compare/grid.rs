use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_simulator::Delay;

use super::contender::{Contender, need};
use super::course::{CAPACITY, cluster, step};
use super::drive;
use super::trace::Trace;
use crate::policy::{Pace, Select};

/// Gains and delays that are tried with each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grid {
    /// Chance.
    pub seed: u64,
    /// The part of its capacity that a replica is to be loaded with.
    pub target: f64,
    /// How much of the replicas may be added or taken away in 15 s, in percent; `None` for as
    /// much as the load asks for.
    pub gains: Vec<Option<f64>>,
    /// Over how many seconds shrinking takes the largest recommendation.
    pub windows: Vec<u64>,
    /// Seconds from one counters sample of a container to the next.
    pub polling: Vec<u64>,
    /// Seconds that a container takes to start.
    pub start_up: Vec<u64>,
    /// Requests per second that 200 become, and stay.
    pub loads: Vec<f64>,
}

/// What became of a grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grown {
    /// What was tried.
    #[serde(flatten)]
    pub grid: Grid,
    /// Every combination.
    pub cells: Vec<Cell>,
}

/// How calm one combination was; of several loads, the least calm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Percent in 15 s, or no limit.
    pub gain: Option<f64>,
    /// Seconds of the window.
    pub window: u64,
    /// Seconds from one counters sample to the next.
    pub polling: u64,
    /// Seconds to start.
    pub start_up: u64,
    /// How often growing and shrinking took turns after the step.
    pub turns: usize,
    /// Seconds from the first to the last change that took turns with the one before.
    pub swinging: f64,
    /// How often they took turns once the policy has had [`Grid::SETTLED`] to settle.
    pub steady_turns: usize,
    /// Seconds in which the replicas that ran could not carry the load.
    pub overload_seconds: f64,
}

impl Grid {
    /// The step comes then.
    const STEP: Duration = Duration::from_secs(67);
    /// So long after the step, the policy has settled or does not.
    pub const SETTLED: Duration = Duration::from_secs(900);
    /// So long the load stays steady after that.
    pub const STEADY: Duration = Duration::from_secs(900);

    /// Three gains, three windows, three ways to sense and four to start: from quick to much
    /// slower than the two seconds between decisions.
    pub fn full(seed: u64, target: f64) -> Self {
        Self {
            seed,
            target,
            gains: vec![Some(25.0), Some(100.0), None],
            windows: vec![300, 30, 0],
            polling: vec![5, 10, 30],
            start_up: vec![1, 5, 20, 60],
            loads: vec![430.0, 700.0],
        }
    }

    /// Tries every combination.
    ///
    /// # Errors
    ///
    /// If the policy cannot be configured so: a target that is none.
    pub async fn run(self) -> anyhow::Result<Grown> {
        let mut cells = Vec::new();
        for &gain in &self.gains {
            for &window in &self.windows {
                for &polling in &self.polling {
                    for &start_up in &self.start_up {
                        let cell = Cell {
                            gain,
                            window,
                            polling,
                            start_up,
                            turns: 0,
                            swinging: 0.0,
                            steady_turns: 0,
                            overload_seconds: 0.0,
                        };
                        cells.push(self.fill(cell).await?);
                    }
                }
            }
        }
        Ok(Grown { grid: self, cells })
    }

    async fn fill(&self, mut cell: Cell) -> anyhow::Result<Cell> {
        const BEFORE: f64 = 200.0;
        let (control, mut service) = Contender::Elb.service(self.target)?;
        let pace = |stabilise| Pace {
            percent: cell.gain,
            tasks: cell.gain.map(|_| 1),
            period: Duration::from_secs(15),
            select: Select::Max,
            stabilise,
            ..Pace::default()
        };
        service.settings.up = pace(Duration::ZERO);
        service.settings.down = pace(Duration::from_secs(cell.window));
        let start_up = Duration::from_secs(cell.start_up);
        for &load in &self.loads {
            let mut scenario = cluster(
                &step(BEFORE, load, Self::STEP),
                Self::STEP + Self::SETTLED + Self::STEADY,
                need(BEFORE / CAPACITY, self.target),
            )?;
            scenario.cluster.agents.polling = Duration::from_secs(cell.polling);
            for service in &mut scenario.cluster.services {
                service.start = Delay {
                    min: start_up.mul_f64(0.75),
                    max: start_up.mul_f64(1.25),
                };
            }
            let trace = drive(&scenario, self.seed, control, &service).await?;
            cell.add(&trace, Self::STEP, Self::STEP + Self::SETTLED);
        }
        Ok(cell)
    }
}

impl Cell {
    /// There and back again in a load that has been steady for long: what has not ended by then
    /// has no reason to end.
    pub const fn is_sustained(&self) -> bool {
        self.steady_turns > 1
    }

    /// Takes the worse of what is known and of this run.
    fn add(&mut self, trace: &Trace, from: Duration, settled: Duration) {
        let turns: Vec<Duration> = trace.turns().filter(|at| *at >= from).collect();
        let swinging = match turns.as_slice() {
            [first, .., last] => (*last - *first).as_secs_f64(),
            _ => 0.0,
        };
        let steady = turns.iter().filter(|at| **at >= settled).count();
        self.turns = self.turns.max(turns.len());
        self.swinging = self.swinging.max(swinging);
        self.steady_turns = self.steady_turns.max(steady);
        let overload = trace.score(None, 0).overload_seconds;
        self.overload_seconds = self.overload_seconds.max(overload);
    }
}

impl Grown {
    /// The combination that swung for longest.
    pub fn longest(&self) -> Option<&Cell> {
        self.cells
            .iter()
            .max_by(|a, b| a.swinging.total_cmp(&b.swinging))
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Changes of direction after 200 requests/s became {} at once (in parentheses: of \
             those, how many\ncame later than {} s after it): for each time that containers \
             take to start, one column.\n",
            self.grid
                .loads
                .iter()
                .map(f64::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
            Grid::SETTLED.as_secs(),
        )?;
        write!(f, "{:<14} {:>8} {:>8}", "at most", "window", "polling")?;
        for start_up in &self.grid.start_up {
            write!(f, " {:>7}", format!("{start_up} s"))?;
        }
        writeln!(f)?;
        for row in self.cells.chunks(self.grid.start_up.len().max(1)) {
            let Some(first) = row.first() else { continue };
            let gain = first
                .gain
                .map_or("any".to_owned(), |gain| format!("{gain} %/15 s"));
            let (window, polling) = (first.window, first.polling);
            write!(f, "{gain:<14} {window:>6} s {polling:>6} s")?;
            for cell in row {
                write!(
                    f,
                    " {:>7}",
                    format!("{} ({})", cell.turns, cell.steady_turns)
                )?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        match self.longest().filter(|cell| cell.swinging > 0.0) {
            None => writeln!(f, "Nothing swung.")?,
            Some(cell) => writeln!(
                f,
                "The longest swing went on for {:.0} s: polling every {} s, {} s to start, a \
                 window of {} s.",
                cell.swinging, cell.polling, cell.start_up, cell.window,
            )?,
        }
        let sustained = self.cells.iter().filter(|cell| cell.is_sustained()).count();
        match sustained {
            0 => writeln!(f, "None of {} combinations swings on.", self.cells.len()),
            some => writeln!(f, "{some} of {} combinations swing on.", self.cells.len()),
        }
    }
}
