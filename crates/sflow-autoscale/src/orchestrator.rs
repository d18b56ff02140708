//! The trait by which services and nodes are read and changed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

/// Reads services and sets their numbers of replicas.
///
/// Calls are bounded in time by the implementation; the controller decides what a failure means. With an
/// election, [`scale`](Self::scale) and [`set_availability`](Self::set_availability) have to end within
/// [`LeaseSettings::timeout`](crate::leader::LeaseSettings::timeout), all their requests together.
#[allow(
    async_fn_in_trait,
    reason = "used through generics only, on a single task"
)]
pub trait Orchestrator {
    /// The services of these names, with their tasks.
    ///
    /// A service that does not exist is left out; that is not an error.
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError>;

    /// Sets the number of replicas of `service`, as it was read, and changes nothing else.
    ///
    /// # Errors
    ///
    /// [`OrchestratorError::Conflict`] if the service has changed in anything that a decision depends on
    /// since it was read. The controller then reads and decides again.
    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError>;

    /// The services that have a label of this name, with any value.
    ///
    /// # Errors
    ///
    /// If the services cannot be read.
    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError>;

    /// The nodes of the cluster with their tasks, and the requirements of all services.
    ///
    /// # Errors
    ///
    /// If the cluster cannot be read.
    async fn census(&mut self) -> Result<Census, OrchestratorError>;

    /// The nodes of the cluster, as last read with services or a census. Without nodes, as for a
    /// recording, the readings of all agents count.
    fn nodes(&self) -> Vec<NodeAddresses>;

    /// The names of nodes that are down, as last read. Nodes that a pool has drained in order to give them
    /// back do not count.
    fn down_nodes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Sets the availability of a node, as it was read, and the name of the pool that it is drained for
    /// ([`Node::drained_for`]). It changes nothing else.
    ///
    /// The name is stored in the cluster, for example in a label of the node, because a later process
    /// continues with the nodes that an earlier one has drained.
    ///
    /// # Errors
    ///
    /// [`OrchestratorError::Conflict`] if the node has changed since it was read.
    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError>;
}

impl Demand {
    /// The desired number of tasks; 0 for services without such a number.
    pub const fn replicas(&self) -> u32 {
        match self.scaling {
            Scaling::Replicated { replicas } => replicas,
            Scaling::Global | Scaling::Job => 0,
        }
    }
}

/// A node of the cluster and the addresses that the orchestrator has for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeAddresses {
    /// The name of the host.
    pub name: String,
    /// Addresses of the host; empty if they are unknown.
    pub addresses: Vec<IpAddr>,
}

/// A service that was found by a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The identity.
    pub id: ServiceId,
    /// The name.
    pub name: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
}

/// The cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The requirements of each service, also of those that are not scaled.
    pub demands: Vec<Demand>,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The identity.
    pub id: String,
    /// The name of the host.
    pub name: String,
    /// Version of the description, for compare-and-swap.
    pub version: u64,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// Whether tasks can be placed on it.
    pub availability: Availability,
    /// The pool that it was drained for by [`Orchestrator::set_availability`]; `None` if an operator
    /// drained it or it is not drained.
    pub drained_for: Option<String>,
    /// Whether the orchestrator reaches it.
    pub is_ready: bool,
    /// Whether it is a manager of the cluster.
    pub is_manager: bool,
    /// The resources for tasks.
    pub resources: Resources,
    /// The number of tasks that run or will run on it, by service. Tasks that are shutting down count.
    pub tasks: BTreeMap<ServiceId, u32>,
}

impl Node {
    /// Whether it is ready and takes tasks.
    pub fn takes_tasks(&self) -> bool {
        self.is_ready && self.availability == Availability::Active
    }

    /// The number of tasks on it.
    pub fn task_count(&self) -> u32 {
        self.tasks
            .values()
            .fold(0, |sum, tasks| sum.saturating_add(*tasks))
    }
}

/// CPU and memory of a node, or reserved by a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Resources {
    /// Cores.
    pub cores: f64,
    /// Bytes of memory.
    pub memory: u64,
}

/// The requirements of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// The identity of the service.
    pub id: ServiceId,
    /// The name of the service.
    pub name: String,
    /// How its number of tasks is determined.
    pub scaling: Scaling,
    /// The resources that each task reserves.
    pub reserved: Resources,
    /// Limit of its tasks on one node.
    pub per_node: Option<u32>,
    /// Constraints on the placement of its tasks: `node.role==worker`.
    pub constraints: Vec<String>,
}

/// Whether tasks can be placed on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Tasks can be placed on it.
    Active,
    /// It keeps its tasks and gets no new ones.
    Pause,
    /// Its tasks are moved to other nodes.
    Drain,
}

/// The identity of a service in the orchestrator. A service that is created again has another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServiceId(pub String);

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service as the orchestrator describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The identity.
    pub id: ServiceId,
    /// The name, which telemetry reports as well.
    pub name: String,
    /// How its number of tasks is determined; only [`Scaling::Replicated`] can be changed.
    pub scaling: Scaling,
    /// Version of the specification, for compare-and-swap.
    pub version: u64,
    /// The state of a rolling update or rollback.
    pub rollout: Rollout,
    /// Labels of the service.
    pub labels: BTreeMap<String, String>,
    /// CPU limit of each task, in cores.
    pub cpu_limit: Option<f64>,
    /// The tasks that should be running.
    pub tasks: Vec<Task>,
}

impl Service {
    /// The number of running tasks.
    pub fn running(&self) -> u32 {
        let running = self
            .tasks
            .iter()
            .filter(|task| task.state == TaskState::Running);
        u32::try_from(running.count()).unwrap_or(u32::MAX)
    }
}

/// How a service's number of tasks is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// A number that can be set.
    Replicated {
        /// The number.
        replicas: u32,
    },
    /// One task on each node.
    Global,
    /// Tasks that run to completion.
    Job,
}

/// State of a rolling update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rollout {
    /// No update is in progress.
    #[default]
    Settled,
    /// An update or a rollback is in progress.
    Running,
    /// An update or a rollback stopped half-way.
    Paused,
}

/// One task of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// The name of its container, which the agent reports as `hostname`.
    pub container: String,
    /// The node that it is placed on.
    pub node: Option<String>,
    /// The state.
    pub state: TaskState,
    /// Time in this state.
    pub age: Duration,
    /// The error of the orchestrator: why it does not run, or why its predecessor ended.
    pub error: Option<String>,
    /// The number of its predecessors that failed recently.
    pub failures: u32,
    /// The first 16 bytes of the id of its container, which agents report as UUID. It identifies containers
    /// whose name is longer than 64 bytes.
    pub uuid: Option<[u8; 16]>,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It waits for placement, an image or its start.
    #[default]
    Pending,
    /// Its container runs.
    Running,
    /// It ended or could not be started.
    Failed,
}

/// The errors of an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrchestratorError {
    /// The service changed after it was read.
    #[error("the service changed since it was read")]
    Conflict,
    /// The service is gone.
    #[error("service {0} does not exist")]
    NotFound(String),
    /// The service cannot be scaled.
    #[error("service {name} cannot be scaled: {why}")]
    NotScalable {
        /// The name of the service.
        name: String,
        /// The reason.
        why: String,
    },
    /// No answer in time, or the cluster has no leader.
    #[error("the orchestrator cannot be reached: {0}")]
    Unavailable(String),
    /// The orchestrator refused, or its answer is invalid.
    #[error("the orchestrator refused: {0}")]
    Refused(String),
}
