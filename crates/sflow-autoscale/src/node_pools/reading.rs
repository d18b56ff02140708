//! What a pool observes: its machines in a census of the cluster, and their readings.

use std::collections::BTreeMap;

use sflow_metrics::Timestamp;

use super::capacity::{MinimumSize, minimum_size, unplaceable};
use super::machines::{Leaving, Machine};
use super::outliers::{PeerReading, PeerState};
use super::reconciler::Reconciler;
use super::status::{MachineState, MachineStatus};
use crate::orchestrator::{Availability, Census, Demand, Node};
use crate::policy::{HostLoad, Observation, Signal, StayReason, Subject};

/// The readings of a pool.
#[derive(Clone, Debug, Default)]
pub struct PoolReadings {
    /// One per metric of the rule, over the machines that take tasks.
    pub signals: Vec<Signal>,
    /// The load of each host, by the name of its node.
    pub hosts: BTreeMap<String, HostLoad>,
    /// Work per CPU second of each host relative to the others, by the name of its node.
    pub work: BTreeMap<String, f64>,
}

impl Reconciler {
    pub(super) fn minimum_of(
        &self,
        census: &Census,
        least: impl Fn(&Demand) -> u32,
    ) -> MinimumSize {
        let serving: Vec<&Node> = self.serving(census).collect();
        let is_other = |node: &&Node| node.takes_tasks() && !self.pool.nodes.matches(node);
        let others: Vec<&Node> = census.nodes.iter().filter(is_other).collect();
        minimum_size(census, &serving, &others, least, self.pool.settings.max)
    }

    /// The machines of the pool, one per name: of several nodes of one name, the one that is ready.
    pub(super) fn machines_of(&self, census: &Census) -> Vec<Machine> {
        let mut by_name: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in &census.nodes {
            if self.pool.nodes.matches(node) {
                by_name.entry(&node.name).or_default().push(node);
            }
        }
        let staying: Vec<&Node> = census
            .nodes
            .iter()
            .filter(|node| node.takes_tasks())
            .collect();
        let machine = |(name, nodes): (&str, Vec<&Node>)| {
            let ready = nodes.iter().filter(|node| node.is_ready);
            let is_shared = ready.count() > 1;
            let node = nodes.iter().max_by_key(|node| node.is_ready)?;
            let others: Vec<&Node> = staying
                .iter()
                .filter(|other| other.id != node.id)
                .copied()
                .collect();
            let stays = if is_shared {
                Some(StayReason::SharedName)
            } else if node.takes_tasks() {
                // The tasks of other leaving machines need capacity as well.
                let leaving = census.nodes.iter();
                let leaving = leaving.filter(|other| other.is_ready && !other.takes_tasks());
                let leaving: Vec<&Node> = leaving.chain([*node]).collect();
                let service = unplaceable(census, &leaving, &others);
                service.map(|service| StayReason::NoRoom { service })
            } else {
                None
            };
            Some(Machine {
                name: name.to_owned(),
                is_ready: node.is_ready,
                is_active: node.availability == Availability::Active,
                stays,
                tasks: node.task_count(),
            })
        };
        by_name.into_iter().filter_map(machine).collect()
    }

    pub(super) fn peer_readings(
        &self,
        machines: &[Machine],
        readings: &PoolReadings,
    ) -> Vec<PeerReading> {
        let reading = |machine: &Machine| PeerReading {
            host: machine.name.clone(),
            steal: readings
                .hosts
                .get(&machine.name)
                .and_then(|load| load.steal),
            work: readings.work.get(&machine.name).copied(),
        };
        self.in_service(machines).map(reading).collect()
    }

    pub(super) fn observation(
        &self,
        now: Timestamp,
        machines: &[Machine],
        count: u32,
        readings: &PoolReadings,
    ) -> Observation {
        let age = |machine: &Machine| self.machines.age(now, &machine.name);
        Observation {
            subject: Subject::pool(&self.pool.name),
            replicas: count,
            running: self.in_service(machines).map(age).collect(),
            signals: readings.signals.clone(),
            ..Observation::default()
        }
    }

    pub(super) fn update_statuses(&mut self, machines: &[Machine], readings: &PoolReadings) {
        let peers: BTreeMap<&str, PeerState> = self.peers.states().collect();
        let status = |machine: &Machine| {
            let state = match self.machines.leaving().get(&machine.name) {
                _ if !machine.is_ready => MachineState::Away,
                Some(Leaving::Draining { .. }) => MachineState::Draining,
                Some(Leaving::Given { .. }) => MachineState::GivenBack,
                None if machine.is_active => MachineState::Serving,
                None => MachineState::OutOfUse,
            };
            MachineStatus {
                name: machine.name.clone(),
                state,
                stays: machine.stays.clone(),
                tasks: machine.tasks,
                load: readings.hosts.get(&machine.name).cloned(),
                work: readings.work.get(&machine.name).copied(),
                peer: peers.get(machine.name.as_str()).copied(),
            }
        };
        self.statuses = machines.iter().map(status).collect();
    }

    /// The machines that are ready, take tasks and stay.
    fn in_service<'m>(&self, machines: &'m [Machine]) -> impl Iterator<Item = &'m Machine> {
        machines.iter().filter(|machine| {
            let is_leaving = self.machines.leaving().contains_key(&machine.name);
            machine.is_ready && machine.is_active && !is_leaving
        })
    }
}
