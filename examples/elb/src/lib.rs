//! Elastic load balancing for Docker swarm, driven by sFlow telemetry.
//!
//! ```text
//! socket, capture, simulator ─► telemetry ─► policy ─► orchestrator
//!                                  └──────► view ─► terminal, page, chart
//! ```
//!
//! [`sflow_autoscale`] observes, decides and runs the control loop and the node pools. This crate
//! contains the adapters: [`docker`] implements the orchestrator for swarm, [`simulator`] for tests
//! without a cluster, [`pool`] calls the hooks that add and remove machines; [`http`] and
//! [`terminal`] show the status. The [`balancer`] connects them.

#[cfg(target_os = "linux")]
pub mod agent;
pub mod balancer;
mod bounded_file;
pub mod charts;
pub mod check;
pub mod cli;
pub mod compare;
pub mod config;
pub mod coverage;
pub mod docker;
pub mod experiment;
pub mod format;
pub mod handle;
pub mod http;
mod notices;
pub mod pool;
pub mod replay;
pub mod shared;
pub mod simulator;
pub mod status;
pub mod terminal;

pub use self::status::view;
pub use sflow_autoscale::{orchestrator, policy};

/// The README of the repository, whose examples are tested as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
