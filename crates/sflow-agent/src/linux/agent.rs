use std::collections::BTreeMap;
use std::time::Duration;

use super::{Container, ContainerCounters, Host, Interface, InterfaceKind, PHYSICAL_HOST, Packet};
use crate::{Agent, Config, Error};

/// An agent that reports a host, its interfaces and its containers, as Host sFlow does.
///
/// It has no clock and no socket, like [`Agent`]. The caller lists the containers, under keys of its
/// own type, and gives their counters when they are due: those that the kernel has
/// ([`Host::container_counters`]) or those of a container engine.
///
/// ```no_run
/// use std::net::{IpAddr, UdpSocket};
/// use std::thread;
/// use std::time::{Duration, Instant};
///
/// use sflow_agent::Config;
/// use sflow_agent::linux::{Container, Host, HostAgent};
///
/// let socket = UdpSocket::bind("0.0.0.0:0")?;
/// socket.connect("10.0.0.9:6343")?;
/// let config = Config::new(socket.local_addr()?.ip());
/// let started = Instant::now();
/// let mut agent = HostAgent::new(config, Host::default(), Duration::ZERO);
/// agent.report_host(None, Duration::ZERO)?;
/// // Name, identifier and process as the container engine reports them.
/// let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// let mut web = Container::new(id, "web.1");
/// web.process = Some(4_711);
/// agent.add_container("web", web, Duration::ZERO)?;
/// loop {
///     let now = started.elapsed();
///     while let Some((key, container)) = agent.next_container(now)? {
///         match agent.host().container_counters(&container) {
///             Some(counters) => agent.add_container_counters(&key, counters, now)?,
///             None => agent.remove_container(&key, now)?, // It has ended.
///         }
///     }
///     while let Some(datagram) = agent.next_datagram(now) {
///         let _ = socket.send(datagram);
///     }
///     thread::sleep(agent.next_due().saturating_sub(started.elapsed()));
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HostAgent<K> {
    agent: Agent<Key<K>>,
    host: Host,
    name: Option<String>,
    interfaces: Vec<Interface>,
    /// When to look for new interfaces.
    interfaces_due: Duration,
    containers: BTreeMap<K, Reported>,
}

/// A source of counters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<K> {
    Host,
    /// By index.
    Interface(u32),
    Container(K),
}

#[derive(Debug)]
struct Reported {
    container: Container,
    last: Option<ContainerCounters>,
}

impl<K: Clone + Ord> HostAgent<K> {
    /// An agent that starts at `now` and reports the interfaces of the host.
    pub fn new(config: Config, host: Host, now: Duration) -> Self {
        Self {
            agent: Agent::new(config, now),
            host,
            name: None,
            interfaces: Vec::new(),
            interfaces_due: now,
            containers: BTreeMap::new(),
        }
    }

    /// The host whose counters are read.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Reports the host under a name, or under that of its kernel. Call this when the name is known:
    /// for a collector, a host whose name changes is two hosts.
    ///
    /// # Errors
    ///
    /// As [`Agent::add`].
    pub fn report_host(&mut self, name: Option<String>, now: Duration) -> Result<(), Error> {
        self.name = name;
        match self.agent.add(Key::Host, PHYSICAL_HOST, now) {
            Err(Error::DuplicateKey) => Ok(()),
            result => result,
        }
    }

    /// Reports a container, at `now` for the first time.
    ///
    /// # Errors
    ///
    /// If the key, or the data source that is derived from the container's UUID, is in use. Nothing
    /// is then changed.
    pub fn add_container(
        &mut self,
        key: K,
        container: Container,
        now: Duration,
    ) -> Result<(), Error> {
        let source = self.agent.container_source(container.uuid);
        self.agent.add(Key::Container(key.clone()), source, now)?;
        let last = None;
        self.containers.insert(key, Reported { container, last });
        Ok(())
    }

    /// Ends the reports of a container with a sample of its last counters, in which it is shut off.
    ///
    /// # Errors
    ///
    /// If the sample does not fit into a datagram. The container is removed nevertheless.
    pub fn remove_container(&mut self, key: &K, now: Duration) -> Result<(), Error> {
        let last = self.containers.remove(key).and_then(|known| known.last);
        let key = Key::Container(key.clone());
        let added = match last.map(ContainerCounters::ended) {
            Some(last) => self.agent.counters_sample(&key, now, |it| last.encode(it)),
            None => Ok(()),
        };
        self.agent.remove(&key);
        added
    }

    /// Adds the counters of a container whose key [`next_container`](Self::next_container) has
    /// returned.
    ///
    /// # Errors
    ///
    /// If the container is unknown, or the sample does not fit into a datagram.
    pub fn add_container_counters(
        &mut self,
        key: &K,
        counters: ContainerCounters,
        now: Duration,
    ) -> Result<(), Error> {
        let known = self.containers.get_mut(key).ok_or(Error::UnknownSource)?;
        let key = Key::Container(key.clone());
        let added = self
            .agent
            .counters_sample(&key, now, |it| counters.encode(it));
        known.last = Some(counters);
        added
    }

    /// Adds the counters of the host and its interfaces that are due at `now`, and returns the next
    /// container whose counters are due; `None` if none is. Call this until it returns `None`, when
    /// [`next_due`](Self::next_due) has passed.
    ///
    /// # Errors
    ///
    /// If a sample does not fit into a datagram. The next call continues with the others.
    pub fn next_container(&mut self, now: Duration) -> Result<Option<(K, Container)>, Error> {
        self.find_interfaces(now)?;
        while let Some(key) = self.agent.next_source(now) {
            match &key {
                Key::Host => {
                    let containers = self.containers.len() as u32;
                    let counters = self.host.counters(self.name.as_deref(), containers);
                    self.agent
                        .counters_sample(&key, now, |it| counters.encode(it))?;
                }
                Key::Interface(index) => {
                    let interface = self.interfaces.iter().find(|known| known.index == *index);
                    if let Some(counters) =
                        interface.and_then(|it| self.host.interface_counters(it))
                    {
                        self.agent
                            .counters_sample(&key, now, |it| counters.encode(it))?;
                    }
                }
                Key::Container(id) => {
                    if let Some(known) = self.containers.get(id) {
                        return Ok(Some((id.clone(), known.container.clone())));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Looks for new and removed interfaces, once per second.
    fn find_interfaces(&mut self, now: Duration) -> Result<(), Error> {
        const INTERVAL: Duration = Duration::from_secs(1);
        if now < self.interfaces_due {
            return Ok(());
        }
        self.interfaces_due = now + INTERVAL;
        let known = std::mem::replace(&mut self.interfaces, self.host.interfaces());
        let current = &self.interfaces;
        for gone in known.iter().filter(|it| !current.contains(it)) {
            self.agent.remove(&Key::Interface(gone.index));
        }
        let mut result = Ok(());
        let agent = &mut self.agent;
        // An interface that cannot be added is tried again with the next search.
        self.interfaces.retain(|interface| {
            let key = Key::Interface(interface.index);
            let added = known.contains(interface).then_some(Ok(()));
            let added = added.unwrap_or_else(|| agent.add(key, interface.source(), now));
            let is_added = added.is_ok();
            result = std::mem::replace(&mut result, Ok(())).and(added);
            is_added
        });
        result
    }

    /// Adds a packet that [`PacketSampler`](super::PacketSampler) sampled on the interface of a
    /// container, one in `rate`. Other packets are ignored: a packet between a container and another
    /// host also passes a bridge and a device, and would be counted several times. `dropped` is
    /// the number of samples of the interface that the caller dropped before it.
    ///
    /// # Errors
    ///
    /// If the sample does not fit into a datagram: it is not sent, but its packets are counted in the
    /// sample pool of the interface.
    pub fn add_packet(
        &mut self,
        packet: &Packet,
        rate: u32,
        dropped: u32,
        now: Duration,
    ) -> Result<(), Error> {
        let is_of_container = |interface: &Interface| {
            interface.index == packet.if_index && interface.kind == InterfaceKind::Container
        };
        if !self.interfaces.iter().any(is_of_container) {
            return Ok(());
        }
        let key = Key::Interface(packet.if_index);
        let pool = rate.saturating_mul(dropped.saturating_add(1));
        self.agent.add_to_pool(&key, pool)?;
        self.agent.add_drops(&key, dropped)?;
        let sample = packet.flow_sample(rate);
        self.agent
            .flow_sample(&key, now, &sample, |it| packet.encode(it))
    }

    /// The next datagram that is due: [`Agent::next_datagram`].
    pub fn next_datagram(&mut self, now: Duration) -> Option<&[u8]> {
        self.agent.next_datagram(now)
    }

    /// When [`next_container`](Self::next_container) and [`next_datagram`](Self::next_datagram)
    /// are to be called next.
    pub fn next_due(&self) -> Duration {
        let due = self.agent.next_due().unwrap_or(self.interfaces_due);
        due.min(self.interfaces_due)
    }

    /// Makes datagrams due at once for all samples that wait, as before the agent ends.
    pub fn flush(&mut self) {
        self.agent.flush();
    }
}
