//! The election of a leader: its rules one by one, and all of them in a simulation.

mod rules;
mod simulation;
mod store;
mod world;
