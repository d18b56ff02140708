use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::facts::{EngineFacts, LeaderFacts, ManagerFacts, Program, Unreachable};
use crate::config::{Config, ENABLED};
use crate::docker::{self, About, Docker, Lease};
use crate::format::shortened;
use crate::hooks::Call;
use crate::orchestrator::{NodeAddresses, Orchestrator as _, OrchestratorError};
use crate::status::{LeaderStatus, LeaderView};
use sflow_autoscale::leader::{LeaseStore as _, StoredRecord};

/// Queries every configured engine, and reads nodes and services from the managers.
pub(super) async fn ask_engines(config: &Config) -> EngineFacts {
    let mut facts = EngineFacts {
        managers: ask_managers(&config.docker).await,
        programs: programs(config),
        ..EngineFacts::default()
    };
    if facts.managers.iter().all(|manager| manager.answer.is_err()) {
        return facts;
    }
    let Ok(mut docker) = Docker::connect(&config.docker) else {
        return facts;
    };
    facts.members = Some(text(docker.members().await));
    let Some(Ok(members)) = &facts.members else {
        return facts;
    };
    let unknown = members.iter().map(|member| NodeAddresses {
        name: member.name.clone(),
        addresses: Vec::new(),
    });
    let unknown = unknown.collect();
    if config.discovery.enabled {
        facts.labelled = Some(text(docker.labelled(ENABLED).await));
    }
    let managed = facts.managed_services(config).into_iter();
    let names: Vec<String> = managed.map(|entry| entry.name).collect();
    facts.services = Some(text(docker.services(&names).await));
    facts.addresses = docker.nodes();
    if facts.addresses.is_empty() {
        facts.addresses = unknown;
    }
    if !config.pools.is_empty() {
        facts.census = Some(text(docker.census().await));
    }
    facts
}

/// Reads the lease, if a leader is elected.
pub(super) async fn ask_leader(config: &Config) -> Option<LeaderFacts> {
    let settings = config.leader.enabled.then_some(&config.leader)?;
    let lease = Lease::connect(&config.docker, &settings.name, config.docker.timeout);
    let read = match lease {
        Ok(mut lease) => lease.read().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut status = LeaderStatus::default();
    match read {
        Ok(Some(StoredRecord { record, .. })) => {
            let some = |text: &str| (!text.is_empty()).then(|| shortened(text, 200));
            (status.holder, status.address) = (some(&record.holder), some(&record.address));
            status.term = record.term;
        }
        Ok(None) => {}
        Err(error) => status.error = Some(error),
    }
    Some(LeaderFacts {
        view: LeaderView {
            election: true,
            status,
            ..LeaderView::default()
        },
        ..LeaderFacts::default()
    })
}

fn text<T>(read: Result<T, OrchestratorError>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}

/// Checks whether the programs of hooks exist and can be executed.
fn programs(config: &Config) -> BTreeMap<PathBuf, Program> {
    let hooks = config.pools.iter().filter_map(|pool| pool.hook.as_ref());
    let programs = hooks.filter_map(|hook| match &hook.call {
        Call::Program { program, .. } => Some((program.clone(), state_of(program))),
        Call::Http { .. } => None,
    });
    programs.collect()
}

fn state_of(program: &Path) -> Program {
    match std::fs::metadata(program) {
        Err(_) => Program::Missing,
        Ok(found) if found.is_file() && is_executable(&found) => Program::Fine,
        Ok(_) => Program::NotExecutable,
    }
}

#[cfg(unix)]
fn is_executable(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

/// Queries all endpoints concurrently: an unreachable one takes the whole timeout.
async fn ask_managers(settings: &docker::Settings) -> Vec<ManagerFacts> {
    let mut asked = JoinSet::new();
    for (place, endpoint) in settings.endpoints.iter().cloned().enumerate() {
        let alone = docker::Settings {
            endpoints: vec![endpoint.clone()],
            ..settings.clone()
        };
        asked.spawn(async move {
            let answer = about(&alone).await;
            (place, ManagerFacts { endpoint, answer })
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, facts)| facts).collect()
}

async fn about(settings: &docker::Settings) -> Result<About, Unreachable> {
    let docker = Docker::connect(settings);
    let mut docker = docker.map_err(|error| Unreachable::Unusable(error.to_string()))?;
    match docker.about().await {
        Ok(about) => Ok(about),
        Err(error) => {
            let why = why(docker.endpoint(), settings.timeout).await;
            Err(why.unwrap_or_else(|| Unreachable::Other(error.to_string())))
        }
    }
}

/// The reason why no connection can be made; `None` if a connection succeeds, so that the failure
/// is in the request.
async fn why(endpoint: &str, limit: Duration) -> Option<Unreachable> {
    let (scheme, place) = endpoint.split_once("://")?;
    let connected = async {
        match scheme {
            #[cfg(unix)]
            "unix" => UnixStream::connect(place).await.map(drop),
            _ => TcpStream::connect(place).await.map(drop),
        }
    };
    match timeout(limit, connected).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => match error.kind() {
            ErrorKind::PermissionDenied => Some(Unreachable::Forbidden),
            ErrorKind::NotFound => Some(Unreachable::Missing),
            ErrorKind::ConnectionRefused => Some(Unreachable::Refused),
            ErrorKind::TimedOut => Some(Unreachable::Silent),
            _ => Some(Unreachable::Other(error.to_string())),
        },
        Err(_) => Some(Unreachable::Silent),
    }
}
