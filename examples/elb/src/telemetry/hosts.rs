use std::collections::HashMap;

use sflow_metrics::{Query, Registry, Timestamp};

use super::trust::Trust;
use crate::policy::HostLoad;

/// Bits per second that tun and tap devices report, whatever they carry. No interface of a host
/// that runs containers is as slow, so it says nothing about how busy the host is.
const NOMINAL_SPEED: u64 = 10_000_000;

/// How busy the nodes are, by the readings of their agents.
#[derive(Debug, Default)]
pub struct Hosts<'t> {
    loads: Vec<HostLoad>,
    by_node: HashMap<usize, usize>,
    trust: Option<&'t Trust>,
}

impl<'t> Hosts<'t> {
    pub(super) fn take(registry: &Registry, trust: &'t Trust, now: Timestamp) -> Self {
        let mut interfaces: HashMap<usize, f64> = HashMap::new();
        if let Ok(query) = "max:ifinutilization,max:ifoututilization".parse::<Query>() {
            for answer in registry.answers(now, &query) {
                if answer.entity().speed().is_some_and(|speed| speed <= NOMINAL_SPEED) {
                    continue;
                }
                let values = [answer.value(0), answer.value(1)];
                let busiest = values.iter().flatten().map(|(value, _)| *value);
                if let Some(busiest) = busiest.reduce(f64::max)
                    && let Some(node) = trust.node_of(&answer.entity())
                {
                    let most = interfaces.entry(node).or_default();
                    *most = most.max(busiest);
                }
            }
        }
        let mut hosts = Self {
            trust: Some(trust),
            ..Self::default()
        };
        if let Ok(query) = "avg:cpu_utilization,avg:cpu_steal,avg:mem_utilization".parse::<Query>()
        {
            for answer in registry.answers(now, &query) {
                let value = |place: usize| answer.value(place).map(|(value, _)| value);
                let node = trust.node_of(&answer.entity());
                if let Some(place) = node
                    && let Some(node) = trust.nodes().get(place)
                {
                    let load = HostLoad {
                        name: node.name.clone(),
                        cpu: value(0),
                        steal: value(1),
                        memory: value(2),
                        network: interfaces.get(&place).copied(),
                    };
                    // Of two readings of a node neither counts.
                    if let Some(known) = hosts.by_node.get(&place) {
                        hosts.loads[*known] = HostLoad {
                            name: load.name,
                            ..HostLoad::default()
                        };
                        continue;
                    }
                    hosts.by_node.insert(place, hosts.loads.len());
                    hosts.loads.push(load);
                }
            }
        }
        hosts
    }

    /// All of them.
    pub fn loads(&self) -> &[HostLoad] {
        &self.loads
    }

    /// How busy the node of this name is, with or without its domain.
    pub fn load(&self, node: &str) -> Option<HostLoad> {
        let places = self.trust?.named(node);
        let mut places = places.iter().filter_map(|place| self.by_node.get(place));
        self.loads.get(*places.next()?).cloned()
    }
}

/// A host's name without its domain, in lower case.
pub(crate) fn short_name(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    name.to_ascii_lowercase()
}
