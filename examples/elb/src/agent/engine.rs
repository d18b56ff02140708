//! Monitors the containers of this host's engine and their resource usage.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::container::{Container, Info, Inspected, Listed, Stats};
use crate::docker::{EndpointError, Engine, Entry, Failure};

/// A change of the containers, or an answer about one.
#[derive(Debug)]
pub(super) enum Update {
    /// The host name according to the engine, which is the name of the swarm node; `None` if the
    /// engine does not answer.
    Host(Option<String>),
    Started(Box<Container>),
    /// By id.
    Ended(String),
    /// By id, and whether it is paused.
    Paused(String, bool),
    /// By id; `None` if the engine did not return its counters.
    Stats(String, Option<Box<Stats>>),
}

/// Requests to the engine. They run in separate tasks because the engine may be slow.
#[derive(Debug)]
pub(super) struct EngineMonitor {
    engine: Arc<Engine>,
    updates: Sender<Update>,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

/// Concurrent requests for counters.
const REQUESTS: usize = 8;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two requests for the list of containers.
const LISTING: Duration = Duration::from_secs(1);

impl EngineMonitor {
    /// Starts to watch for containers.
    pub(super) fn start(
        endpoint: &str,
        host_memory: u64,
        updates: Sender<Update>,
    ) -> Result<Self, EndpointError> {
        let engine = Arc::new(Engine::at(endpoint, TIMEOUT)?);
        let mut tasks = JoinSet::new();
        tasks.spawn(watch(Arc::clone(&engine), host_memory, updates.clone()));
        Ok(Self {
            engine,
            updates,
            permits: Arc::new(Semaphore::new(REQUESTS)),
            tasks,
        })
    }

    /// Requests the counters of a container; the answer is an [`Update::Stats`].
    pub(super) fn request_stats(&mut self, id: &str) {
        while self.tasks.try_join_next().is_some() {}
        let (engine, updates, permits) = (
            Arc::clone(&self.engine),
            self.updates.clone(),
            Arc::clone(&self.permits),
        );
        let id = id.to_owned();
        self.tasks.spawn(async move {
            let _permit = permits.acquire().await;
            // Without one-shot the engine waits for a second reading, to compute a difference.
            let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
            let stats = match engine
                .get(&path)
                .await
                .and_then(|answer| answer.json::<Stats>())
            {
                Ok(stats) => Some(stats).filter(|stats| !stats.is_empty()),
                Err(failure) => {
                    debug!("{failure}");
                    None
                }
            };
            let _ = updates.send(Update::Stats(id, stats.map(Box::new))).await;
        });
    }
}

/// Sends updates until the receiver is closed.
async fn watch(engine: Arc<Engine>, host_memory: u64, updates: Sender<Update>) {
    let mut known: HashMap<String, bool> = HashMap::new();
    let mut answers = true;
    let mut named = None;
    let mut ticks = interval(LISTING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if named != Some(true) {
            let info = engine.get("/info").await;
            let info = info.and_then(|answer| answer.json::<Info>());
            let name = info.ok().and_then(|info| info.name);
            let is_new = named.is_none() || name.is_some();
            named = Some(name.is_some());
            if is_new && updates.send(Update::Host(name)).await.is_err() {
                return;
            }
        }
        match update(&engine, host_memory, &mut known, &updates).await {
            Ok(true) if answers => {}
            Ok(true) => {
                info!("the engine answers again");
                answers = true;
            }
            Ok(false) => return,
            Err(failure) => {
                if answers {
                    warn!("{failure}; no container is reported until the engine answers");
                }
                answers = false;
            }
        }
    }
}

impl Entry for Listed {}

/// Compares the list of containers with the known ones, by id and pause state. Returns `false` if
/// the receiver is closed.
async fn update(
    engine: &Engine,
    host_memory: u64,
    known: &mut HashMap<String, bool>,
    updates: &Sender<Update>,
) -> Result<bool, Failure> {
    let listed = engine.list::<Listed>("/containers/json").await?.entries;
    let here: HashSet<&str> = listed.iter().map(|listed| listed.id.as_str()).collect();
    let gone: Vec<String> = known
        .keys()
        .filter(|id| !here.contains(id.as_str()))
        .cloned()
        .collect();
    for id in gone {
        known.remove(&id);
        if updates.send(Update::Ended(id)).await.is_err() {
            return Ok(false);
        }
    }
    for Listed { id, state } in &listed {
        let paused = state == "paused";
        let was_paused = match known.get(id) {
            Some(was_paused) => *was_paused,
            None => {
                let inspected = match engine.get(&format!("/containers/{id}/json")).await {
                    Ok(answer) => answer.json::<Inspected>()?,
                    Err(failure) if failure.is_not_found() => continue,
                    Err(failure) => return Err(failure),
                };
                let Some(container) = inspected.container(host_memory) else {
                    continue;
                };
                known.insert(id.clone(), false);
                if updates
                    .send(Update::Started(Box::new(container)))
                    .await
                    .is_err()
                {
                    return Ok(false);
                }
                false
            }
        };
        if paused != was_paused {
            known.insert(id.clone(), paused);
            if updates
                .send(Update::Paused(id.clone(), paused))
                .await
                .is_err()
            {
                return Ok(false);
            }
        }
    }
    Ok(!updates.is_closed())
}
