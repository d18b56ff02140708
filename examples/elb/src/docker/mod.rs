//! Docker swarm, through the engine's HTTP API.
//!
//! Reads and writes with the client of the package [`engine`]. A typed client would lose fields of the service
//! specification that its model does not contain or encodes differently (health checks, for
//! example), and swarm would then replace all tasks. Therefore an update takes the specification as
//! received, changes one number and sends it back.
//!
//! Paths contain no API version: the engine then uses its newest version, so that no version is
//! requested that another engine rejects.

mod about;
mod failure;
pub(crate) mod hints;
mod lease;
mod node;
mod service;
mod task;
mod update;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use client::segment;
use engine::{Answer, Endpoint, Engine, Entry, List, with_filters};
pub use engine::{EndpointError, Events, TlsFiles};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::{debug, info, warn};

pub use self::about::{About, EngineVersion, Manager, Member};
use self::failure::Failure;
pub use self::lease::Lease;
use self::node::NodeAnswer;
use self::service::ServiceAnswer;
use self::task::TaskAnswer;
use crate::config::time;
use crate::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Scaling,
    Service, ServiceId, Task,
};

/// Access to the managers of a swarm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The managers, in order of preference: `unix:///path`, `tcp://host:port`,
    /// `https://host:port`.
    pub endpoints: Vec<String>,
    /// Time limit of a request, from connecting to the last byte of the answer.
    ///
    /// Managers without a leader delay a request for up to 20 s. A shorter limit leaves time for
    /// another manager.
    #[serde(deserialize_with = "time::<100, _, _>")]
    pub timeout: Duration,
    /// Certificates for endpoints in the network; `None` for no TLS.
    pub tls: Option<TlsFiles>,
}

impl Default for Settings {
    /// The engine of this machine, with a time limit of 8 s.
    fn default() -> Self {
        Self {
            endpoints: vec!["unix:///var/run/docker.sock".to_owned()],
            timeout: Duration::from_secs(8),
            tls: None,
        }
    }
}

/// Validates an endpoint.
///
/// # Errors
///
/// If it is invalid, with the expected format.
pub fn check_endpoint(endpoint: &str) -> Result<(), EndpointError> {
    endpoint.parse::<Endpoint>().map(|_| ())
}

/// Client of a swarm's managers.
///
/// Uses the manager that answered last; if it does not answer in time or has no leader, the next
/// one.
#[derive(Debug)]
pub struct Docker {
    /// At least one.
    managers: Vec<Engine>,
    /// Index of the manager that answered last.
    current: usize,
    /// The nodes as last read.
    nodes: Vec<NodeAddresses>,
    /// Names of the nodes that were down.
    down: Vec<String>,
    /// Time limit of a change, all its requests together.
    change_limit: Duration,
}

impl Docker {
    /// Creates a client.
    ///
    /// Sends nothing: the swarm need not be available yet.
    ///
    /// # Errors
    ///
    /// If the list of endpoints is empty or an endpoint is invalid.
    pub fn connect(settings: &Settings) -> Result<Self, EndpointError> {
        let Settings {
            endpoints,
            timeout,
            tls,
        } = settings;
        let managers = Engine::all(endpoints, *timeout, tls.as_ref(), crate::PROGRAM)?;
        Ok(Self {
            managers,
            current: 0,
            nodes: Vec::new(),
            down: Vec::new(),
            change_limit: Duration::MAX,
        })
    }

    /// Limits the time of each change of a service or node, all its requests together. After this time
    /// no request of the change is sent any more, and the next request goes to the next manager.
    pub const fn limit_changes(&mut self, limit: Duration) {
        self.change_limit = limit;
    }

    /// Starts to receive events of the managers.
    ///
    /// Decisions do not depend on events. An event causes an earlier reading; without events
    /// everything is read once per minute.
    ///
    /// # Errors
    ///
    /// See [`connect`](Self::connect).
    pub fn events(settings: &Settings) -> Result<Events, EndpointError> {
        Ok(engine::listen(Self::connect(settings)?.managers))
    }

    /// The endpoint that is used first.
    pub fn endpoint(&self) -> &str {
        self.manager().name()
    }

    fn manager(&self) -> &Engine {
        &self.managers[self.current]
    }

    fn use_next_manager(&mut self) {
        self.current = (self.current + 1) % self.managers.len();
    }

    /// Reads from the first manager that answers.
    async fn ask<A: Get>(&mut self, path: &str) -> Result<A, Failure> {
        let mut failures = Vec::new();
        for _ in 0..self.managers.len() {
            match A::get(self.manager(), path).await {
                Err(failure) if failure.is_specific_to_manager() => {
                    debug!("{failure}");
                    failures.push(failure.to_string());
                    self.use_next_manager();
                }
                answer => {
                    if !failures.is_empty() {
                        let before = failures.join("; ");
                        info!(manager = self.endpoint(), before, "another manager answers");
                    }
                    return answer;
                }
            }
        }
        Err(Failure::NoManager(failures.join("; ")))
    }

    /// Reads the nodes; updates the known addresses and the nodes that are down.
    async fn read_nodes(&mut self) -> Result<Vec<NodeAnswer>, Failure> {
        let nodes = self.ask::<List<NodeAnswer>>("/nodes").await?.entries;
        self.nodes = nodes.iter().map(NodeAnswer::addresses).collect();
        self.down = nodes.iter().filter_map(NodeAnswer::down).collect();
        Ok(nodes)
    }

    async fn named(&mut self, names: &[String]) -> Result<Vec<ServiceAnswer>, Failure> {
        let path = match names.len() {
            0..=MOST_FILTERS => with_filters("/services", &json!({ "name": names })),
            _ => "/services".to_owned(),
        };
        let mut services = self.ask::<List<ServiceAnswer>>(&path).await?.entries;
        let places = names.iter().enumerate();
        let places: HashMap<&str, usize> =
            places.map(|(place, name)| (name.as_str(), place)).collect();
        // The engine's filter matches prefixes of names.
        let place = |service: &ServiceAnswer| places.get(service.name()).copied();
        services.retain(|service| place(service).is_some());
        services.sort_by_key(place);
        Ok(services)
    }

    /// The tasks that should be running, by service.
    async fn tasks(
        &mut self,
        services: &[ServiceAnswer],
    ) -> Result<BTreeMap<String, Vec<Task>>, Failure> {
        let nodes = self.read_nodes().await?;
        let hostnames: BTreeMap<String, String> =
            nodes.into_iter().map(NodeAnswer::into_hostname).collect();
        let names: BTreeMap<&str, &str> = services
            .iter()
            .map(|service| (service.id(), service.name()))
            .collect();
        let ids: Vec<&str> = names.keys().copied().collect();
        // `ready` tasks wait to replace a failed one or cannot start; `shutdown` tasks have been
        // replaced and contain the error.
        let states = ["running", "ready", "shutdown"];
        let filters = match ids.len() {
            0..=MOST_FILTERS => json!({ "service": ids, "desired-state": states }),
            _ => json!({ "desired-state": states }),
        };
        let path = with_filters("/tasks", &filters);
        let answers = self.ask(&path).await?;
        Ok(task::by_service(answers, &names, &hostnames))
    }

    /// Sends a change to the manager that answered last.
    async fn post(&mut self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let posted = self.manager().post(path, body).await.map_err(Failure::from);
        if posted.as_ref().is_err_and(Failure::is_specific_to_manager) {
            // It is unknown whether it was applied. The next reading shows it.
            self.use_next_manager();
        }
        posted
    }

    /// The error of a change that did not end within its limit. It is unknown whether it was applied.
    fn change_timed_out(&mut self) -> OrchestratorError {
        let (endpoint, limit) = (self.endpoint().to_owned(), self.change_limit);
        self.use_next_manager();
        OrchestratorError::Unavailable(format!("{endpoint}: no answer within {limit:?}"))
    }

    async fn send_replicas(
        &mut self,
        service: &Service,
        replicas: u32,
    ) -> Result<(), OrchestratorError> {
        let about = |failure: Failure| {
            if failure.is_not_found() {
                OrchestratorError::NotFound(service.name.clone())
            } else {
                failure.into()
            }
        };
        if !matches!(service.scaling, Scaling::Replicated { .. }) {
            return Err(update::not_scalable(service));
        }
        let path = format!("/services/{}", segment(&service.id.0));
        let Object(fresh) = self.ask(&path).await.map_err(about)?;
        let Some(update) = update::with_replicas(fresh, service, replicas)? else {
            return Ok(());
        };
        let path = format!(
            "{path}/update?version={}&registryAuthFrom=spec",
            update.version
        );
        let answer = self.post(&path, &update.spec).await.map_err(about)?;
        for warning in update::warnings(&answer) {
            warn!(service = service.name, "warning of the engine: {warning}");
        }
        Ok(())
    }

    async fn send_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let path = format!("/nodes/{}", segment(&node.id));
        let Object(fresh) = self.ask(&path).await?;
        let Some(spec) = node::with_availability(fresh, node, availability, drained_for)? else {
            return Ok(());
        };
        let path = format!("{path}/update?version={}", node.version);
        self.post(&path, &spec).await?;
        Ok(())
    }

    /// Number of tasks by node id and service.
    async fn tasks_by_node(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeMap<ServiceId, u32>>, Failure> {
        // Reads all tasks: a task that is stopping is on its node until it has ended.
        let answers = self.ask::<List<TaskAnswer>>("/tasks").await?.entries;
        let mut tasks_by_node: BTreeMap<String, BTreeMap<ServiceId, u32>> = BTreeMap::new();
        for (service, node) in answers.into_iter().filter_map(TaskAnswer::into_location) {
            let tasks = tasks_by_node.entry(node).or_default();
            *tasks.entry(ServiceId(service)).or_default() += 1;
        }
        Ok(tasks_by_node)
    }
}

/// Maximum number of filters in a request; with more names everything is read.
const MOST_FILTERS: usize = 500;

/// Types that an engine returns for a GET request.
trait Get: Sized {
    fn get(engine: &Engine, path: &str) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// An object as returned by the engine.
struct Object<T>(T);

impl<T: DeserializeOwned> Get for Object<T> {
    async fn get(engine: &Engine, path: &str) -> Result<Self, Failure> {
        Ok(Self(engine.get(path).await?.json()?))
    }
}

impl<T: Entry> Get for List<T> {
    async fn get(engine: &Engine, path: &str) -> Result<Self, Failure> {
        Ok(engine.list(path).await?)
    }
}

/// Attempts to read services whose set changes meanwhile.
const READ_ATTEMPTS: usize = 3;

impl Orchestrator for Docker {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        for _ in 0..READ_ATTEMPTS {
            // An empty filter would match everything.
            let found = if names.is_empty() {
                Vec::new()
            } else {
                self.named(names).await?
            };
            if found.is_empty() {
                self.down.clear();
                return Ok(Vec::new());
            }
            let mut tasks = match self.tasks(&found).await {
                Err(failure) if failure.is_not_found() => continue,
                tasks => tasks?,
            };
            let complete = |service: ServiceAnswer| {
                let tasks = tasks.remove(service.id()).unwrap_or_default();
                service.into_service(tasks)
            };
            return Ok(found.into_iter().map(complete).collect());
        }
        let problem = "services were removed repeatedly while their tasks were read";
        Err(OrchestratorError::Unavailable(problem.to_owned()))
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        let scaled = timeout(self.change_limit, self.send_replicas(service, replicas)).await;
        scaled.unwrap_or_else(|_| Err(self.change_timed_out()))
    }

    async fn labelled(&mut self, label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        let path = with_filters("/services", &json!({ "label": [label] }));
        let services = self.ask::<List<ServiceAnswer>>(&path).await?.entries;
        Ok(services
            .into_iter()
            .map(ServiceAnswer::into_labelled)
            .collect())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        self.nodes.clone()
    }

    fn down_nodes(&self) -> Vec<String> {
        self.down.clone()
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        let nodes = self.read_nodes().await?;
        let services = self.ask::<List<ServiceAnswer>>("/services").await?.entries;
        // Read last: tasks that were placed meanwhile are on the nodes already read.
        let mut tasks_by_node = self.tasks_by_node().await?;
        let node = |node: NodeAnswer| {
            let tasks = tasks_by_node.remove(node.id()).unwrap_or_default();
            node.into_node(tasks)
        };
        Ok(Census {
            nodes: nodes.into_iter().map(node).collect(),
            demands: services
                .into_iter()
                .map(ServiceAnswer::into_demand)
                .collect(),
        })
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let limit = self.change_limit;
        let change = self.send_availability(node, availability, drained_for);
        let changed = timeout(limit, change).await;
        changed.unwrap_or_else(|_| Err(self.change_timed_out()))
    }
}
