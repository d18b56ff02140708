//! The place of a sample in the sequence of its source.

use super::numbers::is_readable;
use super::readings::Readings;
use super::{Arrival, Jump, Measure, Source, reports_stop};
use crate::catalogue::Structure;
use crate::config::Config;
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::Allowance;
use crate::ingest::sequencing::sample::{Carried, Order, continues, order};
use crate::timestamp::Timestamp;

impl Source {
    /// The place of a sample in the sequence of this source.
    #[inline]
    pub(crate) fn order(&self, arrival: &Arrival<'_, '_>) -> Order {
        let ahead = arrival.sample.sequence_number.wrapping_sub(self.sequence);
        let is_regular = ahead == 1 && arrival.session == self.session && self.jump.is_none();
        if is_regular && !self.numbering.is_distrusted() {
            return Order::Next { missing: 0 };
        }
        self.order_of_irregular(arrival)
    }

    #[cold]
    fn order_of_irregular(&self, arrival: &Arrival<'_, '_>) -> Order {
        if arrival.session != self.session {
            return Order::Restarted;
        }
        if self.numbering.is_distrusted() {
            let is_new = arrival.in_order
                && (arrival.moment.received_at != self.last_seen
                    || arrival.moment.uptime != self.uptime);
            return if is_new {
                Order::Next { missing: 0 }
            } else {
                Order::Old
            };
        }
        let carried = Carried {
            sequence: arrival.sample.sequence_number,
            uptime: arrival.moment.uptime,
            in_order: arrival.in_order,
        };
        let received_at = arrival.moment.received_at;
        let order = order(
            self.sequence,
            self.uptime,
            received_at - self.last_seen,
            carried,
        );
        let continues_jump = self.jump.as_ref().and_then(|jump| {
            let elapsed = received_at - jump.moment.received_at;
            let ahead = carried.sequence.wrapping_sub(jump.sequence);
            let is_next = jump.moment != arrival.moment && continues(ahead, elapsed);
            (is_next && arrival.in_order).then(|| ahead - 1)
        });
        match (order, continues_jump) {
            // The last sample of a killed container may have a new number.
            (Order::Jump, _) if reports_stop(arrival.sample) => Order::Restarted,
            // It continues both sequences, so one of them is wrong.
            (Order::Next { .. }, Some(_)) => Order::Restarted,
            (Order::Jump | Order::Unnumbered, Some(missing)) => Order::Confirmed { missing },
            (Order::Unnumbered, None) if self.numbering.is_last_equal() => {
                Order::Next { missing: 0 }
            }
            (Order::Jump, None) if self.numbering.is_last_jump() => Order::Confirmed { missing: 0 },
            _ => order,
        }
    }

    /// Stores the counters of a sample that may be the first of a new sequence.
    #[cold]
    pub(crate) fn keep_jump(
        &mut self,
        arrival: &Arrival<'_, '_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        self.numbering.count_implausible();
        self.reject_jump(allowance, health);
        let config = allowance.config;
        let mut readings = Readings::default();
        let mut measure = Measure::new(arrival.moment, &config.ceilings);
        measure.begin(0, self.limits());
        let mut formats = arrival.sample.frames().map(|frame| frame.format);
        let has_columns = formats.any(|format| {
            Structure::index_of(format).is_some_and(|it| Structure::all()[it].has_columns())
        });
        for frame in arrival.sample.frames() {
            let is_readable = is_readable(frame) == Some(true);
            let structure = Structure::index_of(frame.format).filter(|_| is_readable);
            // No sample of the source has the number 0.
            let place = structure
                .filter(|it| Structure::all()[*it].has_columns() == has_columns)
                .and_then(|it| readings.place(it, 0, &mut |bytes| allowance.charge(bytes, health)));
            if let Some(place) = place {
                readings.update(place, frame, 0, &mut measure, health);
            }
        }
        self.is_unconfirmed = true;
        self.jump = Some(Box::new(Jump {
            sequence: arrival.sample.sequence_number,
            moment: arrival.moment,
            readings,
        }));
    }

    /// Makes values known again if one of the sequences that reported this source has ended or has not
    /// reported it for several polling intervals.
    #[cold]
    pub(crate) fn reconsider_rival(&mut self, agent: &Agent, now: Timestamp, config: &Config) {
        let longest = config.assumed_interval.saturating_mul(config.stale_after);
        self.rival = self.rival.filter(|rival| {
            let is_recent = now
                .checked_since(rival.at)
                .is_none_or(|elapsed| elapsed <= longest.max(self.stale_after(config)));
            is_recent && agent.are_rivals(self.session, rival.session)
        });
        self.is_doubtful = self.rival.is_some();
    }

    /// Whether a sample is the last of several with implausible numbers, and not a restart.
    pub(crate) fn is_last_jump(&self, order: Order, session: u32) -> bool {
        matches!(order, Order::Confirmed { .. }) && self.numbering.is_last_jump()
            || self.numbering.is_suspicious() && self.is_refuted(order, session)
    }

    /// Whether a sample shows that the source did not restart at the jump before it: the earlier
    /// numbers continue, or no counter decreased.
    pub(super) fn is_refuted(&self, order: Order, session: u32) -> bool {
        let jump = self.jump.as_ref().filter(|_| session == self.session);
        jump.is_some_and(|jump| match order {
            Order::Next { .. } => true,
            Order::Confirmed { .. } | Order::Restarted => jump.readings.is_ahead_of(&self.readings),
            _ => false,
        })
    }

    /// Whether there is a sample that may be the first of a new sequence.
    pub(crate) fn has_jump(&self) -> bool {
        self.jump.is_some()
    }

    /// Drops the counters of a possible new sequence.
    pub(super) fn reject_jump(&mut self, allowance: &mut Allowance<'_>, health: &mut Health) {
        if let Some(jump) = self.jump.take() {
            health.counter_samples_rejected += 1;
            allowance.release(jump.readings.bytes());
        }
    }

    /// Whether an old sample was counted as missing. Only a late datagram can contain one.
    pub(crate) fn has_missed(&self, arrival: &Arrival<'_, '_>) -> bool {
        let behind = self.sequence.wrapping_sub(arrival.sample.sequence_number);
        !arrival.in_order && arrival.session == self.session && (1..self.sent).contains(&behind)
    }
}
