//! The simulated cluster as an orchestrator: what Docker would answer.

use super::Simulation;
use super::host::Host;
use super::pool::Pool;
use super::task::{Phase, Task as Simulated};
use crate::orchestrator::{
    Availability, Labelled, Node, Orchestrator, OrchestratorError, Rollout, Scaling, Service,
    ServiceId, Task, TaskState,
};
use crate::shared::Shared;

/// Replicas of one service that are refused: no scenario means that.
const TOO_MANY: u32 = 1_000;

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

    async fn nodes(&mut self) -> Result<Vec<Node>, OrchestratorError> {
        Ok(self.list_nodes())
    }

    fn node_names(&self) -> Vec<String> {
        self.host_names()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        _availability: Availability,
    ) -> Result<(), OrchestratorError> {
        Err(no_drain(node))
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

    async fn nodes(&mut self) -> Result<Vec<Node>, OrchestratorError> {
        Ok(self.lock().list_nodes())
    }

    fn node_names(&self) -> Vec<String> {
        self.lock().host_names()
    }

    async fn set_availability(
        &mut self,
        node: &Node,
        _availability: Availability,
    ) -> Result<(), OrchestratorError> {
        Err(no_drain(node))
    }
}

fn no_drain(node: &Node) -> OrchestratorError {
    let name = &node.name;
    OrchestratorError::Refused(format!("{name} is simulated: its tasks cannot be moved"))
}

impl Simulation {
    fn list(&self, names: &[String]) -> Vec<Service> {
        let pools = self.cluster.pools.iter().enumerate();
        let named = pools.filter(|(_, pool)| names.contains(&pool.spec.name));
        named
            .map(|(position, pool)| self.describe(position, pool))
            .collect()
    }

    fn list_labelled(&self, label: &str) -> Vec<Labelled> {
        let pools = self.cluster.pools.iter();
        pools
            .filter(|pool| pool.spec.labels.contains_key(label))
            .map(|pool| Labelled {
                id: ServiceId(pool.id.clone()),
                name: pool.spec.name.clone(),
                labels: pool.spec.labels.clone(),
            })
            .collect()
    }

    fn host_names(&self) -> Vec<String> {
        let hosts = self.cluster.hosts.iter();
        hosts.map(|host| host.spec.name.clone()).collect()
    }

    fn list_nodes(&self) -> Vec<Node> {
        let hosts = self.cluster.hosts.iter().enumerate();
        let node = |(place, host): (usize, &Host)| Node {
            id: host.spec.name.clone(),
            name: host.spec.name.clone(),
            version: 1,
            availability: Availability::Active,
            is_ready: true,
            is_manager: place == 0,
            tasks: self.cluster.containers(place).count() as u32,
        };
        hosts.map(node).collect()
    }

    fn describe(&self, position: usize, pool: &Pool) -> Service {
        Service {
            id: ServiceId(pool.id.clone()),
            name: pool.spec.name.clone(),
            scaling: Scaling::Replicated {
                replicas: pool.replicas,
            },
            version: pool.version,
            rollout: Rollout::Settled,
            labels: pool.spec.labels.clone(),
            cpu_limit: pool.spec.cpu_limit,
            tasks: self
                .cluster
                .wanted(position)
                .map(|task| self.describe_task(task))
                .collect(),
        }
    }

    fn describe_task(&self, task: &Simulated) -> Task {
        Task {
            container: task.name.to_string(),
            node: self
                .cluster
                .hosts
                .get(task.host)
                .map(|host| host.spec.name.clone()),
            state: match task.phase {
                Phase::Pending => TaskState::Pending,
                Phase::Running | Phase::Stopping => TaskState::Running,
            },
            age: self.now - task.since,
            error: task.error.clone(),
            failures: 0,
            uuid: Some(task.uuid),
        }
    }

    fn set_replicas(&mut self, service: &Service, replicas: u32) -> Result<(), OrchestratorError> {
        let Some(position) = self
            .cluster
            .pools
            .iter()
            .position(|pool| pool.id == service.id.0)
        else {
            return Err(OrchestratorError::NotFound(service.name.clone()));
        };
        if self.cluster.pools[position].version != service.version {
            return Err(OrchestratorError::Conflict);
        }
        if replicas > TOO_MANY {
            return Err(OrchestratorError::Refused(format!(
                "{replicas} replicas are more than the {TOO_MANY} that are simulated"
            )));
        }
        self.count_to(self.now);
        self.cluster.scale(position, replicas, self.now);
        Ok(())
    }
}
