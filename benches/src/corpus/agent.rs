//! Agents with their readings, and the datagrams that they send.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sflow_agent::{Config, Source};
use sflow_v5::enums::DataSourceKind;
use sflow_v5::flow::{ExtendedRouter, ExtendedSwitch};
use sflow_v5::sample::{Encoding, RecordEncoder};
use sflow_v5::types::{Community, Uuid};
use sflow_v5::{Address, CounterRecord, DataSource, EncodeError, FlowSample, Interface, Mac};

use super::counters::{self, Port};
use super::packet::{Kind, Traffic};
use super::random::Random;
use super::reading::{Gateway, Machine, PacketReading};

/// The maximum length of a datagram of an agent in bytes.
pub(super) const LONGEST: usize = 1400;

const PORTS: u32 = 48;
const CONTAINERS: u32 = 40;
/// The index of the first container among the logical entities of a host.
const FIRST_CONTAINER: u32 = 100_000;

/// The content of the datagrams of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Packets over IPv4 and TCP.
    Router,
    /// Packets of all kinds, and some counters of a port or of the processor.
    Switch,
    /// The counters of this number of ports.
    Ports(u32),
    /// The host, in a separate datagram.
    Host,
    /// The host and packets.
    BusyHost,
    /// Some of its containers.
    Containers,
}

#[derive(Debug)]
pub(super) struct Agent {
    /// Address from which it sends.
    pub(super) address: Ipv4Addr,
    role: Role,
    random: Random,
    core: sflow_agent::Agent<Key>,
    /// Its uptime.
    now: Duration,
    ports: Vec<Port>,
    host: Machine,
    containers: Vec<Machine>,
    next_port: u32,
    next_container: u32,
}

/// A data source. Ports and containers are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Port(u32),
    Processor,
    Host,
    Container(u32),
}

/// A data source that has sent samples before.
fn source(random: &mut Random, kind: DataSourceKind, index: u32, encoding: Encoding) -> Source {
    let mut source = Source::from(DataSource::new(kind, index));
    source.encoding = encoding;
    source.flow_sequence = random.half().into();
    source.sample_pool = random.word();
    source.counters_sequence = random.half().into();
    source
}

impl Agent {
    /// Agent `number` for a seed. `encoding` is that of the samples of its ports.
    pub(super) fn new(
        seed: u64,
        number: u16,
        role: Role,
        is_ipv6: bool,
        encoding: Encoding,
    ) -> Self {
        let mut random = Random::new(seed, &format!("agent {number}"));
        let random = &mut random;
        let mut sources = Vec::new();
        let mut ports = Vec::new();
        for port in 0..PORTS {
            ports.push(Port::new(random, port + 1));
            let source = source(random, DataSourceKind::INTERFACE, port + 1, encoding);
            sources.push((Key::Port(port), source));
        }
        let mut containers = Vec::new();
        for container in 0..CONTAINERS {
            containers.push(Machine {
                name: format!("svc_app-{:06x}_prod-{container}", random.bits(24)),
                uuid: Uuid(random.bytes()),
                adapters: vec![(100 + container, mac(random, [2, 0x42, 0xac]))],
            });
            let index = FIRST_CONTAINER + container;
            let source = source(random, DataSourceKind::LOGICAL, index, Encoding::Compact);
            sources.push((Key::Container(container), source));
        }
        let adapters = 2..random.between(4, 8);
        let host = Machine {
            name: format!("node{number:04}.example.net"),
            uuid: Uuid(random.bytes()),
            adapters: adapters
                .map(|if_index| (if_index, mac(random, [2, 0x16, 0x3e])))
                .collect(),
        };
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(10, 200, high, low);
        let mut config = Config::new(if is_ipv6 {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0x0db8, 0x00c8, 0, 0, 0, 0, number))
        } else {
            IpAddr::V4(address)
        });
        config.max_datagram = LONGEST;
        config.max_delay = Duration::MAX;
        config.sequence_number = random.bits(20) as u32;
        let now = Duration::from_millis(random.bits(30));
        // The processor of a switch and a host are the same physical entity.
        for (key, is_used) in [
            (Key::Processor, matches!(role, Role::Switch)),
            (Key::Host, !matches!(role, Role::Switch)),
        ] {
            let source = source(random, DataSourceKind::PHYSICAL, 1, Encoding::Compact);
            if is_used {
                sources.push((key, source));
            }
        }
        let mut core = sflow_agent::Agent::new(config, Duration::ZERO);
        for (key, source) in sources {
            core.add_unscheduled(key, source)
                .expect("keys and data sources are unique");
        }
        Self {
            address,
            role,
            core,
            now,
            ports,
            host,
            containers,
            next_port: 0,
            next_container: 0,
            random: random.clone(),
        }
    }

    /// Takes readings. Returns the datagrams that are full.
    pub(super) fn turn(&mut self, traffic: &Traffic) -> Vec<Vec<u8>> {
        match self.role {
            Role::Router => {
                (0..6).for_each(|_| self.packet(traffic, &[Kind::Tcp4], Tables::Some));
            }
            Role::Switch => {
                use Kind::{Icmp4, Icmp6, Tcp4, Tcp6, Udp4, Udp6};
                let kinds = [
                    Tcp4, Tcp4, Tcp4, Tcp4, Tcp4, Tcp4, Udp4, Udp4, Tcp6, Udp6, Icmp4, Icmp6,
                ];
                (0..6).for_each(|_| self.packet(traffic, &kinds, Tables::Some));
                if self.random.percent(30) {
                    self.port();
                }
                if self.random.percent(2) {
                    let load = counters::processor(&mut self.random);
                    self.counters(Key::Processor, |records| push_all(records, &load));
                }
            }
            Role::Ports(count) => (0..count).for_each(|_| self.port()),
            Role::Host => {
                self.host();
                self.core.flush();
            }
            Role::BusyHost => {
                self.host();
                (0..2).for_each(|_| self.packet(traffic, &[Kind::Tcp4], Tables::None));
            }
            Role::Containers => (0..4).for_each(|_| self.container()),
        }
        let mut full = Vec::new();
        while self
            .core
            .next_datagram_due()
            .is_some_and(|due| due <= self.now)
        {
            self.now += Duration::from_millis(self.random.between(1, 1_000).into());
            full.extend(self.core.next_datagram(self.now).map(<[u8]>::to_vec));
        }
        full
    }

    fn packet(&mut self, traffic: &Traffic, kinds: &[Kind], tables: Tables) {
        let random = &mut self.random;
        let (input, output) = (random.between(1, PORTS + 1), random.between(1, PORTS + 1));
        let vlan = random.between(1, 4095);
        let tagged = kinds.len() > 1 && random.percent(30);
        let kind = random.pick(kinds);
        let packet = traffic.packet(random, kind, tagged.then_some(vlan as u16));
        let switch = ExtendedSwitch {
            src_vlan: vlan.into(),
            src_priority: random.below(8).into(),
            dst_vlan: vlan.into(),
            dst_priority: random.below(8).into(),
        };
        let routed = matches!(tables, Tables::Some);
        let router = (routed && random.percent(15)).then(|| ExtendedRouter {
            nexthop: Address::V4([192, 0, 2, random.between(1, 255) as u8]),
            src_mask_len: random.pick(&[16, 20, 24, 32]),
            dst_mask_len: random.pick(&[16, 20, 24, 32]),
        });
        let gateway = (routed && random.percent(5)).then(|| gateway(random));
        let passed = random.between(1_000, 60_000);
        let reading = PacketReading {
            packet,
            switch,
            router,
            gateway,
        };
        let sample = FlowSample {
            sampling_rate: 1024,
            input: Interface::index(input),
            output: Interface::index(output),
            ..FlowSample::default()
        };
        let key = Key::Port(input - 1);
        self.core
            .add_to_pool(&key, passed)
            .and_then(|()| {
                self.core
                    .flow_sample(&key, self.now, &sample, |records| reading.encode(records))
            })
            .expect("the source exists, and its sample fits into a datagram");
    }

    fn port(&mut self) {
        let port = self.next_port;
        self.next_port = (port + 1) % PORTS;
        let read = self.ports[port as usize].read(&mut self.random);
        self.counters(Key::Port(port), |records| push_all(records, &read));
    }

    fn host(&mut self) {
        let read = counters::host(&mut self.random);
        let machine = self.host.clone();
        self.counters(Key::Host, |records| machine.encode(&read, records));
    }

    fn container(&mut self) {
        let container = self.next_container;
        self.next_container = (container + 1) % CONTAINERS;
        let read = counters::container(&mut self.random);
        let machine = self.containers[container as usize].clone();
        self.counters(Key::Container(container), |records| {
            machine.encode(&read, records)
        });
    }

    fn counters<F>(&mut self, key: Key, records: F)
    where
        F: FnOnce(&mut RecordEncoder<'_, '_, CounterRecord<'_>>) -> Result<(), EncodeError>,
    {
        self.core
            .counters_sample(&key, self.now, records)
            .expect("the source exists, and its sample fits into a datagram");
    }
}

fn push_all(
    records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    all: &[CounterRecord<'_>],
) -> Result<(), EncodeError> {
    all.iter()
        .try_for_each(|record| records.push_record(record))
}

/// Whether packets pass a router, whose routing tables are sampled.
#[derive(Clone, Copy, Debug)]
enum Tables {
    None,
    Some,
}

fn gateway(random: &mut Random) -> Gateway {
    let (hops, communities) = (random.between(1, 6), random.below(5));
    Gateway {
        nexthop: Address::V4([198, 51, 100, random.between(1, 255) as u8]),
        src_as: random.between(1_000, 400_000),
        path: (0..hops).map(|_| random.between(1_000, 400_000)).collect(),
        communities: (0..communities).map(|_| Community(random.word())).collect(),
    }
}

fn mac(random: &mut Random, [a, b, c]: [u8; 3]) -> Mac {
    let [d, e, f] = random.bytes();
    Mac([a, b, c, d, e, f])
}
