//! Elastic load balancing for Docker swarm, driven by sFlow telemetry.
//!
//! ```text
//! socket, capture, simulator ─► telemetry ─► policy ─► orchestrator
//!                                  └──────► view ─► terminal, page, chart
//! ```
//!
//! [`sflow_autoscale`] observes, decides and runs the control loop and the node pools. This program
//! has the adapters: [`docker`] implements its orchestrator for swarm, [`simulator`] for tests without
//! a cluster, [`pool`] calls the hooks that add and remove machines; [`web`] and [`terminal`] show what
//! happens. The [`balancer`] connects them.

#[cfg(target_os = "linux")]
pub mod agent;
pub mod balancer;
pub mod board;
mod bounded_file;
pub mod chart;
pub mod check;
pub mod cli;
pub mod compare;
pub mod config;
pub mod docker;
pub mod handle;
pub mod latency;
mod notices;
pub mod pool;
pub mod presence;
pub mod replay;
pub mod shared;
pub mod simulator;
pub mod terminal;
pub mod trial;
pub mod view;
pub mod web;
pub mod words;

pub use sflow_autoscale::{orchestrator, policy};

/// The README of the repository, whose examples are tested here.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
