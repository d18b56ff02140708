//! Custom metrics of applications.

use sflow_v5::sample::{Named, RtMetricValue};

use super::measure::Measure;
use super::measure::UNKNOWN;
use crate::catalogue::{Ceiling, Width};
use crate::config::Config;
use crate::health::Health;
use crate::ingest::sequencing::counter::{Step, step};
use crate::ingest::sequencing::interval::{Interval, Moment};
use crate::timestamp::Timestamp;

/// The readings of a custom metric.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    name: Box<str>,
    kind: Kind,
    /// Last value of a counter; unused for other kinds.
    baseline: u64,
    /// The quantity or rate; NaN if unknown.
    value: f64,
    /// Seconds for which the value is valid; 0 for a quantity.
    seconds: f64,
    moment: Moment,
    continues: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter(Width),
    Quantity,
}

/// A received value.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Count(Width, u64),
    Quantity(f64),
}

impl Custom {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a counter.
    pub(crate) fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Counter(_))
    }

    /// The value and its time.
    pub(crate) fn get(&self) -> Option<(f64, Timestamp)> {
        self.value
            .is_finite()
            .then_some((self.value, self.moment.received_at))
    }

    /// The last value of a counter.
    pub(crate) fn count(&self) -> Option<u64> {
        (self.is_rate() && self.baseline != UNKNOWN).then_some(self.baseline)
    }

    /// The seconds for which the value is valid, if it was received at this time.
    pub(crate) fn new_seconds(&self, now: Timestamp) -> Option<f64> {
        (self.moment.received_at == now).then_some(self.seconds)
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.name)
    }

    /// Invalidates the baseline.
    pub(crate) fn restart(&mut self) {
        self.continues = false;
    }

    fn new(name: &str, kind: Kind, now: Moment) -> Self {
        Self {
            name: name.into(),
            kind,
            baseline: UNKNOWN,
            value: f64::NAN,
            seconds: 0.0,
            moment: now,
            continues: false,
        }
    }

    fn update(
        &mut self,
        reading: Reading,
        now: Moment,
        interval: Option<Interval>,
        at_most: u64,
        health: &mut Health,
    ) {
        if interval == Some(Interval::None) {
            return;
        }
        let seconds = match interval {
            Some(Interval::Seconds(seconds)) => seconds,
            _ => 0.0,
        };
        let before_seconds = core::mem::replace(&mut self.seconds, seconds);
        match reading {
            Reading::Quantity(value) => self.value = value,
            Reading::Count(width, count) => {
                let before = Some(self.baseline).filter(|_| seconds > 0.0);
                let before = before.filter(|baseline| *baseline != UNKNOWN);
                let recently = Some(self.value * before_seconds).filter(|value| value.is_finite());
                let recently = recently.map(|value| value as u64);
                let stepped = step(width, before, count, at_most, recently);
                health.counter_wraps += u64::from(matches!(stepped, Step::Wrapped(_)));
                health.counter_resets += u64::from(stepped == Step::Reset);
                health.counter_jumps += u64::from(stepped == Step::Implausible);
                self.value = match stepped {
                    Step::Advanced(difference) | Step::Wrapped(difference) => {
                        difference as f64 / seconds
                    }
                    _ => f64::NAN,
                };
                self.baseline = match stepped {
                    Step::Unavailable => UNKNOWN,
                    _ => count,
                };
            }
        }
        self.moment = now;
        self.continues = true;
    }
}

/// Memory of a metric with this name in bytes.
fn bytes_of(name: &str) -> usize {
    size_of::<Custom>() + name.len()
}

/// The index of a custom metric, which is added if necessary. `None` if the value is not a number.
pub(super) fn place(
    customs: &mut Vec<Custom>,
    named: &Named<'_, RtMetricValue<'_>>,
    measure: &Measure<'_>,
    config: &Config,
    charge: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<usize>, LimitReached> {
    let (Some(reading), Ok(name)) = (reading(&named.value), named.name.to_str()) else {
        return Ok(None);
    };
    if let Some(place) = customs.iter().position(|custom| &*custom.name == name) {
        return Ok(Some(place));
    }
    let is_within = customs.len() < config.max_custom_metrics
        && name.len() <= config.max_name_bytes
        && charge(bytes_of(name));
    if !is_within {
        return Err(LimitReached);
    }
    customs.push(Custom::new(name, reading.kind(), measure.now));
    Ok(Some(customs.len() - 1))
}

/// A limit on custom metrics is reached.
#[derive(Debug)]
pub(super) struct LimitReached;

/// Updates a custom metric.
pub(super) fn update(
    custom: &mut Custom,
    named: &Named<'_, RtMetricValue<'_>>,
    measure: &mut Measure<'_>,
    health: &mut Health,
) {
    let Some(reading) = reading(&named.value) else {
        return;
    };
    let (kind, now) = (reading.kind(), measure.now);
    if custom.kind != kind {
        *custom = Custom {
            name: core::mem::take(&mut custom.name),
            ..Custom::new("", kind, now)
        };
    }
    let (interval, at_most) = if custom.continues {
        let interval = measure.since(custom.moment);
        (Some(interval), measure.at_most[Ceiling::Events as usize])
    } else {
        (None, 0)
    };
    custom.update(reading, now, interval, at_most, health);
}

impl Reading {
    fn kind(self) -> Kind {
        match self {
            Self::Count(width, _) => Kind::Counter(width),
            Self::Quantity(_) => Kind::Quantity,
        }
    }
}

/// The value as a number; `None` for text, malformed and unknown values.
fn reading(value: &RtMetricValue<'_>) -> Option<Reading> {
    Some(match value {
        RtMetricValue::Counter32(count) => {
            Reading::Count(Width::Bits32, count.known().map_or(UNKNOWN, u64::from))
        }
        RtMetricValue::Counter64(count) => {
            Reading::Count(Width::Bits64, count.known().unwrap_or(UNKNOWN))
        }
        RtMetricValue::Gauge32(quantity) => Reading::Quantity(quantity.known()?.into()),
        RtMetricValue::Gauge64(quantity) => Reading::Quantity(quantity.known()? as f64),
        RtMetricValue::Float(quantity) => Reading::Quantity((*quantity).into()),
        RtMetricValue::Double(quantity) => Reading::Quantity(*quantity),
        _ => return None,
    })
}
