//! Elastic load balancing for Docker swarm, driven by sFlow telemetry.
//!
//! ```text
//! socket, capture, simulator ─► telemetry ─► policy ─► orchestrator
//!                                  └──────► view ─► terminal, page, chart
//! ```
//!
//! [`telemetry`] turns datagrams into what each container uses, [`policy`] turns that into
//! decisions, each with its reasons, and an [`orchestrator`] carries them out: [`docker`] for a
//! cluster, [`simulator`] for everything that can be tried without one. The [`controller`]
//! ties them together and never sleeps; who drives it decides what time is. A [`reconciler`] keeps a
//! [`pool`] of machines by the same policy, on what their hosts report.

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
