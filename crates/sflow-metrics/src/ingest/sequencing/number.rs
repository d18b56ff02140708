//! Arithmetic of sequence numbers.

use core::time::Duration;

/// Datagrams that can be missing between two, independent of the time between them.
pub(crate) const BURST: u32 = 1_000;

/// Whether a difference modulo 2^32 is positive.
pub(crate) const fn is_forward(difference: u32) -> bool {
    difference != 0 && difference < 1 << 31
}

/// The largest number of datagrams or samples in a time at this rate. A delay of 0.1 s is added.
pub(crate) fn at_most(per_second: f64, elapsed: Duration) -> u32 {
    (per_second * (elapsed.as_secs_f64() + 0.1)) as u32
}
