//! Observation: from sFlow datagrams to the load of services and hosts.
//!
//! [`Telemetry`] ingests datagrams. A [`Snapshot`] matches the readings with the tasks of a service:
//! a reading counts only if it comes from the agent of the node on which the orchestrator placed the
//! task ([`Trust`]). Packet samples show a surge before counters do ([`Telemetry::sampled_rate`]).

mod agents;
mod causes;
mod custom_metrics;
mod hosts;
mod interval;
mod metric_query;
mod packet_samples;
mod refused_senders;
mod snapshot;
mod telemetry;
mod trust;
mod views;
mod work_rate;

pub use agents::{AgentFacts, AgentMonitor, AgentSamples, ClockRate, ContainerFacts};
pub use causes::{Notice, SENDER_NOT_ALLOWED};
pub use hosts::{HostLoads, short_name};
pub use interval::reporting_interval;
pub use metric_query::MetricQuery;
pub use packet_samples::{SampledNodes, SampledRate};
pub use refused_senders::RefusedSender;
pub use snapshot::{MAX_NAME_LENGTH, Snapshot};
pub use telemetry::{Telemetry, TelemetryAccess};
pub use trust::{Claimant, EVERY_NODE, NodeReport, NodeSenders, Reporter, Trust};
pub use views::{ContainerView, IngestStats};
pub(crate) use work_rate::median_of;
pub use work_rate::{work_per_cpu, work_query};

#[cfg(test)]
pub(crate) use hosts::tests::readings_of_node;
