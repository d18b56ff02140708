//! Types of the fields: numbers, each with its value for "unknown", text, bytes, lists, addresses.
//!
//! [`Address`](crate::Address) and [`Mac`](crate::Mac) are in the root of the crate,
//! enumerations in [`enums`](crate::enums).

pub use crate::address::{Ipv4Address, Ipv6Address, Uuid};
pub use crate::error::ParseError;
pub use crate::list::{List, ListIter};
pub use crate::number::{
    Community, Counter32, Counter64, Gauge32, Gauge64, GaugeF32, GaugeI32, Limit32, Microseconds,
    MplsLabel, Percentage, PowerFactor, Sensor32, Switch32, VlanTag,
};
pub use crate::text::{Opaque, Text};
