//! A client of the HTTP API of Docker engines.
//!
//! It has no types for the objects of the API: a program declares the fields that it reads, so that a
//! newer engine can add fields and omit others. [`Engine::list`] reads lists of any length in bounded
//! memory, [`listen`] notifies of changes.
//!
//! Paths contain no API version: the engine then uses its newest version, so that no version is
//! requested that another engine rejects.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use engine::{Engine, Entry, Failure};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Container {
//!     #[serde(rename = "Id")]
//!     id: String,
//! }
//!
//! impl Entry for Container {}
//!
//! # async fn print() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = "unix:///var/run/docker.sock";
//! let engine = Engine::new(endpoint, Duration::from_secs(5), None, "example/1.0")?;
//! for container in engine.list::<Container>("/containers/json").await?.entries {
//!     println!("{}", container.id);
//! }
//! # Ok(())
//! # }
//! ```

mod endpoint;
mod engine;
mod events;
mod failure;
mod list;
mod tls;

pub use endpoint::{Endpoint, EndpointError};
pub use engine::{Answer, Engine, with_filters};
pub use events::{Events, listen};
pub use failure::Failure;
pub use list::{Entry, List, kept_labels, or_default};
pub use tls::{Tls, TlsFiles};
