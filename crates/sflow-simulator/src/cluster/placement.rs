//! Placement of tasks on hosts.

use std::time::Duration;

use super::{Change, Cluster};
use crate::host::{Availability, Host};
use crate::spec::Reservation;
use crate::task::{Ending, Phase, UNPLACED};

/// The tasks on a host, and the resources that these and the task to be placed reserve together.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    of_service: usize,
    tasks: usize,
    cores: f64,
    memory: u64,
}

impl Cluster {
    /// The host with the fewest tasks of this service, then with the fewest tasks, of those that
    /// have the resources.
    pub(super) fn place(&self, service: usize) -> usize {
        let own = self.reservation(service);
        let mut loads = vec![Load::default(); self.hosts.len()];
        for load in &mut loads {
            (load.cores, load.memory) = (own.cores, own.memory);
        }
        for task in self.all_desired() {
            if let Some(load) = loads.get_mut(task.host) {
                let reserved = self.reservation(task.service);
                load.of_service += usize::from(task.service == service);
                load.tasks += 1;
                load.cores += reserved.cores;
                load.memory = load.memory.saturating_add(reserved.memory);
            }
        }
        let has_resources = |(host, load): &(&Host, Load)| {
            let is_sufficient = own == Reservation::default()
                || (load.cores <= f64::from(host.spec.cores) + 1e-6
                    && load.memory <= host.spec.memory);
            host.is_schedulable() && is_sufficient
        };
        let hosts = self.hosts.iter().zip(loads).enumerate();
        let hosts = hosts.filter(|(_, host)| has_resources(host));
        let least = hosts.min_by_key(|(_, (_, load))| (load.of_service, load.tasks));
        least.map_or(UNPLACED, |(position, _)| position)
    }

    fn reservation(&self, service: usize) -> Reservation {
        let service = self.services.get(service);
        service.map_or_else(Reservation::default, |service| service.spec.reservation)
    }

    /// Places tasks that wait for resources, if a host has them now.
    pub(crate) fn place_waiting(&mut self, at: Duration) {
        for position in 0..self.tasks.len() {
            let Some(task) = self.tasks.get(position) else {
                return;
            };
            if task.host != UNPLACED {
                continue;
            }
            let service = task.service;
            let host = self.place(service);
            if host == UNPLACED {
                continue;
            }
            let (start, _) = self.delays(service);
            let address = self.free_address(host);
            let next = at.saturating_add(self.draw(start));
            if let Some(task) = self.tasks.get_mut(position) {
                (task.host, task.address) = (host, address);
                (task.next, task.error) = (Some(next), None);
            }
        }
    }

    pub(crate) fn set_availability(
        &mut self,
        host: usize,
        availability: Availability,
        at: Duration,
    ) {
        let version = self.log();
        if let Some(host) = self.hosts.get_mut(host) {
            host.version = version;
            host.availability = availability;
        }
        if availability == Availability::Drain {
            self.drain(host, at);
        }
        self.place_waiting(at);
    }

    /// Replaces the tasks of a host on others.
    fn drain(&mut self, host: usize, at: Duration) {
        let there = self.tasks.iter();
        let there = there.filter(|task| task.host == host && task.is_desired());
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
            let (start, stop) = self.delays(service);
            if phase == Phase::Pending {
                self.tasks.remove(position);
            } else {
                let end = at.saturating_add(self.draw(stop));
                if let Some(task) = self.tasks.get_mut(position) {
                    task.enter(Phase::Stopping, at, Some(end));
                }
            }
            self.start_task(service, slot, start, at);
        }
    }

    /// Removes a host, with all that runs on it.
    pub(crate) fn remove_host(&mut self, host: usize, at: Duration) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.has_left = true;
        }
        while let Some(position) = self.tasks.iter().position(|task| task.host == host) {
            let lost = self.tasks.remove(position);
            if lost.is_desired() {
                let (start, _) = self.delays(lost.service);
                self.start_task(lost.service, lost.slot, start, at);
            }
            if lost.has_container() {
                self.changes
                    .push(Change::Ended(Box::new(lost), Ending::Killed));
            }
        }
    }

    /// Error of a task that waits for resources.
    pub(super) fn insufficient_resources(&self) -> String {
        let hosts = self
            .hosts
            .iter()
            .filter(|host| host.is_schedulable())
            .count();
        format!("no suitable node (insufficient resources on {hosts} nodes)")
    }
}
