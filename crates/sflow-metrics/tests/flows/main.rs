//! Flows: what packets say, what samples of them are worth, whose they are, and how well the sums
//! agree with what was counted.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod capture;
mod drops;
mod names;
mod packets;
mod text;
mod traffic;
mod world;
