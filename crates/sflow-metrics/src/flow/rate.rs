//! The number of packets that a sample represents.
//!
//! The sample pool of a data source counts the packets that could have been sampled. Its growth per
//! received sample is the **effective** rate, which may differ from the stated rate, and which
//! accounts for samples lost in the agent or on the network.
//!
//! If the sequence numbers of samples contradict what is received they are not used: then the rate
//! is the growth of the pool, or the stated rate if the pool does not grow.
//!
//! Source: sFlow Version 5, 3.1 and `flow_sample`; sFlow Version 5 errata.

use core::time::Duration;

use crate::flow::context::most_within;
use crate::flow::pool::{self, Pool, Step};
use crate::ingest::agent::ANY_SESSION;
use crate::ingest::sequencing::number::{at_most, is_forward};
use crate::ingest::sequencing::trust::Trust;
use crate::timestamp::Timestamp;

/// A larger gap is not loss: the source restarted its sequence numbers.
const GAP: u32 = 100_000;

/// Maximum number of samples per second of a source. A larger step of the sequence number is a
/// jump, not loss.
const MOST_PER_SECOND: f64 = 100_000.0;

/// Gaps up to this size are loss even if the pool grew little.
const SMALL_GAP: u32 = 4;

/// Sequence numbers are not used after this many gaps without loss of datagrams or packets.
const MOST_GAPS: u8 = 3;

/// The fields of a sample that determine its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) sequence: u32,
    /// Stated sampling rate as packets per sample; 0 if unknown.
    pub(super) rate: u32,
    pub(super) pool: u32,
    /// Number of samples that the agent dropped so far.
    pub(super) drops: u32,
    /// Number of the agent's datagrams lost so far, if known.
    pub(super) lost: Option<u64>,
    /// The sequence of datagrams that contains it.
    pub(super) session: u32,
    /// Whether no later datagram was received before it.
    pub(super) in_order: bool,
    pub(super) at: Timestamp,
}

/// The weight of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Number of packets by the pool and by the stated rate; number of samples missing before it,
    /// and of those that the agent dropped.
    Packets {
        packets: f64,
        stated: f64,
        missing: u32,
        dropped: u32,
    },
    /// A late sample that was counted as missing.
    Late { packets: f64, stated: f64 },
    /// A duplicate.
    Duplicate,
    /// It does not continue the sequence, or states another rate that the pool does not confirm. It
    /// is not counted, and takes effect if the next one in another datagram agrees.
    Jump,
    /// Several concurrent sequences of datagrams contain samples of its source.
    Doubtful,
    /// The number of packets is unknown.
    Unknown,
}

/// The state of a data source that samples packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampler {
    last: Taken,
    pool: Pool,
    /// Number of samples from the first to the last, received or not.
    sent: u32,
    /// A sample that may be the first one of a new sequence.
    jump: Option<Taken>,
    /// Number of jumps that were not confirmed.
    rejected: u64,
    /// Whether sequence numbers are used. Samples with contradictory numbers are not counted.
    trust: Trust,
    /// Number of gaps without loss, and of the samples that were counted as missing for them.
    gaps: u8,
    gap_samples: u32,
    /// Whether the pool grew between the last two samples.
    has_grown: bool,
    /// Another sequence of datagrams with samples of this source, and the time of its last one.
    rival: Option<(u32, Timestamp)>,
}

impl Sampler {
    /// A source with its first sample.
    pub(super) fn starting_with(first: Taken) -> (Self, Outcome) {
        let sampler = Self {
            last: first,
            pool: Pool::new(first.rate),
            sent: 1,
            jump: None,
            rejected: 0,
            trust: Trust::default(),
            gaps: 0,
            gap_samples: 0,
            has_grown: false,
            rival: None,
        };
        let outcome = sampler.outcome(0, 0);
        (sampler, outcome)
    }

    /// Packets per sample, if known.
    pub(super) fn effective_rate(&self) -> Option<f64> {
        self.pool.effective_rate()
    }

    /// The stated rate, if known.
    pub(super) fn stated_rate(&self) -> Option<u32> {
        (self.last.rate != 0).then_some(self.last.rate)
    }

    /// The time of the last counted sample.
    pub(super) const fn last_at(&self) -> Timestamp {
        self.last.at
    }

    /// Number of jumps that were not confirmed.
    pub(super) const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The sequence of datagrams that contains its samples.
    pub(super) const fn session(&self) -> u32 {
        self.last.session
    }

    /// Records a sample of this source in another sequence of datagrams.
    pub(super) const fn set_rival(&mut self, session: u32, at: Timestamp) {
        self.rival = Some((session, at));
    }

    /// The other sequence of datagrams with samples of this source, and the time of the last one.
    pub(super) const fn rival(&self) -> Option<(u32, Timestamp)> {
        self.rival
    }

    /// Records that the other sequence has ended.
    pub(super) fn end_rival(&mut self) {
        self.rival = None;
    }

    /// Whether the last sample continued those before it, by its number or by the pool.
    pub(super) const fn continues(&self) -> bool {
        self.has_grown || !self.is_distrusted()
    }

    /// Whether sequence numbers are contradictory and not used.
    pub(super) const fn is_distrusted(&self) -> bool {
        self.trust.is_distrusted()
    }

    /// Number of samples that were wrongly counted as missing since the last call.
    pub(super) const fn take_found(&mut self) -> u32 {
        core::mem::replace(&mut self.gap_samples, 0)
    }

    /// Adds the next sample of a source, given the maximum number of packets per second.
    pub(super) fn add(&mut self, next: Taken, packets_per_second: f64) -> Outcome {
        if self.is_distrusted() && next.session == self.last.session {
            return self.add_unnumbered(next, packets_per_second);
        }
        let last = self.last;
        let elapsed = next.at - last.at;
        let ahead = next.sequence.wrapping_sub(last.sequence);
        let is_ahead = continues(ahead, elapsed);
        if next.session != last.session {
            let (sampler, outcome) = Self::starting_with(next);
            let mut trust = Trust::default();
            if self.is_distrusted() {
                trust.distrust();
            }
            *self = Self {
                rejected: self.rejected + u64::from(self.jump.is_some()),
                trust,
                // One of two sequences has ended; the next one may continue it.
                rival: self.rival.map(|_| (ANY_SESSION, next.at)),
                ..sampler
            };
            return outcome;
        }
        if !is_ahead && (!next.in_order || ahead == 0 && !self.continues_jump(next)) {
            return match next.in_order && self.is_odd() {
                true => self.add_unnumbered(next, packets_per_second),
                false => self.add_late(next),
            };
        }
        let dropped = match next.drops.wrapping_sub(last.drops) {
            more if more <= at_most(MOST_PER_SECOND, elapsed) => more,
            _ => 0,
        };
        let most = most_within(packets_per_second, elapsed);
        let growth = next.pool.wrapping_sub(last.pool);
        let growth = pool::growth(growth, ahead, dropped, next.rate);
        let growth = growth.filter(|growth| *growth <= most);
        let assumed = f64::from(next.rate) * f64::from(ahead);
        let is_of_rate = growth.is_some_and(|growth| pool::confirms_rate(growth, assumed));
        let is_other_rate = next.rate != last.rate && next.rate != 0 && !is_of_rate;
        if !is_ahead && self.is_odd() {
            return self.add_unnumbered(next, packets_per_second);
        }
        if !is_ahead || is_other_rate {
            return self.add_jump(next, packets_per_second);
        }
        let is_gap = ahead > 1
            && (next.lost.is_some() && next.lost == last.lost
                || ahead > SMALL_GAP && growth.is_some_and(|growth| pool::is_low(growth, assumed)));
        let (growth, assumed) = match is_gap {
            // No sample was lost.
            true => {
                let growth = next.pool.wrapping_sub(last.pool);
                let growth = pool::growth(growth, 1, dropped, next.rate);
                let growth = growth.filter(|growth| *growth <= most);
                (growth, f64::from(next.rate))
            }
            false => (growth, assumed),
        };
        if is_gap || self.gaps > 0 {
            self.count_gap(is_gap, ahead);
            if self.is_distrusted() {
                return self.add_unnumbered(next, packets_per_second);
            }
        }
        self.trust.reset();
        self.rejected += u64::from(self.jump.take().is_some());
        if next.rate == last.rate {
            let is_even = match growth {
                Some(growth) => self.pool.is_even(growth, assumed, ahead),
                // A pool that is not counted does not contradict the numbers.
                None => next.pool == last.pool,
            };
            let sent = if is_gap { 1 } else { ahead };
            let step = Step {
                growth: growth.unwrap_or(assumed).min(most),
                due: assumed,
                rate: next.rate,
                received: 1,
                sent: f64::from(sent) + f64::from(dropped),
                elapsed,
                is_even,
            };
            self.pool.grow(step, true);
        } else {
            self.pool.reset(next.rate);
        }
        self.last = next;
        self.sent = self.sent.saturating_add(ahead);
        self.outcome(ahead - 1, dropped)
    }

    /// Counts the datagram of the last `received` samples. Returns the maximum number of samples
    /// that were lost with datagrams before it.
    fn count_datagram(&mut self, next: Taken, received: u8) -> f64 {
        let last = self.last;
        let lost = match (last.lost, next.lost) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => 0,
        };
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        let missing = self.pool.count_datagram(received, lost, last.at, next.at);
        let most = at_most(MOST_PER_SECOND, next.at - last.at);
        missing.min(f64::from(most))
    }

    /// Counts a sample with a contradictory number. Returns whether there were so many of them that
    /// numbers are not used from now on.
    fn is_odd(&mut self) -> bool {
        if !self.trust.is_at_limit() {
            self.trust.count_implausible();
            return false;
        }
        self.jump = None;
        self.distrust();
        true
    }

    /// Counts gaps without lost datagrams: the source shares its numbers with another one, or numbers
    /// advance by more than one.
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
            self.trust.reset();
            self.rejected += u64::from(self.jump.take().is_some());
            self.distrust();
        }
    }

    fn distrust(&mut self) {
        self.trust.distrust();
        self.gaps = 0;
        self.pool.ignore_numbers();
    }

    /// Adds a sample of a source whose numbers are not used. It also represents previous samples
    /// that were not counted.
    #[cold]
    fn add_unnumbered(&mut self, next: Taken, packets_per_second: f64) -> Outcome {
        if !next.in_order {
            self.pool.add_late();
            return match self.pool.rates() {
                Some((packets, stated)) => Outcome::Late { packets, stated },
                None => Outcome::Unknown,
            };
        }
        let last = self.last;
        let received = self.trust.reset() + 1;
        let missing = self.count_datagram(next, received);
        let elapsed = next.at - last.at;
        let dropped = match next.drops.wrapping_sub(last.drops) {
            more if more <= at_most(MOST_PER_SECOND, elapsed) => more,
            _ => 0,
        };
        let most = most_within(packets_per_second, elapsed);
        let growth = next.pool.wrapping_sub(last.pool);
        let growth = pool::growth(growth, received.into(), dropped, next.rate);
        let assumed = f64::from(next.rate) * f64::from(received);
        self.has_grown = growth.is_some();
        if next.rate == last.rate {
            let growth = growth.filter(|growth| *growth <= most).unwrap_or(assumed);
            let step = Step {
                growth,
                due: assumed,
                rate: next.rate,
                received,
                sent: f64::from(received) + f64::from(dropped) + missing,
                elapsed,
                is_even: false,
            };
            self.pool.grow(step, false);
        } else {
            self.pool.reset(next.rate);
        }
        let is_consecutive = next.sequence.wrapping_sub(last.sequence) == 1;
        if self.trust.observe(is_consecutive) {
            self.sent = 1;
        }
        self.last = next;
        match self.pool.rates() {
            Some((packets, stated)) => Outcome::Packets {
                packets: packets * f64::from(received),
                stated: stated * f64::from(received),
                missing: 0,
                dropped,
            },
            None => Outcome::Unknown,
        }
    }

    /// Adds a sample that does not continue those before it. If it continues the previous such
    /// sample in another datagram, the source restarted with that one.
    fn add_jump(&mut self, next: Taken, packets_per_second: f64) -> Outcome {
        if let Some(first) = self.jump.filter(|_| self.continues_jump(next)) {
            let (sampler, _) = Self::starting_with(first);
            *self = Self {
                rejected: self.rejected,
                rival: self.rival,
                ..sampler
            };
            return self.add(next, packets_per_second);
        }
        self.rejected += u64::from(self.jump.is_some());
        self.jump = Some(next);
        Outcome::Jump
    }

    fn continues_jump(&self, next: Taken) -> bool {
        self.jump.is_some_and(|first| {
            let ahead = next.sequence.wrapping_sub(first.sequence);
            let is_other_datagram = first.at != next.at;
            is_other_datagram && first.rate == next.rate && continues(ahead, next.at - first.at)
        })
    }

    /// Adds a late sample, unless it is a duplicate. It has the weight of the received ones.
    fn add_late(&mut self, next: Taken) -> Outcome {
        let behind = self.last.sequence.wrapping_sub(next.sequence);
        if next.in_order || !(1..self.sent).contains(&behind) {
            return Outcome::Duplicate;
        }
        match self.pool.rates() {
            Some((packets, stated)) => {
                self.pool.add_late();
                Outcome::Late { packets, stated }
            }
            None => Outcome::Unknown,
        }
    }

    fn outcome(&self, missing: u32, dropped: u32) -> Outcome {
        match self.pool.rates() {
            Some((packets, stated)) => Outcome::Packets {
                packets,
                stated,
                missing,
                dropped,
            },
            None => Outcome::Unknown,
        }
    }
}

/// Whether a sample can be this far ahead of the previous one.
fn continues(ahead: u32, elapsed: Duration) -> bool {
    is_forward(ahead) && ahead <= GAP.min(at_most(MOST_PER_SECOND, elapsed))
}

#[cfg(test)]
mod tests;
