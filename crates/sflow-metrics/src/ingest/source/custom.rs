//! Metrics under names of their own, as applications send them.

use sflow_v5::sample::{Named, RtMetricValue};

use super::measure::Measure;
use super::numbers::UNKNOWN;
use crate::catalogue::{Ceiling, Width};
use crate::config::Config;
use crate::health::Health;
use crate::ingest::sequencing::counter::{Step, step};
use crate::ingest::sequencing::interval::{Interval, Moment};
use crate::timestamp::Timestamp;

/// The readings of one such metric.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    name: Box<str>,
    kind: Kind,
    /// Of a counter where it stood, of anything else unused.
    baseline: u64,
    /// The quantity, or the growth per second; not a number if there is none.
    value: f64,
    /// Seconds that the value stands for; zero of what is read at a moment.
    seconds: f64,
    moment: Moment,
    continues: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter(Width),
    Quantity,
}

/// What one value says.
#[derive(Clone, Copy, Debug)]
enum Said {
    Count(Width, u64),
    Quantity(f64),
}

impl Custom {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a counter's growth per second.
    pub(crate) fn is_rate(&self) -> bool {
        matches!(self.kind, Kind::Counter(_))
    }

    /// The last reading, and when it was read.
    pub(crate) fn get(&self) -> Option<(f64, Timestamp)> {
        self.value
            .is_finite()
            .then_some((self.value, self.moment.received_at))
    }

    /// Where the counter stands.
    pub(crate) fn count(&self) -> Option<u64> {
        (self.is_rate() && self.baseline != UNKNOWN).then_some(self.baseline)
    }

    /// The seconds that the reading stands for, if it came at this moment.
    pub(crate) fn new_seconds(&self, now: Timestamp) -> Option<f64> {
        (self.moment.received_at == now).then_some(self.seconds)
    }

    /// Bytes that it takes up.
    pub(crate) fn bytes(&self) -> usize {
        bytes_of(&self.name)
    }

    /// Whatever comes next is a beginning.
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

    fn take(
        &mut self,
        said: Said,
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
        match said {
            Said::Quantity(value) => self.value = value,
            Said::Count(width, count) => {
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

/// Bytes that a metric of this name takes up.
fn bytes_of(name: &str) -> usize {
    size_of::<Custom>() + name.len()
}

/// Finds or adds a metric of a source. `None` if `room` refuses its bytes.
pub(super) fn place(
    customs: &mut Vec<Custom>,
    named: &Named<'_, RtMetricValue<'_>>,
    measure: &Measure<'_>,
    config: &Config,
    room: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<usize>, NoRoom> {
    let (Some(said), Ok(name)) = (said(&named.value), named.name.to_str()) else {
        return Ok(None);
    };
    if let Some(place) = customs.iter().position(|custom| &*custom.name == name) {
        return Ok(Some(place));
    }
    let is_within = customs.len() < config.max_custom_metrics
        && name.len() <= config.max_name_bytes
        && room(bytes_of(name));
    if !is_within {
        return Err(NoRoom);
    }
    customs.push(Custom::new(name, said.kind(), measure.now));
    Ok(Some(customs.len() - 1))
}

/// A source has as many metrics as it may have.
#[derive(Debug)]
pub(super) struct NoRoom;

/// Takes the value of a metric over.
pub(super) fn take(
    custom: &mut Custom,
    named: &Named<'_, RtMetricValue<'_>>,
    measure: &mut Measure<'_>,
    health: &mut Health,
) {
    let Some(said) = said(&named.value) else {
        return;
    };
    let (kind, now) = (said.kind(), measure.now);
    if custom.kind != kind {
        *custom = Custom {
            name: core::mem::take(&mut custom.name),
            ..Custom::new("", kind, now)
        };
    }
    let (interval, at_most) = if custom.continues {
        let (interval, at_most) = measure.since(custom.moment);
        (Some(interval), at_most[Ceiling::Events as usize])
    } else {
        (None, 0)
    };
    custom.take(said, now, interval, at_most, health);
}

impl Said {
    fn kind(self) -> Kind {
        match self {
            Self::Count(width, _) => Kind::Counter(width),
            Self::Quantity(_) => Kind::Quantity,
        }
    }
}

/// What a value says as a number; nothing if it is text, cannot be read, or is none.
fn said(value: &RtMetricValue<'_>) -> Option<Said> {
    Some(match value {
        RtMetricValue::Counter32(count) => {
            Said::Count(Width::Bits32, count.known().map_or(UNKNOWN, u64::from))
        }
        RtMetricValue::Counter64(count) => {
            Said::Count(Width::Bits64, count.known().unwrap_or(UNKNOWN))
        }
        RtMetricValue::Gauge32(quantity) => Said::Quantity(quantity.known()?.into()),
        RtMetricValue::Gauge64(quantity) => Said::Quantity(quantity.known()? as f64),
        RtMetricValue::Float(quantity) => Said::Quantity((*quantity).into()),
        RtMetricValue::Double(quantity) => Said::Quantity(*quantity),
        _ => return None,
    })
}
