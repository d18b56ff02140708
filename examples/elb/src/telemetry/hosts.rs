use std::collections::HashMap;

use sflow_metrics::{AgentKey, Query, Registry, Timestamp};

use crate::policy::HostLoad;

/// How busy the hosts are that agents report.
#[derive(Debug, Default)]
pub struct Hosts {
    loads: Vec<HostLoad>,
    by_name: HashMap<String, usize>,
}

impl Hosts {
    pub(super) fn take(registry: &Registry, now: Timestamp) -> Self {
        let mut interfaces: HashMap<AgentKey, f64> = HashMap::new();
        if let Ok(query) = "max:ifinutilization,max:ifoututilization".parse::<Query>() {
            for answer in registry.answers(now, &query) {
                let values = [answer.value(0), answer.value(1)];
                let busiest = values.iter().flatten().map(|(value, _)| *value);
                if let Some(busiest) = busiest.reduce(f64::max) {
                    let most = interfaces.entry(answer.entity().agent()).or_default();
                    *most = most.max(busiest);
                }
            }
        }
        let mut hosts = Self::default();
        if let Ok(query) = "avg:cpu_utilization,avg:cpu_steal,avg:mem_utilization".parse::<Query>()
        {
            for answer in registry.answers(now, &query) {
                let host = answer.entity();
                let value = |place: usize| answer.value(place).map(|(value, _)| value);
                let name = short_name(host.name());
                hosts.by_name.insert(name.clone(), hosts.loads.len());
                hosts.loads.push(HostLoad {
                    name,
                    cpu: value(0),
                    steal: value(1),
                    memory: value(2),
                    network: interfaces.get(&host.agent()).copied(),
                });
            }
        }
        hosts
    }

    /// All of them.
    pub fn loads(&self) -> &[HostLoad] {
        &self.loads
    }

    /// How busy the host of this name is, with or without its domain.
    pub fn load(&self, host: &str) -> Option<HostLoad> {
        let place = self.by_name.get(&short_name(host))?;
        self.loads.get(*place).cloned()
    }
}

/// A host's name without its domain, in lower case.
pub(crate) fn short_name(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    name.to_ascii_lowercase()
}
