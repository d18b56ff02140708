#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod config;
mod error;
#[cfg(all(feature = "linux", target_os = "linux"))]
pub mod linux;
mod pending;
mod schedule;
mod source;

pub use agent::{Agent, Stats};
pub use config::Config;
pub use error::Error;
pub use source::Source;
