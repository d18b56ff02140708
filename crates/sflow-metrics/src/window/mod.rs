//! Windows: a ring of slots for one metric of one source.

mod aggregate;
mod percent;
mod ring;

use core::ops::RangeInclusive;
use core::time::Duration;

use crate::timestamp::Timestamp;

pub(crate) use aggregate::Aggregate;
pub use percent::Percent;
pub(crate) use ring::Ring;

/// The numbers of some slots.
pub(crate) type Slots = RangeInclusive<u64>;

/// The number of the slot that contains a time.
pub(crate) fn slot_number(width: Duration, at: Timestamp) -> u64 {
    at.as_nanos() / nanos(width)
}

/// The number of slots of this width in a duration, rounded up.
pub(crate) fn slots_in(width: Duration, length: Duration) -> u64 {
    nanos(length).div_ceil(nanos(width))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .max(1)
}
