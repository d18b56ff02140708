//! Values of metrics, and the windows of watched metrics.

use std::collections::HashSet;

use super::{Custom, Source, Watch};
use crate::catalogue::{Definition, Metric, Operand};
use crate::entity::EntityKind;
use crate::health::Health;
use crate::ingest::ledger::Allowance;
use crate::timestamp::Timestamp;
use crate::window::{Aggregate, Ring, slot_number};

impl Source {
    /// The value of a metric, and the time of its oldest reading.
    #[inline]
    pub(crate) fn value(&self, metric: &Metric) -> Option<(f64, Timestamp)> {
        if self.is_unconfirmed || self.is_doubtful {
            return None;
        }
        match metric.definition() {
            Definition::Raw(operand @ Operand::Reading { .. }) => self.readings.get(operand),
            Definition::Raw(Operand::LineSpeed) => None,
            Definition::Raw(Operand::HostProcessors) => Some((self.processors?, self.last_seen)),
            Definition::Custom(name) => self.custom(name)?.get(),
            formula @ Definition::Formula(_) => {
                let mut oldest = self.last_seen;
                let mut most = f64::INFINITY;
                let value = formula.evaluate(|operand| match operand {
                    Operand::HostProcessors => self.processors,
                    Operand::LineSpeed => {
                        // A line cannot carry more than its speed.
                        most = 100.0;
                        self.speed.plausible().map(|speed| speed as f64)
                    }
                    Operand::Reading { .. } => {
                        let (value, at) = self.readings.get(operand)?;
                        oldest = oldest.min(at);
                        Some(value)
                    }
                })?;
                (value <= most).then_some((value, oldest))
            }
        }
    }

    /// The last value of the counter of a metric.
    pub(crate) fn count(&self, metric: &Metric) -> Option<u64> {
        match metric.definition() {
            Definition::Raw(operand) => self.readings.count(operand),
            Definition::Formula(_) => None,
            Definition::Custom(name) => self.custom(name)?.count(),
        }
    }

    /// Whether the source has ever reported the metric.
    pub(crate) fn has(&self, metric: &Metric) -> bool {
        match metric.definition() {
            Definition::Custom(name) => self.custom(name).is_some(),
            definition => definition
                .operands()
                .any(|operand| self.readings.has(operand)),
        }
    }

    /// The window of the metric with this index among the watched ones.
    pub(crate) fn ring(&self, watch: usize) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.watch == watch)
    }

    /// The custom metrics.
    pub(crate) fn customs(&self) -> &[Custom] {
        &self.customs
    }

    /// Drops all custom metrics except these.
    pub(crate) fn keep_customs(&mut self, kept: &HashSet<Box<str>>, allowance: &mut Allowance<'_>) {
        self.customs.retain(|custom| {
            let is_kept = kept.contains(custom.name());
            if !is_kept {
                allowance.release(custom.bytes());
            }
            is_kept
        });
        self.customs.shrink_to_fit();
    }

    /// Adds the values of the newest sample to the windows of watched metrics.
    pub(crate) fn record_windows(
        &mut self,
        watches: &[Watch],
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let number = slot_number(allowance.config.slot, self.last_seen);
        for (place, watch) in watches.iter().enumerate() {
            let kind = watch.metric.entity();
            if kind != EntityKind::Other && kind != self.kind {
                continue;
            }
            let Some((value, _)) = self.value(&watch.metric) else {
                continue;
            };
            let Some(seconds) = self.new_seconds(&watch.metric) else {
                continue;
            };
            let ring = match self.rings.iter().position(|ring| ring.watch == place) {
                Some(known) => &mut self.rings[known],
                None => {
                    self.rings.push(Ring::new(place, watch.slots));
                    let last = self.rings.len() - 1;
                    &mut self.rings[last]
                }
            };
            ring.span(watch.slots);
            let before = ring.heap_bytes();
            ring.drop_old(number);
            let needed = if ring.has(number) { 0 } else { Ring::SLOT };
            // Usually the new slot replaces a dropped one.
            let charged = needed.saturating_sub(before - ring.heap_bytes());
            if charged > 0 && !allowance.charge(charged, health) {
                continue;
            }
            ring.push(number, Aggregate::reading(self.last_seen, value, seconds));
            let freed = (before + charged).saturating_sub(ring.heap_bytes());
            if freed > 0 {
                allowance.release(freed);
            }
        }
    }

    /// Drops the window of the metric with this index among the watched ones. The metrics behind it
    /// move forward by one.
    pub(crate) fn drop_window(&mut self, watch: usize, allowance: &mut Allowance<'_>) {
        self.rings.retain_mut(|ring| {
            if ring.watch == watch {
                allowance.release(ring.heap_bytes());
                return false;
            }
            if ring.watch > watch {
                ring.watch -= 1;
            }
            true
        });
    }

    /// The seconds for which the value of a metric is valid, if the newest sample contains it.
    fn new_seconds(&self, metric: &Metric) -> Option<f64> {
        if let Definition::Custom(name) = metric.definition() {
            let custom = self.custom(name)?;
            return custom.new_seconds(self.last_seen);
        }
        let operands = metric.definition().operands();
        let newest =
            operands.filter_map(|operand| self.readings.new_seconds(operand, self.samples));
        newest.reduce(f64::max)
    }

    fn custom(&self, name: &str) -> Option<&Custom> {
        self.customs.iter().find(|custom| custom.name() == name)
    }
}
