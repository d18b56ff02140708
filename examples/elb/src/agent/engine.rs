//! The engine of this host: which containers there are, and what each has used.

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

/// What is learned of the containers.
#[derive(Debug)]
pub(super) enum News {
    /// What the engine calls its host, and with it swarm its node; nothing if it does not answer.
    Host(Option<String>),
    /// One that was not there before.
    Started(Box<Container>),
    /// One is not there any more.
    Ended(String),
    /// One does not run for a while, or runs again.
    Paused(String, bool),
    /// What one has used; nothing if the engine did not say.
    Counted(String, Option<Box<Stats>>),
}

/// Asks the engine, beside all other work: it may be slow.
#[derive(Debug)]
pub(super) struct Inquiry {
    engine: Arc<Engine>,
    news: Sender<News>,
    turns: Arc<Semaphore>,
    tasks: JoinSet<()>,
}

/// Questions that an engine gets at a time.
const AT_A_TIME: usize = 8;

/// How long the engine may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is asked which containers there are.
const LISTING: Duration = Duration::from_secs(1);

impl Inquiry {
    /// Begins to watch for containers.
    pub(super) fn begin(
        endpoint: &str,
        host_memory: u64,
        news: Sender<News>,
    ) -> Result<Self, EndpointError> {
        let engine = Arc::new(Engine::at(endpoint, TIMEOUT)?);
        let mut tasks = JoinSet::new();
        tasks.spawn(watch(Arc::clone(&engine), host_memory, news.clone()));
        Ok(Self {
            engine,
            news,
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            tasks,
        })
    }

    /// Asks what a container has used; the answer is among the news.
    pub(super) fn count(&mut self, id: &str) {
        while self.tasks.try_join_next().is_some() {}
        let (engine, news, turns) = (
            Arc::clone(&self.engine),
            self.news.clone(),
            Arc::clone(&self.turns),
        );
        let id = id.to_owned();
        self.tasks.spawn(async move {
            let _turn = turns.acquire().await;
            // One-shot: without it, the engine waits for a second reading to compare with.
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
            let _ = news.send(News::Counted(id, stats.map(Box::new))).await;
        });
    }
}

/// Tells what comes and goes, until nobody listens.
async fn watch(engine: Arc<Engine>, host_memory: u64, news: Sender<News>) {
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
            let is_news = named.is_none() || name.is_some();
            named = Some(name.is_some());
            if is_news && news.send(News::Host(name)).await.is_err() {
                return;
            }
        }
        match look(&engine, host_memory, &mut known, &news).await {
            Ok(true) if answers => {}
            Ok(true) => {
                info!("the engine answers again");
                answers = true;
            }
            Ok(false) => return,
            Err(failure) => {
                if answers {
                    warn!("{failure}; no container is told of until the engine answers");
                }
                answers = false;
            }
        }
    }
}

impl Entry for Listed {}

/// One look at what there is; `false` if nobody listens any more.
async fn look(
    engine: &Engine,
    host_memory: u64,
    known: &mut HashMap<String, bool>,
    news: &Sender<News>,
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
        if news.send(News::Ended(id)).await.is_err() {
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
                if news.send(News::Started(Box::new(container))).await.is_err() {
                    return Ok(false);
                }
                false
            }
        };
        if paused != was_paused {
            known.insert(id.clone(), paused);
            if news.send(News::Paused(id.clone(), paused)).await.is_err() {
                return Ok(false);
            }
        }
    }
    Ok(!news.is_closed())
}
