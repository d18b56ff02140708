use std::net::{IpAddr, Ipv4Addr};

use sflow_metrics::{Config, Registry, flow};
use sflow_v5::counter::{Adapter, HostAdapters, HostCpu, HostDescr, HostParent, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState, DropReason, HeaderProtocol};
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::{List, Opaque, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Datagram, DiscardedPacket, Encoder,
    FlowRecord, FlowSample, Header, Interface, Mac, Records, Sample,
};

use crate::support::at;

pub(crate) const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);

/// A registry, and one agent that sends datagrams to it.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) now: f64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut registry = Registry::new(config);
        registry.group_containers_by(service_of);
        Self { registry, now: 0.0 }
    }

    pub(crate) fn watch(&mut self, definition: &str) -> flow::Id {
        let definition = definition.parse().unwrap_or_else(|error| panic!("{error}"));
        self.registry.watch_flows(definition).unwrap()
    }

    pub(crate) fn answer(&self, id: flow::Id) -> flow::Answer {
        self.registry.flows(at(self.now), id).unwrap()
    }

    /// The rows of an answer as text, heaviest first.
    pub(crate) fn rows(&self, id: flow::Id) -> Vec<String> {
        let answer = self.answer(id);
        let line = |row: &flow::Row| {
            let keys: Vec<_> = row.keys.iter().map(ToString::to_string).collect();
            format!("{} {:.0}", keys.join(" "), row.value)
        };
        answer.rows.iter().map(line).collect()
    }
}

/// The service of a swarm task with this name: `service.slot.id`.
pub(crate) fn service_of(name: &str) -> Option<&str> {
    let (rest, id) = name.rsplit_once('.')?;
    let (service, _) = rest.rsplit_once('.')?;
    (id.len() == 25).then_some(service)
}

/// An agent with sequence numbers.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) address: [u8; 4],
    pub(crate) sequence: u32,
    pub(crate) samples: u32,
    pub(crate) pool: u32,
    pub(crate) rate: u32,
    polls: u32,
}

impl Agent {
    pub(crate) fn new(last_byte: u8) -> Self {
        Self {
            address: [10, 99, 0, last_byte],
            sequence: 0,
            samples: 0,
            pool: 0,
            rate: 100,
            polls: 0,
        }
    }

    pub(crate) fn encode(&mut self, now: f64, samples: &[Sample<'_>]) -> Vec<u8> {
        self.sequence += 1;
        let header = Header {
            agent_address: Address::V4(self.address),
            sub_agent_id: 0,
            sequence_number: self.sequence,
            uptime: ((now + 100.0) * 1e3) as u32,
        };
        let mut buffer = vec![0; 65_000];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        for sample in samples {
            encoder.push(sample).unwrap();
        }
        encoder.finish().to_vec()
    }

    pub(crate) fn deliver(&self, world: &mut World, bytes: &[u8]) {
        let sender = IpAddr::V4(Ipv4Addr::from(self.address));
        let datagram = Datagram::parse(bytes).unwrap();
        world.registry.ingest(at(world.now), sender, &datagram);
    }

    pub(crate) fn send(&mut self, world: &mut World, samples: &[Sample<'_>]) {
        let bytes = self.encode(world.now, samples);
        self.deliver(world, &bytes);
    }

    /// The next sample with these records.
    pub(crate) fn sample<'a>(&mut self, records: &'a [FlowRecord<'a>]) -> FlowSample<'a> {
        self.samples += 1;
        self.pool = self.pool.wrapping_add(self.rate);
        FlowSample {
            sequence_number: self.samples,
            source_id: DataSource::new(DataSourceKind::INTERFACE, 3),
            sampling_rate: self.rate,
            sample_pool: self.pool,
            input: Interface::index(3),
            output: Interface::index(4),
            records: Records::from(records),
            ..FlowSample::default()
        }
    }

    /// Sends a sample of a packet with this length in bytes.
    pub(crate) fn see(&mut self, world: &mut World, packet: &[u8], length: u32) {
        let records = [header(packet, length)];
        let sample = self.sample(&records);
        self.send(world, &[Sample::Flow(sample)]);
    }

    pub(crate) fn drop(
        &mut self,
        world: &mut World,
        reason: DropReason,
        drops: u32,
        packet: &[u8],
    ) {
        let records = [header(packet, 104)];
        let discarded = self.discarded(reason, drops, &records);
        self.send(world, &[Sample::Discarded(discarded)]);
    }

    /// The next dropped packet notification with these records.
    pub(crate) fn discarded<'a>(
        &mut self,
        reason: DropReason,
        drops: u32,
        records: &'a [FlowRecord<'a>],
    ) -> DiscardedPacket<'a> {
        self.samples += 1;
        DiscardedPacket {
            sequence_number: self.samples,
            source_id: DataSource::default(),
            drops,
            input_if_index: 3,
            reason,
            records: Records::from(records),
            ..DiscardedPacket::default()
        }
    }

    /// Reports the agent's host.
    pub(crate) fn host(&mut self, world: &mut World, name: &str, macs: &[Mac]) {
        let cpu = HostCpu {
            cpu_num: 2.into(),
            ..HostCpu::default()
        };
        self.poll(world, HOST, name, macs, cpu.into());
    }

    /// Reports a container.
    pub(crate) fn container(&mut self, world: &mut World, index: u32, name: &str, macs: &[Mac]) {
        let cpu = VirtCpu {
            state: DomainState::RUNNING,
            ..VirtCpu::default()
        };
        let source = DataSource::new(DataSourceKind::LOGICAL, 100_000 + index);
        self.poll(world, source, name, macs, cpu.into());
    }

    fn poll(
        &mut self,
        world: &mut World,
        source: DataSource,
        name: &str,
        macs: &[Mac],
        record: CounterRecord<'_>,
    ) {
        self.polls += 1;
        let adapters: Vec<_> = macs
            .iter()
            .map(|mac| Adapter {
                if_index: 0,
                mac_address: List::from(core::slice::from_ref(mac)),
            })
            .collect();
        let start = self.address[3];
        let uuid = name
            .bytes()
            .fold(start, |sum, byte| sum.wrapping_mul(31) ^ byte);
        let descr = HostDescr {
            hostname: Text::from(name),
            uuid: Uuid([uuid; 16]),
            ..HostDescr::default()
        };
        let mut records = vec![
            record,
            descr.into(),
            HostAdapters {
                adapters: List::from(&adapters[..]),
            }
            .into(),
        ];
        if source != HOST {
            let parent = HostParent {
                container_type: HOST.kind,
                container_index: HOST.index,
            };
            records.push(parent.into());
        }
        let sample = CountersSample {
            sequence_number: self.polls,
            source_id: source,
            records: Records::from(&records[..]),
            ..CountersSample::default()
        };
        self.send(world, &[Sample::Counters(sample)]);
    }
}

/// A sampled header of a packet with this length in bytes on the wire.
pub(crate) fn header(packet: &[u8], length: u32) -> FlowRecord<'_> {
    SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: length,
        stripped: 4,
        header: Opaque(packet),
    }
    .into()
}

pub(crate) const fn mac(last: u8) -> Mac {
    Mac([2, 0x42, 0, 0, 0, last])
}

/// An Ethernet frame with IPv4, UDP and a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Udp<'p> {
    pub(crate) macs: (Mac, Mac),
    pub(crate) ips: ([u8; 4], [u8; 4]),
    pub(crate) ports: (u16, u16),
    pub(crate) payload: &'p [u8],
}

impl Udp<'_> {
    pub(crate) fn between(source: u8, destination: u8) -> Self {
        Self {
            macs: (mac(source), mac(destination)),
            ips: ([10, 0, 0, source], [10, 0, 0, destination]),
            ports: (5000, 80),
            payload: &[],
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = 8 + self.payload.len() as u16;
        let mut udp = Vec::new();
        for word in [self.ports.0, self.ports.1, length, 0] {
            udp.extend_from_slice(&word.to_be_bytes());
        }
        udp.extend_from_slice(self.payload);
        ethernet(self.macs, 0x800, &ipv4(self.ips, 17, &udp))
    }
}

/// A frame with this EtherType.
pub(crate) fn ethernet((source, destination): (Mac, Mac), kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [destination.0, source.0].concat();
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A packet with this protocol.
pub(crate) fn ipv4(ips: ([u8; 4], [u8; 4]), protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = 20 + payload.len() as u16;
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![0x45, 0, high, low, 0, 0, 0, 0, 63, protocol, 0, 0];
    bytes.extend_from_slice(&ips.0);
    bytes.extend_from_slice(&ips.1);
    bytes.extend_from_slice(payload);
    bytes
}

/// A VXLAN header with this network identifier, and a payload.
pub(crate) fn vxlan(network: u32, packet: &[u8]) -> Vec<u8> {
    let mut bytes = vec![8, 0, 0, 0];
    bytes.extend_from_slice(&(network << 8).to_be_bytes());
    bytes.extend_from_slice(packet);
    bytes
}
