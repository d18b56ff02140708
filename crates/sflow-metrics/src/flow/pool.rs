//! The effective sampling rate of a data source, from the growth of its sample pool.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// Number of samples whose weight the stated rate has initially.
const INITIAL_WEIGHT: f64 = 8.0;

/// Number of samples over which the sums decay.
const MEMORY: f64 = 64.0;

/// A pool that grew by more than this multiple of the expected growth was reset.
const MOST_GROWTH: f64 = 64.0;

/// A pool that grew by less than the expected growth divided by this does not count packets, since
/// agents do not sample that much more often than configured. A stated rate is confirmed if the
/// growth is within this factor of it.
const RATE_TOLERANCE: f64 = 8.0;

/// A sample represents at most this multiple of the packets of previous samples, unless pool,
/// sequence number and elapsed time agree.
const BURST: f64 = 8.0;

/// The elapsed time agrees with up to this multiple of the packets that usually pass in it, plus
/// those of one second: agents may delay samples by that time.
const MOST_FASTER: f64 = 4.0;

/// The pool agrees with the sequence numbers if it grew by up to this multiple of the usual growth.
const MOST_UNEVEN: f64 = 2.0;

/// Lost datagrams contained up to this multiple of the samples of received ones.
const MOST_UNEVEN_DATAGRAMS: f64 = 1.25;

/// The packets of a longer burst of loss are not attributed to the present, unless few samples are
/// missing.
const LONGEST_BURST: Duration = Duration::from_secs(10);

/// A burst of loss is short if it lost up to this number of the usual samples.
const SHORT_BURST: f64 = 2.0 * MEMORY;

/// The interval between a sample and the last one that was counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Packets by the pool, or else by the sequence numbers.
    pub(super) growth: f64,
    /// Packets by the stated rate and the sequence numbers.
    pub(super) due: f64,
    /// The stated rate.
    pub(super) rate: u32,
    /// Received samples.
    pub(super) received: u8,
    /// Taken samples, including missing ones and those that the agent dropped.
    pub(super) sent: f64,
    pub(super) elapsed: Duration,
    /// Whether pool and sequence numbers agree.
    pub(super) is_even: bool,
}

/// Decaying sums over the samples of one data source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    /// Packets that the samples represent.
    packets: f64,
    /// The same by the stated rate and the sequence numbers.
    due: f64,
    /// The same by the stated rate, without missing samples.
    least: f64,
    /// The same by the stated rate, with missing samples and those that the agent dropped.
    stated: f64,
    samples: f64,
    /// Packets between samples, and the seconds between them.
    passed: f64,
    seconds: f64,
    /// Datagrams with samples, and the samples in them.
    datagrams: f64,
    in_datagrams: f64,
    /// Whether the last sample states a rate.
    has_stated_rate: bool,
}

impl Pool {
    pub(super) fn new(stated_rate: u32) -> Self {
        let mut pool = Self {
            packets: 0.0,
            due: 0.0,
            least: 0.0,
            stated: 0.0,
            samples: 0.0,
            passed: 0.0,
            seconds: 0.0,
            datagrams: 1.0,
            in_datagrams: 1.0,
            has_stated_rate: false,
        };
        pool.reset(stated_rate);
        pool
    }

    /// Restarts with the stated rate.
    pub(super) fn reset(&mut self, stated_rate: u32) {
        let weight = if stated_rate == 0 {
            0.0
        } else {
            INITIAL_WEIGHT
        };
        self.packets = weight * f64::from(stated_rate);
        self.due = self.packets;
        self.least = self.packets;
        self.stated = self.packets;
        self.samples = weight;
        self.has_stated_rate = stated_rate != 0;
    }

    /// Packets per sample, if known.
    pub(super) fn effective_rate(&self) -> Option<f64> {
        let packets = if self.packets * RATE_TOLERANCE < self.least {
            self.due
        } else {
            self.packets
        };
        (self.samples > 0.0 && packets > 0.0).then(|| packets / self.samples)
    }

    /// Packets per sample by the pool, and by the stated rate.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        let packets = self.effective_rate()?;
        let is_stated = self.has_stated_rate && self.stated > 0.0;
        let stated = if is_stated {
            self.stated / self.samples
        } else {
            packets
        };
        Some((packets, stated))
    }

    /// Whether the pool grew by at most twice the usual growth for this number of samples.
    pub(super) fn is_even(&self, growth: f64, due: f64, ahead: u32) -> bool {
        let usual = match self.due > 0.0 {
            true => due * self.packets / self.due,
            // The agent does not state a rate.
            false => self.effective_rate().unwrap_or(0.0) * f64::from(ahead),
        };
        growth <= usual * MOST_UNEVEN
    }

    /// Adds the interval since the last sample. `is_numbered` is whether the sequence numbers of
    /// the samples are used.
    pub(super) fn grow(&mut self, step: Step, is_numbered: bool) {
        let Step { growth, due, .. } = step;
        if growth <= 0.0 {
            return;
        }
        let received = f64::from(step.received);
        let rate = f64::from(step.rate);
        let most = self.most(&step).unwrap_or(growth);
        let share = (most / growth).min(1.0);
        let stated = rate * step.sent;
        // The error includes the rest, unless the sequence numbers contradict it.
        let stated = match share < 1.0 && (step.is_even || !is_numbered) {
            true => stated.max(growth),
            false => stated,
        };
        let passed = if step.is_even { growth } else { growth * share };
        self.packets = fade(self.packets) + growth * share;
        self.due = fade(self.due) + due * share;
        self.least = fade(self.least) + rate * received * share;
        self.stated = fade(self.stated) + stated;
        self.samples = fade(self.samples) + received;
        self.passed = fade(self.passed) + passed;
        self.seconds = fade(self.seconds) + step.elapsed.as_secs_f64();
    }

    /// Adds a late sample, which shares the packets with the others.
    pub(super) fn add_late(&mut self) {
        self.samples += 1.0;
    }

    /// Discards what sequence numbers contributed.
    pub(super) fn ignore_numbers(&mut self) {
        self.due = self.least;
        self.stated = self.least;
    }

    /// Counts the datagram of the last `received` samples. Returns the maximum number of samples
    /// that were lost with `lost` datagrams since the last one at `last_at`.
    pub(super) fn count_datagram(
        &mut self,
        received: u8,
        lost: u32,
        last_at: Timestamp,
        at: Timestamp,
    ) -> f64 {
        let received = f64::from(received);
        if at == last_at {
            self.in_datagrams += received;
            return 0.0;
        }
        let each = self.in_datagrams / self.datagrams;
        self.datagrams = fade(self.datagrams) + 1.0;
        self.in_datagrams = fade(self.in_datagrams) + received;
        f64::from(lost) * each * MOST_UNEVEN_DATAGRAMS
    }

    /// Maximum number of packets that a sample can represent, if known.
    fn most(&self, step: &Step) -> Option<f64> {
        let rate = self.effective_rate()?;
        let most = rate * BURST * f64::from(step.received);
        if !step.is_even || self.seconds <= 0.0 {
            return Some(most);
        }
        let seconds = step.elapsed.as_secs_f64();
        let by_time = self.passed / self.seconds * (seconds * MOST_FASTER + 1.0);
        let by_time = if step.elapsed > LONGEST_BURST {
            by_time.min(rate * SHORT_BURST)
        } else {
            by_time
        };
        let is_plausible = step.growth <= by_time;
        Some(if is_plausible {
            most.max(step.growth)
        } else {
            most
        })
    }
}

/// The growth of a pool; `None` if it is implausible: the pool is not counted, constant or reset.
pub(super) fn growth(growth: u32, samples: u32, dropped: u32, rate: u32) -> Option<f64> {
    if growth < samples || growth >= 1 << 31 {
        return None;
    }
    let expected = f64::from(rate) * (f64::from(samples) + f64::from(dropped));
    let growth = f64::from(growth);
    (rate == 0 || growth <= expected * MOST_GROWTH).then_some(growth)
}

/// Whether the growth of a pool is much less than expected.
pub(super) fn is_low(growth: f64, expected: f64) -> bool {
    growth * RATE_TOLERANCE < expected
}

/// Whether the growth of a pool confirms the stated rate.
pub(super) fn confirms_rate(growth: f64, expected: f64) -> bool {
    !is_low(growth, expected) && growth <= expected * RATE_TOLERANCE
}

fn fade(sum: f64) -> f64 {
    sum * (1.0 - 1.0 / MEMORY)
}
