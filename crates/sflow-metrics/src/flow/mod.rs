//! Flows: packet samples and dropped packet notifications, summed by keys such as addresses, ports,
//! containers and interfaces.
//!
//! A [`Definition`] consists of keys, a [`Measure`] and [`Filter`]s.
//! [`Registry::watch_flows`](crate::Registry::watch_flows) starts to measure it, and
//! [`Registry::flows`](crate::Registry::flows) returns the heaviest flows with error bounds.
//! [`Partial`]s of several registries merge.
//!
//! ```
//! use sflow_metrics::{Registry, Timestamp, flow};
//! # use sflow_metrics::Config;
//!
//! # let mut registry = Registry::new(Config::default());
//! let definition: flow::Definition = "keys=ip.src,ip.dst;value=bytes;top=10".parse()?;
//! let id = registry.watch_flows(definition)?;
//! // Datagrams go to `registry.ingest`.
//! let answer = registry.flows(Timestamp::from_secs(1_700_000_000), id).ok_or("unknown id")?;
//! for row in &answer.rows {
//!     println!("{} → {}: {:.0} bytes/s", row.keys[0], row.keys[1], row.value);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod addresses;
mod answer;
mod context;
mod decay;
mod definition;
mod distinct;
mod dns;
mod ends;
mod error;
mod filter;
mod headers;
mod heavy;
mod key;
mod length;
mod literal;
mod parse;
mod partial;
mod pool;
mod rate;
mod record;
mod sample;
mod samplers;
mod sketch;
mod table;
mod value;
mod watched;

pub use addresses::NetworkAddress;
pub use answer::{Answer, Id, Row, TooManyDefinitions};
pub(crate) use context::{Context, Origin};
pub use definition::{Definition, Measure};
pub(crate) use ends::ServiceOf;
pub use error::{Error, ErrorKind};
pub use filter::{Filter, Test};
pub use key::{Key, Kind};
pub(crate) use length::has_length;
pub use partial::{MergeError, Partial};
pub use samplers::SamplerStatus;
pub(crate) use table::Flows;
pub use value::Value;
