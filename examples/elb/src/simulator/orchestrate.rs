//! The simulated cluster as an orchestrator: what Docker would answer.

use std::collections::BTreeMap;

use super::host::Host;
use super::pool::Pool;
use super::task::{Phase, Task as Simulated};
use super::{NodeAddress, Simulation};
use crate::orchestrator::{
    Availability, Census, DRAINED_FOR, Demand, Labelled, Node, NodeAddresses, Orchestrator,
    OrchestratorError, Resources, Rollout, Scaling, Service, ServiceId, Task, TaskState,
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
        self.set(node, availability, drained_for)
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
        self.lock().set(node, availability, drained_for)
    }
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

    fn node_addresses(&self) -> Vec<NodeAddresses> {
        let hosts = self.cluster.hosts.iter();
        let hosts = hosts.filter(|host| !host.is_gone);
        let node = |host: &Host| NodeAddresses {
            name: host.spec.name.clone(),
            addresses: match self.node_address {
                NodeAddress::Own => vec![host.spec.address.into()],
                NodeAddress::Shared(address) => vec![address.into()],
                NodeAddress::Unknown => Vec::new(),
            },
        };
        hosts.map(node).collect()
    }

    /// Sets which addresses are reported of nodes.
    pub fn report_addresses(&mut self, address: NodeAddress) {
        self.node_address = address;
    }

    fn count_all(&self) -> Census {
        let hosts = self.cluster.hosts.iter().enumerate();
        let hosts = hosts.filter(|(_, host)| !host.is_gone);
        let node = |(place, host): (usize, &Host)| Node {
            id: host.spec.name.clone(),
            name: host.spec.name.clone(),
            version: host.version,
            labels: host
                .drained_for
                .iter()
                .map(|pool| (DRAINED_FOR.to_owned(), pool.clone()))
                .collect(),
            availability: host.availability,
            is_ready: true,
            is_manager: place == 0,
            resources: Resources {
                cores: host.spec.cores.into(),
                memory: host.spec.memory,
            },
            tasks: self.crowd(place),
        };
        let demand = |pool: &Pool| Demand {
            id: ServiceId(pool.id.clone()),
            name: pool.spec.name.clone(),
            scaling: Scaling::Replicated {
                replicas: pool.replicas,
            },
            reserved: pool.spec.reserved,
            per_node: None,
            constraints: Vec::new(),
        };
        Census {
            nodes: hosts.map(node).collect(),
            demands: self.cluster.pools.iter().map(demand).collect(),
        }
    }

    fn crowd(&self, host: usize) -> BTreeMap<ServiceId, u32> {
        let mut crowd = BTreeMap::new();
        for task in self.cluster.on(host) {
            if let Some(pool) = self.cluster.pools.get(task.service) {
                *crowd.entry(ServiceId(pool.id.clone())).or_default() += 1;
            }
        }
        crowd
    }

    fn set(
        &mut self,
        node: &Node,
        availability: Availability,
        drained_for: Option<&str>,
    ) -> Result<(), OrchestratorError> {
        let (now, version) = (self.now, self.cluster.log());
        self.count_to(now);
        let mut hosts = self.cluster.hosts.iter_mut().enumerate();
        let is_it = |host: &Host| host.spec.name == node.id && !host.is_gone;
        let Some((place, host)) = hosts.find(|(_, host)| is_it(host)) else {
            return Err(OrchestratorError::NotFound(node.name.clone()));
        };
        if host.version != node.version {
            return Err(OrchestratorError::Conflict);
        }
        host.version = version;
        host.availability = availability;
        host.drained_for = drained_for.map(str::to_owned);
        if availability == Availability::Drain {
            self.cluster.drain(place, now);
        }
        self.cluster.settle(now);
        Ok(())
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
