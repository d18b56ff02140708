use std::time::Duration;

use crate::error::Error;
use crate::spec::{HostSpec, Network, check_replicas};

/// An [`Event`] and its time.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledEvent {
    /// Time since the start of the simulation.
    pub at: Duration,
    /// The event.
    pub event: Event,
}

/// A fault or another change of the cluster.
///
/// Events are part of the cluster ([`ClusterSpec::with_event`](crate::ClusterSpec::with_event)) or
/// are added while it runs ([`Simulation::schedule`](crate::Simulation::schedule)).
///
/// ```
/// use std::time::Duration;
///
/// use sflow_simulator::{ClusterSpec, Event};
///
/// // The datagrams of one of three agents are lost for a minute.
/// let cluster = ClusterSpec::with_hosts(3).with_event(
///     Duration::from_secs(30),
///     Event::Disconnect { host: "node2".to_owned(), duration: Duration::from_secs(60) },
/// );
/// # sflow_simulator::Simulation::new(&cluster, 1)?;
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The running task in a slot of a service crashes and is replaced. Without a running task in
    /// that slot, nothing happens.
    Crash {
        /// Name of the service.
        service: String,
        /// Slot of the task, from 1.
        slot: u32,
    },
    /// Every task in a slot of a service crashes some time after its start.
    CrashLoop {
        /// Name of the service.
        service: String,
        /// Slot of the tasks, from 1.
        slot: u32,
        /// Time from the start of a task to its crash.
        after: Duration,
        /// How long tasks start that crash.
        duration: Duration,
    },
    /// The number of replicas is set, as by another client of the orchestrator.
    Scale {
        /// Name of the service.
        service: String,
        /// Replicas; at most [`Simulation::MAX_REPLICAS`](crate::Simulation::MAX_REPLICAS).
        replicas: u32,
    },
    /// All datagrams of a host's agent are lost; the agent continues to run.
    Disconnect {
        /// Name of the host.
        host: String,
        /// How long.
        duration: Duration,
    },
    /// A host's agent stops and starts again: sequence numbers, uptime and sample pool begin
    /// again, and samples that wait to be sent are lost.
    AgentRestart {
        /// Name of the host.
        host: String,
        /// Time from stop to start.
        downtime: Duration,
    },
    /// From now on, a hypervisor withholds a fraction of a host's CPU time. The host counts it as
    /// steal.
    CpuSteal {
        /// Name of the host.
        host: String,
        /// The fraction, from 0 (included) to 1 (excluded).
        fraction: f64,
    },
    /// From now on, a request on this host needs a multiple of its usual CPU time.
    Slowdown {
        /// Name of the host.
        host: String,
        /// The multiple, above 0; 1 ends the slowdown.
        factor: f64,
    },
    /// A host joins the cluster, with an agent.
    Join(HostSpec),
    /// A host leaves the cluster without warning. Its containers end, and its tasks are replaced
    /// on other hosts.
    Leave {
        /// Name of the host.
        host: String,
    },
    /// From now on, the network between agents and collector has these faults.
    Network(Network),
    /// Datagrams that are not sFlow version 5 arrive at the collector, from 192.0.2.66: in turn
    /// an empty one, random bytes, a truncated datagram of an agent, NetFlow 5 and 9, IPFIX, and
    /// sFlow 2 and 4.
    ForeignTraffic {
        /// Time between two of these datagrams.
        interval: Duration,
        /// How long.
        duration: Duration,
    },
}

impl Event {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::CpuSteal { fraction, .. } if !(0.0..1.0).contains(fraction) => Err(
                Error::out_of_range("CpuSteal.fraction", fraction, "0 or more, and less than 1"),
            ),
            Self::Slowdown { factor, .. } if !(factor.is_finite() && *factor > 0.0) => Err(
                Error::out_of_range("Slowdown.factor", factor, "a number above 0"),
            ),
            Self::ForeignTraffic { interval, .. } if interval.is_zero() => Err(
                Error::out_of_range("ForeignTraffic.interval", "0 s", "a time above 0"),
            ),
            Self::Scale { replicas, .. } => check_replicas("Scale.replicas", *replicas),
            Self::Join(spec) => spec.check(),
            Self::Network(network) => network.check(),
            _ => Ok(()),
        }
    }

    /// Name of the service that the event concerns.
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Crash { service, .. }
            | Self::CrashLoop { service, .. }
            | Self::Scale { service, .. } => Some(service),
            _ => None,
        }
    }

    /// Name of the host that the event concerns, if it has to exist.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Disconnect { host, .. }
            | Self::AgentRestart { host, .. }
            | Self::CpuSteal { host, .. }
            | Self::Slowdown { host, .. }
            | Self::Leave { host } => Some(host),
            _ => None,
        }
    }
}
