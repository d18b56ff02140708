use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Log, Served, runtime, say, say_part, serve};
use crate::balancer::Balancer;
use crate::config::{Collector, Config, EXAMPLE, acting, mode_summary};
use crate::diagnose::{Facts, FindingLog, Findings};
use crate::docker::Docker;
use crate::format::counted;
use crate::handle::{Handle, Refusal, Request};
use crate::notices;
use crate::shared::Shared;
use sflow_autoscale::observe::Telemetry;

/// Maximum time to wait for hooks at the end. Shorter than the usual grace period of a container.
const HOOKS: Duration = Duration::from_secs(8);

/// Maximum time to wait for HTTP clients at the end.
const CLIENTS: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Path of the configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    config: Option<PathBuf>,

    /// Print an example configuration (mode `advise`) and exit.
    #[arg(long)]
    example: bool,

    /// Validate the configuration and exit.
    #[arg(long)]
    validate: bool,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        if self.example {
            say_part!("{EXAMPLE}")?;
            return Ok(());
        }
        let path = self.config.context("--config FILE is needed")?;
        let config = Config::load(&path).with_context(|| path.display().to_string())?;
        if self.validate {
            say!(
                "{}: valid: {} and {}",
                path.display(),
                counted(config.services.len(), "service"),
                counted(config.pools.len(), "pool")
            )?;
            let names = acting(&config.services, &config.pools);
            let acting = mode_summary(&config.control, &names);
            say!("{}", acting.unwrap_or_else(|unset| unset))?;
            return Ok(());
        }
        log.to_stderr("info")?;
        let runtime = runtime()?;
        let result = runtime.block_on(balance(path, config));
        // Blocking work that waits for a file or another host is abandoned.
        runtime.shutdown_background();
        result
    }
}

async fn balance(path: PathBuf, config: Config) -> anyhow::Result<()> {
    let mut end = std::pin::pin!(super::end_requested());
    let mut reloads = reloads(path)?;
    let docker = Docker::connect(&config.docker)?;
    let mut events = Docker::events(&config.docker)?;
    // Telemetry and page start before a manager has answered.
    tokio::spawn(log_version(Docker::connect(&config.docker)?));
    let mut balancer = Balancer::new(now(), docker, config.control, &config.services)?;
    balancer.discover(&config.discovery);
    balancer.keep(sflow_autoscale::node_pools::instance(now()), &config.pools)?;

    let listen = config.collector.listen;
    let receiver = UdpReceiver::bind(listen, &SocketSettings::default())
        .with_context(|| format!("cannot receive telemetry on {listen}"))?;
    info!("Listening, sFlow port {}", receiver.local_addr()?.port());
    let telemetry = balancer.telemetry().clone();
    telemetry
        .lock()
        .set_node_senders(config.collector.nodes.clone());
    let receiver = AsyncUdpReceiver::new(receiver)?;
    let mut receiving = tokio::spawn(receive(receiver, telemetry, config.collector.clone()));
    if config.collector.agents.is_empty() {
        warn!(
            "collector.agents is empty: datagrams of every sender are accepted; set it to the \
             addresses or networks of the agents"
        );
    }

    let listen = config.http.listen;
    let Served {
        page,
        handle,
        mut requests,
        server,
    } = serve(&balancer, config, listen, now(), "run")?;
    info!("Listening, HTTP {page}");
    balancer.report_mode(now());
    let mut findings = FindingLog::default();
    let mut next = tokio::time::Instant::now();
    // Agents need time for their first datagrams.
    let mut logged = next;
    loop {
        tokio::select! {
            ended = &mut receiving => {
                return ended?.context("the telemetry socket failed");
            }
            () = tokio::time::sleep_until(next) => {
                let begun = now();
                // A request in progress at the end may or may not be applied.
                let again = tokio::select! {
                    round = balancer.round(begun) => round.again,
                    () = &mut end => break,
                };
                next = tokio::time::Instant::now() + (again - now()).min(again - begun);
                if logged.elapsed() >= FindingLog::EVERY {
                    logged = tokio::time::Instant::now();
                    let found = Findings::of(&Facts::of_loop(&handle));
                    findings.log(handle.now(), &found.incomplete());
                }
            }
            () = events.changed() => balancer.controller_mut().discover_soon(),
            (request, answer) = requests.next() => {
                answer.send(apply(&mut balancer, &handle, &request)).ok();
            }
            Some(loaded) = reloads.recv() => reload(&mut balancer, &handle, loaded),
            () = &mut end => break,
        }
    }
    info!("shutting down; services and machines are not changed");
    if let Some(pools) = balancer.pools_mut() {
        let mut again = std::pin::pin!(super::end_requested());
        let has_answered = tokio::select! {
            has_answered = pools.provider_mut().finish(HOOKS) => has_answered,
            () = &mut again => false,
        };
        if !has_answered {
            warn!(
                "a hook did not answer in time and is stopped; its order may or may not be executed"
            );
        }
    }
    receiving.abort();
    // Slow clients are disconnected after this time.
    match tokio::time::timeout(CLIENTS, server.stop()).await {
        Ok(stopped) => Ok(stopped?),
        Err(_) => Ok(()),
    }
}

async fn log_version(mut docker: Docker) {
    match docker.version().await {
        Ok(version) => info!(endpoint = docker.endpoint(), "Docker {version}"),
        Err(error) => warn!("{error}; no decisions until a manager answers"),
    }
}

/// The configurations loaded at each SIGHUP, one at a time, outside the control loop. From this call
/// on, SIGHUP does not end the program.
fn reloads(path: PathBuf) -> io::Result<mpsc::Receiver<anyhow::Result<Config>>> {
    let (loaded, receiver) = mpsc::channel(1);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut signals = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                info!("SIGHUP: reloading {}", path.display());
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || Config::load(&file)).await;
                let read = read.context("the configuration was not read");
                let read = read.and_then(|it| it.with_context(|| path.display().to_string()));
                if loaded.send(read).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// Applies a reloaded configuration. An invalid one is not applied.
fn reload(balancer: &mut Balancer<Docker>, handle: &Handle, loaded: anyhow::Result<Config>) {
    let result = loaded.and_then(|config| {
        let request = Request::Configure(Box::new(config));
        Ok(apply(balancer, handle, &request)?)
    });
    match result {
        Ok(()) => info!("SIGHUP: configuration reloaded"),
        Err(error) => warn!("SIGHUP: configuration not changed: {error:#}"),
    }
}

/// Applies a request of a client. Addresses cannot change while the loop runs.
fn apply(
    balancer: &mut Balancer<Docker>,
    handle: &Handle,
    request: &Request,
) -> Result<(), Refusal> {
    let Request::Configure(new) = request else {
        return balancer.apply(request);
    };
    if let Some(key) = handle.config().lock().fixed_change(new) {
        let problem = format!("{key} cannot change while elb runs; restart elb");
        return Err(Refusal::Impossible(problem));
    }
    let docker =
        Docker::connect(&new.docker).map_err(|error| Refusal::Impossible(error.to_string()))?;
    balancer.apply(request)?;
    *balancer.orchestrator_mut() = docker;
    handle.config().lock().clone_from(new);
    Ok(())
}

/// Receives in a separate task, so that no telemetry is lost while an engine does not answer.
async fn receive(
    mut receiver: AsyncUdpReceiver,
    telemetry: Shared<Telemetry>,
    collector: Collector,
) -> io::Result<()> {
    loop {
        let received = receiver.receive().await?;
        let received_at = received.received_at.into();
        let mut telemetry = telemetry.lock();
        if collector.accepts(received.source.ip()) {
            telemetry.receive(received_at, received.source, received.bytes);
        } else {
            telemetry.refuse_sender(received_at, received.source, received.bytes);
        }
        if let Some(dropped) = receiver.stats().kernel_drops {
            telemetry.record_overflow(dropped);
        }
        notices::log(&mut telemetry);
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
