//! Agents: what they are, what they say in turn, and how they put it into datagrams.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use sflow_v5::enums::DataSourceKind;
use sflow_v5::flow::{ExtendedRouter, ExtendedSwitch};
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Community, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, FlowSample, Header, Interface, Mac,
};

use super::counters::{self, Port};
use super::packet::{Kind, Traffic};
use super::random::Random;
use super::reading::{CountersReading, Gateway, Machine, PacketReading, Reading};

/// The most bytes that an agent puts into a datagram.
pub(super) const LONGEST: usize = 1400;

const PORTS: u32 = 48;
const CONTAINERS: u32 = 40;
/// Among the logical entities of a host, where its containers start.
const FIRST_CONTAINER: u32 = 100_000;

/// What an agent says each time it is its turn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Packets over IPv4 and TCP.
    Router,
    /// Packets of all kinds, and sometimes the counters of a port or of the processor.
    Switch,
    /// The counters of so many ports.
    Ports(u32),
    /// The host, in a datagram of its own.
    Host,
    /// The host and packets.
    BusyHost,
    /// Some of its containers.
    Containers,
}

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) address: Ipv4Addr,
    role: Role,
    encoding: Encoding,
    random: Random,
    header: Header,
    ports: Vec<Source<Port>>,
    processor: Source<()>,
    host: Source<Rc<Machine>>,
    containers: Vec<Source<Rc<Machine>>>,
    waiting: VecDeque<Reading>,
    next_port: u32,
    next_container: u32,
}

/// A data source, and where its sequences stand.
#[derive(Debug)]
struct Source<T> {
    id: DataSource,
    packets: u32,
    pool: u32,
    counters: u32,
    what: T,
}

impl<T> Source<T> {
    fn new(random: &mut Random, id: DataSource, what: T) -> Self {
        Self {
            id,
            packets: random.half().into(),
            pool: random.word(),
            counters: random.half().into(),
            what,
        }
    }

    fn counters(
        &mut self,
        encoding: Encoding,
        whose: Option<Rc<Machine>>,
        records: Vec<CounterRecord<'static>>,
    ) -> Reading {
        self.counters += 1;
        Reading::Counters(CountersReading {
            sample: CountersSample {
                sequence_number: self.counters,
                source_id: self.id,
                encoding,
                ..CountersSample::default()
            },
            whose,
            records,
        })
    }
}

impl Agent {
    /// Agent `number` of those of `seed`.
    pub(super) fn new(seed: u64, number: u16, role: Role) -> Self {
        let mut random = Random::new(seed, &format!("agent {number}"));
        let random = &mut random;
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(10, 200, high, low);
        let ports = (1..=PORTS).map(|port| {
            let id = DataSource::new(DataSourceKind::INTERFACE, port);
            let what = Port::new(random, port);
            Source::new(random, id, what)
        });
        let ports = ports.collect();
        let containers = (0..CONTAINERS).map(|container| {
            let id = DataSource::new(DataSourceKind::LOGICAL, FIRST_CONTAINER + container);
            let machine = Machine {
                name: format!("svc_app-{:06x}_prod-{container}", random.bits(24)),
                uuid: Uuid(random.bytes()),
                adapters: vec![(100 + container, mac(random, [2, 0x42, 0xac]))],
            };
            Source::new(random, id, Rc::new(machine))
        });
        let containers = containers.collect();
        let adapters = 2..random.between(4, 8);
        let machine = Machine {
            name: format!("node{number:04}.example.net"),
            uuid: Uuid(random.bytes()),
            adapters: adapters
                .map(|if_index| (if_index, mac(random, [2, 0x16, 0x3e])))
                .collect(),
        };
        let physical = DataSource::new(DataSourceKind::PHYSICAL, 1);
        Self {
            address,
            role,
            encoding: Encoding::Compact,
            header: Header {
                agent_address: Address::V4(address.octets()),
                sub_agent_id: 0,
                sequence_number: random.bits(20) as u32,
                uptime: random.bits(30) as u32,
            },
            ports,
            processor: Source::new(random, physical, ()),
            host: Source::new(random, physical, Rc::new(machine)),
            containers,
            waiting: VecDeque::new(),
            next_port: 0,
            next_container: 0,
            random: random.clone(),
        }
    }

    /// The same, that calls itself by an IPv6 address.
    pub(super) fn over_ipv6(self) -> Self {
        let [.., high, low] = self.address.octets();
        let number = u16::from_be_bytes([high, low]);
        let address = Ipv6Addr::new(0x2001, 0x0db8, 0x00c8, 0, 0, 0, 0, number);
        let header = Header {
            agent_address: Address::V6(address.octets()),
            ..self.header
        };
        Self { header, ..self }
    }

    /// The same, that writes interfaces in two words.
    pub(super) fn expanded(self) -> Self {
        Self {
            encoding: Encoding::Expanded,
            ..self
        }
    }

    /// Takes its turn: all datagrams that have become full.
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
                    let records = counters::processor(&mut self.random);
                    let reading = self.processor.counters(Encoding::Compact, None, records);
                    self.waiting.push_back(reading);
                }
            }
            Role::Ports(count) => (0..count).for_each(|_| self.port()),
            Role::Host => {
                self.host();
                return self.datagram().into_iter().collect();
            }
            Role::BusyHost => {
                self.host();
                (0..2).for_each(|_| self.packet(traffic, &[Kind::Tcp4], Tables::None));
            }
            Role::Containers => (0..4).for_each(|_| self.container()),
        }
        let mut full = Vec::new();
        while self.waits_for_more_than_fits() {
            full.extend(self.datagram());
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
        let grown = random.between(1_000, 60_000);
        let port = &mut self.ports[input as usize - 1];
        port.pool = port.pool.wrapping_add(grown);
        port.packets += 1;
        self.waiting
            .push_back(Reading::Packet(Box::new(PacketReading {
                sample: FlowSample {
                    sequence_number: port.packets,
                    source_id: port.id,
                    sampling_rate: 1024,
                    sample_pool: port.pool,
                    drops: 0,
                    input: Interface::index(input),
                    output: Interface::index(output),
                    encoding: self.encoding,
                    ..FlowSample::default()
                },
                packet,
                switch,
                router,
                gateway,
            })));
    }

    fn port(&mut self) {
        let port = &mut self.ports[self.next_port as usize];
        self.next_port = (self.next_port + 1) % PORTS;
        let records = port.what.read(&mut self.random);
        let reading = port.counters(self.encoding, None, records);
        self.waiting.push_back(reading);
    }

    fn host(&mut self) {
        let machine = Rc::clone(&self.host.what);
        let records = counters::host(&mut self.random);
        let reading = self
            .host
            .counters(Encoding::Compact, Some(machine), records);
        self.waiting.push_back(reading);
    }

    fn container(&mut self) {
        let container = &mut self.containers[self.next_container as usize];
        self.next_container = (self.next_container + 1) % CONTAINERS;
        let machine = Rc::clone(&container.what);
        let records = counters::container(&mut self.random);
        let reading = container.counters(Encoding::Compact, Some(machine), records);
        self.waiting.push_back(reading);
    }

    fn waits_for_more_than_fits(&self) -> bool {
        self.waiting.len() > self.fill(&mut [0; LONGEST]).0
    }

    /// Sends what fits of what waits, if anything does.
    fn datagram(&mut self) -> Option<Vec<u8>> {
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        let elapsed = self.random.between(1, 1_000);
        self.header.uptime = self.header.uptime.wrapping_add(elapsed);
        let mut buffer = [0; LONGEST];
        let (fitting, bytes) = self.fill(&mut buffer);
        self.waiting.drain(..fitting);
        (fitting > 0).then(|| bytes.to_vec())
    }

    /// Encodes what fits of what waits, and says how many readings that are.
    fn fill<'b>(&self, buffer: &'b mut [u8; LONGEST]) -> (usize, &'b [u8]) {
        let mut encoder =
            Encoder::new(buffer, &self.header).expect("a header is far below 1,400 bytes");
        let mut readings = self.waiting.iter();
        while readings
            .next()
            .is_some_and(|reading| reading.push(&mut encoder).is_ok())
        {}
        (encoder.samples(), encoder.finish())
    }
}

/// Whether packets pass something that has tables of routes.
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
