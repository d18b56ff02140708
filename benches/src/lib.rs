//! Inputs and measurements that the benchmarks share.
//!
//! * [`Input`]: five generated [`Corpus`] and the two captures of the repository.
//! * [`decoding`]: lower bounds for any decoder, this decoder, and two others.
//! * [`encoding`]: the encoder.
//! * [`fleet`]: hosts and containers with growing counters, for rates.
//! * [`measure`]: CPU time, in interleaved rounds.

pub mod corpus;
pub mod decoding;
pub mod encoding;
pub mod fleet;
mod floor;
mod input;
pub mod measure;

pub use corpus::Corpus;
pub use input::{Datagrams, Input, is_measuring};
