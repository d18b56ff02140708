use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use sflow_metrics::Timestamp;

use super::host::Host;
use super::pool::{Now, Pool};
use super::random::Random;
use super::scenario::{Delay, Scenario, ServiceSpec};
use super::task::{Ending, NOWHERE, Phase, Rates, Task, Usage, task_id};
use crate::orchestrator::Resources;

/// Hosts, services and tasks: what is really the case, and what nobody is told but by counters.
///
/// Between two moments at which something changes, everything happens at constant rates;
/// [`count_to`](Self::count_to) adds up what that makes.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    start: Timestamp,
    counted_to: Timestamp,
    pub(super) hosts: Vec<Host>,
    pub(super) pools: Vec<Pool>,
    /// In order of their keys.
    tasks: Vec<Task>,
    next_key: u64,
    index: u64,
    random: Random,
    changes: Vec<Change>,
}

/// What an agent notices of the life of containers.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// The container of the task with this key runs.
    Started(u64),
    /// A container has ended.
    Ended(Box<Task>, Ending),
}

/// The shortest time to the replacement of a task: what crashes at once must not stop the clock.
const BREATH: Duration = Duration::from_millis(10);

impl Cluster {
    /// All replicas run, and have for a while.
    pub(super) fn new(scenario: &Scenario, random: &Random, start: Timestamp) -> Self {
        let mut random = random.fork(0);
        let hosts = scenario
            .hosts
            .iter()
            .map(|host| Host::new(host, &mut random))
            .collect();
        let mut cluster = Self {
            start,
            counted_to: start,
            hosts,
            pools: Vec::new(),
            tasks: Vec::new(),
            next_key: 0,
            index: 10,
            random,
            changes: Vec::new(),
        };
        for spec in &scenario.services {
            cluster.create(spec);
        }
        cluster
    }

    fn create(&mut self, spec: &ServiceSpec) {
        const BEFORE: Duration = Duration::from_secs(300);
        let service = self.pools.len();
        let (id, version) = (task_id(&mut self.random), self.log());
        self.pools.push(Pool::new(spec, id, version));
        for slot in 1..=spec.replicas {
            let life = self.life(service, slot, self.start);
            let mut task = self.task(service, slot, self.start - BEFORE);
            task.phase = Phase::Running;
            task.next = life.map(|life| self.start + life);
            self.tasks.push(task);
        }
    }

    /// When the next task changes its phase by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.tasks.iter().filter_map(|task| task.next).min()
    }

    /// Counts up to `at` at the present rates, if it has not been done; answers whether it was to
    /// be. Nothing may change before that.
    pub(super) fn count_to(&mut self, at: Timestamp) -> bool {
        let elapsed = at - self.counted_to;
        if elapsed.is_zero() {
            return false;
        }
        self.share(self.counted_to - self.start + elapsed / 2);
        let seconds = elapsed.as_secs_f64();
        for host in &mut self.hosts {
            host.count(seconds);
        }
        for pool in &mut self.pools {
            pool.unserved += (pool.now.demand - pool.now.served).max(0.0) * seconds;
        }
        for task in &mut self.tasks {
            let Some(pool) = self.pools.get_mut(task.service) else {
                continue;
            };
            task.count(seconds, &pool.spec);
            if task.rates.cores < task.rates.wanted {
                pool.overload += seconds;
            }
            if let Some(host) = self.hosts.get_mut(task.host) {
                host.carry(task, &pool.spec, seconds);
            }
        }
        self.counted_to = at;
        true
    }

    /// Gives every running task its share of the load, and of its host's processors.
    fn share(&mut self, time: Duration) {
        for host in &mut self.hosts {
            host.clear();
        }
        for pool in &mut self.pools {
            pool.now = Now {
                demand: pool.spec.load.at(time),
                ..Now::default()
            };
        }
        for task in self
            .tasks
            .iter()
            .filter(|task| task.phase == Phase::Running)
        {
            if let Some(pool) = self.pools.get_mut(task.service) {
                pool.now.running += 1;
            }
        }
        for task in self.tasks.iter_mut().filter(|task| task.has_container()) {
            let Some(pool) = self.pools.get(task.service) else {
                continue;
            };
            let asked = match task.phase {
                Phase::Running => pool.now.demand / f64::from(pool.now.running.max(1)),
                Phase::Pending | Phase::Stopping => 0.0,
            };
            let slowness = self.hosts.get(task.host).map_or(1.0, |host| host.slowness);
            let cores = task.ask(asked, slowness, &pool.spec);
            if let Some(host) = self.hosts.get_mut(task.host) {
                host.want(cores);
            }
        }
        for task in self.tasks.iter_mut().filter(|task| task.has_container()) {
            let Some(pool) = self.pools.get_mut(task.service) else {
                continue;
            };
            let part = self.hosts.get(task.host).map_or(0.0, Host::part);
            task.grant(part, &pool.spec);
            pool.now.served += task.rates.served;
            pool.now.cores += task.rates.cores;
        }
    }

    /// Lets every task change its phase whose time has come.
    pub(super) fn turn(&mut self, at: Timestamp) {
        self.take_turns(at);
        self.settle(at);
    }

    fn take_turns(&mut self, at: Timestamp) {
        while let Some(position) = self.due(at) {
            let Some(task) = self.tasks.get_mut(position) else {
                return;
            };
            match task.phase {
                Phase::Pending => {
                    let (key, service, slot) = (task.key, task.service, task.slot);
                    let life = self.life(service, slot, at).map(|life| at + life);
                    if let Some(task) = self.tasks.get_mut(position) {
                        task.enter(Phase::Running, at, life);
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

    fn due(&self, at: Timestamp) -> Option<usize> {
        self.tasks
            .iter()
            .position(|task| task.next.is_some_and(|next| next <= at))
    }

    /// Lets the running task in this slot crash, if there is one.
    pub(super) fn crash(&mut self, service: usize, slot: u32, at: Timestamp) {
        let is_it = |task: &Task| {
            task.service == service && task.slot == slot && task.phase == Phase::Running
        };
        if let Some(position) = self.tasks.iter().position(is_it) {
            self.kill(position, at);
        }
    }

    /// Lets every task crash that starts, or runs now, in this slot.
    pub(super) fn crash_loop(
        &mut self,
        service: usize,
        slot: u32,
        after: Duration,
        at: Timestamp,
        lasting: Duration,
    ) {
        if let Some(pool) = self.pools.get_mut(service) {
            pool.crash_loop(slot, after, at + lasting);
        }
        let runs = |task: &&mut Task| {
            task.service == service && task.slot == slot && task.phase == Phase::Running
        };
        if let Some(task) = self.tasks.iter_mut().find(runs) {
            let crash = at + after;
            task.next = Some(task.next.map_or(crash, |next| next.min(crash)));
        }
    }

    fn kill(&mut self, position: usize, at: Timestamp) {
        let killed = self.tasks.remove(position);
        let Some(pool) = self.pools.get(killed.service) else {
            return;
        };
        let (restart, start) = (pool.spec.restart, pool.spec.start);
        let mut replacement = self.task(killed.service, killed.slot, at);
        let delay = (self.draw(restart) + self.draw(start)).max(BREATH);
        if replacement.host != NOWHERE {
            replacement.next = Some(at + delay);
        }
        replacement.error = Some("task: non-zero exit (1)".to_owned());
        self.tasks.push(replacement);
        self.changes
            .push(Change::Ended(Box::new(killed), Ending::Killed));
    }

    /// Orders more tasks, or fewer, until there are so many.
    pub(super) fn scale(&mut self, service: usize, replicas: u32, at: Timestamp) {
        let version = self.log();
        let Some(pool) = self.pools.get_mut(service) else {
            return;
        };
        pool.version = version;
        pool.replicas = replicas;
        let start = pool.spec.start;
        let taken: BTreeSet<u32> = self.wanted(service).map(|task| task.slot).collect();
        let missing = (replicas as usize).saturating_sub(taken.len());
        for slot in (1..=replicas)
            .filter(|slot| !taken.contains(slot))
            .take(missing)
        {
            self.begin(service, slot, start, at);
        }
        while self.wanted(service).count() > replicas as usize {
            self.dismiss(service, at);
        }
    }

    /// Ends one task: one that does not run yet, else one where the most of its service are.
    fn dismiss(&mut self, service: usize, at: Timestamp) {
        let mut crowds: BTreeMap<usize, u32> = BTreeMap::new();
        for task in self.wanted(service) {
            *crowds.entry(task.host).or_default() += 1;
        }
        let crowd = |host: usize| crowds.get(&host).copied().unwrap_or(0);
        let last = self
            .wanted(service)
            .max_by_key(|task| (task.phase == Phase::Pending, crowd(task.host), task.slot))
            .map(|task| task.key);
        let Some(position) = last.and_then(|key| self.position(key)) else {
            return;
        };
        let stop = self
            .pools
            .get(service)
            .map_or(Delay::NONE, |pool| pool.spec.stop);
        let end = at + self.draw(stop);
        let Some(task) = self.tasks.get_mut(position) else {
            return;
        };
        if task.phase == Phase::Pending {
            self.tasks.remove(position);
        } else {
            task.enter(Phase::Stopping, at, Some(end));
        }
    }

    /// The tasks that a service should have.
    pub(super) fn wanted(&self, service: usize) -> impl Iterator<Item = &Task> + Clone {
        self.tasks
            .iter()
            .filter(move |task| task.service == service && task.is_wanted())
    }

    /// The tasks whose containers are on a host.
    pub(super) fn containers(&self, host: usize) -> impl Iterator<Item = &Task> + Clone {
        self.tasks
            .iter()
            .filter(move |task| task.host == host && task.has_container())
    }

    /// The tasks that are on a host, or about to be.
    pub(super) fn on(&self, host: usize) -> impl Iterator<Item = &Task> + Clone {
        self.tasks.iter().filter(move |task| task.host == host)
    }

    pub(super) fn find(&self, key: u64) -> Option<&Task> {
        self.position(key)
            .and_then(|position| self.tasks.get(position))
    }

    fn position(&self, key: u64) -> Option<usize> {
        self.tasks.binary_search_by_key(&key, |task| task.key).ok()
    }

    /// What agents have to notice, once.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A new task, placed and pending.
    fn task(&mut self, service: usize, slot: u32, at: Timestamp) -> Task {
        let key = self.next_key;
        self.next_key += 1;
        let host = self.place(service);
        let name = self
            .pools
            .get(service)
            .map_or("", |pool| pool.spec.name.as_str());
        Task {
            key,
            service,
            slot,
            host,
            name: format!("{name}.{slot}.{}", task_id(&mut self.random)).into(),
            uuid: self.random.bytes(),
            address: self.free_address(host),
            phase: Phase::Pending,
            since: at,
            next: None,
            error: None,
            used: Usage::default(),
            rates: Rates::default(),
        }
    }

    /// Of the hosts that have room, that with the fewest tasks of this service, then with the
    /// fewest tasks.
    fn place(&self, service: usize) -> usize {
        let load = |host: &usize| {
            let there = self
                .tasks
                .iter()
                .filter(|task| task.host == *host && task.is_wanted());
            let own = there.clone().filter(|task| task.service == service);
            (own.count(), there.count())
        };
        let has_room = |host: &usize| self.has_room(*host, service);
        let hosts = (0..self.hosts.len()).filter(has_room);
        hosts.min_by_key(load).unwrap_or(NOWHERE)
    }

    fn has_room(&self, host: usize, service: usize) -> bool {
        let Some(there) = self.hosts.get(host).filter(|host| host.takes_tasks()) else {
            return false;
        };
        let reserved = |service: usize| {
            let pool = self.pools.get(service);
            pool.map_or(Resources::default(), |pool| pool.spec.reserved)
        };
        let own = reserved(service);
        if own == Resources::default() {
            return true;
        }
        let tasks = self.tasks.iter();
        let tasks = tasks.filter(|task| task.host == host && task.is_wanted());
        let (mut cores, mut memory) = (own.cores, own.memory);
        for task in tasks {
            let theirs = reserved(task.service);
            cores += theirs.cores;
            memory = memory.saturating_add(theirs.memory);
        }
        cores <= f64::from(there.spec.cores) + 1e-6 && memory <= there.spec.memory
    }

    /// Gives those a place that had none, as far as there is room now.
    pub(super) fn settle(&mut self, at: Timestamp) {
        for position in 0..self.tasks.len() {
            let Some(task) = self.tasks.get(position) else {
                return;
            };
            if task.host != NOWHERE {
                continue;
            }
            let service = task.service;
            let host = self.place(service);
            if host == NOWHERE {
                continue;
            }
            let start = self
                .pools
                .get(service)
                .map_or(Delay::NONE, |it| it.spec.start);
            let (address, next) = (self.free_address(host), at + self.draw(start));
            if let Some(task) = self.tasks.get_mut(position) {
                (task.host, task.address) = (host, address);
                (task.next, task.error) = (Some(next), None);
            }
        }
    }

    /// Moves all that a host has to others, one for one.
    pub(super) fn drain(&mut self, host: usize, at: Timestamp) {
        let there = self.tasks.iter();
        let there = there.filter(|task| task.host == host && task.is_wanted());
        let keys: Vec<u64> = there.map(|task| task.key).collect();
        for key in keys {
            let Some(position) = self.position(key) else {
                continue;
            };
            let Some((service, slot, phase)) = self
                .tasks
                .get(position)
                .map(|task| (task.service, task.slot, task.phase))
            else {
                continue;
            };
            let pool = self.pools.get(service);
            let (start, stop) = pool.map_or((Delay::NONE, Delay::NONE), |it| {
                (it.spec.start, it.spec.stop)
            });
            if phase == Phase::Pending {
                self.tasks.remove(position);
            } else {
                let end = at + self.draw(stop);
                if let Some(task) = self.tasks.get_mut(position) {
                    task.enter(Phase::Stopping, at, Some(end));
                }
            }
            self.begin(service, slot, start, at);
        }
    }

    /// Takes a host away, with all that runs on it.
    pub(super) fn lose(&mut self, host: usize, at: Timestamp) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.is_gone = true;
        }
        while let Some(position) = self.tasks.iter().position(|task| task.host == host) {
            let lost = self.tasks.remove(position);
            if lost.is_wanted() {
                let start = self
                    .pools
                    .get(lost.service)
                    .map_or(Delay::NONE, |pool| pool.spec.start);
                self.begin(lost.service, lost.slot, start, at);
            }
            if lost.has_container() {
                self.changes
                    .push(Change::Ended(Box::new(lost), Ending::Killed));
            }
        }
    }

    /// A new task that starts after a while, if there is room for it.
    fn begin(&mut self, service: usize, slot: u32, start: Delay, at: Timestamp) {
        let mut task = self.task(service, slot, at);
        let delay = self.draw(start);
        if task.host == NOWHERE {
            task.error = Some(self.no_room());
        } else {
            task.next = Some(at + delay);
        }
        self.tasks.push(task);
    }

    /// What the orchestrator says of a task for which no host has room.
    fn no_room(&self) -> String {
        let hosts = self.hosts.iter().filter(|host| host.takes_tasks()).count();
        format!("no suitable node (insufficient resources on {hosts} nodes)")
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

    fn life(&mut self, service: usize, slot: u32, at: Timestamp) -> Option<Duration> {
        self.pools.get(service)?.life(slot, at, &mut self.random)
    }

    fn draw(&mut self, delay: Delay) -> Duration {
        self.random.between(delay.least, delay.most)
    }

    /// The next position in the cluster's log, which others write to as well.
    pub(super) fn log(&mut self) -> u64 {
        self.index += 3 + self.random.below(13);
        self.index
    }
}
