#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod agent;
#[cfg(feature = "tokio")]
mod collectors;
mod config;
mod error;
#[cfg(all(feature = "linux", target_os = "linux"))]
pub mod linux;
mod pending;
mod schedule;
mod source;

pub use address::{CollectorAddress, InvalidAddress};
pub use agent::{Agent, Stats};
#[cfg(feature = "tokio")]
pub use collectors::Collectors;
pub use config::Config;
pub use error::Error;
pub use source::Source;
