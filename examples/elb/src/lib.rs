//! Elastic load balancing for Docker swarm, driven by sFlow telemetry.
//!
//! ```text
//! socket, capture, simulator ─► telemetry ─► policy ─► orchestrator
//!                                  └──────► view ─► terminal, page, chart
//! ```
//!
//! [`sflow_autoscale`] observes, decides and runs the control loop and the node pools. This crate
//! contains the adapters: [`docker`] implements the orchestrator for swarm, [`hooks`] calls the hooks
//! that add and remove machines, and [`leader`] takes part in the election of a leader; [`http`] and [`terminal`] show the status. [`diagnose`] derives
//! problems and recommended actions, also for an installation that does not run yet. The
//! [`balancer`] connects them. Experiments without a cluster run on [`sflow_simulator`].

pub mod balancer;
pub mod charts;
pub mod cli;
pub mod config;
pub mod diagnose;
pub mod docker;
pub mod format;
pub mod handle;
pub mod history;
pub mod hooks;
pub mod http;
pub mod leader;
mod notices;
pub mod shared;
pub mod status;
pub mod terminal;

pub use self::status::view;
pub use sflow_autoscale::{orchestrator, policy};

/// Name and version of this program, for servers that it sends requests to.
const PROGRAM: &str = concat!("elb/", env!("CARGO_PKG_VERSION"));

/// The README of the repository, whose examples are tested as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
