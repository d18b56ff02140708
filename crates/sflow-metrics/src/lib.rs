#![cfg_attr(feature = "flows", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "flows"),
    doc = "Statistics of hosts, containers and interfaces from a stream of sFlow version 5 datagrams."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod catalogue;
mod config;
mod display;
pub mod entity;
pub mod event;
#[cfg(feature = "flows")]
pub mod flow;
mod hash_key;
mod health;
mod hex;
mod ingest;
pub mod query;
mod registry;
mod slab;
mod timestamp;
mod window;

pub use agent::{AgentKey, AgentStatus};
pub use catalogue::{Metric, MetricKind};
pub use config::{Ceilings, Config};
pub use hash_key::{HashKey, HashKeyError};
pub use health::Health;
pub use ingest::outcome::{Disposition, Ingested, Refusal};
pub use registry::Registry;
pub use timestamp::Timestamp;
