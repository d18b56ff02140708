//! The adapters to the outside: configuration file, labels, and the client of Docker with mock engines.
//! `tests/docker.rs` uses real engines.

mod answers;
#[path = "../support/certificates.rs"]
mod certificates;
mod config;
mod config_errors;
mod docker;
mod engine;
mod events;
mod failures;
mod labels;
mod leader;
mod lease;
mod nodes;
mod pools;
mod tls;
mod updates;
