//! Access to a running loop: status, telemetry, and requests to change something. The API uses a
//! [`Handle`]; the program around the loop processes the [`Request`]s.

use std::time::Duration;

use sflow_metrics::Timestamp;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::history::Source;
use crate::policy::{Mode, Subject};
use crate::shared::Shared;
use crate::status::LoopStatus;
use crate::view::Snapshot;
use sflow_autoscale::observe::{ContainerView, Telemetry};

/// Queue length of requests while the loop waits for the orchestrator.
const WAITING: usize = 16;
/// Maximum waiting time of a request.
const MAX_WAIT: Duration = Duration::from_secs(8);

/// Access to a running loop.
#[derive(Clone, Debug)]
pub struct Handle {
    telemetry: Shared<Telemetry>,
    status: Shared<LoopStatus>,
    config: Shared<Config>,
    requests: mpsc::Sender<(Request, oneshot::Sender<Result<(), Refusal>>)>,
}

/// Requests from the handles of a loop.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<(Request, oneshot::Sender<Result<(), Refusal>>)>);

/// A request to the loop.
#[derive(Clone, Debug)]
pub enum Request {
    /// Sets the mode of a service, a node pool or the loop.
    SetMode {
        /// The service or pool; `None` for the loop.
        subject: Option<Subject>,
        /// The mode.
        mode: Mode,
        /// The cause of the change.
        source: Source,
    },
    /// Replaces the configuration.
    Configure(Box<Config>, Source),
}

/// Why a request was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The service is not managed, or the pool does not exist.
    #[error("service or pool {} does not exist", .0.name)]
    Unknown(Subject),
    /// The change is invalid, or impossible while the loop runs.
    #[error("{0}")]
    Impossible(String),
    /// The loop is waiting for the orchestrator; the request may still be applied.
    #[error(
        "the loop is waiting for the orchestrator: check whether the change was applied, or try \
         again"
    )]
    Busy,
    /// The loop has ended.
    #[error("the loop has ended")]
    Ended,
}

impl Handle {
    /// A handle of a loop with this telemetry and status, and the receiver of requests from the
    /// handle and its clones.
    pub fn new(
        telemetry: Shared<Telemetry>,
        status: Shared<LoopStatus>,
        config: Config,
    ) -> (Self, Requests) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let handle = Self {
            telemetry,
            status,
            config: Shared::new(config),
            requests: sender,
        };
        (handle, Requests(receiver))
    }

    /// The telemetry.
    pub const fn telemetry(&self) -> &Shared<Telemetry> {
        &self.telemetry
    }

    /// Status of the loop.
    pub const fn status(&self) -> &Shared<LoopStatus> {
        &self.status
    }

    /// The current configuration.
    pub const fn config(&self) -> &Shared<Config> {
        &self.config
    }

    /// The loop's current time.
    pub fn now(&self) -> Timestamp {
        self.status.lock().present()
    }

    /// The current status for the terminal and the page, with at most `points` points of each
    /// history.
    pub fn snapshot(&self, points: usize) -> Snapshot {
        let intake = self.telemetry.lock().ingest_stats();
        self.status.lock().snapshot(intake, points)
    }

    /// Containers of a service according to the orchestrator and the telemetry; empty if the
    /// service is unknown.
    pub fn containers(&self, service: &str) -> Vec<ContainerView> {
        let status = self.status.lock();
        let now = status.present();
        let found = status.service(service).and_then(|known| {
            let metrics: Vec<String> = known.metrics().map(str::to_owned).collect();
            Some((known.state.clone()?, metrics))
        });
        drop(status);
        let Some((state, metrics)) = found else {
            return Vec::new();
        };
        self.telemetry.lock().containers_of(now, &state, &metrics)
    }

    /// Whether the loop is still running.
    pub fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends a request to the loop and waits until it was applied. A request whose caller no longer
    /// waits is dropped.
    ///
    /// # Errors
    ///
    /// If the request was not applied, or not in time.
    pub async fn send(&self, request: Request) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        let configured = match &request {
            Request::Configure(config, _) => Some(config.clone()),
            Request::SetMode { .. } => None,
        };
        let applied = async {
            let sent = self.requests.send((request, answer)).await;
            sent.map_err(|_| Refusal::Ended)?;
            answered.await.map_err(|_| Refusal::Ended)??;
            if let Some(config) = configured {
                *self.config.lock() = *config;
            }
            Ok(())
        };
        match tokio::time::timeout(MAX_WAIT, applied).await {
            Ok(result) => result,
            Err(_) => Err(Refusal::Busy),
        }
    }
}

impl Requests {
    /// The next request and the sender of its answer. Never completes after all handles are
    /// dropped.
    pub async fn next(&mut self) -> (Request, oneshot::Sender<Result<(), Refusal>>) {
        while let Some((request, answer)) = self.0.recv().await {
            if !answer.is_closed() {
                return (request, answer);
            }
        }
        std::future::pending().await
    }
}
