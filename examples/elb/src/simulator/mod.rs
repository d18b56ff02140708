//! Simulated clusters: [`sflow_simulator`] as an [`Orchestrator`], with wall-clock time.

mod provisioner;
mod scenario;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use sflow_metrics::Timestamp;
pub use sflow_simulator::{Error, Truth};
use sflow_simulator::{HostStatus, ServiceStatus, Stats, TaskStatus};

pub use provisioner::SimulatedProvisioner;
pub use scenario::{MachineSpec, Scenario, ServicePolicy};

use crate::orchestrator::{
    Availability, Census, Demand, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError,
    Resources, Rollout, Scaling, Service, ServiceId, Task, TaskState,
};
use crate::shared::Shared;
use provisioner::Inbox;
use sflow_autoscale::node_pools::Action;

/// A simulated cluster that starts at a given time.
#[derive(Clone, Debug)]
pub struct Simulation {
    cluster: sflow_simulator::Simulation,
    start: Timestamp,
    machines: Option<MachineSpec>,
    inbox: Inbox,
    node_address: NodeAddress,
    /// For each drained host, the pool for which it was drained.
    drained_for: BTreeMap<String, String>,
}

/// The address that the orchestrator reports for each node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeAddress {
    /// The address of the host, from which its agent sends.
    #[default]
    Own,
    /// The same address for all nodes.
    Shared(Ipv4Addr),
    /// No address.
    Unknown,
}

/// A datagram that the collector receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// Time of arrival.
    pub at: Timestamp,
    /// Address of the sender.
    pub source: IpAddr,
    /// Payload.
    pub bytes: &'a [u8],
}

impl Simulation {
    /// Starts the cluster of a scenario at `start`.
    ///
    /// # Errors
    ///
    /// If the cluster is invalid.
    pub fn new(scenario: &Scenario, seed: u64, start: Timestamp) -> Result<Self, Error> {
        let mut spec = scenario.cluster.clone();
        spec.epoch = start - Timestamp::ZERO;
        Ok(Self {
            cluster: sflow_simulator::Simulation::new(&spec, seed)?,
            start,
            machines: scenario.machines.clone(),
            inbox: Inbox::default(),
            node_address: NodeAddress::Own,
            drained_for: BTreeMap::new(),
        })
    }

    /// The time up to which the cluster was simulated.
    pub fn now(&self) -> Timestamp {
        self.start + self.cluster.now()
    }

    /// The start of the simulation.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Time of the next change in the cluster.
    pub fn next_due(&self) -> Timestamp {
        self.start + self.cluster.next_due()
    }

    /// Carries out orders for machines, lets time pass until `to`, and passes the datagrams that
    /// arrive to `emit`.
    pub fn advance(&mut self, to: Timestamp, mut emit: impl FnMut(Arrival<'_>)) {
        self.process_orders();
        let start = self.start;
        self.cluster.advance(to - start, |delivery| {
            emit(Arrival {
                at: start + delivery.at,
                source: delivery.source.ip(),
                bytes: delivery.bytes,
            });
        });
    }

    /// Carries out orders for machines; `None` if the scenario has none. Clones of a simulation
    /// share its provisioner.
    pub fn provisioner(&self) -> Option<SimulatedProvisioner> {
        let has_machines = self.machines.is_some();
        has_machines.then(|| SimulatedProvisioner(self.inbox.clone()))
    }

    /// Numbers of datagrams that were sent, and what happened to them.
    pub fn stats(&self) -> Stats {
        self.cluster.stats()
    }

    /// The real state of a service; `None` if no service has this name.
    pub fn truth(&self, service: &str) -> Option<Truth> {
        self.cluster.truth(service)
    }

    /// Sets which addresses are reported for nodes.
    pub fn report_addresses(&mut self, address: NodeAddress) {
        self.node_address = address;
    }

    fn process_orders(&mut self) {
        let Some(machines) = &self.machines else {
            return;
        };
        for order in self.inbox.take_orders() {
            match (order.action, &order.machine) {
                (Action::Add, _) => {
                    let joined = self.cluster.order_host(&machines.like, machines.join);
                    self.inbox.promise(order, joined.ok());
                }
                (Action::Remove, Some(machine)) => {
                    // A machine that has left already needs nothing.
                    let _ = self.cluster.remove_host(machine, machines.leave);
                    self.inbox.promise(order, None);
                }
                (Action::Remove, None) => {}
            }
        }
    }

    fn service(&self, status: ServiceStatus) -> Service {
        let tasks = self.cluster.tasks(&status.name).map(task);
        Service {
            tasks: tasks.collect(),
            id: ServiceId(status.id),
            name: status.name,
            scaling: Scaling::Replicated {
                replicas: status.replicas,
            },
            version: status.version,
            rollout: Rollout::Settled,
            labels: status.labels,
            cpu_limit: status.cpu_limit,
        }
    }

    fn list(&self, names: &[String]) -> Vec<Service> {
        let services = self.cluster.services();
        let named = services.filter(|service| names.contains(&service.name));
        named.map(|service| self.service(service)).collect()
    }

    fn list_labelled(&self, label: &str) -> Vec<Labelled> {
        let services = self.cluster.services();
        let labelled = services.filter(|service| service.labels.contains_key(label));
        labelled
            .map(|service| Labelled {
                id: ServiceId(service.id),
                name: service.name,
                labels: service.labels,
            })
            .collect()
    }

    fn set_replicas(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        let mut services = self.cluster.services();
        let Some(current) = services.find(|current| current.id == service.id.0) else {
            return Err(OrchestratorError::NotFound(service.name.clone()));
        };
        drop(services);
        if current.version != service.version {
            return Err(OrchestratorError::Conflict);
        }
        self.cluster
            .scale(&current.name, replicas)
            .map_err(|error| OrchestratorError::Refused(error.to_string()))
    }

    fn count_all(&self) -> Census {
        let services: Vec<ServiceStatus> = self.cluster.services().collect();
        let ids: BTreeMap<&str, &str> = services
            .iter()
            .map(|service| (service.name.as_str(), service.id.as_str()))
            .collect();
        let nodes = self.cluster.hosts().enumerate();
        let demand = |service: &ServiceStatus| Demand {
            id: ServiceId(service.id.clone()),
            name: service.name.clone(),
            scaling: Scaling::Replicated {
                replicas: service.replicas,
            },
            reserved: Resources {
                cores: service.reservation.cores,
                memory: service.reservation.memory,
            },
            per_node: None,
            constraints: Vec::new(),
        };
        Census {
            nodes: nodes
                .map(|(position, host)| self.node(position == 0, host, &ids))
                .collect(),
            demands: services.iter().map(demand).collect(),
        }
    }

    fn node(&self, is_manager: bool, host: HostStatus, ids: &BTreeMap<&str, &str>) -> Node {
        let tasks = host.tasks.iter().filter_map(|(service, tasks)| {
            let id = ids.get(service.as_str())?;
            Some((ServiceId((*id).to_owned()), *tasks))
        });
        Node {
            tasks: tasks.collect(),
            labels: BTreeMap::new(),
            drained_for: self.drained_for.get(&host.name).cloned(),
            id: host.name.clone(),
            name: host.name,
            version: host.version,
            availability: match host.availability {
                sflow_simulator::Availability::Active => Availability::Active,
                sflow_simulator::Availability::Pause => Availability::Pause,
                sflow_simulator::Availability::Drain => Availability::Drain,
            },
            is_ready: true,
            is_manager,
            resources: Resources {
                cores: host.cores.into(),
                memory: host.memory,
            },
        }
    }

    fn node_addresses(&self) -> Vec<NodeAddresses> {
        let node = |host: HostStatus| NodeAddresses {
            name: host.name,
            addresses: match self.node_address {
                NodeAddress::Own => vec![host.address.into()],
                NodeAddress::Shared(address) => vec![address.into()],
                NodeAddress::Unknown => Vec::new(),
            },
        };
        self.cluster.hosts().map(node).collect()
    }

    fn set_node(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let host = self.cluster.hosts().find(|host| host.name == node.id);
        let Some(host) = host else {
            return Err(OrchestratorError::NotFound(node.name.clone()));
        };
        if host.version != node.version {
            return Err(OrchestratorError::Conflict);
        }
        let availability = match availability {
            Availability::Active => sflow_simulator::Availability::Active,
            Availability::Pause => sflow_simulator::Availability::Pause,
            Availability::Drain => sflow_simulator::Availability::Drain,
        };
        self.cluster
            .set_availability(&host.name, availability)
            .map_err(|error| OrchestratorError::Refused(error.to_string()))?;
        match drained_for {
            Some(pool) => self.drained_for.insert(host.name, pool.to_owned()),
            None => self.drained_for.remove(&host.name),
        };
        Ok(())
    }
}

fn task(status: TaskStatus) -> Task {
    Task {
        container: status.container,
        node: status.host,
        state: match status.state {
            sflow_simulator::TaskState::Running => TaskState::Running,
            _ => TaskState::Pending,
        },
        age: status.age,
        error: status.error,
        failures: 0,
        uuid: Some(status.uuid),
    }
}

impl Orchestrator for Simulation {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        Ok(self.list(names))
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        self.set_replicas(service, replicas)
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        Ok(self.list_labelled(label))
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        Ok(self.count_all())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        self.node_addresses()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        self.set_node(node, availability, drained_for)
    }
}

impl Orchestrator for Shared<Simulation> {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        Ok(self.lock().list(names))
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        self.lock().set_replicas(service, replicas)
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        Ok(self.lock().list_labelled(label))
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        Ok(self.lock().count_all())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        self.lock().node_addresses()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        self.lock().set_node(node, availability, drained_for)
    }
}
