//! Monitors the containers of this host's engine and their resource usage.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::segment;
use engine::{EndpointError, Engine, Entry, Failure};
use serde::Deserialize;
use serde_json::Value;
use sflow_agent::linux::{Container, ContainerCounters, ContainerUsage, Host};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};
use untrusted::shortened;

use super::container::{counters, described};

/// A change of the containers, or an answer about one. Containers are identified by their ids.
#[derive(Debug)]
pub(super) enum Update {
    /// The host name according to the engine, which is the name of the swarm node; `None` if the
    /// engine does not answer.
    Host(Option<String>),
    Started(String, Box<Container>),
    Ended(String),
    Counters(String, Box<ContainerCounters>),
}

/// A container of a list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    state: String,
}

impl Entry for Listed {}

/// Limits and pause state of the containers that run, by id.
type Known = Mutex<HashMap<String, ContainerUsage>>;

fn lock(known: &Known) -> MutexGuard<'_, HashMap<String, ContainerUsage>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Requests to the engine. They run in separate tasks because the engine may be slow.
#[derive(Debug)]
pub(super) struct EngineMonitor {
    engine: Arc<Engine>,
    host: Host,
    known: Arc<Known>,
    updates: Sender<Update>,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

impl EngineMonitor {
    /// Starts to watch for containers.
    pub(super) fn start(
        endpoint: &str,
        host: Host,
        updates: Sender<Update>,
    ) -> Result<Self, EndpointError> {
        const TIMEOUT: Duration = Duration::from_secs(5);
        const PROGRAM: &str = concat!("agent/", env!("CARGO_PKG_VERSION"));
        /// Concurrent requests for counters.
        const REQUESTS: usize = 8;
        let engine = Arc::new(Engine::new(endpoint, TIMEOUT, None, PROGRAM)?);
        let known = Arc::<Known>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(watch(
            Arc::clone(&engine),
            Arc::clone(&known),
            updates.clone(),
        ));
        Ok(Self {
            engine,
            host,
            known,
            updates,
            permits: Arc::new(Semaphore::new(REQUESTS)),
            tasks,
        })
    }

    /// Requests the counters of a container; the answer is an [`Update::Counters`].
    pub(super) fn request_counters(&mut self, id: String, container: Container) {
        while self.tasks.try_join_next().is_some() {}
        let Some(limits) = lock(&self.known).get(&id).copied() else {
            return;
        };
        let (engine, host) = (Arc::clone(&self.engine), self.host.clone());
        let (updates, permits) = (self.updates.clone(), Arc::clone(&self.permits));
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            // Without one-shot the engine waits for a second reading, to compute a difference.
            let path = format!(
                "/containers/{}/stats?stream=false&one-shot=true",
                segment(&id)
            );
            let stats = engine.get(&path).await;
            match stats.and_then(|answer| answer.json::<Value>()) {
                Ok(stats) => {
                    if let Some(counters) = counters(&stats, &container, limits, &host) {
                        let update = Update::Counters(id, Box::new(counters));
                        updates.send(update).await.ok();
                    }
                }
                Err(failure) => debug!("{failure}"),
            }
        });
    }
}

/// Sends updates until the task is aborted.
async fn watch(engine: Arc<Engine>, known: Arc<Known>, updates: Sender<Update>) {
    /// Time between two requests for the list of containers.
    const LISTING: Duration = Duration::from_secs(1);
    let mut answers = true;
    let mut named = None;
    let mut failing = HashSet::new();
    let mut ticks = interval(LISTING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if named != Some(true) {
            let info = engine.get("/info").await;
            let info = info.and_then(|answer| answer.json::<Value>());
            let name = info
                .ok()
                .and_then(|info| Some(info["Name"].as_str()?.to_owned()));
            let is_new = named.is_none() || name.is_some();
            named = Some(name.is_some());
            if is_new {
                updates.send(Update::Host(name)).await.ok();
            }
        }
        let updated = update(&engine, &known, &updates, &mut failing).await;
        match &updated {
            Ok(()) if !answers => info!("the engine answers again"),
            Err(failure) if answers => {
                warn!("{failure}; no container is reported until the engine answers");
            }
            _ => {}
        }
        answers = updated.is_ok();
    }
}

/// Compares the list of containers with the known ones. `failing` are the containers whose inspection
/// has failed, which is logged once.
async fn update(
    engine: &Engine,
    known: &Known,
    updates: &Sender<Update>,
    failing: &mut HashSet<String>,
) -> Result<(), Failure> {
    let listed = engine.list::<Listed>("/containers/json").await?.entries;
    let here: HashSet<&str> = listed.iter().map(|listed| listed.id.as_str()).collect();
    failing.retain(|id| here.contains(id.as_str()));
    let is_gone = |id: &String, _: &mut ContainerUsage| !here.contains(id.as_str());
    let gone: Vec<_> = lock(known).extract_if(is_gone).collect();
    for (id, _) in gone {
        updates.send(Update::Ended(id)).await.ok();
    }
    for Listed { id, state } in listed {
        let is_paused = state == "paused";
        if let Some(known) = lock(known).get_mut(&id) {
            known.is_paused = is_paused;
            continue;
        }
        let path = format!("/containers/{}/json", segment(&id));
        let answer = engine.get(&path).await;
        let inspected = match answer.and_then(|answer| answer.json::<Value>()) {
            Ok(inspected) => inspected,
            // The other containers are not affected.
            Err(failure) => {
                if !failure.is_not_found() && failing.insert(id.clone()) {
                    let id = shortened(&id, 64);
                    warn!("container {id} is not reported, the engine is asked again: {failure}");
                }
                continue;
            }
        };
        if let Some((container, mut limits)) = described(&inspected) {
            limits.is_paused = is_paused;
            lock(known).insert(id.clone(), limits);
            let started = Update::Started(id, Box::new(container));
            updates.send(started).await.ok();
        }
    }
    Ok(())
}
