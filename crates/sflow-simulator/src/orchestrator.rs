use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::error::Error;
use crate::host::{Availability, Host};
use crate::service::ServiceState;
use crate::simulation::Simulation;
use crate::spec::{self, Delay, HostSpec, Reservation, check_replicas};
use crate::task::{Phase, Task, Usage};

/// A service as the orchestrator describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServiceStatus {
    /// Identifier that the orchestrator assigned.
    pub id: String,
    /// Name.
    pub name: String,
    /// Version of the specification; grows when the number of replicas is set.
    pub version: u64,
    /// Desired number of tasks.
    pub replicas: u32,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Limit of each task in cores.
    pub cpu_limit: Option<f64>,
    /// Resources reserved for each task.
    pub reservation: Reservation,
}

/// A task of a service, and the resources that its container has really used.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskStatus {
    /// Name of the container, which agents report as `hostname`.
    pub container: String,
    /// First half of the container's identifier, which agents report as `uuid`.
    pub uuid: [u8; 16],
    /// Number of the task among the replicas of its service, from 1. A replacement has the same.
    pub slot: u32,
    /// Name of its host; `None` while no host has the resources for it.
    pub host: Option<String>,
    /// State.
    pub state: TaskState,
    /// Time in this state.
    pub age: Duration,
    /// Why the task does not run: no host has the resources, or its predecessor crashed.
    pub error: Option<String>,
    /// Resources that the container has used since its start. The agent's counters are these
    /// values, rounded, at the time of a reading.
    pub usage: Usage,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// Waits for a host, or starts.
    Pending,
    /// The container runs.
    Running,
}

/// A host as the orchestrator describes it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HostStatus {
    /// Name.
    pub name: String,
    /// Address of its agent.
    pub address: Ipv4Addr,
    /// Version of the description; grows when the availability is set.
    pub version: u64,
    /// Whether tasks can be placed on it.
    pub availability: Availability,
    /// Number of CPUs.
    pub cores: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Number of tasks on it, by name of the service; tasks that are being stopped count.
    pub tasks: BTreeMap<String, u32>,
    /// Cores in use at present, by containers and the host itself.
    pub cores_used: f64,
    /// CPU time since boot in core-seconds, of containers and the host itself.
    pub cpu_seconds: f64,
}

/// The orchestrator of the cluster.
impl Simulation {
    /// Replicas of one service at most.
    pub const MAX_REPLICAS: u32 = spec::MAX_REPLICAS;

    /// The services, in the order of the specification.
    ///
    /// ```
    /// use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};
    ///
    /// let mut cluster = ClusterSpec::with_hosts(2);
    /// cluster.services.push(ServiceSpec::new("web", Workload::Constant(10.0)));
    /// let simulation = Simulation::new(&cluster, 1)?;
    /// let names: Vec<String> = simulation.services().map(|service| service.name).collect();
    /// assert_eq!(names, ["web"]);
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    pub fn services(&self) -> impl Iterator<Item = ServiceStatus> {
        self.cluster.services.iter().map(service_status)
    }

    /// A service; `None` if no service has this name.
    pub fn service(&self, name: &str) -> Option<ServiceStatus> {
        let position = self.cluster.service_position(name)?;
        self.cluster.services.get(position).map(service_status)
    }

    /// The tasks of a service, without those that are being stopped; none if no service has this
    /// name.
    ///
    /// ```
    /// use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, TaskState, Workload};
    ///
    /// let mut cluster = ClusterSpec::with_hosts(2);
    /// cluster.services.push(ServiceSpec::new("web", Workload::Constant(10.0)));
    /// let simulation = Simulation::new(&cluster, 1)?;
    /// for task in simulation.tasks("web") {
    ///     assert_eq!((task.slot, task.state), (1, TaskState::Running));
    ///     assert!(task.container.starts_with("web.1."));
    /// }
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    pub fn tasks(&self, service: &str) -> impl Iterator<Item = TaskStatus> {
        let position = self.cluster.service_position(service).into_iter();
        let tasks = position.flat_map(|position| self.cluster.desired(position));
        tasks.map(|task| self.task_status(task))
    }

    /// All services with their tasks, in the order of [`services`](Self::services).
    #[cfg(feature = "experiments")]
    pub(crate) fn services_with_tasks(&self) -> Vec<(ServiceStatus, Vec<TaskStatus>)> {
        let services = self.services().map(|service| (service, Vec::new()));
        let mut services: Vec<_> = services.collect();
        for task in self.cluster.all_desired() {
            if let Some((_, tasks)) = services.get_mut(task.service) {
                tasks.push(self.task_status(task));
            }
        }
        services
    }

    /// The names and addresses of [`hosts`](Self::hosts).
    #[cfg(feature = "experiments")]
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        let present = self.cluster.hosts.iter().filter(|host| !host.has_left);
        present.map(|host| (host.spec.name.as_str(), host.spec.address))
    }

    /// The hosts in the cluster, in the order in which they joined.
    pub fn hosts(&self) -> impl Iterator<Item = HostStatus> {
        let hosts = self.cluster.hosts.iter().enumerate();
        let present = hosts.filter(|(_, host)| !host.has_left);
        present.map(|(position, host)| self.host_status(position, host))
    }

    /// Sets the desired number of replicas. New tasks run after [`ServiceSpec::start`], and
    /// stopped ones end after [`ServiceSpec::stop`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::{ClusterSpec, ServiceSpec, Simulation, Workload};
    ///
    /// let mut cluster = ClusterSpec::with_hosts(2);
    /// cluster.services.push(ServiceSpec::new("web", Workload::Constant(10.0)));
    /// let mut simulation = Simulation::new(&cluster, 1)?;
    /// simulation.scale("web", 4)?;
    /// assert_eq!(simulation.truth("web").map(|truth| truth.running), Some(1));
    /// simulation.advance(Duration::from_secs(5), |_| {});
    /// assert_eq!(simulation.truth("web").map(|truth| truth.running), Some(4));
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if no service has this name, [`Error::OutOfRange`] for more than
    /// [`MAX_REPLICAS`](Self::MAX_REPLICAS) replicas.
    ///
    /// [`ServiceSpec::start`]: crate::ServiceSpec::start
    /// [`ServiceSpec::stop`]: crate::ServiceSpec::stop
    pub fn scale(&mut self, service: &str, replicas: u32) -> Result<(), Error> {
        check_replicas("replicas", replicas)?;
        let Some(position) = self.cluster.service_position(service) else {
            return Err(self.cluster.unknown_service(service));
        };
        self.count_to(self.now());
        self.cluster.scale(position, replicas, self.now());
        Ok(())
    }

    /// Sets whether tasks are placed on a host. [`Availability::Drain`] also replaces its tasks on
    /// other hosts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::{Availability, ClusterSpec, ServiceSpec, Simulation, Workload};
    ///
    /// let mut cluster = ClusterSpec::with_hosts(2);
    /// cluster.services.push(ServiceSpec::new("web", Workload::Constant(10.0)));
    /// let mut simulation = Simulation::new(&cluster, 1)?;
    /// simulation.set_availability("node1", Availability::Drain)?;
    /// simulation.advance(Duration::from_secs(5), |_| {});
    /// assert!(simulation.tasks("web").all(|task| task.host.as_deref() == Some("node2")));
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if no host in the cluster has this name.
    pub fn set_availability(
        &mut self,
        host: &str,
        availability: Availability,
    ) -> Result<(), Error> {
        let Some(position) = self.cluster.host_position(host) else {
            return Err(self.cluster.unknown_host(host));
        };
        let now = self.now();
        self.count_to(now);
        self.cluster.set_availability(position, availability, now);
        Ok(())
    }

    /// Orders a host like this one, which joins the cluster after a delay. Returns its name:
    /// `node` and the next number that is not in use. Its address is the one with that number in
    /// the network of `like`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::{ClusterSpec, Delay, Simulation};
    ///
    /// let cluster = ClusterSpec::with_hosts(2);
    /// let mut simulation = Simulation::new(&cluster, 1)?;
    /// let name = simulation.order_host(&cluster.hosts[0], Delay::millis(60_000, 90_000))?;
    /// assert_eq!((name.as_str(), simulation.hosts().count()), ("node3", 2));
    /// simulation.advance(Duration::from_secs(90), |_| {});
    /// assert_eq!(simulation.hosts().count(), 3);
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] if the specification is invalid.
    pub fn order_host(&mut self, like: &HostSpec, delay: Delay) -> Result<String, Error> {
        like.check()?;
        let spec = self.next_host(like);
        let name = spec.name.clone();
        self.join_after(spec, delay);
        Ok(name)
    }

    /// Removes a host after a delay. Its containers end then, and its tasks are replaced on other
    /// hosts, unless it was drained before.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if no host in the cluster has this name.
    pub fn remove_host(&mut self, host: &str, delay: Delay) -> Result<(), Error> {
        if self.cluster.host_position(host).is_none() {
            return Err(self.cluster.unknown_host(host));
        }
        self.leave_after(host, delay);
        Ok(())
    }

    fn task_status(&self, task: &Task) -> TaskStatus {
        let host = self.cluster.hosts.get(task.host);
        TaskStatus {
            container: task.name.to_string(),
            uuid: task.uuid,
            slot: task.slot,
            host: host.map(|host| host.spec.name.clone()),
            state: match task.phase {
                Phase::Pending => TaskState::Pending,
                Phase::Running | Phase::Stopping => TaskState::Running,
            },
            age: task.prior_age + self.now().saturating_sub(task.since),
            error: task.error.clone(),
            usage: task.usage,
        }
    }

    fn host_status(&self, position: usize, host: &Host) -> HostStatus {
        let mut tasks: BTreeMap<String, u32> = BTreeMap::new();
        for task in self.cluster.placed_on(position) {
            if let Some(service) = self.cluster.services.get(task.service) {
                *tasks.entry(service.spec.name.clone()).or_default() += 1;
            }
        }
        HostStatus {
            name: host.spec.name.clone(),
            address: host.spec.address,
            version: host.version,
            availability: host.availability,
            cores: host.spec.cores,
            memory: host.spec.memory,
            tasks,
            cores_used: host.cores_used,
            cpu_seconds: host.busy,
        }
    }
}

fn service_status(service: &ServiceState) -> ServiceStatus {
    ServiceStatus {
        id: service.id.clone(),
        name: service.spec.name.clone(),
        version: service.version,
        replicas: service.replicas,
        labels: service.spec.labels.clone(),
        cpu_limit: service.spec.cpu_limit,
        reservation: service.spec.reservation,
    }
}
