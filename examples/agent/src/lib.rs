//! An sFlow agent for hosts without Host sFlow: reports the counters of the host, its interfaces
//! and its containers to collectors, and samples the packets of the containers.
//!
//! ```text
//! engine ──► containers ─┐
//! files of the kernel ───┼─► sflow_agent::linux::HostAgent ─► sflow_agent::Collectors
//! packets, 1 in N ───────┘
//! ```
//!
//! The records are those of Host sFlow with its docker module. `elb agent` is the program.
//!
//! Runs on Linux only: on other systems the package is empty.
#![cfg(target_os = "linux")]

mod container;
mod monitor;
mod packets;

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use sflow_agent::linux::{Host, HostAgent};
use sflow_agent::{CollectorAddress, Collectors, Config, Error};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use self::monitor::{EngineMonitor, Update};
pub use sflow_agent::linux::Roots;

/// Settings of an agent.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Settings {
    /// Address of a collector; the default port is 6343. Repeat it for several, or separate them by
    /// commas: each receives every datagram.
    #[arg(
        long = "collector",
        value_name = "HOST[:PORT]",
        required = true,
        value_delimiter = ',',
        value_parser = |text: &str| text.trim().parse::<CollectorAddress>()
    )]
    pub collectors: Vec<CollectorAddress>,

    /// The engine of this host.
    #[arg(
        long,
        value_name = "ENDPOINT",
        default_value = "unix:///var/run/docker.sock"
    )]
    pub docker: String,

    /// Time between two readings of the same counters, such as `10s`; at least 1 s.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = polling)]
    pub polling: Duration,

    /// Sample one packet in N; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub sampling: u32,

    /// The address that identifies the agent; default: the one from which it reaches the first
    /// collector.
    #[arg(long = "agent-address", value_name = "IP")]
    pub address: Option<IpAddr>,

    /// Name of this host; default: the one that its engine has for it, which `docker node ls`
    /// shows.
    #[arg(long, value_name = "NAME")]
    pub host_name: Option<String>,

    /// Locations of the kernel's files.
    #[arg(skip)]
    pub roots: Roots,
}

fn polling(text: &str) -> Result<Duration, &'static str> {
    let expected = "expected a time from 1 s to 1 h, such as 10s";
    let time: SignedDuration = text.parse().map_err(|_| expected)?;
    let time = Duration::try_from(time).map_err(|_| expected)?;
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    range.contains(&time).then_some(time).ok_or(expected)
}

/// Reports to the collectors until `shutdown` completes.
///
/// # Errors
///
/// If the endpoint of the engine is invalid. An unreachable engine or collector is not an error:
/// the agent retries.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (sender, mut updates) = mpsc::channel(64);
    let host = Host::new(settings.roots.clone());
    let engine = EngineMonitor::start(&settings.docker, host.clone(), sender)
        .with_context(|| format!("--docker {}", settings.docker))?;
    let mut shutdown = pin!(shutdown);
    let address = match settings.address {
        Some(address) => address,
        None => tokio::select! {
            () = &mut shutdown => return Ok(()),
            address = local_address(&settings.collectors) => address,
        },
    };
    info!("agent {address}");
    let mut samples = packets::sample(settings.sampling);
    let mut agent = Agent::new(settings, host, engine, address);
    loop {
        agent.work();
        tokio::select! {
            () = &mut shutdown => break,
            Some(update) = updates.recv() => agent.apply(update),
            Some((packet, dropped)) = samples.recv() => {
                let (now, rate) = (agent.now(), agent.settings.sampling);
                warn_if_lost(agent.core.add_packet(&packet, rate, dropped, now));
            }
            () = sleep_until(agent.started + agent.core.next_due()) => {}
        }
    }
    agent.core.flush();
    agent.send();
    agent.collectors.close().await;
    Ok(())
}

/// The local address from which the first reachable collector is reached.
async fn local_address(collectors: &[CollectorAddress]) -> IpAddr {
    let mut is_reported = false;
    loop {
        for collector in collectors {
            match collector.local_address().await {
                Ok(address) => return address,
                Err(error) if is_reported => drop(error),
                Err(error) => warn!("cannot reach the collector {collector}: {error}"),
            }
        }
        is_reported = true;
        sleep(Collectors::RETRY).await;
    }
}

struct Agent {
    /// Containers by id.
    core: HostAgent<String>,
    started: Instant,
    settings: Settings,
    engine: EngineMonitor,
    collectors: Collectors,
}

impl Agent {
    fn new(settings: Settings, host: Host, engine: EngineMonitor, address: IpAddr) -> Self {
        /// The polling order of Host sFlow.
        const SUB_AGENT: u32 = 100_000;
        let mut config = Config::new(address);
        config.sub_agent_id = SUB_AGENT;
        config.polling = settings.polling;
        let collectors = settings.collectors.iter().cloned();
        let collectors = Collectors::new(collectors, |collector, result| match result {
            Ok(address) => info!("sending to {address}"),
            Err(error) => warn!(
                "cannot reach the collector {collector}: {error}; check the address and that the \
                 collector is running. Retrying every {:?}",
                Collectors::RETRY
            ),
        });
        let mut core = HostAgent::new(config, host, Duration::ZERO);
        if let Some(name) = &settings.host_name {
            warn_if_lost(core.report_host(Some(name.clone()), Duration::ZERO));
        }
        Self {
            core,
            started: Instant::now(),
            settings,
            engine,
            collectors,
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Reads and sends what is due. The sample of a container is added when the engine has
    /// answered.
    fn work(&mut self) {
        let now = self.now();
        loop {
            match self.core.next_container(now) {
                Ok(Some((id, container))) => self.engine.request_counters(id, container),
                Ok(None) => break,
                Err(error) => warn_if_lost(Err(error)),
            }
        }
        self.send();
    }

    fn send(&mut self) {
        let now = self.now();
        while let Some(datagram) = self.core.next_datagram(now) {
            self.collectors.send(datagram);
        }
    }

    fn apply(&mut self, update: Update) {
        let now = self.now();
        let applied = match update {
            Update::Host(name) => {
                if let Some(name) = &name {
                    info!("host {name}, according to its engine");
                }
                let name = self.settings.host_name.clone().or(name);
                self.core.report_host(name, now)
            }
            Update::Started(id, container) => {
                info!("container {}", container.name);
                self.core.add_container(id, *container, now)
            }
            Update::Ended(id) => self.core.remove_container(&id, now),
            Update::Counters(id, counters) => {
                match self.core.add_container_counters(&id, *counters, now) {
                    // The container has ended in the meantime.
                    Err(Error::UnknownSource) => Ok(()),
                    added => added,
                }
            }
        };
        warn_if_lost(applied);
    }
}

fn warn_if_lost(result: Result<(), Error>) {
    if let Err(error) = result {
        warn!("a sample was not sent: {error}");
    }
}
