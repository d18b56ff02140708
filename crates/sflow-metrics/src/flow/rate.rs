//! How many packets a sample stands for.
//!
//! The rate that an agent states is what it was told to do. What it does shows in the sample
//! pool, which goes up by one with each packet that could have been sampled: its growth, shared
//! among the samples that came, is the **effective** rate. That makes up for samples that the
//! agent or the network lost, too.
//!
//! Where sequence numbers contradict what arrives they are not used: the growth of the pool alone is the
//! rate, or the stated rate where the pool does not grow.
//!
//! Source: sFlow Version 5, 3.1 and `flow_sample`; sFlow Version 5 errata.

use core::time::Duration;

use crate::flow::most_within;
use crate::ingest::agent::ANY_SESSION;
use crate::ingest::sequencing::datagram::{at_most, is_forward};
use crate::timestamp::Timestamp;

/// The stated rate counts as much as so many samples, until pool growth has shown the effective
/// one.
const TRUST: f64 = 8.0;

/// The effective rate is that of the last so many samples, older ones fading away.
const MEMORY: f64 = 64.0;

/// A pool that grew by so many times more than it should have did not grow: it started anew.
const WILD: f64 = 64.0;

/// A pool that grows by so many times less than it should does not count packets: nobody samples
/// that much more often than was asked for.
const FEW: f64 = 8.0;

/// A sample that stands for so many times more packets than those before it does not count for more
/// than that, unless the pool, the numbers and the elapsed time agree.
const BURST: f64 = 8.0;

/// Elapsed time agrees with so many times the packets that usually pass in it, and with those of
/// a second more: an agent may hold samples back for so long.
const MOST_FASTER: f64 = 4.0;

/// The pool agrees with the numbers if it grew by up to so many times more than usual.
const MOST_UNEVEN: f64 = 2.0;

/// Lost datagrams had up to so many times more samples than those that came.
const MOST_UNEVEN_DATAGRAMS: f64 = 1.25;

/// What a longer burst of loss took is not what is being sent now, unless it is short
/// in samples.
const LONGEST_BURST: Duration = Duration::from_secs(10);

/// A burst of loss is short if it took up to so many samples of those that usually come.
const SHORT_BURST: f64 = 2.0 * MEMORY;

/// A gap of so many samples is none: the source numbers them anew.
const GAP: u32 = 100_000;

/// Samples of one source per second at most. A larger step of the sequence number is a jump, not
/// loss.
const MOST_PER_SECOND: f64 = 100_000.0;

/// Samples whose numbers make no sense, one after the other, after which numbers are not used.
const MOST_ODD: u8 = 3;

/// Numbers that are missing although no datagram and no packet is, after which numbers are not
/// used.
const MOST_GAPS: u8 = 3;

/// Consecutive numbers, after which they are used again.
const REGULAR: u8 = 64;

/// What a sample says about how it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) sequence: u32,
    /// One packet of so many; 0 if unknown.
    pub(super) rate: u32,
    pub(super) pool: u32,
    /// Samples that the agent lost so far.
    pub(super) drops: u32,
    /// Datagrams of the agent that were lost so far, if that is known.
    pub(super) lost: Option<u64>,
    /// The sequence of datagrams that it belongs to.
    pub(super) session: u32,
    /// Whether no newer datagram came before.
    pub(super) in_order: bool,
    pub(super) at: Timestamp,
}

/// What a sample is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Worth {
    /// Number of packets by the pool, and by the stated rate (`stated`); samples missing before it.
    Packets {
        packets: f64,
        stated: f64,
        missing: u32,
        dropped: u32,
    },
    /// It was missing, and has come late.
    Late { packets: f64, stated: f64 },
    /// It was here already.
    Old,
    /// It does not continue the sequence, or states another rate that the pool does not show: it
    /// does not count, and takes effect when the next one in another datagram agrees.
    Jump,
    /// Several sequences of datagrams have samples of its source.
    Doubtful,
    /// Nothing tells how many packets it stands for.
    Unknown,
}

/// What happened between a sample and the last one that counted.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Packets, by the pool, or by the numbers without one.
    growth: f64,
    /// Packets by the stated rate and the numbers.
    due: f64,
    /// The stated rate.
    rate: u32,
    /// Samples that came.
    came: u8,
    /// Samples that were taken, with those that are missing or that the agent lost.
    sent: f64,
    elapsed: Duration,
    /// Whether pool and numbers agree.
    is_even: bool,
}

/// The samples of one data source so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampler {
    last: Taken,
    /// Packets that the samples below stand for.
    packets: f64,
    /// What these should be by the stated rate, with as many samples missing.
    due: f64,
    /// What they should be by the stated rate, without missing samples.
    least: f64,
    /// What they should be by the stated rate, with those that are missing or that the agent lost.
    stated: f64,
    /// Samples, older ones for less.
    samples: f64,
    /// Packets that passed between samples, and the seconds in which they passed.
    passed: f64,
    seconds: f64,
    /// Datagrams with samples, older ones for less, and those samples.
    datagrams: f64,
    in_datagrams: f64,
    /// Samples from the first one to the last, come or not.
    sent: u32,
    /// A sample that may be the first of a new sequence.
    jump: Option<Taken>,
    /// Samples that were jumps, and were not confirmed.
    rejected: u64,
    /// Consecutive samples that did not continue each other and are not counted.
    odd: u8,
    /// Numbers that were missing without a lost datagram, and what they were counted as.
    gaps: u8,
    gap_samples: u32,
    /// Whether numbers are not used.
    is_distrusted: bool,
    /// Consecutive numbers meanwhile.
    regular: u8,
    /// Whether the pool grew between the last two samples.
    has_grown: bool,
    /// Another sequence of datagrams with samples of this source.
    rival: Option<(u32, Timestamp)>,
}

impl Sampler {
    /// A source of which this is the first sample.
    pub(super) fn starting_with(first: Taken) -> (Self, Worth) {
        let mut sampler = Self {
            last: first,
            packets: 0.0,
            due: 0.0,
            least: 0.0,
            stated: 0.0,
            samples: 0.0,
            passed: 0.0,
            seconds: 0.0,
            datagrams: 1.0,
            in_datagrams: 1.0,
            sent: 1,
            jump: None,
            rejected: 0,
            odd: 0,
            gaps: 0,
            gap_samples: 0,
            is_distrusted: false,
            regular: 0,
            has_grown: false,
            rival: None,
        };
        sampler.trust(first.rate);
        (sampler, sampler.worth(0, 0))
    }

    /// Packets for each sample, if that is known.
    pub(super) fn effective_rate(&self) -> Option<f64> {
        let packets = if self.packets * FEW < self.least {
            self.due
        } else {
            self.packets
        };
        (self.samples > 0.0 && packets > 0.0).then(|| packets / self.samples)
    }

    /// What the agent states, unless it does not know.
    pub(super) fn stated_rate(&self) -> Option<u32> {
        (self.last.rate != 0).then_some(self.last.rate)
    }

    /// When the last sample came.
    pub(super) const fn last_at(&self) -> Timestamp {
        self.last.at
    }

    /// Samples that were jumps, and were not confirmed.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The sequence of datagrams of its samples.
    pub(super) const fn session(&self) -> u32 {
        self.last.session
    }

    /// Another sequence of datagrams has a sample of this source.
    pub(super) const fn set_rival(&mut self, session: u32, at: Timestamp) {
        self.rival = Some((session, at));
    }

    /// The other sequence of datagrams with samples of this source, and when the last one came.
    pub(super) const fn rival(&self) -> Option<(u32, Timestamp)> {
        self.rival
    }

    /// There is no other sequence any more.
    pub(super) fn end_rival(&mut self) {
        self.rival = None;
    }

    /// Whether the last sample continued those before it: by its number, or by the pool.
    pub(super) const fn continues(&self) -> bool {
        self.has_grown || !self.is_distrusted
    }

    /// Whether the numbers of the samples are not used, since they make no sense.
    pub(super) const fn is_distrusted(&self) -> bool {
        self.is_distrusted
    }

    /// Samples that were counted as missing, but are not.
    pub(super) const fn take_found(&mut self) -> u32 {
        core::mem::replace(&mut self.gap_samples, 0)
    }

    /// Takes the next sample over, of a source that at most so many packets pass in a second.
    pub(super) fn take(&mut self, next: Taken, packets_per_second: f64) -> Worth {
        if self.is_distrusted && next.session == self.last.session {
            return self.take_unnumbered(next, packets_per_second);
        }
        let last = self.last;
        let elapsed = next.at - last.at;
        let ahead = next.sequence.wrapping_sub(last.sequence);
        let is_ahead = continues(ahead, elapsed);
        if next.session != last.session {
            let (sampler, worth) = Self::starting_with(next);
            *self = Self {
                rejected: self.rejected + u64::from(self.jump.is_some()),
                is_distrusted: self.is_distrusted,
                // One of two sequences has ended. Another one may be its continuation.
                rival: self.rival.map(|_| (ANY_SESSION, next.at)),
                ..sampler
            };
            return worth;
        }
        if !is_ahead && (!next.in_order || ahead == 0 && !self.continues_jump(next)) {
            return match next.in_order && self.is_odd() {
                true => self.take_unnumbered(next, packets_per_second),
                false => self.take_late(next),
            };
        }
        let dropped = match next.drops.wrapping_sub(last.drops) {
            more if more <= at_most(MOST_PER_SECOND, elapsed) => more,
            _ => 0,
        };
        let most = most_within(packets_per_second, elapsed);
        let growth = next.pool.wrapping_sub(last.pool);
        let growth = plausible(growth, ahead, dropped, next.rate).filter(|growth| *growth <= most);
        let assumed = f64::from(next.rate) * f64::from(ahead);
        let is_of_rate =
            growth.is_some_and(|growth| growth * FEW >= assumed && growth <= assumed * FEW);
        let is_other_rate = next.rate != last.rate && next.rate != 0 && !is_of_rate;
        if !is_ahead && self.is_odd() {
            return self.take_unnumbered(next, packets_per_second);
        }
        if !is_ahead || is_other_rate {
            return self.take_jump(next, packets_per_second);
        }
        let is_gap = ahead > 1
            && (next.lost.is_some() && next.lost == last.lost
                || f64::from(ahead) > FEW / 2.0
                    && growth.is_some_and(|growth| growth * FEW < assumed));
        let (growth, assumed) = match is_gap {
            // No sample was lost on the way.
            true => {
                let growth = next.pool.wrapping_sub(last.pool);
                let growth = plausible(growth, 1, dropped, next.rate);
                let growth = growth.filter(|growth| *growth <= most);
                (growth, f64::from(next.rate))
            }
            false => (growth, assumed),
        };
        if is_gap || self.gaps > 0 {
            self.count_gap(is_gap, ahead);
            if self.is_distrusted {
                return self.take_unnumbered(next, packets_per_second);
            }
        }
        self.odd = 0;
        self.rejected += u64::from(self.jump.take().is_some());
        if next.rate == last.rate {
            let is_even = match growth {
                Some(growth) => self.is_even(growth, assumed, ahead),
                // Without a pool nothing contradicts the numbers.
                None => next.pool == last.pool,
            };
            let sent = if is_gap { 1 } else { ahead };
            self.grow(Step {
                growth: growth.unwrap_or(assumed).min(most),
                due: assumed,
                rate: next.rate,
                came: 1,
                sent: f64::from(sent) + f64::from(dropped),
                elapsed,
                is_even,
            });
        } else {
            self.trust(next.rate);
        }
        self.last = next;
        self.sent = self.sent.saturating_add(ahead);
        self.worth(ahead - 1, dropped)
    }

    /// Whether the pool did not grow by much more than it usually does for as many samples.
    fn is_even(&self, growth: f64, due: f64, ahead: u32) -> bool {
        let usual = match self.due > 0.0 {
            true => due * self.packets / self.due,
            // The agent does not state a rate.
            false => self.effective_rate().unwrap_or(0.0) * f64::from(ahead),
        };
        growth <= usual * MOST_UNEVEN
    }

    /// Adds the growth of the pool since the last sample.
    fn grow(&mut self, step: Step) {
        let Step { growth, due, .. } = step;
        if growth <= 0.0 {
            return;
        }
        let came = f64::from(step.came);
        let rate = f64::from(step.rate);
        let most = self.most(&step).unwrap_or(growth);
        let share = (most / growth).min(1.0);
        let stated = rate * step.sent;
        // The error includes the rest, unless the numbers contradict it.
        let stated = match share < 1.0 && (step.is_even || self.is_distrusted) {
            true => stated.max(growth),
            false => stated,
        };
        let passed = if step.is_even { growth } else { growth * share };
        self.packets = fade(self.packets) + growth * share;
        self.due = fade(self.due) + due * share;
        self.least = fade(self.least) + rate * came * share;
        self.stated = fade(self.stated) + stated;
        self.samples = fade(self.samples) + came;
        self.passed = fade(self.passed) + passed;
        self.seconds = fade(self.seconds) + step.elapsed.as_secs_f64();
    }

    /// How many packets a sample can stand for, if that is known.
    fn most(&self, step: &Step) -> Option<f64> {
        let rate = self.effective_rate()?;
        let most = rate * BURST * f64::from(step.came);
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
        let is_sure = step.growth <= by_time;
        Some(if is_sure { most.max(step.growth) } else { most })
    }

    /// Counts the datagrams that samples came in; returns how many samples are missing with those
    /// that were lost at most.
    fn count_datagrams(&mut self, next: Taken, came: u8) -> f64 {
        let last = self.last;
        let came = f64::from(came);
        if next.at == last.at {
            self.in_datagrams += came;
            return 0.0;
        }
        let each = self.in_datagrams / self.datagrams;
        self.datagrams = fade(self.datagrams) + 1.0;
        self.in_datagrams = fade(self.in_datagrams) + came;
        let lost = match (last.lost, next.lost) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => 0,
        };
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        let most = at_most(MOST_PER_SECOND, next.at - last.at);
        (f64::from(lost) * each * MOST_UNEVEN_DATAGRAMS).min(f64::from(most))
    }

    /// Counts a sample that does not continue those before it; returns whether there were as many
    /// one after the other as it takes, so that numbers are not used from now on.
    fn is_odd(&mut self) -> bool {
        if self.odd < MOST_ODD - 1 {
            self.odd += 1;
            return false;
        }
        self.jump = None;
        self.distrust();
        true
    }

    /// Counts numbers that are missing although no datagram is: the numbers are those of other
    /// samples, too, or step by more than one.
    #[cold]
    fn count_gap(&mut self, is_gap: bool, ahead: u32) {
        if !is_gap {
            self.gaps -= 1;
            if self.gaps == 0 {
                self.gap_samples = 0;
            }
            return;
        }
        self.gaps += 1;
        if self.gaps < MOST_GAPS {
            self.gap_samples = self.gap_samples.saturating_add(ahead - 1);
        } else {
            self.odd = 0;
            self.rejected += u64::from(self.jump.take().is_some());
            self.distrust();
        }
    }

    fn distrust(&mut self) {
        self.is_distrusted = true;
        self.regular = 0;
        self.gaps = 0;
        self.due = self.least;
        self.stated = self.least;
    }

    /// A sample of a source whose numbers make no sense; it stands for those before it that were
    /// not counted, too.
    #[cold]
    fn take_unnumbered(&mut self, next: Taken, packets_per_second: f64) -> Worth {
        if !next.in_order {
            self.samples += 1.0;
            return match self.rates() {
                Some((packets, stated)) => Worth::Late { packets, stated },
                None => Worth::Unknown,
            };
        }
        let last = self.last;
        let came = core::mem::replace(&mut self.odd, 0) + 1;
        let missing = self.count_datagrams(next, came);
        let elapsed = next.at - last.at;
        let dropped = match next.drops.wrapping_sub(last.drops) {
            more if more <= at_most(MOST_PER_SECOND, elapsed) => more,
            _ => 0,
        };
        let most = most_within(packets_per_second, elapsed);
        let growth = next.pool.wrapping_sub(last.pool);
        let growth = plausible(growth, came.into(), dropped, next.rate);
        let assumed = f64::from(next.rate) * f64::from(came);
        self.has_grown = growth.is_some();
        if next.rate == last.rate {
            let growth = growth.filter(|growth| *growth <= most).unwrap_or(assumed);
            self.grow(Step {
                growth,
                due: assumed,
                rate: next.rate,
                came,
                sent: f64::from(came) + f64::from(dropped) + missing,
                elapsed,
                is_even: false,
            });
        } else {
            self.trust(next.rate);
        }
        self.regular = match next.sequence.wrapping_sub(last.sequence) {
            1 => self.regular + 1,
            _ => 0,
        };
        if self.regular >= REGULAR {
            self.is_distrusted = false;
            self.sent = 1;
        }
        self.last = next;
        match self.rates() {
            Some((packets, stated)) => Worth::Packets {
                packets: packets * f64::from(came),
                stated: stated * f64::from(came),
                missing: 0,
                dropped,
            },
            None => Worth::Unknown,
        }
    }

    /// A sample that does not continue those before it: if it continues the last such one in
    /// another datagram, the source began anew with that one.
    fn take_jump(&mut self, next: Taken, packets_per_second: f64) -> Worth {
        if let Some(first) = self.jump.filter(|_| self.continues_jump(next)) {
            let (sampler, _) = Self::starting_with(first);
            *self = Self {
                rejected: self.rejected,
                rival: self.rival,
                ..sampler
            };
            return self.take(next, packets_per_second);
        }
        self.rejected += u64::from(self.jump.is_some());
        self.jump = Some(next);
        Worth::Jump
    }

    fn continues_jump(&self, next: Taken) -> bool {
        self.jump.is_some_and(|first| {
            let ahead = next.sequence.wrapping_sub(first.sequence);
            let is_other_datagram = first.at != next.at;
            is_other_datagram && first.rate == next.rate && continues(ahead, next.at - first.at)
        })
    }

    /// A sample that newer ones overtook, if it was not here already: it shares what has been
    /// shared among those that came.
    fn take_late(&mut self, next: Taken) -> Worth {
        let behind = self.last.sequence.wrapping_sub(next.sequence);
        if next.in_order || !(1..self.sent).contains(&behind) {
            return Worth::Old;
        }
        match self.rates() {
            Some((packets, stated)) => {
                self.samples += 1.0;
                Worth::Late { packets, stated }
            }
            None => Worth::Unknown,
        }
    }

    /// Begins with what the agent states.
    fn trust(&mut self, rate: u32) {
        let trust = if rate == 0 { 0.0 } else { TRUST };
        self.packets = trust * f64::from(rate);
        self.due = self.packets;
        self.least = self.packets;
        self.stated = self.packets;
        self.samples = trust;
    }

    /// Packets for each sample: by the pool, and by the stated rate.
    fn rates(&self) -> Option<(f64, f64)> {
        let packets = self.effective_rate()?;
        let is_stated = self.last.rate != 0 && self.stated > 0.0;
        let stated = if is_stated {
            self.stated / self.samples
        } else {
            packets
        };
        Some((packets, stated))
    }

    fn worth(&self, missing: u32, dropped: u32) -> Worth {
        match self.rates() {
            Some((packets, stated)) => Worth::Packets {
                packets,
                stated,
                missing,
                dropped,
            },
            None => Worth::Unknown,
        }
    }
}

/// Whether a sample can be so far ahead of the one before it.
fn continues(ahead: u32, elapsed: Duration) -> bool {
    is_forward(ahead) && ahead <= GAP.min(at_most(MOST_PER_SECOND, elapsed))
}

/// By how much the pool grew, unless it cannot have grown by that: it is not counted, stuck, or
/// was set to zero.
fn plausible(growth: u32, samples: u32, dropped: u32, rate: u32) -> Option<f64> {
    if growth < samples || growth >= 1 << 31 {
        return None;
    }
    let expected = f64::from(rate) * (f64::from(samples) + f64::from(dropped));
    let growth = f64::from(growth);
    (rate == 0 || growth <= expected * WILD).then_some(growth)
}

fn fade(sum: f64) -> f64 {
    sum * (1.0 - 1.0 / MEMORY)
}

#[cfg(test)]
mod tests;
