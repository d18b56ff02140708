//! Nodes: reading, and changing the availability and the label with the pool that drained them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::list::{Entry, kept_labels};
use super::service::ResourcesAnswer;
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
    version: Option<Version>,
    spec: Option<Spec>,
    description: Option<Description>,
    status: Option<Status>,
    manager_status: Option<ManagerStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    index: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    role: Option<String>,
    availability: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    hostname: Option<String>,
    resources: Option<ResourcesAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    state: Option<String>,
    addr: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagerStatus {
    /// Address with a port.
    addr: Option<String>,
}

impl Entry for NodeAnswer {
    fn kept(&self) -> usize {
        let labels = self.spec.as_ref().and_then(|spec| spec.labels.as_ref());
        size_of::<Self>() + kept_labels(labels)
    }
}

impl NodeAnswer {
    /// The name of the node and its addresses according to the managers. Engines write `0.0.0.0`
    /// for an unknown address.
    pub(super) fn addresses(&self) -> NodeAddresses {
        let status = self.status.as_ref().and_then(|status| status.addr.as_ref());
        let status = status.and_then(|addr| addr.parse::<IpAddr>().ok());
        let manager = self.manager_status.as_ref();
        let manager = manager.and_then(|manager| manager.addr.as_ref());
        let manager = manager.and_then(|addr| {
            let with_port = addr.parse::<SocketAddr>().ok();
            let with_port = with_port.map(|address| address.ip());
            with_port.or_else(|| addr.parse().ok())
        });
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
        let state = self.status.as_ref()?.state.as_deref()?;
        let labels = self.spec.as_ref().and_then(|spec| spec.labels.as_ref());
        let is_given_back = labels.is_some_and(|labels| labels.contains_key(DRAINED_FOR));
        let is_down = matches!(state, "down" | "disconnected") && !is_given_back;
        is_down.then(|| self.hostname().to_owned())
    }

    fn hostname(&self) -> &str {
        let description = self.description.as_ref();
        let hostname = description.and_then(|description| description.hostname.as_deref());
        hostname
            .filter(|hostname| !hostname.is_empty())
            .unwrap_or(&self.id)
    }

    /// Id and host name. The id is used for both while the host name is unknown.
    pub(super) fn into_hostname(self) -> (String, String) {
        (self.id.clone(), self.hostname().to_owned())
    }

    /// The node with these tasks.
    pub(super) fn into_node(self, tasks: impl FnOnce(&str) -> BTreeMap<ServiceId, u32>) -> Node {
        let word = |word: Option<&String>| word.cloned().unwrap_or_default();
        let availability = word(
            self.spec
                .as_ref()
                .and_then(|spec| spec.availability.as_ref()),
        );
        let role = word(self.spec.as_ref().and_then(|spec| spec.role.as_ref()));
        let state = word(
            self.status
                .as_ref()
                .and_then(|status| status.state.as_ref()),
        );
        let version = self.version.as_ref().map_or(0, |version| version.index);
        let resources = self
            .description
            .as_ref()
            .and_then(|description| description.resources.as_ref());
        let resources = resources
            .map(ResourcesAnswer::resources)
            .unwrap_or_default();
        let labels = self.spec.as_ref().and_then(|spec| spec.labels.clone());
        let labels = labels.unwrap_or_default();
        let (id, name) = self.into_hostname();
        Node {
            tasks: tasks(&id),
            id,
            name,
            version,
            drained_for: labels.get(DRAINED_FOR).cloned(),
            labels,
            resources,
            availability: match availability.as_str() {
                "drain" => Availability::Drain,
                "pause" => Availability::Pause,
                _ => Availability::Active,
            },
            is_ready: state == "ready",
            is_manager: role == "manager",
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
    match fresh.pointer("/Version/Index").and_then(Value::as_u64) {
        Some(version) if version == node.version => {}
        Some(_) => return Err(OrchestratorError::Conflict),
        None => {
            let problem = format!("the answer for node {} contains no version", node.name);
            return Err(OrchestratorError::Refused(problem));
        }
    }
    let mut spec = fresh.get_mut("Spec").map(Value::take).unwrap_or_default();
    let word = match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    };
    let is_changed = match spec.get_mut("Availability") {
        Some(known) if known.is_string() => {
            let is_changed = known.as_str() != Some(word);
            *known = word.into();
            is_changed
        }
        _ => {
            let problem = format!("the answer for node {} contains no availability", node.name);
            return Err(OrchestratorError::Refused(problem));
        }
    };
    Ok((label(&mut spec, drained_for) || is_changed).then_some(spec))
}

/// Sets the label with the pool that drained the node. Returns whether it changed.
fn label(spec: &mut Value, drained_for: Option<&str>) -> bool {
    let Some(spec) = spec.as_object_mut() else {
        return false;
    };
    match drained_for {
        None => {
            let labels = spec.get_mut("Labels").and_then(Value::as_object_mut);
            labels.is_some_and(|labels| labels.remove(DRAINED_FOR).is_some())
        }
        Some(pool) => {
            let labels = spec.entry("Labels").or_insert_with(|| Map::new().into());
            if labels.is_null() {
                *labels = Map::new().into();
            }
            let Some(labels) = labels.as_object_mut() else {
                return false;
            };
            let before = labels.insert(DRAINED_FOR.to_owned(), pool.into());
            before.as_ref().and_then(Value::as_str) != Some(pool)
        }
    }
}
