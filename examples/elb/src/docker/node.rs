//! Nodes: reading, and changing the availability and the label with the pool that drained them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use engine::{Entry, kept_labels, or_default};
use serde::Deserialize;
use serde_json::{Value, json};

use super::about::{Manager, Member};
use super::service::ResourcesAnswer;
use super::update::version_of;
use crate::orchestrator::{Availability, Node, NodeAddresses, OrchestratorError, ServiceId};

/// Label of a node with the name of the pool that it is drained for. Other instances of elb, also
/// of other versions, continue with such nodes.
const DRAINED_FOR: &str = "elb.drained-for";

/// A node as returned by the engine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeAnswer {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    version: Version,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    description: Description,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
    /// Only of a manager.
    manager_status: Option<ManagerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    index: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Spec {
    role: String,
    availability: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Description {
    hostname: String,
    #[serde(deserialize_with = "or_default")]
    resources: ResourcesAnswer,
    #[serde(deserialize_with = "or_default")]
    engine: EngineDescription,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EngineDescription {
    engine_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Status {
    state: String,
    addr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ManagerStatus {
    leader: bool,
    reachability: String,
    /// Address with a port.
    addr: String,
}

impl Entry for NodeAnswer {
    fn kept(&self) -> usize {
        size_of::<Self>() + kept_labels(&self.spec.labels)
    }
}

impl NodeAnswer {
    /// The name of the node and its addresses according to the managers. Engines write `0.0.0.0`
    /// for an unknown address.
    pub(super) fn addresses(&self) -> NodeAddresses {
        let manager = self.manager_status.as_ref().and_then(|manager| {
            let with_port = manager.addr.parse::<SocketAddr>().ok();
            let with_port = with_port.map(|address| address.ip());
            with_port.or_else(|| manager.addr.parse().ok())
        });
        let status = self.status.addr.parse::<IpAddr>().ok();
        let mut addresses: Vec<IpAddr> = [status, manager]
            .into_iter()
            .flatten()
            .map(|address| address.to_canonical())
            .filter(|address| !address.is_unspecified())
            .collect();
        addresses.dedup();
        NodeAddresses {
            name: self.hostname().to_owned(),
            addresses,
        }
    }

    /// The name of the node if it is down, unless a pool drained it to remove it.
    pub(super) fn down(&self) -> Option<String> {
        let is_given_back = self.spec.labels.contains_key(DRAINED_FOR);
        let is_down = matches!(self.status.state.as_str(), "down" | "disconnected");
        (is_down && !is_given_back).then(|| self.hostname().to_owned())
    }

    /// The host name; the id while the host name is unknown.
    fn hostname(&self) -> &str {
        match self.description.hostname.as_str() {
            "" => &self.id,
            hostname => hostname,
        }
    }

    /// Id and host name.
    pub(super) fn into_hostname(self) -> (String, String) {
        let hostname = self.hostname().to_owned();
        (self.id, hostname)
    }

    /// The node with these tasks.
    pub(super) fn into_node(self, tasks: BTreeMap<ServiceId, u32>) -> Node {
        Node {
            tasks,
            version: self.version.index,
            resources: self.description.resources.resources(),
            availability: match self.spec.availability.as_str() {
                "drain" => Availability::Drain,
                "pause" => Availability::Pause,
                _ => Availability::Active,
            },
            drained_for: self.spec.labels.get(DRAINED_FOR).cloned(),
            is_ready: self.status.state == "ready",
            is_manager: self.spec.role == "manager",
            name: self.hostname().to_owned(),
            labels: self.spec.labels,
            id: self.id,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn into_member(self) -> Member {
        Member {
            name: self.hostname().to_owned(),
            state: self.status.state,
            availability: self.spec.availability,
            engine: self.description.engine.engine_version,
            manager: self.manager_status.map(|status| Manager {
                is_leader: status.leader,
                is_reachable: status.reachability == "reachable",
            }),
        }
    }
}

/// The update that sets availability and label of a node; `None` if both are already set.
///
/// # Errors
///
/// If `fresh` has another version than `node`, or is not a specification of a node.
pub(super) fn with_availability(
    mut fresh: Value,
    node: &Node,
    availability: Availability,
    drained_for: Option<&str>,
) -> Result<Option<Value>, OrchestratorError> {
    if version_of(&fresh, &format!("node {}", node.name))? != node.version {
        return Err(OrchestratorError::Conflict);
    }
    let mut spec = fresh.get_mut("Spec").map(Value::take).unwrap_or_default();
    let before = spec.clone();
    let word = match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    };
    match spec.get_mut("Availability") {
        Some(known) if known.is_string() => *known = word.into(),
        _ => {
            let problem = format!("the answer for node {} contains no availability", node.name);
            return Err(OrchestratorError::Refused(problem));
        }
    }
    match (spec.get_mut("Labels"), drained_for) {
        (Some(Value::Object(labels)), Some(pool)) => {
            labels.insert(DRAINED_FOR.to_owned(), pool.into());
        }
        (Some(Value::Object(labels)), None) => {
            labels.remove(DRAINED_FOR);
        }
        (_, Some(pool)) => spec["Labels"] = json!({ DRAINED_FOR: pool }),
        (_, None) => {}
    }
    Ok((spec != before).then_some(spec))
}
