use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sflow_autoscale::node_pools::{Action, Answer, Order, Promise, Provider};
use sflow_autoscale::orchestrator::{
    Availability, Census, Demand, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError,
    Resources, Rollout, Scaling, Service, ServiceId, Task, TaskState,
};
use sflow_metrics::Timestamp;

use super::scenario::{MachineSpec, Scenario};
use crate::error::Error;
use crate::network::Stats;
use crate::orchestrator::{HostStatus, ServiceStatus, TaskStatus};
use crate::simulation::{Simulation, Truth};

/// The cluster of a scenario as an autoscaler sees it: an [`Orchestrator`] of its services and nodes,
/// and a [`Provider`] of its machines. Times are those of the autoscaler.
///
/// It is a handle: clones refer to the same cluster, so that a controller can own one and the caller
/// another, which advances the time.
///
/// ```
/// use std::time::Duration;
///
/// use sflow_autoscale::observe::Telemetry;
/// use sflow_metrics::Timestamp;
/// use sflow_simulator::experiment::{Scenario, SimulatedCluster};
///
/// let start = Timestamp::from_secs(1_700_000_000);
/// let cluster = SimulatedCluster::new(&Scenario::named("step")?, 1, start)?;
/// let mut telemetry = Telemetry::default().with_services(sflow_simulator::service_of);
/// for arrival in cluster.advance(start + Duration::from_secs(30)) {
///     telemetry.receive(arrival.at, arrival.source, &arrival.bytes);
/// }
/// assert_eq!(telemetry.ingest_stats().agents, 3);
/// # Ok::<(), sflow_simulator::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimulatedCluster(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    simulation: Simulation,
    start: Timestamp,
    machines: Option<MachineSpec>,
    node_address: NodeAddress,
    /// For each drained host, the pool for which it was drained.
    drained_for: BTreeMap<String, String>,
    /// Answers to orders that have not been returned yet.
    answers: Vec<Answer>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Time of arrival.
    pub at: Timestamp,
    /// Address of the sender.
    pub source: SocketAddr,
    /// Payload.
    pub bytes: Vec<u8>,
}

impl SimulatedCluster {
    /// Starts the cluster of a scenario at `start`.
    ///
    /// # Errors
    ///
    /// If the specification of the cluster is invalid.
    pub fn new(scenario: &Scenario, seed: u64, start: Timestamp) -> Result<Self, Error> {
        let mut spec = scenario.cluster.clone();
        spec.epoch = start - Timestamp::ZERO;
        Ok(Self(Arc::new(Mutex::new(State {
            simulation: Simulation::new(&spec, seed)?,
            start,
            machines: scenario.machines.clone(),
            node_address: NodeAddress::Own,
            drained_for: BTreeMap::new(),
            answers: Vec::new(),
        }))))
    }

    /// Lets time pass until `to` and returns the datagrams that arrive, in order.
    pub fn advance(&self, to: Timestamp) -> Vec<Arrival> {
        let mut state = self.lock();
        let start = state.start;
        let mut arrivals = Vec::new();
        state.simulation.advance(to - start, |delivery| {
            arrivals.push(Arrival {
                at: start + delivery.at,
                source: delivery.source,
                bytes: delivery.bytes.to_vec(),
            });
        });
        arrivals
    }

    /// Time of the next change in the cluster.
    pub fn next_due(&self) -> Timestamp {
        let state = self.lock();
        state.start + state.simulation.next_due()
    }

    /// Numbers of datagrams that were sent, and what happened to them.
    pub fn stats(&self) -> Stats {
        self.lock().simulation.stats()
    }

    /// The real state of a service; `None` if no service has this name.
    pub fn truth(&self, service: &str) -> Option<Truth> {
        self.lock().simulation.truth(service)
    }

    /// Sets which addresses are reported for nodes.
    pub fn report_addresses(&self, address: NodeAddress) {
        self.lock().node_address = address;
    }

    /// A poisoned lock is used like any other: the state is never left partially updated.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orchestrator for SimulatedCluster {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        let state = self.lock();
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let services = state.simulation.services_with_tasks().into_iter();
        let named = services.filter(|(service, _)| names.contains(service.name.as_str()));
        Ok(named
            .map(|(status, tasks)| service(status, tasks))
            .collect())
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        let simulation = &mut self.lock().simulation;
        let current = simulation
            .services()
            .find(|current| current.id == service.id.0);
        let Some(current) = current else {
            return Err(OrchestratorError::NotFound(service.name.clone()));
        };
        if current.version != service.version {
            return Err(OrchestratorError::Conflict);
        }
        simulation
            .scale(&current.name, replicas)
            .map_err(|error| OrchestratorError::Refused(error.to_string()))
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        let state = self.lock();
        let services = state.simulation.services();
        let labelled = services.filter(|service| service.labels.contains_key(label));
        Ok(labelled
            .map(|service| Labelled {
                id: ServiceId(service.id),
                name: service.name,
                labels: service.labels,
            })
            .collect())
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        let state = self.lock();
        let services: Vec<ServiceStatus> = state.simulation.services().collect();
        let ids: BTreeMap<&str, &str> = services
            .iter()
            .map(|service| (service.name.as_str(), service.id.as_str()))
            .collect();
        let nodes = state.simulation.hosts().enumerate();
        let nodes = nodes.map(|(position, host)| state.node(position == 0, host, &ids));
        Ok(Census {
            nodes: nodes.collect(),
            demands: services.iter().map(demand).collect(),
        })
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        let state = self.lock();
        let hosts = state.simulation.addresses();
        let node = |(name, address): (&str, Ipv4Addr)| NodeAddresses {
            name: name.to_owned(),
            addresses: match state.node_address {
                NodeAddress::Own => vec![address.into()],
                NodeAddress::Shared(address) => vec![address.into()],
                NodeAddress::Unknown => Vec::new(),
            },
        };
        hosts.map(node).collect()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let mut state = self.lock();
        let host = state.simulation.hosts().find(|host| host.name == node.id);
        let Some(host) = host else {
            return Err(OrchestratorError::NotFound(node.name.clone()));
        };
        if host.version != node.version {
            return Err(OrchestratorError::Conflict);
        }
        let availability = match availability {
            Availability::Active => crate::Availability::Active,
            Availability::Pause => crate::Availability::Pause,
            Availability::Drain => crate::Availability::Drain,
        };
        state
            .simulation
            .set_availability(&host.name, availability)
            .map_err(|error| OrchestratorError::Refused(error.to_string()))?;
        match drained_for {
            Some(pool) => state.drained_for.insert(host.name, pool.to_owned()),
            None => state.drained_for.remove(&host.name),
        };
        Ok(())
    }
}

/// Machines join and leave after the delays of [`MachineSpec`]. Without it, orders are refused.
impl Provider for SimulatedCluster {
    fn submit(&mut self, order: Order, _within: Duration) {
        let mut state = self.lock();
        let promise = state.carry_out(&order);
        state.answers.push(Answer { order, promise });
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.lock().answers)
    }
}

impl State {
    fn carry_out(&mut self, order: &Order) -> Result<Promise, String> {
        let Some(machines) = &self.machines else {
            return Err("the scenario has no machines that can be ordered".to_owned());
        };
        let machine = match (order.action, &order.machine) {
            (Action::Add, _) => {
                let joining = self.simulation.order_host(&machines.like, machines.join);
                Some(joining.map_err(|error| error.to_string())?)
            }
            (Action::Remove, Some(machine)) => {
                // A machine that has left already needs nothing.
                let _ = self.simulation.remove_host(machine, machines.leave);
                None
            }
            (Action::Remove, None) => None,
        };
        Ok(Promise { machine })
    }

    /// `ids` contains the id of each service by its name.
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
                crate::Availability::Active => Availability::Active,
                crate::Availability::Pause => Availability::Pause,
                crate::Availability::Drain => Availability::Drain,
            },
            is_ready: true,
            is_manager,
            resources: Resources {
                cores: host.cores.into(),
                memory: host.memory,
            },
        }
    }
}

fn service(status: ServiceStatus, tasks: Vec<TaskStatus>) -> Service {
    Service {
        id: ServiceId(status.id),
        name: status.name,
        scaling: Scaling::Replicated {
            replicas: status.replicas,
        },
        version: status.version,
        rollout: Rollout::Settled,
        labels: status.labels,
        cpu_limit: status.cpu_limit,
        tasks: tasks.into_iter().map(task).collect(),
    }
}

fn demand(service: &ServiceStatus) -> Demand {
    Demand {
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
    }
}

fn task(status: TaskStatus) -> Task {
    Task {
        container: status.container,
        node: status.host,
        state: match status.state {
            crate::TaskState::Pending => TaskState::Pending,
            crate::TaskState::Running => TaskState::Running,
        },
        age: status.age,
        error: status.error,
        failures: 0,
        uuid: Some(status.uuid),
    }
}
