use std::collections::HashMap;

use sflow_metrics::{AgentKey, Query, Registry, Timestamp};

/// How busy the hosts are that agents report.
#[derive(Debug, Default)]
pub struct Hosts(HashMap<String, Load>);

/// How busy one is; `None` where its agent does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Percent of its CPU time that was used.
    pub cpu: Option<f64>,
    /// Percent of its CPU time that another machine took.
    pub steal: Option<f64>,
    /// Percent of its memory that is used.
    pub memory: Option<f64>,
    /// Percent of the line rate, of its busiest interface and direction.
    pub network: Option<f64>,
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
        let mut hosts = HashMap::new();
        if let Ok(query) = "avg:cpu_utilization,avg:cpu_steal,avg:mem_utilization".parse::<Query>()
        {
            for answer in registry.answers(now, &query) {
                let host = answer.entity();
                let value = |place: usize| answer.value(place).map(|(value, _)| value);
                let load = Load {
                    cpu: value(0),
                    steal: value(1),
                    memory: value(2),
                    network: interfaces.get(&host.agent()).copied(),
                };
                hosts.insert(short_name(host.name()), load);
            }
        }
        Self(hosts)
    }

    /// How busy the host of this name is, with or without its domain.
    pub fn load(&self, host: &str) -> Option<Load> {
        self.0.get(&short_name(host)).copied()
    }
}

/// A host's name without its domain, in lower case.
pub(crate) fn short_name(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    name.to_ascii_lowercase()
}
