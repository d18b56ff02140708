//! Checks that precede the difference of two readings, one file for each.
//!
//! In this order: did the agent restart, and is the datagram late or repeated ([`stream`], and
//! [`jump`] while that is undecided); is the sample late or repeated, and did its source restart
//! ([`sample`]); how long was the interval ([`interval`]); is the counter available, and did it
//! advance, wrap or restart ([`counter`]). Each step is a pure function of state and input.

pub(crate) mod counter;
mod gaps;
pub(crate) mod interval;
pub(crate) mod jump;
pub(crate) mod number;
pub(crate) mod sample;
pub(crate) mod stamp;
pub(crate) mod stream;
mod stride;
pub(crate) mod trust;
