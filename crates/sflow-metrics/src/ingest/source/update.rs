//! Update of a source by a sample.

use sflow_v5::counter::HostDescr;
use sflow_v5::{CounterRecord, RtMetric};

use super::custom::{self, Custom, LimitReached};
use super::readings::Update;
use super::{Arrival, CustomArrival, Measure, Numbers, Source};
use crate::catalogue::Structure;
use crate::entity::EntityKind;
use crate::health::Health;
use crate::ingest::ledger::Allowance;
use crate::ingest::sequencing::sample::{Order, Step};

impl Source {
    /// Updates the source by a sample that is not old.
    pub(crate) fn update(
        &mut self,
        arrival: &Arrival<'_, '_>,
        order: Order,
        descr: Option<HostDescr<'_>>,
        allowance: &mut Allowance<'_>,
        (measure, numbers): (&mut Measure<'_>, &mut Numbers),
        health: &mut Health,
    ) {
        let now = arrival.moment;
        let is_refuted = self.is_refuted(order, arrival.session);
        let mut missing = match order {
            Order::Next { missing } => missing,
            Order::Old | Order::Jump => return,
            Order::Confirmed { missing } => {
                if let Some(jump) = self.jump.take() {
                    allowance.release(self.readings.bytes());
                    self.readings = jump.readings;
                    self.last_seen = self.last_seen.max(jump.moment.received_at);
                }
                self.has_rates = false;
                self.samples += 1;
                self.sent = 1;
                missing
            }
            Order::Restarted => {
                self.readings.restart();
                self.has_rates = false;
                self.sent = 0;
                0
            }
            Order::Unnumbered => {
                self.readings.restart();
                self.has_rates = false;
                0
            }
        };
        let was_distrusted = self.numbering.is_distrusted();
        let found;
        (missing, found) = self.numbering.update(Step {
            order,
            missing,
            ahead: arrival.sample.sequence_number.wrapping_sub(self.sequence),
            is_without_loss: arrival.lost.is_some() && arrival.lost == self.lost,
            is_refuted,
        });
        self.lost = arrival.lost;
        if self.numbering.is_distrusted() && !was_distrusted {
            health.numberings_distrusted += 1;
            self.samples_lost = self.samples_lost.saturating_sub(found);
            health.counter_samples_lost = health.counter_samples_lost.saturating_sub(found);
        }
        self.is_unconfirmed = false;
        if self.jump.is_some() {
            self.reject_jump(allowance, health);
        }
        self.samples += 1;
        self.sent = self.sent.saturating_add(missing).saturating_add(1);
        self.samples_lost += u64::from(missing);
        health.counter_samples_lost += u64::from(missing);
        if let Some(elapsed) = now.received_at.checked_since(self.last_seen)
            && !elapsed.is_zero()
        {
            self.polling.record(elapsed, missing);
        }
        self.session = arrival.session;
        self.sequence = arrival.sample.sequence_number;
        self.uptime = now.uptime;
        self.last_seen = now.received_at;
        if let Some(descr) = descr {
            if self.uuid.known().is_none() && descr.uuid.known().is_some() {
                self.uuid = descr.uuid;
                self.reconsider();
            }
            self.rename(descr.hostname, allowance, health);
        }

        measure.begin(self.disputes, self.limits());
        let mut has_begun = false;
        let mut hint = 0;
        let mut records = arrival.sample.records();
        // Borrowed from the iterator, since moving a record costs more than reading it.
        while let Some(record) = &records.next() {
            self.identify(record, allowance, health);
            let mut charge = |bytes| allowance.charge(bytes, &mut *health);
            let Some(place) = self.place(record, hint, &mut charge) else {
                continue;
            };
            hint = place + 1;
            let (readings, sample) = (&mut self.readings, self.samples);
            match readings.update(place, sample, record, numbers, measure, health) {
                Update::Began => has_begun = true,
                Update::Measured { advanced } => {
                    self.has_rates = true;
                    self.was_live = true;
                    self.has_advanced |= advanced;
                    if matches!(record, CounterRecord::IfCounters(_)) {
                        let (bytes, seconds) = self.readings.most_bytes(place);
                        self.speed.compare(bytes, seconds, measure.exceeded_line());
                    }
                }
                Update::Again => {}
            }
        }
        if measure.is_disputed {
            health.disputed_intervals += 1;
            self.disputes = self.disputes.saturating_add(1);
        } else if !has_begun {
            self.disputes = 0;
        }
    }

    /// Updates custom metrics.
    pub(crate) fn update_custom(
        &mut self,
        report: &RtMetric<'_>,
        arrival: CustomArrival<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let (now, session, config) = (arrival.moment, arrival.session, allowance.config);
        self.recognise(EntityKind::Application);
        self.is_unconfirmed = false;
        self.rename(report.datasource, allowance, health);
        if session != self.session {
            self.customs.iter_mut().for_each(Custom::restart);
            self.has_rates = false;
        }
        self.samples += 1;
        let has_begun = self.samples == 1 || session != self.session;
        if let Some(elapsed) = now.received_at.checked_since(self.last_seen)
            && !elapsed.is_zero()
        {
            self.polling.record(elapsed, 0);
        }
        self.session = session;
        self.uptime = now.uptime;
        self.last_seen = now.received_at;
        let mut measure = Measure::new(now, &config.ceilings);
        measure.begin(self.disputes, self.limits());
        for named in report.metrics {
            if !arrival.keeps(named.name) {
                health.custom_metrics_unused += 1;
                continue;
            }
            let mut charge = |bytes| allowance.charge(bytes, &mut *health);
            let customs = &mut self.customs;
            match custom::place(customs, &named, &measure, config, &mut charge) {
                Ok(None) => {}
                Ok(Some(place)) => {
                    custom::update(&mut customs[place], &named, &mut measure, health);
                }
                Err(LimitReached) => health.custom_metrics_refused += 1,
            }
        }
        if measure.is_disputed {
            health.disputed_intervals += 1;
            self.disputes = self.disputes.saturating_add(1);
        } else if !has_begun {
            self.disputes = 0;
            self.has_rates = true;
            self.was_live = true;
        }
    }

    /// The index of the readings of a record, if there are any. `hint` is the probable index: agents
    /// send the same records in the same order.
    #[inline]
    pub(super) fn place(
        &mut self,
        record: &CounterRecord<'_>,
        hint: usize,
        charge: &mut dyn FnMut(usize) -> bool,
    ) -> Option<usize> {
        if matches!(record, CounterRecord::Malformed(..)) {
            return None;
        }
        let format = record.format();
        if self.readings.awaits(hint, format, self.samples) {
            return Some(hint);
        }
        let structure = Structure::index_of(format)?;
        self.recognise(Structure::all()[structure].entity);
        self.readings.place(structure, self.samples, charge)
    }
}
