#![doc = include_str!("../README.md")]

mod model;
mod mutate;
mod oracle;

pub use mutate::{blown_up, cuts};
pub use oracle::check_datagram;
