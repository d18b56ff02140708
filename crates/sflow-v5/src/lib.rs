#![doc = include_str!("../README.md")]
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "everything here touches bytes from strangers"
)]

#[cfg(test)]
extern crate std;

mod address;
#[cfg(feature = "bytes")]
mod buf;
mod datagram;
pub mod design;
mod encoder;
mod error;
mod format;
mod frame;
mod list;
mod number;
mod registry;
mod sample;
#[cfg(feature = "serde")]
mod serialize;
mod source;
mod structure;
mod text;
mod walk;
mod writer;

pub mod counter;
pub mod flow;
pub mod wire;

pub use address::{Address, Mac, Uuid};
#[cfg(feature = "bytes")]
pub use buf::DatagramBuf;
pub use counter::CounterRecord;
pub use datagram::{Datagram, Header, Samples};
pub use encoder::{Encoder, Full};
pub use error::{Error, Fault};
pub use flow::FlowRecord;
pub use format::{DataFormat, Registered};
pub use frame::{Frame, RecordIter, Records};
pub use list::{List, ListIter};
pub use number::{
    Counter32, Counter64, DataSourceKind, DomainState, Gauge32, Gauge64, GaugeF32, GaugeI32,
    HeaderProtocol, IfDirection, MachineType, OsName, Percentage, TcpRtoAlgorithm,
};
pub use sample::{CountersSample, FlowSample, Sample};
pub use source::{DataSource, Encoding, Interface};
pub use structure::{CounterStructure, FlowStructure, Structure};
pub use text::{Opaque, Text};
pub use walk::{Field, Kind, Value};
