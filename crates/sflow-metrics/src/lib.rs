#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod catalogue;
mod config;
pub mod entity;
pub mod event;
pub mod flow;
mod health;
mod ingest;
pub mod query;
mod registry;
mod slab;
mod timestamp;
mod window;

pub use agent::{AgentKey, AgentStatus};
pub use catalogue::{Metric, MetricKind};
pub use config::{Ceilings, Config};
pub use health::Health;
pub use ingest::outcome::{Disposition, Ingested, Refusal};
pub use registry::Registry;
pub use timestamp::Timestamp;
