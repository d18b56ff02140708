use crate::timestamp::Timestamp;

/// The readings of one metric over some time.
///
/// Every reading is valid for the interval that ends with it. For a counter, `integral` is
/// therefore the exact sum of its differences, and the mean is exact for any polling intervals;
/// the mean of a gauge is weighted by time.
///
/// Merging is commutative and associative, with [`Aggregate::EMPTY`] as identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Aggregate {
    /// Σ value × seconds.
    integral: f64,
    /// Σ seconds.
    pub(super) elapsed: f64,
    /// Σ value of first readings, which are valid for no time.
    instants: f64,
    instant_count: u32,
    min: f64,
    max: f64,
    last: f64,
    last_at: Timestamp,
}

impl Aggregate {
    pub(crate) const EMPTY: Self = Self {
        integral: 0.0,
        elapsed: 0.0,
        instants: 0.0,
        instant_count: 0,
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        last: 0.0,
        last_at: Timestamp::ZERO,
    };

    /// One reading and the seconds for which it is valid.
    pub(crate) fn reading(at: Timestamp, value: f64, seconds: f64) -> Self {
        let is_instant = seconds <= 0.0;
        Self {
            integral: if is_instant { 0.0 } else { value * seconds },
            elapsed: if is_instant { 0.0 } else { seconds },
            instants: if is_instant { value } else { 0.0 },
            instant_count: u32::from(is_instant),
            min: value,
            max: value,
            last: value,
            last_at: at,
        }
    }

    /// Merges two aggregates. Of two readings at the same time, the larger one is the last.
    pub(crate) fn merge(self, other: Self) -> Self {
        let (last_at, last) = match (self.is_empty(), other.is_empty()) {
            (_, true) => (self.last_at, self.last),
            (true, false) => (other.last_at, other.last),
            (false, false) if self.last_at == other.last_at => {
                (self.last_at, self.last.max(other.last))
            }
            (false, false) if self.last_at > other.last_at => (self.last_at, self.last),
            (false, false) => (other.last_at, other.last),
        };
        Self {
            integral: self.integral + other.integral,
            elapsed: self.elapsed + other.elapsed,
            instants: self.instants + other.instants,
            instant_count: self.instant_count.saturating_add(other.instant_count),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            last,
            last_at,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// The mean weighted by time; the plain mean if there are only first readings.
    pub(crate) fn mean(&self) -> Option<f64> {
        if self.elapsed > 0.0 {
            Some(self.integral / self.elapsed)
        } else if self.instant_count > 0 {
            Some(self.instants / f64::from(self.instant_count))
        } else {
            None
        }
    }

    pub(crate) fn min(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.min)
    }

    pub(crate) fn max(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.max)
    }

    pub(crate) fn last(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.last)
    }

    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        (!self.is_empty()).then_some(self.last_at)
    }
}
