//! The agent between a scripted engine and a collector that records every datagram.
#![cfg(target_os = "linux")]

mod host;
mod reports;
mod sampling;
#[path = "../support/mod.rs"]
mod support;
