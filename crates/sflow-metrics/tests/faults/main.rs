//! What goes wrong on the way and in agents, one scenario each; the numbers are those of the
//! promises that the README makes.

#[path = "../support/mod.rs"]
mod support;

mod behind_nat;
mod clocks;
mod counters;
mod expiry;
mod forgery;
mod loss;
#[cfg(feature = "flows")]
mod numbering;
mod restart;
#[cfg(feature = "flows")]
mod samples;
mod table;
