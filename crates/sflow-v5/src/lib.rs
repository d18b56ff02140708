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
    reason = "everything here touches bytes from strangers"
)]

#[cfg(test)]
extern crate std;

mod address;
#[cfg(feature = "bytes")]
mod buf;
mod datagram;
pub mod design;
mod drop_reason;
mod encoder;
mod enumeration;
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
#[cfg(feature = "packet")]
pub mod packet;
pub mod wire;

pub use address::{Address, Ipv4, Ipv6, Mac, Uuid};
#[cfg(feature = "bytes")]
pub use buf::DatagramBuf;
pub use counter::CounterRecord;
pub use datagram::{Datagram, Header, Samples};
pub use drop_reason::DropReason;
pub use encoder::{Encoder, Full};
pub use enumeration::{
    AclDirection, AppStatus, AsPathKind, Charset, CipherSuite, DataSourceKind, DomainState,
    HeaderProtocol, HttpMethod, Ieee80211Version, IfDirection, MachineType, MemcacheCmd,
    MemcacheProtocol, MemcacheStatus, OsName, PacketDirection, ServiceDirection, TcpRtoAlgorithm,
    TransactionStatus, UrlDirection,
};
pub use error::{Error, Fault};
pub use flow::FlowRecord;
pub use format::{DataFormat, Registered};
pub use frame::{Frame, RecordIter, Records};
pub use list::{List, ListIter};
pub use number::{
    Community, Counter32, Counter64, Gauge32, Gauge64, GaugeF32, GaugeI32, Limit32, Microseconds,
    MplsLabel, Percentage, PowerFactor, Sensor32, Switch32, VlanTag,
};
pub use sample::{
    CountersSample, DiscardedPacket, FlowSample, FlowValue, FoundryAcl, MetricValue, Named,
    NamedIter, NamedValue, NamedValues, RtFlow, RtMetric, Sample,
};
pub use source::{DataSource, Encoding, Interface};
pub use structure::{CounterStructure, FlowStructure, Structure};
pub use text::{Opaque, Text};
pub use walk::{Field, Kind, Value};
