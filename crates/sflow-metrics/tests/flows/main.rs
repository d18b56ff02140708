//! Flows: keys of packets, weights of samples, names of endpoints, limits, and the accuracy of sums.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod capture;
mod drops;
mod lengths;
mod merging;
mod names;
mod packets;
mod text;
mod traffic;
mod windows;
mod world;
