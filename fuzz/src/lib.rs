#![doc = include_str!("../README.md")]

// The decoders use the same paths as code outside this crate, and as the README.
extern crate self as sflow_fuzz;

mod capture;
mod catalogue;
mod compare;
mod decoder;
pub mod decoders;
mod differential;
pub mod harness;
mod model;
mod mutate;
mod oracle;
mod packet;
mod structured;

pub use capture::check_capture;
pub use decoder::{Decoder, Leaf, RecordValues, SampleValues, Values, leaves, variant};
pub use differential::{check_differential, known_differences};
pub use mutate::{blown_up, cuts, shortened};
pub use oracle::{check_datagram, check_round_trip};
pub use packet::check_packet;
pub use structured::{Built, Mark, MarkKind, build, check_structured};
