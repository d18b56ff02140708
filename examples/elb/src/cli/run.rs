use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use sflow_collector::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::info;

use super::{Log, runtime};
use crate::balancer::Balancer;
use crate::config::{ARTICLE, Config};
use crate::docker::Docker;
use crate::web;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    config: Option<PathBuf>,

    /// Print a configuration to begin with, and end.
    #[arg(long)]
    example: bool,

    /// Only read the configuration and say whether it is right.
    #[arg(long)]
    validate: bool,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        if self.example {
            print!("{ARTICLE}");
            return Ok(());
        }
        let path = self.config.context("--config FILE is needed")?;
        let config = Config::load(&path).with_context(|| path.display().to_string())?;
        if self.validate {
            println!(
                "{}: {} services, all well",
                path.display(),
                config.services.len()
            );
            return Ok(());
        }
        log.to_stderr("info")?;
        runtime()?.block_on(balance(&config))
    }
}

async fn balance(config: &Config) -> anyhow::Result<()> {
    let mut docker = Docker::connect(&config.docker)?;
    match docker.version().await {
        Ok(version) => info!(endpoint = docker.endpoint(), "Docker {version}"),
        Err(error) => tracing::warn!("{error}; decisions wait until a manager answers"),
    }
    let listen = config.collector.listen;
    let receiver = UdpReceiver::bind(listen, &SocketSettings::default())
        .with_context(|| format!("cannot receive telemetry on {listen}"))?;
    info!("Listening, sFlow port {}", receiver.local_addr()?.port());
    let (queue, mut datagrams) = mpsc::channel(QUEUE);
    let receiving = tokio::spawn(receive(AsyncUdpReceiver::new(receiver)?, queue));

    let listener = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("cannot serve the page on {}", config.http.listen))?;
    let page = format!("http://{}/", listener.local_addr()?);
    info!("Listening, HTTP {page}");

    let mut balancer = Balancer::new(now(), docker, config.control, &config.services)?;
    let snapshot = |balancer: &Balancer<Docker>| {
        let mut snapshot = balancer.snapshot(now());
        "run".clone_into(&mut snapshot.title);
        snapshot.page = Some(page.clone());
        Arc::new(snapshot)
    };
    let (snapshots, watched) = watch::channel(snapshot(&balancer));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(web::serve(listener, watched, async move {
        stopped.await.ok();
    }));

    let mut ticks = tokio::time::interval(config.control.interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut end = std::pin::pin!(super::end_requested());
    loop {
        tokio::select! {
            datagram = datagrams.recv() => {
                let Some(datagram) = datagram else {
                    return receiving.await?.context("the telemetry socket failed");
                };
                balancer.receive(datagram.received_at, datagram.source, &datagram.bytes);
            }
            _ = ticks.tick() => {
                balancer.round(now()).await;
                snapshots.send_replace(snapshot(&balancer));
            }
            () = &mut end => break,
        }
    }
    info!("ending; the services stay as they are");
    receiving.abort();
    stop.send(()).ok();
    server.await??;
    Ok(())
}

/// Datagrams that wait while the loop waits for the orchestrator.
const QUEUE: usize = 16_384;

/// One of them.
struct Queued {
    received_at: Timestamp,
    source: SocketAddr,
    bytes: Box<[u8]>,
}

/// Receives in a task of its own, so that an engine that does not answer costs no telemetry.
async fn receive(mut receiver: AsyncUdpReceiver, queue: mpsc::Sender<Queued>) -> io::Result<()> {
    loop {
        let received = receiver.receive().await?;
        let since = received.received_at.duration_since(SystemTime::UNIX_EPOCH);
        let datagram = Queued {
            received_at: Timestamp::from(since.unwrap_or_default()),
            source: received.source,
            bytes: received.bytes.into(),
        };
        if queue.send(datagram).await.is_err() {
            return Ok(());
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from(since.unwrap_or_default())
}
