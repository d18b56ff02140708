//! A small sFlow agent, for hosts without Host sFlow: tells a collector what the host, its
//! interfaces and its containers use, and samples the packets of the containers.
//!
//! ```text
//! engine ──► containers ─┐
//! kernel's files ────────┼─► readings ─► outbox ─► collector
//! packets, 1 in N ───────┘
//! ```
//!
//! What it says of them, and how, is what Host sFlow says with its docker module.

mod capture;
mod container;
mod engine;
mod host;
mod kernel;
mod outbox;
mod port;
mod reading;
mod timetable;

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use self::capture::{Capture, Seen};
use self::container::ContainerReading;
use self::engine::{Inquiry, News};
use self::host::HostReading;
pub use self::kernel::Roots;
use self::kernel::{Interface, Kind};
use self::outbox::Outbox;
use self::reading::{PacketReading, Reading};
use self::timetable::{Source, Timetable, What};

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who wants to know: host and port.
    pub collector: String,
    /// The engine of this host: `unix:///path` or `tcp://host:port`.
    pub docker: String,
    /// How often each counter is read.
    pub polling: Duration,
    /// One packet in so many is sampled; 0 for none.
    pub sampling: u32,
    /// The agent's own address; `None` for that from which it reaches the collector.
    pub address: Option<IpAddr>,
    /// What the host is called; `None` for what its engine calls it, which is what swarm calls
    /// its node.
    pub host_name: Option<String>,
    /// Where the kernel's files are.
    pub roots: Roots,
}

/// Tells the collector, until `shutdown` is over.
///
/// # Errors
///
/// If the endpoint of the engine is none. An engine or a collector that does not answer is none:
/// the agent waits for it.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (news, mut told) = mpsc::channel(64);
    let memory = host::memory_size(&settings.roots);
    let inquiry = Inquiry::begin(&settings.docker, memory, news)
        .with_context(|| format!("--docker {}", settings.docker))?;
    let mut seen = sample(settings.sampling);
    let mut agent = Agent::new(settings, inquiry, Instant::now());
    let mut shutdown = pin!(shutdown);
    loop {
        agent.work(Instant::now()).await;
        tokio::select! {
            () = &mut shutdown => break,
            Some(news) = told.recv() => agent.hear(news, Instant::now()),
            Some(packet) = seen.recv() => agent.see(packet, Instant::now()),
            () = sleep_until(agent.next_due()) => {}
        }
    }
    agent.outbox.flush(Instant::now()).await;
    Ok(())
}

/// Packets, if there are to be any and the system allows it.
fn sample(rate: u32) -> Receiver<Seen> {
    const WAITING: usize = 1_024;
    let (packets, seen) = mpsc::channel(WAITING);
    if rate == 0 {
        return seen;
    }
    let begun = Capture::begin(rate).and_then(|capture| {
        let run = move || {
            if let Err(error) = capture.run(&packets) {
                warn!("no packets are sampled any more: {error}");
            }
        };
        thread::Builder::new().name("packets".to_owned()).spawn(run)
    });
    if let Err(error) = begun {
        warn!(
            "no packets are sampled, counters alone are told: {error}; sampling needs the \
             capability CAP_NET_RAW, and `--sampling 0` does without"
        );
    }
    seen
}

struct Agent {
    settings: Settings,
    inquiry: Inquiry,
    /// Whether it is known what the host is to be called. Before that nothing is told of it: one
    /// that changes its name is taken for two.
    is_named: bool,
    named_by_engine: Option<String>,
    timetable: Timetable,
    interfaces: Vec<Interface>,
    /// When it is to look for new interfaces.
    look_at: Instant,
    samplers: HashMap<u32, Sampler>,
    outbox: Outbox,
}

/// Packets of one interface.
#[derive(Clone, Copy, Debug, Default)]
struct Sampler {
    /// Of the last sample.
    sequence: u32,
    pool: u32,
    drops: u32,
}

impl Agent {
    fn new(settings: Settings, inquiry: Inquiry, now: Instant) -> Self {
        let mut timetable = Timetable::new(settings.polling);
        let is_named = settings.host_name.is_some();
        if is_named {
            timetable.add(What::Host, now);
        }
        Self {
            inquiry,
            timetable,
            is_named,
            named_by_engine: None,
            interfaces: Vec::new(),
            look_at: now,
            samplers: HashMap::new(),
            outbox: Outbox::new(settings.collector.clone(), settings.address, now),
            settings,
        }
    }

    /// When it has something to do.
    fn next_due(&self) -> Instant {
        let dues = [self.timetable.due(), self.outbox.due()];
        dues.into_iter().flatten().fold(self.look_at, Instant::min)
    }

    /// Does what is due.
    async fn work(&mut self, now: Instant) {
        const LOOKING: Duration = Duration::from_secs(1);
        if self.look_at <= now {
            self.look_at = now + LOOKING;
            self.look(now);
        }
        while let Some(source) = self.timetable.next(now) {
            let reading = match &mut source.what {
                What::Container { container, .. } => {
                    self.inquiry.count(&container.id);
                    continue;
                }
                What::Host => None,
                What::Port(interface) => {
                    let Some(counters) = port::counters(&self.settings.roots, interface) else {
                        continue;
                    };
                    Some((interface.name.clone(), Box::new(counters)))
                }
            };
            let sequence = source.advance();
            let reading = match reading {
                Some((name, counters)) => Reading::Port(sequence, name, counters),
                None => {
                    let containers = self.timetable.containers();
                    let roots = &self.settings.roots;
                    let name = self.settings.host_name.as_deref();
                    let name = name.or(self.named_by_engine.as_deref());
                    let host = HostReading::take(roots, name, &self.interfaces, containers);
                    Reading::Host(sequence, Box::new(host))
                }
            };
            self.outbox.keep(reading, now);
        }
        if self.outbox.due().is_some_and(|due| due <= now) {
            self.outbox.flush(now).await;
        }
    }

    /// Looks which interfaces have come and gone.
    fn look(&mut self, now: Instant) {
        let interfaces = self.settings.roots.interfaces();
        if interfaces == self.interfaces {
            return;
        }
        for gone in self.interfaces.iter().filter(|i| !interfaces.contains(i)) {
            self.timetable.remove_port(gone);
            self.samplers.remove(&gone.index);
        }
        for new in interfaces.iter().filter(|i| !self.interfaces.contains(i)) {
            self.timetable.add(What::Port(new.clone()), now);
        }
        self.interfaces = interfaces;
    }

    /// Hears of containers.
    fn hear(&mut self, news: News, now: Instant) {
        match news {
            News::Host(name) => {
                if let Some(name) = &name {
                    info!("host {name}, as its engine calls it");
                }
                self.named_by_engine = name;
                if !self.is_named {
                    self.is_named = true;
                    self.timetable.add(What::Host, now);
                }
            }
            News::Started(container) => {
                info!("container {}", container.name());
                let index = self.timetable.free_index(&container.uuid);
                let what = What::Container {
                    container,
                    index,
                    paused: false,
                    last: None,
                };
                self.timetable.add(what, now);
            }
            News::Ended(id) => {
                if let Some(mut source) = self.timetable.remove_container(&id) {
                    let sequence = source.advance();
                    if let What::Container {
                        last: Some(last), ..
                    } = source.what
                    {
                        let reading = Reading::Container(sequence, Box::new(last.ended()));
                        self.outbox.keep(reading, now);
                    }
                }
            }
            News::Paused(id, is_paused) => {
                if let Some(Source {
                    what: What::Container { paused, .. },
                    ..
                }) = self.timetable.container(&id)
                {
                    *paused = is_paused;
                }
            }
            News::Counted(id, stats) => {
                let Some((source, stats)) = self.timetable.container(&id).zip(stats) else {
                    return;
                };
                let sequence = source.advance();
                let What::Container {
                    container,
                    index,
                    paused,
                    last,
                } = &mut source.what
                else {
                    return;
                };
                let roots = &self.settings.roots;
                let reading = ContainerReading::new(container, &stats, *paused, *index, roots);
                *last = Some(Box::new(reading.clone()));
                self.outbox
                    .keep(Reading::Container(sequence, Box::new(reading)), now);
            }
        }
    }

    /// Takes a packet that was sampled at the edge of a container.
    fn see(&mut self, packet: Seen, now: Instant) {
        let is_edge =
            |interface: &&Interface| interface.index == packet.port && interface.kind == Kind::Edge;
        if !self.interfaces.iter().any(|interface| is_edge(&interface)) {
            return;
        }
        let rate = self.settings.sampling;
        let sampler = self.samplers.entry(packet.port).or_default();
        sampler.sequence = sampler.sequence.wrapping_add(1);
        sampler.pool = sampler.pool.wrapping_add(rate);
        sampler.drops = packet.lost;
        let reading = PacketReading {
            sequence: sampler.sequence,
            rate,
            pool: sampler.pool,
            drops: sampler.drops,
            port: packet.port,
            inbound: packet.inbound,
            length: packet.length,
            header: packet.header,
        };
        self.outbox.keep(Reading::Packet(Box::new(reading)), now);
    }
}
