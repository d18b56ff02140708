//! Hosts as a pool: machines that are added and removed, and those that are poor performers.

pub mod hook;
pub mod machines;
pub mod peers;
