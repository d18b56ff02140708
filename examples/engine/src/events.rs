use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::watch;
use tracing::debug;

use crate::{Engine, with_filters};

/// A stream without data for this time is considered broken.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// Initial and maximum time until the stream is requested again.
const RETRY_DELAY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Notifies of changes of services and nodes.
///
/// An event means that something should be read again. A program also reads everything from time to
/// time, since events are lost while no engine answers.
#[derive(Clone, Debug)]
pub struct Events(watch::Receiver<()>);

impl Events {
    /// Waits until something may have changed since the last call. Never completes after the stream
    /// has ended.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Reads the events of these managers in turn, until all receivers are dropped.
///
/// # Panics
///
/// Outside a runtime of tokio.
pub fn listen(managers: Vec<Engine>) -> Events {
    let (sender, receiver) = watch::channel(());
    tokio::spawn(async move {
        let mut pause = RETRY_DELAY.0;
        let mut turn = 0;
        while !sender.is_closed() && !managers.is_empty() {
            let manager = &managers[turn % managers.len()];
            let has_event = tokio::select! {
                has_event = follow(manager, &sender) => has_event,
                () = sender.closed() => return,
            };
            match has_event {
                // The stream worked; it is requested again immediately.
                Ok(true) => pause = RETRY_DELAY.0,
                Ok(false) => {}
                Err(why) => {
                    debug!(manager = manager.name(), "no events: {why}");
                    turn += 1;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = sender.closed() => return,
            }
            pause = (pause * 2).min(RETRY_DELAY.1);
        }
    });
    Events(receiver)
}

/// Reads one stream to its end. Returns whether it contained an event.
async fn follow(manager: &Engine, sender: &watch::Sender<()>) -> Result<bool, String> {
    let filters = json!({ "type": ["service", "node"] });
    let response = manager.stream(&with_filters("/events", &filters)).await;
    let response = response.map_err(|failure| failure.to_string())?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    // Changes while no stream was open must be read.
    sender.send_replace(());
    let mut body = response.into_body();
    let mut has_event = false;
    while let Ok(Some(frame)) = tokio::time::timeout(IDLE_LIMIT, body.frame()).await {
        let frame = frame.map_err(|error| error.to_string())?;
        // The content of the event is not used; the services are read instead. Some proxies send
        // empty lines to keep the connection open.
        let data = frame.into_data().unwrap_or_default();
        if !data.trim_ascii().is_empty() {
            sender.send_replace(());
            has_event = true;
        }
    }
    Ok(has_event)
}
