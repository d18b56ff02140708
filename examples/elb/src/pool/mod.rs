//! Hosts as a pool: machines that are added and removed, and those that are poor performers.
//!
//! [`keeper`] keeps one pool: each round it is shown the cluster and what telemetry says of its
//! hosts, lets a [`Policy`](crate::policy::Policy) decide how many machines there should be, and
//! [`machines`] what to do about it. [`pools`] carries that out, through the orchestrator and
//! through a [`hook`] that is the operator's. [`room`] says how many machines the services need,
//! [`peers`] which of them are out of line.

pub mod hook;
pub mod keeper;
pub mod machines;
pub mod peers;
pub mod pools;
pub mod provider;
pub mod room;
