//! What is read of a node, and the one word of it that is written.

use serde::Deserialize;
use serde_json::Value;

use crate::orchestrator::{Availability, Node, OrchestratorError};

/// A node as the engine describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeAnswer {
    #[serde(rename = "ID")]
    id: String,
    version: Option<Version>,
    spec: Option<Spec>,
    description: Option<Description>,
    status: Option<Status>,
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
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    hostname: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    state: Option<String>,
}

impl NodeAnswer {
    /// Its identity and its name; the first for both until it has told the second.
    pub(super) fn into_hostname(self) -> (String, String) {
        let hostname = self
            .description
            .and_then(|description| description.hostname);
        let hostname = hostname.filter(|hostname| !hostname.is_empty());
        (self.id.clone(), hostname.unwrap_or(self.id))
    }

    /// The node, with so many tasks on it.
    pub(super) fn into_node(self, tasks: impl Fn(&str) -> u32) -> Node {
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
        let (id, name) = self.into_hostname();
        Node {
            tasks: tasks(&id),
            id,
            name,
            version,
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

/// What is sent to change one word of a node; `None` if it is what it should be already.
///
/// # Errors
///
/// If `fresh` is not the version that `node` was read from, or is no specification of a node.
pub(super) fn with_availability(
    mut fresh: Value,
    node: &Node,
    availability: Availability,
) -> Result<Option<Value>, OrchestratorError> {
    match fresh.pointer("/Version/Index").and_then(Value::as_u64) {
        Some(version) if version == node.version => {}
        Some(_) => return Err(OrchestratorError::Conflict),
        None => {
            let problem = format!("node {} comes without a version", node.name);
            return Err(OrchestratorError::Refused(problem));
        }
    }
    let mut spec = fresh.get_mut("Spec").map(Value::take).unwrap_or_default();
    let word = match availability {
        Availability::Active => "active",
        Availability::Pause => "pause",
        Availability::Drain => "drain",
    };
    match spec.get_mut("Availability") {
        Some(known) if known.as_str() == Some(word) => Ok(None),
        Some(known) if known.is_string() => {
            *known = word.into();
            Ok(Some(spec))
        }
        _ => {
            let problem = format!("node {} comes without its availability", node.name);
            Err(OrchestratorError::Refused(problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "ID": "n1", "Version": { "Index": 9 },
            "Spec": { "Labels": { "disk": "ssd" }, "Role": "worker", "Availability": "active" },
            "Description": { "Hostname": "node1" }, "Status": { "State": "ready" },
        })
    }

    fn node() -> Node {
        let answer: NodeAnswer = serde_json::from_value(answer()).unwrap();
        answer.into_node(|id| if id == "n1" { 3 } else { 0 })
    }

    #[test]
    fn a_node_is_read() {
        assert_eq!(
            node(),
            Node {
                id: "n1".to_owned(),
                name: "node1".to_owned(),
                version: 9,
                availability: Availability::Active,
                is_ready: true,
                is_manager: false,
                tasks: 3,
            }
        );
    }

    #[test]
    fn a_node_that_has_not_told_its_name() {
        for node in [
            json!({ "ID": "n1" }),
            json!({ "ID": "n1", "Description": {} }),
        ] {
            let node: NodeAnswer = serde_json::from_value(node).unwrap();
            assert_eq!(node.into_hostname(), ("n1".to_owned(), "n1".to_owned()));
        }
    }

    #[test]
    fn one_word_changes() {
        let sent = with_availability(answer(), &node(), Availability::Drain);
        let mut expected = answer()["Spec"].clone();
        expected["Availability"] = "drain".into();
        assert_eq!(sent, Ok(Some(expected)));
        assert_eq!(
            with_availability(answer(), &node(), Availability::Active),
            Ok(None)
        );
        let mut newer = answer();
        newer["Version"]["Index"] = 10.into();
        assert_eq!(
            with_availability(newer, &node(), Availability::Drain),
            Err(OrchestratorError::Conflict)
        );
        let bare = json!({ "Version": { "Index": 9 } });
        let refusal = with_availability(bare, &node(), Availability::Drain);
        assert!(matches!(refusal, Err(OrchestratorError::Refused(_))));
    }
}
