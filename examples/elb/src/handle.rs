//! What others may do with a running loop: look at it, ask its telemetry, and tell it something
//! else. Who serves the API has a [`Handle`]; who runs the loop takes the [`Request`]s.

use std::time::Duration;

use sflow_metrics::Timestamp;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::board::Board;
use crate::config::Config;
use crate::policy::Mode;
use crate::shared::Shared;
use crate::view::Snapshot;
use sflow_autoscale::observe::{ContainerView, Telemetry};

/// Requests that wait while the loop waits for the orchestrator.
const WAITING: usize = 16;
/// How long a request may wait.
const PATIENCE: Duration = Duration::from_secs(8);

/// A running loop, as others see it.
#[derive(Clone, Debug)]
pub struct Handle {
    telemetry: Shared<Telemetry>,
    board: Shared<Board>,
    config: Shared<Config>,
    requests: mpsc::Sender<(Request, oneshot::Sender<Result<(), Refusal>>)>,
}

/// What comes in from the handles of a loop.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<(Request, oneshot::Sender<Result<(), Refusal>>)>);

/// What a loop may be told.
#[derive(Clone, Debug)]
pub enum Request {
    /// To do more or less for one service, or at most this for all.
    SetMode {
        /// Which; all if none is named.
        service: Option<String>,
        /// The mode.
        mode: Mode,
    },
    /// To do more or less for one pool of machines.
    SetPoolMode {
        /// Which.
        pool: String,
        /// The mode.
        mode: Mode,
    },
    /// To go on with this configuration instead.
    Configure(Box<Config>),
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The service is not under control.
    #[error("no service {0} is under control")]
    UnknownService(String),
    /// There is no such pool.
    #[error("no pool {0} is under control")]
    UnknownPool(String),
    /// It cannot be changed while the loop runs, or names something that does not exist.
    #[error("{0}")]
    Impossible(String),
    /// The loop waits for somebody else; what was asked may still be done.
    #[error(
        "the loop is busy waiting for the orchestrator: look whether it was done, or ask again"
    )]
    Busy,
    /// The loop has ended.
    #[error("the loop has ended")]
    Ended,
}

impl Handle {
    /// A handle of a loop with this telemetry and board, and the requests that come in from it
    /// and its clones.
    pub fn new(
        telemetry: Shared<Telemetry>,
        board: Shared<Board>,
        config: Config,
    ) -> (Self, Requests) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let handle = Self {
            telemetry,
            board,
            config: Shared::new(config),
            requests: sender,
        };
        (handle, Requests(receiver))
    }

    /// The telemetry.
    pub const fn telemetry(&self) -> &Shared<Telemetry> {
        &self.telemetry
    }

    /// How the loop stands.
    pub const fn board(&self) -> &Shared<Board> {
        &self.board
    }

    /// The configuration that holds.
    pub const fn config(&self) -> &Shared<Config> {
        &self.config
    }

    /// The loop's own time at this moment.
    pub fn now(&self) -> Timestamp {
        self.board.lock().present()
    }

    /// What a person sees now.
    pub fn snapshot(&self) -> Snapshot {
        self.glance(usize::MAX)
    }

    /// The same, with at most so many points of each service's past.
    pub fn glance(&self, points: usize) -> Snapshot {
        let intake = self.telemetry.lock().ingest_stats();
        self.board.lock().snapshot(intake, points)
    }

    /// The containers of a service, as the orchestrator and telemetry know them; none of a
    /// service that is not known.
    pub fn containers(&self, service: &str) -> Vec<ContainerView> {
        let board = self.board.lock();
        let now = board.present();
        let found = board.standing(service).and_then(|standing| {
            let metrics: Vec<String> = standing.metrics().map(str::to_owned).collect();
            Some((standing.state.clone()?, metrics))
        });
        drop(board);
        let Some((state, metrics)) = found else {
            return Vec::new();
        };
        self.telemetry.lock().containers_of(now, &state, &metrics)
    }

    /// Whether there is still a loop.
    pub fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Tells the loop something, and waits until it has been carried out. What nobody waits for
    /// any more when its turn comes is left undone.
    ///
    /// # Errors
    ///
    /// If it has not been, or not in time.
    pub async fn tell(&self, request: Request) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        let configured = match &request {
            Request::Configure(config) => Some(config.clone()),
            Request::SetMode { .. } | Request::SetPoolMode { .. } => None,
        };
        let told = async {
            let sent = self.requests.send((request, answer)).await;
            sent.map_err(|_| Refusal::Ended)?;
            answered.await.map_err(|_| Refusal::Ended)??;
            if let Some(config) = configured {
                *self.config.lock() = *config;
            }
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(result) => result,
            Err(_) => Err(Refusal::Busy),
        }
    }
}

impl Requests {
    /// The next request and where its answer goes; never ready once all handles are gone.
    pub async fn next(&mut self) -> (Request, oneshot::Sender<Result<(), Refusal>>) {
        while let Some((request, answer)) = self.0.recv().await {
            if !answer.is_closed() {
                return (request, answer);
            }
        }
        std::future::pending().await
    }
}
