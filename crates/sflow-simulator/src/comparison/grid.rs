use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_autoscale::policy::{Pace, Select};

use super::candidate::{Candidate, need, trace};
use super::check_target;
use super::workload::{CAPACITY, scenario, step};
use crate::error::Error;
use crate::experiment::Trace;
use crate::spec::Delay;

/// Parameters whose combinations are tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grid {
    /// Seed of the random numbers.
    pub seed: u64,
    /// Target load per replica as a fraction of its capacity.
    pub target: f64,
    /// Maximum change in 15 s, in percent of the replicas; `None` for no limit.
    pub gains: Vec<Option<f64>>,
    /// Stabilisation windows for scaling down, in seconds.
    pub windows: Vec<u64>,
    /// Polling intervals of the counters, in seconds.
    pub polling: Vec<u64>,
    /// Start-up times of a container, in seconds.
    pub start_up: Vec<u64>,
    /// Loads after the step from 200 requests per second.
    pub loads: Vec<f64>,
}

/// Results of a grid.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GridResult {
    /// The parameters.
    #[serde(flatten)]
    pub grid: Grid,
    /// Result of every combination.
    pub cells: Vec<Cell>,
}

/// Oscillation of one combination; the worst value of all loads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Maximum change in percent per 15 s; `None` for no limit.
    pub gain: Option<f64>,
    /// Stabilisation window, in seconds.
    pub window: u64,
    /// Polling interval, in seconds.
    pub polling: u64,
    /// Start-up time, in seconds.
    pub start_up: u64,
    /// Changes of direction after the step.
    pub turns: usize,
    /// Time from the first to the last change of direction, in seconds.
    pub swinging: f64,
    /// Changes of direction after the settling time [`Grid::SETTLED`].
    pub steady_turns: usize,
    /// Time in which the running replicas could not serve the load, in seconds.
    pub overload_seconds: f64,
}

impl Grid {
    /// Time of the step.
    const STEP: Duration = Duration::from_secs(67);
    /// Settling time after the step.
    pub const SETTLED: Duration = Duration::from_secs(900);
    /// Duration of the steady load after the settling time.
    pub const STEADY: Duration = Duration::from_secs(900);

    /// Three gains, three windows, three polling intervals and four start-up times, from short to
    /// much longer than the decision interval of two seconds.
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

    /// Runs every combination.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the target is not positive.
    pub fn run(self) -> Result<GridResult, Error> {
        check_target(self.target)?;
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
                        cells.push(self.fill(cell)?);
                    }
                }
            }
        }
        Ok(GridResult { grid: self, cells })
    }

    fn fill(&self, mut cell: Cell) -> Result<Cell, Error> {
        const BEFORE: f64 = 200.0;
        let mut settings = Candidate::Elb.settings(self.target);
        let pace = |stabilise| Pace {
            percent: cell.gain,
            tasks: cell.gain.map(|_| 1),
            period: Duration::from_secs(15),
            select: Select::Max,
            stabilise,
            ..Pace::default()
        };
        settings.up = pace(Duration::ZERO);
        settings.down = pace(Duration::from_secs(cell.window));
        let start_up = Duration::from_secs(cell.start_up);
        for &load in &self.loads {
            let mut scenario = scenario(
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
            let trace = trace(Candidate::Elb.experiment(scenario, &settings), self.seed)?;
            cell.add(&trace, Self::STEP, Self::STEP + Self::SETTLED);
        }
        Ok(cell)
    }
}

impl Cell {
    /// Whether it oscillates permanently: a change in both directions after a long steady load.
    pub const fn is_sustained(&self) -> bool {
        self.steady_turns > 1
    }

    /// Adds the result of a run; the worse values are kept.
    fn add(&mut self, trace: &Trace, from: Duration, settled: Duration) {
        let reversals: Vec<Duration> = trace.reversals().filter(|at| *at >= from).collect();
        let swinging = match reversals.as_slice() {
            [first, .., last] => (*last - *first).as_secs_f64(),
            _ => 0.0,
        };
        let steady = reversals.iter().filter(|at| **at >= settled).count();
        self.turns = self.turns.max(reversals.len());
        self.swinging = self.swinging.max(swinging);
        self.steady_turns = self.steady_turns.max(steady);
        let overload = trace.overload_seconds(CAPACITY);
        self.overload_seconds = self.overload_seconds.max(overload);
    }
}

impl GridResult {
    /// The combination with the longest oscillation.
    pub fn longest(&self) -> Option<&Cell> {
        self.cells
            .iter()
            .max_by(|a, b| a.swinging.total_cmp(&b.swinging))
    }
}

impl fmt::Display for GridResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Changes of direction after a step from 200 to {} requests/s (in parentheses: \
             changes later\nthan {} s after the step), one column per container \
             start-up time.\n",
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
            None => writeln!(f, "No oscillation.")?,
            Some(cell) => writeln!(
                f,
                "The longest oscillation lasted {:.0} s: polling every {} s, start-up {} s, \
                 window {} s.",
                cell.swinging, cell.polling, cell.start_up, cell.window,
            )?,
        }
        let sustained = self.cells.iter().filter(|cell| cell.is_sustained()).count();
        match sustained {
            0 => writeln!(
                f,
                "None of {} combinations oscillates permanently.",
                self.cells.len()
            ),
            some => writeln!(
                f,
                "{some} of {} combinations oscillate permanently.",
                self.cells.len()
            ),
        }
    }
}
