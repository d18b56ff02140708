//! Agents that send real datagrams, at times that the test chooses.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod world;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_metrics::{
    Metric, Registry, Timestamp,
    entity::{Entity, Lifecycle},
    query::Summary,
};
use sflow_v5::counter::{
    HostCpu, HostDescr, HostParent, IfCounters, VirtCpu, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Datagram, Encoder, Header, Records, Sample,
};

/// The start of the simulation.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_000_000);

pub(crate) fn at(seconds: f64) -> Timestamp {
    START + Duration::from_secs_f64(seconds)
}

pub(crate) fn metric(name: &str) -> &'static Metric {
    let mut metrics = Metric::all().iter();
    metrics.find(|metric| metric.name() == name).expect(name)
}

/// The summary of a query with one expression.
pub(crate) fn ask(registry: &Registry, seconds: f64, query: &str) -> Summary {
    let query = query.parse().unwrap_or_else(|error| panic!("{error}"));
    registry.query(at(seconds), &query)[0]
}

pub(crate) fn entity<'r>(registry: &'r Registry, seconds: f64, name: &str) -> Option<Entity<'r>> {
    registry
        .entities(at(seconds))
        .find(|entity| entity.name() == name)
}

pub(crate) fn lifecycle(registry: &Registry, seconds: f64, name: &str) -> Option<Lifecycle> {
    entity(registry, seconds, name).map(|entity| entity.lifecycle())
}

/// An agent with consecutive datagram numbers and an uptime.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) address: [u8; 4],
    pub(crate) sender: IpAddr,
    pub(crate) sub_agent: u32,
    pub(crate) sequence: u32,
    pub(crate) started: f64,
}

impl Agent {
    pub(crate) fn new(last_byte: u8) -> Self {
        let address = [10, 0, 0, last_byte];
        let sender = IpAddr::V4(Ipv4Addr::from(address));
        Self {
            address,
            sender,
            sub_agent: 100_000,
            sequence: 0,
            started: -100.0,
        }
    }

    /// The next datagram, sent at this second.
    pub(crate) fn send(&mut self, seconds: f64, samples: &[Counted<'_>]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let uptime = ((seconds - self.started) * 1e3).round();
        let header = Header {
            agent_address: Address::V4(self.address),
            sub_agent_id: self.sub_agent,
            sequence_number: self.sequence,
            uptime: (uptime as u64 & 0xffff_ffff) as u32,
        };
        let mut buffer = [0; 9000];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        for counted in samples {
            let sample = CountersSample {
                sequence_number: counted.sequence,
                source_id: counted.source,
                encoding: Encoding::Expanded,
                records: Records::from(&counted.records[..]),
            };
            encoder.push(&Sample::Counters(sample)).unwrap();
        }
        encoder.finish().to_vec()
    }

    /// Sends a datagram and delivers it without delay.
    pub(crate) fn report(
        &mut self,
        registry: &mut Registry,
        seconds: f64,
        samples: &[Counted<'_>],
    ) {
        let bytes = self.send(seconds, samples);
        self.deliver(registry, seconds, &bytes);
    }

    pub(crate) fn deliver(&self, registry: &mut Registry, seconds: f64, bytes: &[u8]) {
        registry.ingest(at(seconds), self.sender, &Datagram::parse(bytes).unwrap());
    }

    /// Restarts: numbers and uptime begin at zero.
    pub(crate) fn restart(&mut self, seconds: f64) {
        self.sequence = 0;
        self.started = seconds;
    }
}

/// A counters sample.
#[derive(Clone, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) source: DataSource,
    pub(crate) sequence: u32,
    pub(crate) records: Vec<CounterRecord<'a>>,
}

pub(crate) fn counted<'a, const N: usize>(
    source: DataSource,
    sequence: u32,
    records: [CounterRecord<'a>; N],
) -> Counted<'a> {
    Counted {
        source,
        sequence,
        records: records.into(),
    }
}

pub(crate) fn host_source() -> DataSource {
    DataSource::new(DataSourceKind::PHYSICAL, 1)
}

pub(crate) fn interface_source(index: u32) -> DataSource {
    DataSource::new(DataSourceKind::INTERFACE, index)
}

/// A host with this number of processors.
pub(crate) fn host(
    name: &str,
    sequence: u32,
    processors: u32,
    busy_ms: u32,
    idle_ms: u32,
) -> Counted<'_> {
    let cpu = HostCpu {
        load_one: 0.5.into(),
        cpu_num: processors.into(),
        cpu_user: busy_ms.into(),
        cpu_nice: 0.into(),
        cpu_system: 0.into(),
        cpu_idle: idle_ms.into(),
        cpu_wio: 0.into(),
        cpu_intr: 0.into(),
        cpu_sintr: 0.into(),
        ..HostCpu::default()
    };
    counted(
        host_source(),
        sequence,
        [cpu.into(), descr(name, uuid_of(name, 0xee)).into()],
    )
}

pub(crate) fn interface(index: u32, sequence: u32, speed: u64, octets: u64) -> Counted<'static> {
    let counters = IfCounters {
        if_index: index,
        if_speed: speed.into(),
        if_in_octets: octets.into(),
        if_in_ucast_pkts: ((octets / 100) as u32).into(),
        ..IfCounters::default()
    };
    counted(interface_source(index), sequence, [counters.into()])
}

/// The counters of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: u32,
    pub(crate) uuid: u128,
    pub(crate) state: DomainState,
    pub(crate) cpu_ms: u32,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) packets: u32,
    pub(crate) memory: u64,
    pub(crate) limit: u32,
}

impl<'a> Container<'a> {
    pub(crate) fn new(name: &'a str, index: u32) -> Self {
        Self {
            name,
            index,
            uuid: uuid_of(name, index as u8 | 0x80),
            state: DomainState::RUNNING,
            cpu_ms: 0,
            rx_bytes: 0,
            tx_bytes: 0,
            packets: 0,
            memory: 1 << 20,
            limit: 0,
        }
    }

    /// The sample with this number.
    pub(crate) fn sample(&self, sequence: u32) -> Counted<'a> {
        let cpu = VirtCpu {
            state: self.state,
            cpu_time: self.cpu_ms.into(),
            nr_virt_cpu: self.limit.into(),
        };
        let net = VirtNetIo {
            rx_bytes: self.rx_bytes.into(),
            rx_packets: self.packets.into(),
            tx_bytes: self.tx_bytes.into(),
            tx_packets: self.packets.into(),
            ..VirtNetIo::default()
        };
        let memory = VirtMemory {
            memory: self.memory.into(),
            max_memory: (1 << 30).into(),
        };
        let parent = HostParent {
            container_type: DataSourceKind::PHYSICAL,
            container_index: 1,
        };
        let source = DataSource::new(DataSourceKind::LOGICAL, 100_000 + self.index);
        let records = [
            memory.into(),
            cpu.into(),
            net.into(),
            parent.into(),
            descr(self.name, self.uuid).into(),
        ];
        counted(source, sequence, records)
    }

    /// Advances the counters by an activity of this duration.
    pub(crate) fn work(&mut self, seconds: f64, cores: f64, bytes_per_second: f64) {
        self.cpu_ms = self
            .cpu_ms
            .wrapping_add((seconds * cores * 1e3).round() as u32);
        self.rx_bytes = self
            .rx_bytes
            .wrapping_add((seconds * bytes_per_second).round() as u64);
        self.packets = self
            .packets
            .wrapping_add((seconds * bytes_per_second / 1e3).round() as u32);
        self.tx_bytes = self
            .tx_bytes
            .wrapping_add((seconds * bytes_per_second * 2.0).round() as u64);
    }
}

/// A UUID of eight equal bytes and a hash of the name.
fn uuid_of(name: &str, byte: u8) -> u128 {
    let letters = name.bytes().map(u64::from);
    let end = letters.fold(1_u64, |sum, letter| {
        sum.wrapping_mul(257).wrapping_add(letter)
    });
    u128::from(u64::from_be_bytes([byte; 8])) << 64 | u128::from(end)
}

fn descr(name: &str, uuid: u128) -> HostDescr<'_> {
    HostDescr {
        hostname: Text::from(name),
        uuid: Uuid(uuid.to_be_bytes()),
        ..HostDescr::default()
    }
}
