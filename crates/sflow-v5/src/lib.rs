#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this code reads bytes from the network"
)]

#[cfg(test)]
extern crate std;

mod address;
#[cfg(feature = "bytes")]
mod buf;
mod datagram;
mod drop_reason;
mod encoder;
mod error;
mod format;
mod frame;
mod list;
mod number;
mod padding;
mod registry;
#[cfg(feature = "serde")]
mod serialize;
mod source;
mod structure;
mod text;
mod walk;
mod writer;

pub mod counter;
pub mod design;
pub mod enums;
pub mod flow;
#[cfg(feature = "packet")]
pub mod packet;
pub mod sample;
pub mod types;
pub mod wire;

/// Fields of a structure, accessed by name or index without knowing the type of the structure.
pub mod field {
    pub use crate::format::Registered;
    pub use crate::walk::{Field, Kind, Value};
}

pub use address::{Address, Mac};
#[cfg(feature = "bytes")]
pub use buf::DatagramBuf;
#[doc(inline)]
pub use counter::CounterRecord;
pub use datagram::{Datagram, Header, Samples};
pub use encoder::Encoder;
pub use error::{EncodeError, Error, ErrorKind};
#[doc(inline)]
pub use flow::FlowRecord;
pub use format::DataFormat;
pub use frame::{Frame, Records};
#[doc(inline)]
pub use sample::{CountersSample, DiscardedPacket, FlowSample, RtFlow, RtMetric, Sample};
pub use source::{DataSource, Interface};
pub use structure::{CounterStructure, FlowStructure, Structure, Visitor};
