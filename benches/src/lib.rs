//! What the benchmarks share: what is measured, and on what.
//!
//! * [`Input`]: five generated [`Corpus`] and the two captures of the repository.
//! * [`decoding`]: floors that no decoder can get below, this decoder, and two others.
//! * [`encoding`]: the way back.
//! * [`fleet`]: hosts and containers that go on, for what computes rates.
//! * [`measure`]: CPU time, in rounds that take turns.

pub mod corpus;
pub mod decoding;
pub mod encoding;
pub mod fleet;
mod floor;
mod input;
pub mod measure;

pub use corpus::Corpus;
pub use input::{Datagrams, Input, is_measuring};
