//! From datagrams to readings.
//!
//! [`sequencing`] orders datagrams and samples and compares counters, [`agent`] and [`source`] hold
//! the state of one agent and of one data source, and [`ledger`] bounds their memory. Nothing here
//! depends on the [`Registry`](crate::Registry), which applies these steps to all agents.

pub(crate) mod agent;
pub(crate) mod ledger;
pub(crate) mod outcome;
pub(crate) mod sequencing;
pub(crate) mod source;
