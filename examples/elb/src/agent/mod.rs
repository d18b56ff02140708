//! An sFlow agent for hosts without Host sFlow: reports the counters of the host, its interfaces
//! and its containers to collectors, and samples the packets of the containers.
//!
//! ```text
//! engine ──► containers ─┐
//! files of the kernel ───┼─► sflow_agent::Agent ─► collectors
//! packets, 1 in N ───────┘
//! ```
//!
//! The records are those of Host sFlow with its docker module.

mod collectors;
mod container;
mod engine;
mod packets;

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use sflow_agent::linux::{ContainerCounters, Host, Interface, InterfaceKind, PHYSICAL_HOST};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use self::collectors::{Collectors, local_address};
use self::container::Container;
use self::engine::{EngineMonitor, Update};
use self::packets::Sampled;
pub use sflow_agent::linux::Roots;

/// Settings of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses of the collectors, `host:port`. Each receives every datagram.
    pub collectors: Vec<String>,
    /// The engine of this host: `unix:///path` or `tcp://host:port`.
    pub docker: String,
    /// Time between two readings of the same counters.
    pub polling: Duration,
    /// One packet in this many is sampled; 0 for none.
    pub sampling: u32,
    /// The address that identifies the agent; `None` for the local address from which the first
    /// collector is reached.
    pub address: Option<IpAddr>,
    /// Name of the host; `None` for the host name according to the engine, which is the name of the
    /// swarm node.
    pub host_name: Option<String>,
    /// Locations of the kernel's files.
    pub roots: Roots,
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
    let engine = EngineMonitor::start(&settings.docker, host.memory(), sender)
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
            Some(sampled) = samples.recv() => agent.add_packet(&sampled),
            () = sleep_until(agent.next_due()) => {}
        }
    }
    agent.close().await;
    Ok(())
}

/// A source of counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Host,
    /// By index.
    Interface(u32),
    /// By id.
    Container(String),
}

struct Agent {
    core: sflow_agent::Agent<Key>,
    started: Instant,
    settings: Settings,
    host: Host,
    engine: EngineMonitor,
    collectors: Collectors,
    /// Name of the host according to the engine.
    engine_name: Option<String>,
    interfaces: Vec<Interface>,
    /// When to look for new interfaces.
    interfaces_due: Duration,
    containers: HashMap<String, Watched>,
}

/// A running container and its state.
struct Watched {
    container: Box<Container>,
    is_paused: bool,
    last: Option<ContainerCounters>,
}

impl Agent {
    fn new(settings: Settings, host: Host, engine: EngineMonitor, address: IpAddr) -> Self {
        /// The polling order of Host sFlow.
        const SUB_AGENT: u32 = 100_000;
        let mut config = sflow_agent::Config::new(address);
        config.sub_agent_id = SUB_AGENT;
        config.polling = settings.polling;
        let mut agent = Self {
            core: sflow_agent::Agent::new(config, Duration::ZERO),
            started: Instant::now(),
            collectors: Collectors::new(&settings.collectors),
            host,
            engine,
            engine_name: None,
            interfaces: Vec::new(),
            interfaces_due: Duration::ZERO,
            containers: HashMap::new(),
            settings,
        };
        if agent.settings.host_name.is_some() {
            agent.add_host();
        }
        agent
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn next_due(&self) -> Instant {
        let due = self.core.next_due().unwrap_or(self.interfaces_due);
        self.started + due.min(self.interfaces_due)
    }

    /// Reads and sends what is due.
    fn work(&mut self) {
        const INTERVAL: Duration = Duration::from_secs(1);
        let now = self.now();
        if self.interfaces_due <= now {
            self.interfaces_due = now + INTERVAL;
            self.find_interfaces(now);
        }
        while let Some(key) = self.core.next_source(now) {
            match &key {
                Key::Host => {
                    let name = self.settings.host_name.as_deref();
                    let name = name.or(self.engine_name.as_deref());
                    let counters = self.host.counters(name, self.containers.len() as u32);
                    let encoded = self
                        .core
                        .counters_sample(&key, now, |records| counters.encode(records));
                    warn_if_lost(encoded);
                }
                Key::Interface(index) => {
                    let interface = self.interfaces.iter().find(|known| known.index == *index);
                    if let Some(counters) =
                        interface.and_then(|interface| self.host.interface_counters(interface))
                    {
                        let encoded = self
                            .core
                            .counters_sample(&key, now, |records| counters.encode(records));
                        warn_if_lost(encoded);
                    }
                }
                // The sample is added when the engine has answered.
                Key::Container(id) => self.engine.request_stats(id),
            }
        }
        self.send(now);
    }

    fn send(&mut self, now: Duration) {
        while let Some(datagram) = self.core.next_datagram(now) {
            self.collectors.send(datagram);
        }
    }

    async fn close(mut self) {
        self.core.flush();
        self.send(self.now());
        self.collectors.close().await;
    }

    fn find_interfaces(&mut self, now: Duration) {
        let interfaces = self.host.interfaces();
        if interfaces == self.interfaces {
            return;
        }
        for gone in self.interfaces.iter().filter(|i| !interfaces.contains(i)) {
            self.core.remove(&Key::Interface(gone.index));
        }
        for new in interfaces.iter().filter(|i| !self.interfaces.contains(i)) {
            let added = self.core.add(Key::Interface(new.index), new.source(), now);
            warn_if_lost(added);
        }
        self.interfaces = interfaces;
    }

    /// Starts to report the host once its name is known: a collector would treat a host whose name
    /// changes as two hosts.
    fn add_host(&mut self) {
        // It may have been added before.
        let _ = self.core.add(Key::Host, PHYSICAL_HOST, self.now());
    }

    fn apply(&mut self, update: Update) {
        let now = self.now();
        match update {
            Update::Host(name) => {
                if let Some(name) = &name {
                    info!("host {name}, according to its engine");
                }
                self.engine_name = name;
                self.add_host();
            }
            Update::Started(container) => {
                info!("container {}", container.described.name);
                let source = self.core.container_source(container.described.uuid);
                let id = container.id.clone();
                warn_if_lost(self.core.add(Key::Container(id.clone()), source, now));
                let watched = Watched {
                    container,
                    is_paused: false,
                    last: None,
                };
                self.containers.insert(id, watched);
            }
            Update::Ended(id) => {
                let last = self.containers.remove(&id).and_then(|watched| watched.last);
                let key = Key::Container(id);
                if let Some(last) = last {
                    let last = last.ended();
                    let encoded = self
                        .core
                        .counters_sample(&key, now, |records| last.encode(records));
                    warn_if_lost(encoded);
                }
                self.core.remove(&key);
            }
            Update::Paused(id, is_paused) => {
                if let Some(watched) = self.containers.get_mut(&id) {
                    watched.is_paused = is_paused;
                }
            }
            Update::Stats(id, stats) => {
                let Some((watched, stats)) = self.containers.get_mut(&id).zip(stats) else {
                    return;
                };
                let counters = stats.counters(&watched.container, watched.is_paused, &self.host);
                let encoded = self
                    .core
                    .counters_sample(&Key::Container(id), now, |records| counters.encode(records));
                watched.last = Some(counters);
                warn_if_lost(encoded);
            }
        }
    }

    /// Adds the sample of a packet that was captured on the interface of a container.
    fn add_packet(&mut self, sampled: &Sampled) {
        let Sampled { packet, dropped } = sampled;
        let is_edge = |interface: &Interface| {
            interface.index == packet.if_index && interface.kind == InterfaceKind::Container
        };
        if !self.interfaces.iter().any(is_edge) {
            return;
        }
        let (now, rate) = (self.now(), self.settings.sampling);
        let key = Key::Interface(packet.if_index);
        let pool = rate.saturating_mul(dropped.saturating_add(1));
        let encoded = self
            .core
            .add_to_pool(&key, pool)
            .and_then(|()| self.core.add_drops(&key, *dropped))
            .and_then(|()| {
                let sample = packet.flow_sample(rate);
                self.core
                    .flow_sample(&key, now, &sample, |records| packet.encode(records))
            });
        warn_if_lost(encoded);
    }
}

fn warn_if_lost(result: Result<(), sflow_agent::Error>) {
    if let Err(error) = result {
        warn!("a sample was not sent: {error}");
    }
}
