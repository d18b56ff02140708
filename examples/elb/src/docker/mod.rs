//! Docker swarm, through the engine's HTTP interface.
//!
//! One small client reads and writes, over hyper, which the page's server brings along anyway. A
//! typed client cannot do the writing: what its model of a specification does not know, or
//! spells otherwise than the engine does (health checks, for one), is lost on the way back, and
//! swarm then replaces every task. So the update takes the specification as the engine wrote
//! it, changes one number, and sends it back. For the little that is read besides, a second
//! client would mean two kinds of timeouts, of errors and of connections.
//!
//! Paths carry no version: an engine answers them in the newest version that it speaks, so
//! nothing is pinned that another engine refuses.

mod about;
mod answer;
mod endpoint;
mod engine;
mod events;
mod failure;
pub(crate) mod hints;
mod list;
mod node;
mod service;
mod task;
mod tls;
mod update;

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{debug, info, warn};

pub use self::about::{About, Manager, Member};
use self::answer::Answer;
use self::endpoint::Endpoint;
pub use self::endpoint::EndpointError;
pub(crate) use self::engine::Engine;
use self::engine::{segment, with_filters};
pub use self::events::Events;
pub(crate) use self::failure::Failure;
pub(crate) use self::list::Entry;
use self::list::List;
use self::node::NodeAnswer;
use self::service::ServiceAnswer;
use self::task::{Failed, Place, TaskAnswer};
use self::tls::Tls;
pub use self::tls::{TlsError, TlsFiles};
use crate::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Scaling,
    Service, ServiceId, Task,
};

/// How the managers of a swarm are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The managers, in order of preference: `unix:///path`, `tcp://host:port`,
    /// `https://host:port`.
    pub endpoints: Vec<String>,
    /// How long one request may take, from connecting to the last byte of the answer.
    ///
    /// While a swarm elects a new leader, its managers keep a request for 20 s: less than that
    /// leaves time to ask the next one.
    pub timeout: Duration,
    /// With what TLS is spoken to those that are reached over a network; `None` for without.
    pub tls: Option<TlsFiles>,
}

impl Default for Settings {
    /// The engine of this machine, and 8 s.
    fn default() -> Self {
        Self {
            endpoints: vec!["unix:///var/run/docker.sock".to_owned()],
            timeout: Duration::from_secs(8),
            tls: None,
        }
    }
}

/// Whether an endpoint says where to connect.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub fn check_endpoint(endpoint: &str) -> Result<(), EndpointError> {
    endpoint.parse::<Endpoint>().map(|_| ())
}

/// The managers of a swarm.
///
/// Asks the one that answered last; when it does not answer in time, or cannot decide, the next.
#[derive(Debug)]
pub struct Docker {
    manager: Engine,
    others: VecDeque<Engine>,
    /// The nodes, as they were read last.
    nodes: Vec<NodeAddresses>,
    /// The names of those that were down.
    down: Vec<String>,
}

impl Docker {
    /// Prepares to talk to these managers.
    ///
    /// Nothing is sent yet: a swarm that is down now may be up when it is needed.
    ///
    /// # Errors
    ///
    /// If there is no endpoint, or one that cannot be used.
    pub fn connect(settings: &Settings) -> Result<Self, EndpointError> {
        let tls = settings.tls.clone().map(|files| Arc::new(Tls::new(files)));
        let engine =
            |endpoint: &String| Engine::new(endpoint.parse()?, settings.timeout, tls.clone());
        let managers = settings.endpoints.iter().map(engine);
        let mut managers: VecDeque<Engine> = managers.collect::<Result<_, EndpointError>>()?;
        let manager = managers.pop_front().ok_or(EndpointError::None)?;
        Ok(Self {
            manager,
            others: managers,
            nodes: Vec::new(),
            down: Vec::new(),
        })
    }

    /// Begins to listen to what the managers tell by themselves.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn events(settings: &Settings) -> Result<Events, EndpointError> {
        let Self {
            manager, others, ..
        } = Self::connect(settings)?;
        Ok(events::listen(
            std::iter::once(manager).chain(others).collect(),
        ))
    }

    /// The endpoint that is asked first.
    pub fn endpoint(&self) -> &str {
        self.manager.name()
    }

    /// What the engine that answers is.
    ///
    /// # Errors
    ///
    /// If no manager answers, or with something else.
    pub async fn version(&mut self) -> Result<EngineVersion, OrchestratorError> {
        Ok(self.ask::<Answer>("/version").await?.json()?)
    }

    /// Reads from the first manager that can answer.
    async fn ask<A: Get>(&mut self, path: &str) -> Result<A, Failure> {
        let mut failures = Vec::new();
        for _ in 0..=self.others.len() {
            match A::get(&self.manager, path).await {
                Err(failure) if failure.is_of_the_manager() => {
                    debug!("{failure}");
                    failures.push(failure.to_string());
                    self.turn_to_the_next();
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

    fn turn_to_the_next(&mut self) {
        if let Some(next) = self.others.pop_front() {
            self.others
                .push_back(std::mem::replace(&mut self.manager, next));
        }
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
        // The engine finds every name that begins with one of these.
        let place = |service: &ServiceAnswer| places.get(service.name()).copied();
        services.retain(|service| place(service).is_some());
        services.sort_by_key(place);
        Ok(services)
    }

    /// The tasks that should be running, by the service that they belong to.
    async fn tasks(
        &mut self,
        services: &[ServiceAnswer],
    ) -> Result<BTreeMap<String, Vec<Task>>, Failure> {
        let nodes = self.ask::<List<NodeAnswer>>("/nodes").await?.entries;
        self.nodes = nodes.iter().map(NodeAnswer::addresses).collect();
        self.down = nodes.iter().filter_map(NodeAnswer::down).collect();
        let hostnames: BTreeMap<String, String> =
            nodes.into_iter().map(NodeAnswer::into_hostname).collect();
        let names: BTreeMap<&str, &str> = services
            .iter()
            .map(|service| (service.id(), service.name()))
            .collect();
        let ids: Vec<&str> = names.keys().copied().collect();
        // `ready` are those that wait to replace one that failed, and those that never start;
        // `shutdown` are those that were replaced, and tell why.
        let states = ["running", "ready", "shutdown"];
        let filters = match ids.len() {
            0..=MOST_FILTERS => json!({ "service": ids, "desired-state": states }),
            _ => json!({ "desired-state": states }),
        };
        let path = with_filters("/tasks", &filters);
        let List {
            entries: answers,
            date: now,
        } = self.ask::<List<TaskAnswer>>(&path).await?;
        let mut failed: BTreeMap<Place, (u32, Failed)> = BTreeMap::new();
        for (place, failure) in answers.iter().filter_map(|task| task.failed_lately(now)) {
            match failed.get_mut(&place) {
                Some((count, last)) => {
                    *count += 1;
                    if failure.age < last.age {
                        *last = failure;
                    }
                }
                None => {
                    failed.insert(place, (1, failure));
                }
            }
        }
        let mut wanted: Vec<TaskAnswer> =
            answers.into_iter().filter(TaskAnswer::is_wanted).collect();
        wanted.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut tasks: BTreeMap<String, Vec<Task>> = BTreeMap::new();
        for task in wanted {
            let service = task.service().to_owned();
            let Some(name) = names.get(service.as_str()) else {
                continue;
            };
            let before = failed.get(&task.in_whose_place());
            let mut task = task.into_task(name, &hostnames, now);
            if let Some((failures, last)) = before {
                task.failures = *failures;
                task.error = task.error.or_else(|| last.why.clone());
            }
            tasks.entry(service).or_default().push(task);
        }
        Ok(tasks)
    }

    /// Tasks, by the identity of the node that they are on, and by their service.
    async fn crowds(&mut self) -> Result<BTreeMap<String, BTreeMap<ServiceId, u32>>, Failure> {
        // All of them: one that was told to end is on its node until it has.
        let answers = self.ask::<List<TaskAnswer>>("/tasks").await?.entries;
        let mut crowds: BTreeMap<String, BTreeMap<ServiceId, u32>> = BTreeMap::new();
        for (service, node) in answers.into_iter().filter_map(TaskAnswer::into_whereabouts) {
            let crowd = crowds.entry(node).or_default();
            *crowd.entry(ServiceId(service)).or_default() += 1;
        }
        Ok(crowds)
    }
}

/// Filters that fit into the address of a request; beyond these, everything is read.
const MOST_FILTERS: usize = 500;

/// What an engine answers to a request that reads.
trait Get: Sized {
    fn get(engine: &Engine, path: &str) -> impl Future<Output = Result<Self, Failure>> + Send;
}

impl Get for Answer {
    async fn get(engine: &Engine, path: &str) -> Result<Self, Failure> {
        engine.get(path).await
    }
}

impl<T: Entry> Get for List<T> {
    async fn get(engine: &Engine, path: &str) -> Result<Self, Failure> {
        engine.list(path).await
    }
}

/// Readings in which a service may vanish between its name and its tasks.
const READINGS: usize = 3;

impl Orchestrator for Docker {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        for _ in 0..READINGS {
            // An empty filter would find everything.
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
        let problem = "services are removed while their tasks are read, again and again";
        Err(OrchestratorError::Unavailable(problem.to_owned()))
    }

    async fn scale(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
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
        let fresh = self.ask::<Answer>(&path).await.map_err(about)?.json()?;
        let Some(update) = update::with_replicas(fresh, service, replicas)? else {
            return Ok(());
        };
        let path = format!(
            "{path}/update?version={}&registryAuthFrom=spec",
            update.version
        );
        let answer = self
            .manager
            .post(&path, &update.spec)
            .await
            .map_err(|failure| {
                if failure.is_of_the_manager() {
                    // It is unknown whether it was applied. The next reading shows it.
                    self.turn_to_the_next();
                }
                about(failure)
            })?;
        for warning in update::warnings(&answer) {
            warn!(service = service.name, "the engine warns: {warning}");
        }
        Ok(())
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
        let nodes = self.ask::<List<NodeAnswer>>("/nodes").await?.entries;
        let services = self.ask::<List<ServiceAnswer>>("/services").await?.entries;
        // Last: what has been placed meanwhile is on the nodes as they were.
        let mut crowds = self.crowds().await?;
        self.nodes = nodes.iter().map(NodeAnswer::addresses).collect();
        self.down = nodes.iter().filter_map(NodeAnswer::down).collect();
        let nodes = nodes.into_iter();
        let services = services.into_iter();
        Ok(Census {
            nodes: nodes
                .map(|node| node.into_node(|id| crowds.remove(id).unwrap_or_default()))
                .collect(),
            demands: services.map(ServiceAnswer::into_demand).collect(),
        })
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let path = format!("/nodes/{}", segment(&node.id));
        let fresh = self.ask::<Answer>(&path).await?.json()?;
        let Some(spec) = node::with_availability(fresh, node, availability, drained_for)? else {
            return Ok(());
        };
        let path = format!("{path}/update?version={}", node.version);
        let told = self.manager.post(&path, &spec).await;
        if told.as_ref().is_err_and(Failure::is_of_the_manager) {
            // It is unknown whether it was applied. The next reading shows it.
            self.turn_to_the_next();
        }
        told?;
        Ok(())
    }
}

/// What an engine says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineVersion {
    /// Version of the engine.
    #[serde(rename = "Version")]
    pub engine: String,
    /// The newest version of its interface, in which unversioned paths are answered.
    #[serde(rename = "ApiVersion")]
    pub api: String,
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, API {}", self.engine, self.api)
    }
}
