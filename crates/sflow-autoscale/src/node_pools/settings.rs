use std::collections::BTreeMap;

use serde::Serialize;

use super::machines::MachineSettings;
use super::outliers::PeerSettings;
use crate::orchestrator::Node;
use crate::policy::Settings;

/// Settings of a pool of nodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolSettings {
    /// The name of the pool.
    pub name: String,
    /// The nodes of the pool.
    pub nodes: Selector,
    /// The settings of its policy; the metrics are those of hosts.
    pub settings: Settings,
    /// Whether a provider adds and removes machines. Without one the pool only advises.
    pub has_provider: bool,
    /// Time limits of orders.
    pub machines: MachineSettings,
    /// The limits beyond which a machine is an outlier.
    pub peers: PeerSettings,
    /// Whether outliers are replaced.
    pub replace: bool,
}

/// Selects the nodes of a pool. Managers are never part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// Labels that a node must have; without labels it selects all workers.
    pub labels: BTreeMap<String, String>,
}

impl Selector {
    /// Whether the node is part of the pool.
    pub fn matches(&self, node: &Node) -> bool {
        let mut labels = self.labels.iter();
        !node.is_manager && labels.all(|(key, value)| node.labels.get(key) == Some(value))
    }
}
