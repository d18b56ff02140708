use std::net::Ipv4Addr;
use std::time::Duration;

use crate::error::{Error, check_known};
use crate::event::{Event, ScheduledEvent};
use crate::spec::{AgentSpec, HostSpec, Network, ServiceSpec};

/// A cluster to be simulated: hosts, services, agents, and what happens to them.
///
/// ```
/// use std::time::Duration;
///
/// use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};
///
/// let mut cluster = ClusterSpec::with_hosts(3);
/// cluster.agents.polling = Duration::from_secs(5);
/// cluster.services.push(ServiceSpec::new("web", Workload::Constant(250.0)));
/// let simulation = Simulation::new(&cluster, 1)?;
/// assert_eq!(simulation.service("web").map(|web| web.replicas), Some(1));
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClusterSpec {
    /// The hosts. Names and addresses must be unique.
    pub hosts: Vec<HostSpec>,
    /// The services. Names must be unique.
    pub services: Vec<ServiceSpec>,
    /// How the agent of each host measures and sends.
    pub agents: AgentSpec,
    /// Faults of the network between agents and collector. Default: none.
    pub network: Network,
    /// What happens, in any order.
    pub events: Vec<ScheduledEvent>,
    /// Start of the simulation, as time since the Unix epoch. Only the timestamps of packet
    /// samples (`extended_timestamp`) depend on it. Default: 0.
    pub epoch: Duration,
}

impl ClusterSpec {
    /// A cluster of equal hosts without services. Host *n* is named `node`*n* and has the address
    /// 10.0.0.*n*, continued at 10.0.1.0.
    pub fn with_hosts(count: u16) -> Self {
        const NETWORK: u32 = Ipv4Addr::new(10, 0, 0, 0).to_bits();
        let host = |number: u16| {
            HostSpec::new(
                format!("node{number}"),
                Ipv4Addr::from(NETWORK + u32::from(number)),
            )
        };
        Self {
            hosts: (1..=count).map(host).collect(),
            ..Self::default()
        }
    }

    /// Adds an event.
    #[must_use]
    pub fn with_event(mut self, at: Duration, event: Event) -> Self {
        self.events.push(ScheduledEvent { at, event });
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.hosts.is_empty() {
            return Err(Error::NoHosts);
        }
        for (position, host) in self.hosts.iter().enumerate() {
            host.check()?;
            let mut before = self.hosts.iter().take(position);
            if before.any(|other| other.conflicts_with(host)) {
                return Err(Error::Duplicate {
                    kind: "host",
                    name: host.name.clone(),
                });
            }
        }
        for (position, service) in self.services.iter().enumerate() {
            service.check()?;
            let mut before = self.services.iter().take(position);
            if before.any(|other| other.name == service.name) {
                return Err(Error::Duplicate {
                    kind: "service",
                    name: service.name.clone(),
                });
            }
        }
        self.agents.check()?;
        self.network.check()?;
        let mut events = self.events.iter().map(|scheduled| &scheduled.event);
        events.try_for_each(|event| self.check_event(event))
    }

    fn check_event(&self, event: &Event) -> Result<(), Error> {
        event.check()?;
        if let Some(service) = event.service() {
            let known = self.services.iter().map(|service| service.name.as_str());
            check_known("service", service, known)?;
        }
        if let Some(host) = event.host() {
            let joining = self.events.iter().filter_map(|other| match &other.event {
                Event::Join(spec) => Some(spec.name.as_str()),
                _ => None,
            });
            let known = self.hosts.iter().map(|host| host.name.as_str());
            check_known("host", host, known.chain(joining))?;
        }
        Ok(())
    }
}
