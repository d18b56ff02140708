//! Faults of the network and of agents, one scenario each. The numbers in the names of tests, such
//! as `t22`, are those of the table in `examples/elb/FAULTS.md`.

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
