mod placement;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::cluster_spec::ClusterSpec;
use crate::error::Error;
use crate::host::Host;
use crate::random::Random;
use crate::service::{ServiceRates, ServiceState};
use crate::spec::{Delay, ServiceSpec};
use crate::task::{Ending, Phase, Task, TaskRates, UNPLACED, Usage, random_id};

/// Hosts, services and tasks.
///
/// Between two events everything happens at constant rates; [`count_to`](Self::count_to) adds up
/// the usage.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    counted_to: Duration,
    pub(crate) hosts: Vec<Host>,
    pub(crate) services: Vec<ServiceState>,
    /// In the order of their keys.
    tasks: Vec<Task>,
    next_key: u64,
    log_index: u64,
    random: Random,
    changes: Vec<Change>,
}

/// A change of the containers that agents notice.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The container of the task with this key started.
    Started(u64),
    /// A container ended.
    Ended(Box<Task>, Ending),
}

/// Minimum time to the replacement of a task, so that a task that crashes at once does not stop
/// the clock.
const MIN_RESTART: Duration = Duration::from_millis(10);

impl Cluster {
    /// All replicas run.
    pub(crate) fn new(spec: &ClusterSpec, random: &Random) -> Self {
        let mut random = random.fork(0);
        let hosts = spec
            .hosts
            .iter()
            .map(|host| Host::new(host, &mut random))
            .collect();
        let mut cluster = Self {
            counted_to: Duration::ZERO,
            hosts,
            services: Vec::new(),
            tasks: Vec::new(),
            next_key: 0,
            log_index: 10,
            random,
            changes: Vec::new(),
        };
        for service in &spec.services {
            cluster.create(service);
        }
        cluster
    }

    fn create(&mut self, spec: &ServiceSpec) {
        const AGE: Duration = Duration::from_secs(300);
        let service = self.services.len();
        let (id, version) = (random_id(&mut self.random), self.log());
        self.services.push(ServiceState::new(spec, id, version));
        for slot in 1..=spec.replicas {
            let lifetime = self.lifetime(service, slot, Duration::ZERO);
            let mut task = self.task(service, slot, Duration::ZERO);
            if task.host == UNPLACED {
                task.error = Some(self.insufficient_resources());
            } else {
                task.phase = Phase::Running;
                task.prior_age = AGE;
                task.next = lifetime;
            }
            self.tasks.push(task);
        }
    }

    /// When the next phase of a task ends.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.tasks.iter().filter_map(|task| task.next).min()
    }

    /// Adds the usage up to `at`, which must be done before anything changes. Returns whether time
    /// has passed.
    pub(crate) fn count_to(&mut self, at: Duration) -> bool {
        let elapsed = at.saturating_sub(self.counted_to);
        if elapsed.is_zero() {
            return false;
        }
        self.distribute(self.counted_to + elapsed / 2);
        let seconds = elapsed.as_secs_f64();
        for host in &mut self.hosts {
            host.count(seconds);
        }
        for service in &mut self.services {
            let rates = &service.rates;
            service.unserved_requests += (rates.offered - rates.served).max(0.0) * seconds;
        }
        for task in &mut self.tasks {
            let Some(service) = self.services.get_mut(task.service) else {
                continue;
            };
            task.count(seconds, &service.spec);
            if task.rates.cores < task.rates.demand {
                service.overload_seconds += seconds;
            }
            if let Some(host) = self.hosts.get_mut(task.host) {
                host.count_task(task, &service.spec, seconds);
            }
        }
        self.counted_to = at;
        true
    }

    /// Gives every running task its share of the requests and of its host's cores.
    fn distribute(&mut self, time: Duration) {
        for host in &mut self.hosts {
            host.clear_demand();
        }
        for service in &mut self.services {
            service.rates = ServiceRates {
                offered: service.spec.workload.at(time),
                ..ServiceRates::default()
            };
        }
        for task in self
            .tasks
            .iter()
            .filter(|task| task.phase == Phase::Running)
        {
            if let Some(service) = self.services.get_mut(task.service) {
                service.rates.running += 1;
            }
        }
        for task in self.tasks.iter_mut().filter(|task| task.has_container()) {
            let Some(service) = self.services.get(task.service) else {
                continue;
            };
            let offered = match task.phase {
                Phase::Running => service.rates.offered / f64::from(service.rates.running.max(1)),
                Phase::Pending | Phase::Stopping => 0.0,
            };
            let slowdown = self.hosts.get(task.host).map_or(1.0, |host| host.slowdown);
            let cores = task.offer(offered, slowdown, &service.spec);
            if let Some(host) = self.hosts.get_mut(task.host) {
                host.add_demand(cores);
            }
        }
        for task in self.tasks.iter_mut().filter(|task| task.has_container()) {
            let Some(service) = self.services.get_mut(task.service) else {
                continue;
            };
            let host = self.hosts.get(task.host);
            task.grant(host.map_or(0.0, Host::granted_fraction), &service.spec);
            service.rates.served += task.rates.served;
            service.rates.cores += task.rates.cores;
        }
    }

    /// Moves tasks to their next phase if it is due, and places tasks that wait for resources.
    pub(crate) fn advance_tasks(&mut self, at: Duration) {
        self.end_phases(at);
        self.place_waiting(at);
    }

    fn end_phases(&mut self, at: Duration) {
        while let Some(position) = self.due(at) {
            let Some(task) = self.tasks.get_mut(position) else {
                return;
            };
            match task.phase {
                Phase::Pending => {
                    let (key, service, slot) = (task.key, task.service, task.slot);
                    let lifetime = self.lifetime(service, slot, at);
                    let crash = lifetime.map(|lifetime| at.saturating_add(lifetime));
                    if let Some(task) = self.tasks.get_mut(position) {
                        task.enter(Phase::Running, at, crash);
                        task.error = None;
                    }
                    self.changes.push(Change::Started(key));
                }
                Phase::Running => self.kill(position, at),
                Phase::Stopping => {
                    let task = self.tasks.remove(position);
                    self.changes
                        .push(Change::Ended(Box::new(task), Ending::Stopped));
                }
            }
        }
    }

    fn due(&self, at: Duration) -> Option<usize> {
        self.tasks
            .iter()
            .position(|task| task.next.is_some_and(|next| next <= at))
    }

    /// Position of the running task in a slot.
    fn running(&self, service: usize, slot: u32) -> Option<usize> {
        self.tasks.iter().position(|task| {
            task.service == service && task.slot == slot && task.phase == Phase::Running
        })
    }

    /// Crashes the running task in this slot, if there is one.
    pub(crate) fn crash(&mut self, service: usize, slot: u32, at: Duration) {
        if let Some(position) = self.running(service, slot) {
            self.kill(position, at);
        }
    }

    /// Crashes every task that runs or starts in this slot, `after` its start or this call.
    pub(crate) fn crash_loop(
        &mut self,
        service: usize,
        slot: u32,
        after: Duration,
        at: Duration,
        duration: Duration,
    ) {
        if let Some(service) = self.services.get_mut(service) {
            service.add_crash_loop(slot, after, at.saturating_add(duration));
        }
        let running = self.running(service, slot);
        if let Some(task) = running.and_then(|position| self.tasks.get_mut(position)) {
            let crash = at.saturating_add(after);
            task.next = Some(task.next.map_or(crash, |next| next.min(crash)));
        }
    }

    fn kill(&mut self, position: usize, at: Duration) {
        let killed = self.tasks.remove(position);
        let Some(service) = self.services.get(killed.service) else {
            return;
        };
        let (restart, start) = (service.spec.restart, service.spec.start);
        let mut replacement = self.task(killed.service, killed.slot, at);
        let delay = self.draw(restart).saturating_add(self.draw(start));
        if replacement.host != UNPLACED {
            replacement.next = Some(at.saturating_add(delay.max(MIN_RESTART)));
        }
        replacement.error = Some("task: non-zero exit (1)".to_owned());
        self.tasks.push(replacement);
        self.changes
            .push(Change::Ended(Box::new(killed), Ending::Killed));
    }

    /// Sets the number of replicas: starts or stops tasks.
    pub(crate) fn scale(&mut self, service: usize, replicas: u32, at: Duration) {
        let version = self.log();
        let Some(state) = self.services.get_mut(service) else {
            return;
        };
        state.version = version;
        state.replicas = replicas;
        let start = state.spec.start;
        let taken: BTreeSet<u32> = self.desired(service).map(|task| task.slot).collect();
        let missing = (replicas as usize).saturating_sub(taken.len());
        for slot in (1..=replicas)
            .filter(|slot| !taken.contains(slot))
            .take(missing)
        {
            self.start_task(service, slot, start, at);
        }
        while self.desired(service).count() > replicas as usize {
            self.stop_one(service, at);
        }
    }

    /// Stops one task: a pending one first, then one on the host with the most tasks of the service.
    fn stop_one(&mut self, service: usize, at: Duration) {
        let mut tasks_on: BTreeMap<usize, u32> = BTreeMap::new();
        for task in self.desired(service) {
            *tasks_on.entry(task.host).or_default() += 1;
        }
        let siblings = |task: &Task| tasks_on.get(&task.host).copied().unwrap_or(0);
        let last = self
            .desired(service)
            .max_by_key(|task| (task.phase == Phase::Pending, siblings(task), task.slot))
            .map(|task| task.key);
        let Some(position) = last.and_then(|key| self.position(key)) else {
            return;
        };
        let (_, stop) = self.delays(service);
        let end = at.saturating_add(self.draw(stop));
        let Some(task) = self.tasks.get_mut(position) else {
            return;
        };
        if task.phase == Phase::Pending {
            self.tasks.remove(position);
        } else {
            task.enter(Phase::Stopping, at, Some(end));
        }
    }

    pub(crate) fn service_position(&self, name: &str) -> Option<usize> {
        let mut services = self.services.iter();
        services.position(|service| service.spec.name == name)
    }

    /// Position of a host that has not left.
    pub(crate) fn host_position(&self, name: &str) -> Option<usize> {
        let mut hosts = self.hosts.iter();
        hosts.position(|host| !host.has_left && host.spec.name == name)
    }

    pub(crate) fn unknown_service(&self, name: &str) -> Error {
        let known = self
            .services
            .iter()
            .map(|service| service.spec.name.as_str());
        Error::unknown("service", name, known)
    }

    pub(crate) fn unknown_host(&self, name: &str) -> Error {
        let hosts = self.hosts.iter().filter(|host| !host.has_left);
        Error::unknown("host", name, hosts.map(|host| host.spec.name.as_str()))
    }

    /// The tasks that count as replicas.
    pub(crate) fn all_desired(&self) -> impl Iterator<Item = &Task> + Clone {
        self.tasks.iter().filter(|task| task.is_desired())
    }

    /// The tasks that count as replicas of a service.
    pub(crate) fn desired(&self, service: usize) -> impl Iterator<Item = &Task> + Clone {
        self.all_desired()
            .filter(move |task| task.service == service)
    }

    /// Tasks with a container on a host.
    pub(crate) fn containers(&self, host: usize) -> impl Iterator<Item = &Task> + Clone {
        self.tasks
            .iter()
            .filter(move |task| task.host == host && task.has_container())
    }

    /// Tasks that are placed on a host.
    pub(crate) fn placed_on(&self, host: usize) -> impl Iterator<Item = &Task> + Clone {
        self.tasks.iter().filter(move |task| task.host == host)
    }

    pub(crate) fn find(&self, key: u64) -> Option<&Task> {
        self.position(key)
            .and_then(|position| self.tasks.get(position))
    }

    fn position(&self, key: u64) -> Option<usize> {
        self.tasks.binary_search_by_key(&key, |task| task.key).ok()
    }

    /// Changes since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A new pending task, placed if a host has the resources.
    fn task(&mut self, service: usize, slot: u32, at: Duration) -> Task {
        let key = self.next_key;
        self.next_key += 1;
        let host = self.place(service);
        let name = self
            .services
            .get(service)
            .map_or("", |service| service.spec.name.as_str());
        Task {
            key,
            service,
            slot,
            host,
            name: format!("{name}.{slot}.{}", random_id(&mut self.random)).into(),
            uuid: self.random.bytes(),
            address: self.free_address(host),
            phase: Phase::Pending,
            since: at,
            prior_age: Duration::ZERO,
            next: None,
            error: None,
            usage: Usage::default(),
            rates: TaskRates::default(),
        }
    }

    /// A new task, which starts after a delay if a host has the resources.
    fn start_task(&mut self, service: usize, slot: u32, start: Delay, at: Duration) {
        let mut task = self.task(service, slot, at);
        let delay = self.draw(start);
        if task.host == UNPLACED {
            task.error = Some(self.insufficient_resources());
        } else {
            task.next = Some(at.saturating_add(delay));
        }
        self.tasks.push(task);
    }

    /// Start and stop delays of a service.
    fn delays(&self, service: usize) -> (Delay, Delay) {
        let service = self.services.get(service);
        service.map_or((Delay::NONE, Delay::NONE), |service| {
            (service.spec.start, service.spec.stop)
        })
    }

    fn free_address(&self, host: usize) -> Ipv4Addr {
        const FIRST: u32 = Ipv4Addr::new(172, 18, 0, 2).to_bits();
        let taken = |address: u32| {
            self.tasks
                .iter()
                .any(|task| task.host == host && task.address.to_bits() == address)
        };
        Ipv4Addr::from((FIRST..).find(|address| !taken(*address)).unwrap_or(FIRST))
    }

    fn lifetime(&mut self, service: usize, slot: u32, at: Duration) -> Option<Duration> {
        self.services
            .get(service)?
            .lifetime(slot, at, &mut self.random)
    }

    fn draw(&mut self, delay: Delay) -> Duration {
        self.random.between(delay.min, delay.max)
    }

    /// The next index in the orchestrator's log, which contains other entries as well.
    pub(crate) fn log(&mut self) -> u64 {
        self.log_index += 3 + self.random.below(13);
        self.log_index
    }
}
