#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod cluster;
mod cluster_spec;
#[cfg(feature = "experiments")]
pub mod comparison;
mod error;
mod event;
#[cfg(feature = "experiments")]
pub mod experiment;
mod foreign_traffic;
mod host;
mod network;
mod orchestrator;
mod packet;
mod random;
mod records;
mod sampler;
mod service;
mod simulation;
mod spec;
mod task;
mod workload;

pub use cluster_spec::ClusterSpec;
pub use error::Error;
pub use event::{Event, ScheduledEvent};
pub use host::Availability;
pub use network::{Delivery, Stats};
pub use orchestrator::{HostStatus, ServiceStatus, TaskState, TaskStatus};
pub use simulation::{Simulation, Truth};
pub use spec::{AgentSpec, Delay, HostSpec, Idle, Network, Request, Reservation, ServiceSpec};
pub use task::{Usage, service_of};
pub use workload::{TraceError, Workload};
