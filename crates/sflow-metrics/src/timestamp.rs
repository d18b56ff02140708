use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;
use std::time::SystemTime;

/// A point in time, in nanoseconds since the Unix epoch or another origin of the caller's choice.
///
/// This crate never reads a clock: the caller passes every timestamp. Differences saturate at
/// zero, so a clock that is set back yields an empty interval and not a panic.
///
/// ```
/// use sflow_metrics::Timestamp;
/// use std::time::Duration;
///
/// let start = Timestamp::from_secs(1_000);
/// let later = start + Duration::from_millis(2_500);
/// assert_eq!(later - start, Duration::from_millis(2_500));
/// assert_eq!(start - later, Duration::ZERO);
///
/// let now = Timestamp::from(std::time::SystemTime::now());
/// assert!(now > later);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// The timestamp `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The timestamp `secs` seconds after the origin. Saturates at [`u64::MAX`] nanoseconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the origin.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The time since `earlier`, or `None` if `earlier` is later than `self`.
    pub const fn checked_since(self, earlier: Self) -> Option<Duration> {
        match self.0.checked_sub(earlier.0) {
            Some(nanos) => Some(Duration::from_nanos(nanos)),
            None => None,
        }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, elapsed: Duration) -> Self {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, elapsed: Duration) -> Self {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl From<Duration> for Timestamp {
    /// The timestamp `since_origin` after the origin.
    fn from(since_origin: Duration) -> Self {
        Self::ZERO + since_origin
    }
}

impl From<SystemTime> for Timestamp {
    /// The time since the Unix epoch. Times before the epoch become [`Timestamp::ZERO`].
    fn from(time: SystemTime) -> Self {
        time.duration_since(SystemTime::UNIX_EPOCH)
            .map_or(Self::ZERO, Self::from)
    }
}

impl From<Timestamp> for SystemTime {
    /// The system time if the origin of the timestamp is the Unix epoch.
    fn from(timestamp: Timestamp) -> Self {
        Self::UNIX_EPOCH + Duration::from_nanos(timestamp.0)
    }
}

impl fmt::Display for Timestamp {
    /// Seconds with three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        f.pad(&format!("{seconds}.{:03}", nanos / 1_000_000))
    }
}
