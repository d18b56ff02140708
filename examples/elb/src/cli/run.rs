use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_autoscale::leader::{Election, Permit as _};
use sflow_autoscale::node_pools::instance;
use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver};
use sflow_metrics::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{Log, Served, runtime, say, say_part, serve};
use crate::balancer::Balancer;
use crate::config::{Collector, Config, EXAMPLE, Leader, acting, mode_summary};
use crate::diagnose::{Facts, FindingLog, Findings};
use crate::docker::{Docker, Lease};
use crate::format::counted;
use crate::handle::{Handle, Refusal, Request};
use crate::history::{Source, Writer};
use crate::leader::{self, Candidate};
use crate::notices;
use crate::shared::Shared;
use sflow_autoscale::observe::Telemetry;

/// Maximum time to wait for a change in progress and hooks at the end. Shorter than the usual grace
/// period of a container.
const HOOKS: Duration = Duration::from_secs(8);

/// Maximum time to give the lease back at the end.
const RELEASE: Duration = Duration::from_secs(4);

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

    /// URL of this instance's page, for users of the other instances. Overrides `leader.address`.
    #[arg(long, value_name = "URL", env = "ELB_LEADER_ADDRESS", value_parser = leader_address)]
    leader_address: Option<String>,
}

fn leader_address(address: &str) -> Result<String, String> {
    Leader::check_address(address).map(|()| address.to_owned())
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
        let result = runtime.block_on(balance(path, config, self.leader_address));
        // Blocking work that waits for a file or another host is abandoned.
        runtime.shutdown_background();
        result
    }
}

async fn balance(
    path: PathBuf,
    config: Config,
    leader_address: Option<String>,
) -> anyhow::Result<()> {
    let mut end = pin!(super::end_requested());
    let mut reloads = reloads(path)?;
    let docker = leader::docker(&config)?;
    let mut events = Docker::events(&config.docker)?;
    // Telemetry and page start before a manager has answered.
    tokio::spawn(log_version(Docker::connect(&config.docker)?));
    let mut balancer = Balancer::new(now(), docker, config.control, &config.services)?;
    balancer.discover(&config.discovery);
    balancer.keep(instance(now()), &config.pools)?;

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

    if let Some(settings) = config.history.clone() {
        let interval = balancer.controller().interval();
        // Telemetry is received while a large file is read.
        let opening = spawn_blocking(move || Writer::start(&settings, now(), interval));
        let opened = tokio::select! {
            opened = opening => opened??,
            () = &mut end => return Ok(()),
        };
        balancer.store_history(now(), opened);
    }

    let listen = config.http.listen;
    let Served {
        page,
        handle,
        mut requests,
        server,
    } = serve(&balancer, config, listen, now(), "run")?;
    info!("Listening, HTTP {page}");
    let config = handle.config().lock().clone();
    let change_limit = config.leader.timeout;
    let (candidate, mut election) = if config.leader.enabled {
        let address = leader_address.or_else(|| config.leader.address.clone());
        let address = address.unwrap_or_else(|| page_on_host(page));
        let (candidate, election) = elect(&mut balancer, &config, address)?;
        (Some(candidate), election)
    } else {
        (None, tokio::spawn(std::future::pending()))
    };
    balancer.report_mode(now());
    let mut findings = FindingLog::default();
    let mut next = tokio::time::Instant::now();
    // Agents need time for their first datagrams.
    let mut logged = next;
    let (mut hooks_limit, mut has_change_ended) = (HOOKS, true);
    loop {
        tokio::select! {
            ended = &mut election => {
                ended?;
                anyhow::bail!("the election of a leader has ended");
            }
            ended = &mut receiving => {
                return ended?.context("the telemetry socket failed");
            }
            () = tokio::time::sleep_until(next) => {
                let begun = now();
                let mut round = pin!(balancer.round(begun));
                let again = tokio::select! {
                    round = &mut round => round.again,
                    () = &mut end => {
                        // Without an election, a request in progress may or may not be applied.
                        if let Some(candidate) = &candidate {
                            let since = Instant::now();
                            candidate.permit().close();
                            // No change starts any more, and the last one ends within its limit.
                            let limit = change_limit.min(HOOKS);
                            let is_over = timeout(limit, round).await.is_ok();
                            has_change_ended = is_over || limit == change_limit;
                            hooks_limit = HOOKS.saturating_sub(since.elapsed());
                        }
                        break;
                    }
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
    if let Some(candidate) = &candidate {
        candidate.permit().close();
    }
    let mut has_answered = true;
    if let Some(pools) = balancer.pools_mut() {
        let mut again = pin!(super::end_requested());
        has_answered = tokio::select! {
            has_answered = pools.provider_mut().finish(hooks_limit) => has_answered,
            () = &mut again => false,
        };
        if !has_answered {
            warn!(
                "a hook did not answer in time and is stopped; its order may or may not be executed"
            );
        }
    }
    if let Some(candidate) = candidate
        && candidate.permit().leadership().is_leader
    {
        release(candidate, has_change_ended && has_answered).await;
    }
    receiving.abort();
    // Slow clients are disconnected after this time.
    match timeout(CLIENTS, server.stop()).await {
        Ok(stopped) => Ok(stopped?),
        Err(_) => Ok(()),
    }
}

/// Takes part in the election of a leader. Also returns the task of the election.
fn elect(
    balancer: &mut Balancer<Docker>,
    config: &Config,
    address: String,
) -> anyhow::Result<(Candidate, JoinHandle<()>)> {
    anyhow::ensure!(
        cfg!(target_os = "linux"),
        "leader.enabled: only Linux has the clock that the election of a leader needs"
    );
    let settings = config.leader.lease_settings();
    let lease = Lease::connect(&config.docker, &config.leader.name, settings.timeout)?;
    let host = host_name().unwrap_or_else(|| "elb".to_owned());
    let instance = format!("{host}-{}", instance(now()));
    let election = Election::new(settings, instance.clone(), address)?;
    let (candidate, election) = Candidate::new(election, lease, leader::clock);
    let permit = candidate.permit();
    balancer.set_permit(permit.clone());
    let status = balancer.status().clone();
    tokio::spawn(leader::report(permit.clone(), instance, status));
    Ok((candidate, tokio::spawn(election)))
}

/// Gives the lease back, unless a change or a hook may still be in progress.
async fn release(candidate: Candidate, is_idle: bool) {
    let released = async {
        anyhow::ensure!(is_idle, "a change or a hook may be in progress");
        Ok(timeout(RELEASE, candidate.release()).await??)
    };
    match released.await {
        Ok(()) => info!("the lease is released"),
        Err(error) => warn!("a standby takes over when the lease has expired: {error:#}"),
    }
}

/// The URL of this page with the name of this host, or as given if the name is unknown.
fn page_on_host(page: String) -> String {
    let port = page.rsplit_once(':').map_or("", |(_, port)| port);
    let address = host_name().map(|host| format!("http://{host}:{port}"));
    let address = address.filter(|address| Leader::check_address(address).is_ok());
    address.unwrap_or(page)
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Logs the version of the engine. The first round reports if no manager answers.
async fn log_version(mut docker: Docker) {
    if let Ok(version) = docker.version().await {
        info!(endpoint = docker.endpoint(), "Docker {version}");
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
                let read = spawn_blocking(move || Config::load(&file)).await;
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
        let request = Request::Configure(Box::new(config), Source::Reload);
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
    let Request::Configure(new, _) = request else {
        return balancer.apply(request);
    };
    if let Some(key) = handle.config().lock().fixed_change(new) {
        let problem = format!("{key} cannot change while elb runs; restart elb");
        return Err(Refusal::Impossible(problem));
    }
    let docker = leader::docker(new).map_err(|error| Refusal::Impossible(error.to_string()))?;
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
