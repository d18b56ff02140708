//! CPU time, in rounds that take turns.
//!
//! On a machine that is shared, what ran a second ago was another machine. So everything that
//! is to be compared runs for some milliseconds each, one after another, round for round; the
//! quieter half of the rounds counts; and what is said is the median: of times, and of ratios
//! within one round. Each round also has its stack at another place, since a tenth and more can
//! hang on where exactly a value lies.

use std::hint::black_box;
use std::time::Duration;

/// How long one turn takes at least.
const TURN: Duration = Duration::from_millis(5);

/// Something to be measured, and what one run of it amounts to.
pub struct Job<'j> {
    /// How many things (datagrams) one run goes through.
    pub things: usize,
    /// One run.
    pub run: Box<dyn FnMut() + 'j>,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({} things)", self.things)
    }
}

/// Nanoseconds for each thing, by round: one list for each job.
#[derive(Clone, Debug)]
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// Runs each job in turn, and all of them `rounds` times; before that once unmeasured. Keeps
    /// the quieter half.
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

    /// Of times that were taken [elsewhere](nanoseconds), for each job those of all rounds: keeps
    /// the quieter half.
    pub fn taken(times: Vec<Vec<f64>>) -> Self {
        Self(times).quieter_half()
    }

    /// The rounds in which everything together was faster than in the others; every job has the
    /// same weight.
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

    /// How many rounds count.
    pub fn len(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of one job.
    pub fn time(&self, job: usize) -> Spread {
        Spread::of(self.0[job].iter().copied())
    }

    /// The time of one job relative to another's in the same round.
    pub fn ratio(&self, job: usize, to: usize) -> Spread {
        self.compare(|times| times[job] / times[to])
    }

    /// Any number that is made of one round's times.
    pub fn compare(&self, number: impl Fn(&[f64]) -> f64) -> Spread {
        Spread::of((0..self.len()).map(|round| {
            let times: Vec<f64> = self.0.iter().map(|times| times[round]).collect();
            number(&times)
        }))
    }
}

/// The CPU time of some work, in nanoseconds.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let started = cpu_time();
    work();
    cpu_time().saturating_sub(started).as_secs_f64() * 1e9
}

/// A number that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// A quarter of the rounds was below it.
    pub lower: f64,
    /// A quarter of the rounds was above it.
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

    /// How far apart the middle half of the rounds was, relative to the median.
    pub fn relative(self) -> f64 {
        (self.upper - self.lower) / self.median
    }
}

/// Runs it until it is warm and has taken long enough; how many runs a turn should have.
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

/// Runs `work` as many frames further down the stack.
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

/// What this thread has had of a processor: while another program has it, this stands still.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Where there is no such clock, the time that passes.
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
    fn the_middle_and_its_quarters() {
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
    fn ratios_are_of_one_round() {
        let rounds = Rounds(vec![vec![1.0, 10.0, 100.0], vec![2.0, 20.0, 200.0]]);
        assert_eq!(rounds.ratio(0, 1).median, 0.5);
        assert_eq!(rounds.ratio(0, 1).relative(), 0.0);
        assert_eq!(rounds.time(1).median, 20.0);
    }

    #[test]
    fn a_loud_round_does_not_count() {
        let quiet = [1.0, 9.0, 1.1, 9.0, 0.9];
        let rounds = Rounds(vec![quiet.to_vec(), quiet.map(|time| time * 2.0).to_vec()]);
        let rounds = rounds.quieter_half();
        assert_eq!(rounds.len(), 3);
        assert_eq!(rounds.time(0).median, 1.0);
        assert_eq!(rounds.time(1).upper, 2.2);
    }

    #[test]
    fn twice_the_work_is_about_twice_the_time() {
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
