//! What has to be settled before two readings may be subtracted, one file a question.
//!
//! In this order: did the agent restart, and is the datagram late or here twice
//! ([`datagram`], and [`jump`] while it is undecided); is the sample late or here twice, and did
//! its source restart ([`sample`]); how long was the interval ([`interval`]); is the counter
//! available, and did it advance, wrap or restart ([`counter`]). Each step is a pure function of
//! the state and the input.

pub(crate) mod counter;
pub(crate) mod datagram;
pub(crate) mod interval;
pub(crate) mod jump;
pub(crate) mod sample;
