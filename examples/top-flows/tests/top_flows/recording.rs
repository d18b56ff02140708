//! A small swarm, recorded: three services and the world outside, with names to choose.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapWriter};
use sflow_v5::counter::{Adapter, HostAdapters, HostDescr, HostParent, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState, DropReason, HeaderProtocol};
use sflow_v5::flow::{ExtendedUrl, SampledHeader};
use sflow_v5::types::{List, Opaque, Text, Uuid};
use sflow_v5::{
    Address, CountersSample, DataSource, DiscardedPacket, Encoder, FlowRecord, FlowSample, Header,
    Interface, Mac, Records, Sample,
};

const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);
const RATE: u32 = 100;
const START: u64 = 1_767_225_600;

/// What an agent sends, one datagram a second.
pub(crate) struct Recording {
    datagrams: Vec<(Duration, Vec<u8>)>,
    second: u64,
    sequence: u32,
    /// Of each of two data sources.
    samples: [u32; 2],
    polls: u32,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self {
            datagrams: Vec::new(),
            second: 0,
            sequence: 0,
            samples: [0; 2],
            polls: 0,
        }
    }

    /// A container with this number, and what packets of it have.
    pub(crate) fn container(&mut self, number: u8, name: &str) {
        self.polls += 1;
        let descr = HostDescr {
            hostname: Text::from(name),
            uuid: Uuid([number; 16]),
            ..HostDescr::default()
        };
        let macs = [mac(number)];
        let adapters = [Adapter {
            if_index: 0,
            mac_address: List::from(&macs[..]),
        }];
        let cpu = VirtCpu {
            state: DomainState::RUNNING,
            ..VirtCpu::default()
        };
        let parent = HostParent {
            container_type: HOST.kind,
            container_index: HOST.index,
        };
        let adapters = HostAdapters {
            adapters: List::from(&adapters[..]),
        };
        let records = [cpu.into(), descr.into(), adapters.into(), parent.into()];
        let sample = CountersSample {
            sequence_number: self.polls,
            source_id: DataSource::new(DataSourceKind::LOGICAL, 100 + u32::from(number)),
            records: Records::from(&records[..]),
            ..CountersSample::default()
        };
        self.send(Sample::Counters(sample));
    }

    /// So many packets of a thousand bytes from one to another, each sample one of a hundred.
    pub(crate) fn traffic(&mut self, from: u8, to: u8, samples: u32) {
        for _ in 0..samples {
            let packet = packet(from, to);
            self.flow(0, &[header(&packet)]);
        }
    }

    /// The same packets, seen by another data source on their way.
    pub(crate) fn traffic_elsewhere(&mut self, from: u8, to: u8, samples: u32) {
        for _ in 0..samples {
            let packet = packet(from, to);
            self.flow(1, &[header(&packet)]);
        }
    }

    /// A request for something.
    pub(crate) fn request(&mut self, url: &str) {
        let packet = packet(1, 2);
        let url = ExtendedUrl {
            url: Text::from(url),
            ..ExtendedUrl::default()
        };
        self.flow(0, &[header(&packet), url.into()]);
    }

    /// A packet that was dropped.
    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.polls += 1;
        let packet = packet(1, 2);
        let records = [header(&packet)];
        let discarded = DiscardedPacket {
            sequence_number: self.polls,
            source_id: HOST,
            input_if_index: 3,
            reason,
            records: Records::from(&records[..]),
            ..DiscardedPacket::default()
        };
        self.send(Sample::Discarded(discarded));
    }

    /// The last datagram comes from another time.
    pub(crate) fn misdate(&mut self, seconds: u64) {
        if let Some((at, _)) = self.datagrams.last_mut() {
            *at = Duration::from_secs(seconds);
        }
    }

    /// Writes it as a capture.
    pub(crate) fn save(&self, folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("swarm.pcap");
        let mut file = Vec::new();
        let mut writer = PcapWriter::new(&mut file).unwrap();
        for (at, bytes) in &self.datagrams {
            let frame = frame(bytes);
            let length = u32::try_from(frame.len()).unwrap();
            let packet = PcapPacket::new(Duration::from_secs(START) + *at, length, &frame);
            writer.write_packet(&packet).unwrap();
        }
        std::fs::File::create(&path)
            .unwrap()
            .write_all(&file)
            .unwrap();
        path
    }

    /// The datagrams themselves.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.datagrams.iter().map(|(_, bytes)| bytes.as_slice())
    }

    fn flow(&mut self, place: usize, records: &[FlowRecord<'_>]) {
        self.samples[place] += 1;
        let samples = self.samples[place];
        let index = 3 + u32::try_from(place).unwrap();
        let sample = FlowSample {
            sequence_number: samples,
            source_id: DataSource::new(DataSourceKind::INTERFACE, index),
            sampling_rate: RATE,
            sample_pool: samples * RATE,
            input: Interface::index(3),
            output: Interface::index(4),
            records: Records::from(records),
            ..FlowSample::default()
        };
        self.send(Sample::Flow(sample));
    }

    fn send(&mut self, sample: Sample<'_>) {
        self.sequence += 1;
        self.second += 1;
        let at = Duration::from_millis(self.second * 100);
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sub_agent_id: 0,
            sequence_number: self.sequence,
            uptime: u32::try_from(at.as_millis()).unwrap() + 100_000,
        };
        let mut buffer = vec![0; 65_000];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        encoder.push(&sample).unwrap();
        self.datagrams.push((at, encoder.finish().to_vec()));
    }
}

fn mac(number: u8) -> Mac {
    Mac([2, 0x42, 0, 0, 0, number])
}

fn header(packet: &[u8]) -> FlowRecord<'_> {
    SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1000,
        stripped: 4,
        header: Opaque(packet),
    }
    .into()
}

/// UDP from one to the other.
fn packet(from: u8, to: u8) -> Vec<u8> {
    let (Mac(source), Mac(destination)) = (mac(from), mac(to));
    let mut bytes = [destination, source].concat();
    bytes.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 63, 17, 0, 0]);
    bytes.extend([10, 0, 0, from, 10, 0, 0, to]);
    bytes.extend([0x13, 0x88, 0, 80, 0, 8, 0, 0]);
    bytes
}

/// A frame with a datagram to port 6343.
fn frame(payload: &[u8]) -> Vec<u8> {
    let udp = u16::try_from(8 + payload.len()).unwrap();
    let mut bytes = vec![0; 12];
    bytes.extend([8, 0, 0x45, 0]);
    bytes.extend((udp + 20).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 63, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9]);
    bytes.extend(50_000_u16.to_be_bytes());
    bytes.extend(6343_u16.to_be_bytes());
    bytes.extend(udp.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

/// Services `front`, `back` and `store`, which talk to each other, and somebody outside.
pub(crate) fn swarm() -> Recording {
    let mut recording = Recording::new();
    recording.container(1, "front.1.rsm0h0ay4dbn6zbusp3ta9pf7");
    recording.container(2, "back.1.oqtqmjcikzag3dgfumgkfqljs");
    recording.container(3, "store.1.1igor9c0n11v23qb1gxvyjcb3");
    recording.container(4, "back.2.b4txb8c1nyzjzbdh1dkfeqh0q");
    for _ in 0..10 {
        recording.traffic(9, 1, 4);
        recording.traffic(1, 2, 2);
        recording.traffic(1, 4, 1);
        recording.traffic(2, 3, 1);
    }
    recording
}
