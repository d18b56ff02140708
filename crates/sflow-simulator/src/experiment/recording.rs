use std::collections::BTreeMap;
use std::time::Duration;

use sflow_autoscale::orchestrator::{
    Availability, Census, Labelled, Node, NodeAddresses, Orchestrator, OrchestratorError, Rollout,
    Scaling, Service, ServiceId, Task, TaskState,
};

/// The cluster of a capture: its services have the containers that were observed, and it refuses
/// changes.
///
/// ```
/// use sflow_simulator::experiment::RecordedCluster;
///
/// let mut cluster = RecordedCluster::default();
/// cluster.observe("web", &["web.1.x".to_owned(), "web.2.y".to_owned()]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordedCluster {
    services: BTreeMap<String, Service>,
}

impl RecordedCluster {
    /// Sets the containers of a service; [`Telemetry::containers`] returns those that are reported.
    ///
    /// [`Telemetry::containers`]: sflow_autoscale::observe::Telemetry::containers
    pub fn observe(&mut self, service: &str, containers: &[String]) {
        let task = |container: &String| Task {
            container: container.clone(),
            state: TaskState::Running,
            age: Duration::MAX,
            ..Task::default()
        };
        let described = Service {
            id: ServiceId(service.to_owned()),
            name: service.to_owned(),
            scaling: Scaling::Replicated {
                replicas: u32::try_from(containers.len()).unwrap_or(u32::MAX),
            },
            version: 0,
            rollout: Rollout::Settled,
            labels: BTreeMap::new(),
            cpu_limit: None,
            tasks: containers.iter().map(task).collect(),
        };
        self.services.insert(service.to_owned(), described);
    }

    /// The services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }
}

impl Orchestrator for RecordedCluster {
    async fn services(&mut self, names: &[String]) -> Result<Vec<Service>, OrchestratorError> {
        let known = names.iter().filter_map(|name| self.services.get(name));
        Ok(known.cloned().collect())
    }

    async fn scale(&mut self, service: &Service, _replicas: u32) -> Result<(), OrchestratorError> {
        Err(OrchestratorError::NotScalable {
            name: service.name.clone(),
            why: "a capture cannot be scaled".to_owned(),
        })
    }

    async fn labelled(&mut self, _label: &str) -> Result<Vec<Labelled>, OrchestratorError> {
        Ok(Vec::new())
    }

    fn nodes(&self) -> Vec<NodeAddresses> {
        Vec::new()
    }

    async fn census(&mut self) -> Result<Census, OrchestratorError> {
        Ok(Census::default())
    }

    async fn set_availability(
        &mut self,
        _node: &Node,
        _availability: Availability,
        _drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let why = "a capture cannot be scaled".to_owned();
        Err(OrchestratorError::Refused(why))
    }
}
