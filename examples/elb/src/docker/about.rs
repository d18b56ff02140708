//! Version, swarm state and nodes of an engine, for diagnosis.

use std::fmt;

use engine::{List, or_default};
use serde::Deserialize;

use super::node::NodeAnswer;
use super::{Docker, Object};
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
    /// Version of the engine that answers.
    ///
    /// # Errors
    ///
    /// If no manager answers, or the answer is invalid.
    pub async fn version(&mut self) -> Result<EngineVersion, OrchestratorError> {
        let Object(version) = self.ask("/version").await?;
        Ok(version)
    }

    /// The engine that answers, and its role in a swarm.
    ///
    /// # Errors
    ///
    /// If no engine answers, or the answer is invalid.
    pub async fn about(&mut self) -> Result<About, OrchestratorError> {
        let version = self.version().await?;
        let Object::<InfoAnswer>(info) = self.ask("/info").await?;
        Ok(About {
            engine: version.engine,
            api: version.api,
            oldest_api: version.oldest_api.filter(|version| !version.is_empty()),
            name: info.name,
            swarm: info.swarm.local_node_state,
            is_manager: info.swarm.control_available,
            problem: info.swarm.error,
        })
    }

    /// The nodes of the swarm. Only managers of a swarm with a leader return them.
    ///
    /// # Errors
    ///
    /// If no manager answers, or the answer is invalid.
    pub async fn members(&mut self) -> Result<Vec<Member>, OrchestratorError> {
        let nodes = self.ask::<List<NodeAnswer>>("/nodes").await?.entries;
        Ok(nodes.into_iter().map(NodeAnswer::into_member).collect())
    }
}

/// Version of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EngineVersion {
    /// Version of the engine.
    #[serde(rename = "Version")]
    pub engine: String,
    /// Newest supported API version, which is used for paths without a version.
    #[serde(rename = "ApiVersion")]
    pub api: String,
    /// Oldest supported API version, if reported.
    #[serde(rename = "MinAPIVersion")]
    pub oldest_api: Option<String>,
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, API {}", self.engine, self.api)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InfoAnswer {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    swarm: SwarmAnswer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SwarmAnswer {
    local_node_state: String,
    control_available: bool,
    error: String,
}
