//! Version, swarm state and nodes of an engine, for diagnosis.

use serde::Deserialize;

use super::Docker;
use super::answer::Answer;
use super::list::{Entry, List};
use crate::orchestrator::OrchestratorError;

/// An engine and its role in a swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Version of the engine.
    pub engine: String,
    /// Newest supported API version.
    pub api: String,
    /// Oldest supported API version, if reported.
    pub oldest_api: Option<String>,
    /// Name of the node.
    pub name: String,
    /// `active`, `inactive`, `pending`, `locked` or `error`.
    pub swarm: String,
    /// Whether it is a manager.
    pub is_manager: bool,
    /// Error of the swarm according to the engine; empty for none.
    pub problem: String,
}

/// A node of the swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Name of the node.
    pub name: String,
    /// `ready`, `down`, `unknown` or `disconnected`.
    pub state: String,
    /// `active`, `pause` or `drain`.
    pub availability: String,
    /// Version of the engine.
    pub engine: String,
    /// State of the manager; `None` for a worker.
    pub manager: Option<Manager>,
}

/// State of a manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manager {
    /// Whether it is the leader.
    pub is_leader: bool,
    /// Whether the other managers reach it.
    pub is_reachable: bool,
}

impl Docker {
    /// The engine that answers, and its role in a swarm.
    ///
    /// # Errors
    ///
    /// If no engine answers, or the answer is invalid.
    pub async fn about(&mut self) -> Result<About, OrchestratorError> {
        let version: VersionAnswer = self.ask::<Answer>("/version").await?.json()?;
        let info: InfoAnswer = self.ask::<Answer>("/info").await?.json()?;
        let swarm = info.swarm.unwrap_or_default();
        Ok(About {
            engine: version.engine,
            api: version.api,
            oldest_api: version.oldest_api.filter(|version| !version.is_empty()),
            name: info.name.unwrap_or_default(),
            swarm: swarm.local_node_state.unwrap_or_default(),
            is_manager: swarm.control_available.unwrap_or_default(),
            problem: swarm.error.unwrap_or_default(),
        })
    }

    /// The nodes of the swarm. Only managers of a swarm with a leader return them.
    ///
    /// # Errors
    ///
    /// If no manager answers, or the answer is invalid.
    pub async fn members(&mut self) -> Result<Vec<Member>, OrchestratorError> {
        let nodes = self.ask::<List<MemberAnswer>>("/nodes").await?.entries;
        Ok(nodes.into_iter().map(MemberAnswer::into_member).collect())
    }
}

#[derive(Debug, Deserialize)]
struct VersionAnswer {
    #[serde(rename = "Version")]
    engine: String,
    #[serde(rename = "ApiVersion")]
    api: String,
    #[serde(rename = "MinAPIVersion")]
    oldest_api: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InfoAnswer {
    name: Option<String>,
    swarm: Option<SwarmAnswer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SwarmAnswer {
    local_node_state: Option<String>,
    control_available: Option<bool>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MemberAnswer {
    #[serde(rename = "ID")]
    id: String,
    spec: Option<SpecAnswer>,
    description: Option<DescriptionAnswer>,
    status: Option<StatusAnswer>,
    manager_status: Option<ManagerAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SpecAnswer {
    availability: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescriptionAnswer {
    hostname: Option<String>,
    engine: Option<EngineAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EngineAnswer {
    engine_version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusAnswer {
    state: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagerAnswer {
    leader: Option<bool>,
    reachability: Option<String>,
}

impl Entry for MemberAnswer {}

impl MemberAnswer {
    fn into_member(self) -> Member {
        let (name, engine) = match self.description {
            Some(description) => (description.hostname, description.engine),
            None => (None, None),
        };
        let manager = self.manager_status.map(|status| Manager {
            is_leader: status.leader.unwrap_or_default(),
            is_reachable: status.reachability.as_deref() == Some("reachable"),
        });
        Member {
            name: name.filter(|name| !name.is_empty()).unwrap_or(self.id),
            state: self
                .status
                .and_then(|status| status.state)
                .unwrap_or_default(),
            availability: self
                .spec
                .and_then(|spec| spec.availability)
                .unwrap_or_default(),
            engine: engine
                .and_then(|engine| engine.engine_version)
                .unwrap_or_default(),
            manager,
        }
    }
}
