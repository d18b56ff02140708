//! CPU time of several jobs, measured in interleaved rounds.
//!
//! The speed of a shared machine changes from second to second. So each job runs for some
//! milliseconds per round; the quieter half of the rounds is evaluated; and results are medians: of
//! times, and of ratios within one round. The stack pointer differs between rounds, because the
//! alignment of values on the stack can change a time by 10 % and more.

use std::hint::black_box;
use std::time::Duration;

/// Minimum duration of one job in one round.
const TURN: Duration = Duration::from_millis(5);

/// A job to be measured.
pub struct Job<'j> {
    /// Number of items (datagrams) that one run processes.
    pub things: usize,
    /// Performs one run.
    pub run: Box<dyn FnMut() + 'j>,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({} things)", self.things)
    }
}

/// Nanoseconds per item: for each job, those of all rounds.
#[derive(Clone, Debug)]
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Runs all jobs in each of `rounds` rounds, after one run that is not measured. Keeps the
    /// quieter half of the rounds.
    pub fn of(jobs: &mut [Job<'_>], rounds: usize) -> Self {
        let runs: Vec<usize> = jobs.iter_mut().map(runs_in_a_turn).collect();
        let mut times = vec![Vec::with_capacity(rounds); jobs.len()];
        for round in 0..rounds {
            for ((job, runs), times) in jobs.iter_mut().zip(&runs).zip(&mut times) {
                let started = cpu_time();
                deeper(round % 64, &mut || (0..*runs).for_each(|_| (job.run)()));
                let spent = cpu_time().saturating_sub(started);
                let things = (job.things * runs).max(1);
                times.push(spent.as_secs_f64() * 1e9 / things as f64);
            }
        }
        Self(times).quieter_half()
    }

    /// Takes times measured by the [caller](nanoseconds): for each job, those of all rounds. Keeps
    /// the quieter half of the rounds.
    pub fn taken(times: Vec<Vec<f64>>) -> Self {
        Self(times).quieter_half()
    }

    /// The half of the rounds with the smallest sum of all times; all jobs have the same weight.
    fn quieter_half(self) -> Self {
        let medians: Vec<f64> = (0..self.0.len()).map(|job| self.time(job).median).collect();
        let rounds = self.len();
        let noise = |round: usize| -> f64 {
            let jobs = self.0.iter().zip(&medians);
            jobs.map(|(times, median)| times[round] / median).sum()
        };
        let mut quiet: Vec<usize> = (0..rounds).collect();
        quiet.sort_by(|a, b| noise(*a).total_cmp(&noise(*b)));
        quiet.truncate(rounds.div_ceil(2));
        let jobs = self.0.iter();
        Self(
            jobs.map(|times| quiet.iter().map(|round| times[*round]).collect())
                .collect(),
        )
    }

    /// Number of evaluated rounds.
    pub fn len(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Whether there are no evaluated rounds.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of one job.
    pub fn time(&self, job: usize) -> Spread {
        Spread::of(self.0[job].iter().copied())
    }

    /// The time of one job relative to that of another in the same round.
    pub fn ratio(&self, job: usize, to: usize) -> Spread {
        self.compare(|times| times[job] / times[to])
    }

    /// A number computed from the times of one round.
    pub fn compare(&self, number: impl Fn(&[f64]) -> f64) -> Spread {
        Spread::of((0..self.len()).map(|round| {
            let times: Vec<f64> = self.0.iter().map(|times| times[round]).collect();
            number(&times)
        }))
    }
}

/// CPU time of `work`, in nanoseconds.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let started = cpu_time();
    work();
    cpu_time().saturating_sub(started).as_secs_f64() * 1e9
}

/// The distribution of a number that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lower quartile.
    pub lower: f64,
    /// The upper quartile.
    pub upper: f64,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let last = numbers.len().saturating_sub(1);
        let at = |quarter: usize| {
            let place = numbers.get((last * quarter + 2) / 4);
            place.copied().unwrap_or(f64::NAN)
        };
        Self {
            median: at(2),
            lower: at(1),
            upper: at(3),
        }
    }

    /// The interquartile range, relative to the median.
    pub fn relative(self) -> f64 {
        (self.upper - self.lower) / self.median
    }
}

/// Warms the job up and returns the number of runs that take [`TURN`].
fn runs_in_a_turn(job: &mut Job<'_>) -> usize {
    (job.run)();
    let started = cpu_time();
    let mut runs = 0;
    while cpu_time().saturating_sub(started) < TURN {
        (job.run)();
        runs += 1;
    }
    runs.max(1)
}

/// Runs `work` behind this many stack frames.
#[inline(never)]
fn deeper(frames: usize, work: &mut dyn FnMut()) {
    let mut space = [frames; 6];
    black_box(&mut space);
    match frames.checked_sub(1) {
        Some(frames) => deeper(frames, work),
        None => work(),
    }
    black_box(&mut space);
}

/// CPU time of this thread. It does not advance while another program runs.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Elapsed time, on systems without a clock of CPU time.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::{Job, Rounds, Spread};

    #[test]
    fn spread_has_median_and_quartiles() {
        let spread = Spread::of([5.0, 1.0, 4.0, 2.0, 3.0].into_iter());
        let Spread {
            median,
            lower,
            upper,
        } = spread;
        assert_eq!([lower, median, upper], [2.0, 3.0, 4.0]);
        assert!((spread.relative() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(Spread::of([7.0].into_iter()).relative(), 0.0);
    }

    #[test]
    fn ratio_is_computed_within_rounds() {
        let rounds = Rounds(vec![vec![1.0, 10.0, 100.0], vec![2.0, 20.0, 200.0]]);
        assert_eq!(rounds.ratio(0, 1).median, 0.5);
        assert_eq!(rounds.ratio(0, 1).relative(), 0.0);
        assert_eq!(rounds.time(1).median, 20.0);
    }

    #[test]
    fn noisy_rounds_are_dropped() {
        let quiet = [1.0, 9.0, 1.1, 9.0, 0.9];
        let rounds = Rounds(vec![quiet.to_vec(), quiet.map(|time| time * 2.0).to_vec()]);
        let rounds = rounds.quieter_half();
        assert_eq!(rounds.len(), 3);
        assert_eq!(rounds.time(0).median, 1.0);
        assert_eq!(rounds.time(1).upper, 2.2);
    }

    #[test]
    fn time_grows_with_work() {
        let work = |count: u64| {
            move || {
                (0..count).map(super::black_box).max();
            }
        };
        let job = |count| Job {
            things: 1,
            run: Box::new(work(count)),
        };
        let rounds = Rounds::of(&mut [job(20_000), job(40_000)], 5);
        let ratio = rounds.ratio(1, 0).median;
        assert!((1.2..3.5).contains(&ratio), "{ratio}");
    }
}
