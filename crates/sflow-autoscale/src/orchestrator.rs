//! The one trait towards the world: who runs services and changes their number.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

/// Reads services and sets how many replicas each should have.
///
/// Calls are bounded in time by the implementation; the controller decides what a failure means.
#[allow(
    async_fn_in_trait,
    reason = "used through generics only, on a single task"
)]
pub trait Orchestrator {
    /// The named services with their tasks, as they are now.
    ///
    /// A name that does not exist is left out of the answer; it is not an error.
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError>;

    /// Sets the number of replicas of `service`, as read before, and changes nothing else.
    ///
    /// # Errors
    ///
    /// [`OrchestratorError::Conflict`] if the service has changed since it was read, in what a
    /// decision depends on: read again and decide again.
    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError>;

    /// The services that have a label of this name, whatever its value.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError>;

    /// The nodes of the cluster, all that runs on them, and what all services ask for.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    async fn census(&mut self) -> Result<Census, OrchestratorError>;

    /// The nodes of the cluster, as they were read last with services or a census. With none, as in
    /// a recording, it is not checked who reports for a task.
    fn nodes(&self) -> Vec<NodeAddresses>;

    /// The names of nodes that the orchestrator considers down, as they were read last. Nodes that a
    /// pool drained to give them back are not among them.
    fn down_nodes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Lets a node, as read before, take tasks or not, and changes nothing else but its label
    /// [`DRAINED_FOR`], which says for which pool it was drained: with `None` there is none.
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
    /// How many tasks it is told to have; none where there is no such number.
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
    /// Addresses of the host; none if the orchestrator does not know any.
    pub addresses: Vec<IpAddr>,
}

/// A service that was found by a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Identity.
    pub id: ServiceId,
    /// Name.
    pub name: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}

/// The label by which a node that was drained for a pool is known to whoever keeps the pool next.
pub const DRAINED_FOR: &str = "elb.drained-for";

/// The cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// What each service asks for, those that nobody balances included.
    pub demands: Vec<Demand>,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The orchestrator's identity of it.
    pub id: String,
    /// The name of the host.
    pub name: String,
    /// Version of the description that was read, for compare-and-swap.
    pub version: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it takes tasks.
    pub availability: Availability,
    /// Whether the cluster hears it.
    pub is_ready: bool,
    /// Whether it is one of those that decide for the cluster.
    pub is_manager: bool,
    /// What it has.
    pub resources: Resources,
    /// Tasks on it that run or are to run, by the service that they are of; those that were told
    /// to end count until they have.
    pub tasks: BTreeMap<ServiceId, u32>,
}

impl Node {
    /// How many tasks are on it.
    pub fn crowd(&self) -> u32 {
        self.tasks
            .values()
            .fold(0, |sum, tasks| sum.saturating_add(*tasks))
    }
}

/// CPU and memory: what a node has, or what a task has reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Resources {
    /// Cores.
    pub cores: f64,
    /// Bytes of memory.
    pub memory: u64,
}

/// What a service asks of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Identity of the service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// How many tasks it has.
    pub scaling: Scaling,
    /// What each task has reserved.
    pub reserved: Resources,
    /// Tasks on one node at most.
    pub per_node: Option<u32>,
    /// Where its tasks may be placed, in the orchestrator's words: `node.role==worker`.
    pub constraints: Vec<String>,
}

/// Whether a node takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It does.
    Active,
    /// It keeps those that it has.
    Pause,
    /// It is to have none.
    Drain,
}

/// The orchestrator's own identity of a service; survives a rename, not a re-creation.
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
    /// Identity.
    pub id: ServiceId,
    /// Name, for people and for the telemetry's host names.
    pub name: String,
    /// How it is scaled; only [`Scaling::Replicated`] can be changed.
    pub scaling: Scaling,
    /// Version of the specification that was read, for compare-and-swap.
    pub version: u64,
    /// Whether a rolling update or rollback is under way.
    pub rollout: Rollout,
    /// Labels of the service.
    pub labels: BTreeMap<String, String>,
    /// CPU limit of each task, in cores; `None` if there is none.
    pub cpu_limit: Option<f64>,
    /// The tasks that should be running.
    pub tasks: Vec<Task>,
}

impl Service {
    /// How many tasks run now.
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
    /// By a number that can be set.
    Replicated {
        /// That number.
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
    /// Nothing is being rolled out.
    #[default]
    Settled,
    /// An update or a rollback is under way.
    Running,
    /// An update or a rollback stopped half-way.
    Paused,
}

/// One task of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Name of its container, the `hostname` that an agent reports for it.
    pub container: String,
    /// The node it is placed on, if it is placed.
    pub node: Option<String>,
    /// What it is doing.
    pub state: TaskState,
    /// How long it has been in this state.
    pub age: Duration,
    /// The orchestrator's words on why it does not run, or why the one before it in its place
    /// ended.
    pub error: Option<String>,
    /// How many tasks have failed in its place lately.
    pub failures: u32,
    /// The first half of its container's id, which agents report as UUID: names may be cut.
    pub uuid: Option<[u8; 16]>,
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waiting for a place, an image or a start.
    #[default]
    Pending,
    /// Its container runs.
    Running,
    /// It ended or could not be started.
    Failed,
}

/// Why the orchestrator did not do what it was asked.
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
        /// Its name.
        name: String,
        /// The reason.
        why: String,
    },
    /// Nobody answered in time, or nobody can decide (no leader).
    #[error("the orchestrator cannot be reached: {0}")]
    Unavailable(String),
    /// It answered with a refusal or with something that cannot be read.
    #[error("the orchestrator refused: {0}")]
    Refused(String),
}
