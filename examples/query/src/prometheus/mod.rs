//! What a registry knows, for Prometheus and whoever else reads OpenMetrics.

mod exposition;
mod labels;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use sflow_metrics::{Query, Registry, Timestamp};

use exposition::Exposition;

/// What is taken in and what is asked for, and the time of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) now: Timestamp,
    /// Datagrams that were no sFlow version 5.
    pub(crate) refused: u64,
}

/// A world that several may look at, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(registry: Registry) -> Self {
        Self(Arc::new(Mutex::new(World {
            registry,
            now: Timestamp::ZERO,
            refused: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to tell, and how much of it at most.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) address: SocketAddr,
    /// Only the metrics of this query, of the entities that it is about; and its answers.
    pub(crate) query: Option<Query>,
    pub(crate) most_series: usize,
}

/// Answers scrapes from now on, in a thread of its own that ends with the program; tells where.
pub(crate) fn serve(wish: Wish, shared: Shared) -> anyhow::Result<SocketAddr> {
    let address = wish.address;
    let explain = || {
        format!(
            "cannot serve metrics on {address}: is somebody else there? --prometheus takes another address"
        )
    };
    let listener = TcpListener::bind(address).with_context(explain)?;
    listener.set_nonblocking(true)?;
    let listening = listener.local_addr()?;
    let mut metrics = prometheus_client::registry::Registry::default();
    metrics.register_collector(Box::new(Exposition { wish, shared }));
    let router = Router::new()
        .route("/metrics", get(scrape))
        .route("/", get("sFlow, as OpenMetrics: /metrics\n"))
        .with_state(Arc::new(metrics));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("prometheus".into())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            });
            if let Err(error) = served {
                crate::run::complain(&format_args!("metrics are no longer served: {error}"));
            }
        })?;
    Ok(listening)
}

async fn scrape(State(metrics): State<Arc<prometheus_client::registry::Registry>>) -> Response {
    let mut body = String::new();
    if text::encode(&mut body, &metrics).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
        body,
    )
        .into_response()
}
