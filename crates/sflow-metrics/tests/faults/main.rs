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
mod numbering;
mod restart;
mod samples;
mod table;
