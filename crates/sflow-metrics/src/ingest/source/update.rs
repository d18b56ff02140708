//! Update of a source by a sample.

use sflow_v5::counter::{HostAdapters, HostDescr, HostParent, IfCounters};
use sflow_v5::{CounterStructure, DataFormat, Frame, RtMetric, Structure as _};

use super::custom::{self, Custom, LimitReached};
use super::numbers::is_readable;
use super::readings::{Expected, Update};
use super::{Arrival, CustomArrival, Measure, Source};
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
        descr: Option<&HostDescr<'_>>,
        allowance: &mut Allowance<'_>,
        measure: &mut Measure<'_>,
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
        self.polling
            .record(self.last_seen, now.received_at, missing);
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
        let mut changes = Changes::default();
        // Agents send the same records in the same order.
        let mut expected = 0;
        let mut frames = 0;
        for Frame { format, bytes } in arrival.sample.frames() {
            // Each function gets a frame of its own, so that this one is not kept in memory.
            let frame = || Frame { format, bytes };
            frames += 1;
            let sample = self.samples;
            let readings = &mut self.readings;
            match readings.update_expected(expected, frame(), sample, measure, health) {
                Expected::Measured { identifies } => {
                    changes.has_rates = true;
                    if identifies {
                        self.identify(frame(), allowance, health);
                        self.compare_speed(format, expected, measure);
                    }
                }
                Expected::Unusual => {
                    if Self::is_identified_by(format) {
                        self.identify(frame(), allowance, health);
                    }
                    self.update_row(expected, frame(), measure, &mut changes, health);
                }
                Expected::Other => {
                    let Some(place) = self.place(frame(), allowance, health) else {
                        continue;
                    };
                    expected = place;
                    self.update_row(expected, frame(), measure, &mut changes, health);
                }
            }
            expected += 1;
        }
        health.malformed_records += u64::from(frames < arrival.sample.records.declared_count());
        if expected == 0 {
            self.update_without_columns(arrival, measure, &mut changes, allowance, health);
        }
        if changes.has_rates {
            self.has_rates = true;
            self.was_live = true;
            self.has_advanced |= measure.advances != 0;
        }
        if measure.is_disputed {
            health.disputed_intervals += 1;
            self.disputes = self.disputes.saturating_add(1);
        } else if !changes.has_begun {
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
        self.polling.record(self.last_seen, now.received_at, 0);
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

    /// The index of the row of a record that is not the expected one. `None` if its structure has no
    /// columns, is unknown, or cannot be decoded.
    #[inline]
    fn place(
        &mut self,
        Frame { format, bytes }: Frame<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) -> Option<usize> {
        // Most samples have these three.
        let is_readable = match format {
            HostParent::FORMAT => self.set_parent(HostParent::from_bytes(bytes)),
            HostDescr::FORMAT => HostDescr::from_bytes(bytes).is_some(),
            HostAdapters::FORMAT => HostAdapters::from_bytes(bytes).is_some(),
            _ => return self.place_other(Frame { format, bytes }, allowance, health),
        };
        health.malformed_records += u64::from(!is_readable);
        None
    }

    fn place_other(
        &mut self,
        Frame { format, bytes }: Frame<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) -> Option<usize> {
        let Some(index) = Structure::index_of(format) else {
            health.unknown_records += 1;
            return None;
        };
        if is_readable(Frame { format, bytes }) != Some(true) {
            health.malformed_records += 1;
            return None;
        }
        self.identify(Frame { format, bytes }, allowance, health);
        let structure = &Structure::all()[index];
        self.recognise(structure.entity);
        if !structure.has_columns() {
            return None;
        }
        let mut charge = |bytes| allowance.charge(bytes, health);
        self.readings.place(index, self.samples, &mut charge)
    }

    /// Updates a row by a record.
    fn update_row(
        &mut self,
        place: usize,
        frame: Frame<'_>,
        measure: &mut Measure<'_>,
        changes: &mut Changes,
        health: &mut Health,
    ) {
        let sample = self.samples;
        match self.readings.update(place, frame, sample, measure, health) {
            Some(Update::Began) => changes.has_begun = true,
            Some(Update::Measured) => {
                changes.has_rates = true;
                self.compare_speed(frame.format, place, measure);
            }
            Some(Update::Again) => {}
            None => health.malformed_records += 1,
        }
    }

    /// Compares the reported speed of an interface with the counters in a row.
    #[inline]
    fn compare_speed(&mut self, format: DataFormat, place: usize, measure: &Measure<'_>) {
        if format == IfCounters::FORMAT {
            let (bytes, seconds) = self.readings.most_bytes(place);
            self.speed.compare(bytes, seconds, measure.exceeded_line());
        }
    }

    /// Updates the rows of a sample without columns. These rows have no numbers; they show whether the
    /// source is live.
    #[cold]
    fn update_without_columns(
        &mut self,
        arrival: &Arrival<'_, '_>,
        measure: &mut Measure<'_>,
        changes: &mut Changes,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        for frame in arrival.sample.frames() {
            let index = Structure::index_of(frame.format);
            let is_kept = |index: &usize| {
                !Structure::all()[*index].has_columns() && is_readable(frame) == Some(true)
            };
            let mut charge = |bytes| allowance.charge(bytes, health);
            let place = index
                .filter(is_kept)
                .and_then(|index| self.readings.place(index, self.samples, &mut charge));
            if let Some(place) = place {
                self.update_row(place, frame, measure, changes, health);
            }
        }
    }
}

/// The changes by the records of a sample.
#[derive(Default)]
struct Changes {
    /// Whether a structure has baselines, but no rates yet.
    has_begun: bool,
    /// Whether a structure has new rates.
    has_rates: bool,
}
