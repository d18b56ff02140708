//! Datagrams of the tests.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sflow_collector::ReceivedDatagram;
use sflow_collector::capture::Capture;
use sflow_v5::counter::{HostCpu, HostDescr, VirtCpu, VirtMemory};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::flow::SampledIpv4;
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, FlowSample, Header, Interface,
    Records, Sample,
};

const CONTAINERS: u32 = 3;

pub(crate) fn capture(name: &str) -> Vec<ReceivedDatagram> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/captures");
    let mut capture = Capture::open(folder.join(name)).unwrap();
    let mut datagrams = Vec::new();
    while let Some(received) = capture.next_datagram().unwrap() {
        datagrams.push(received.to_owned());
    }
    datagrams
}

/// Four reports of each agent at an interval of ten seconds; the last ones are of this time.
pub(crate) fn reports(agents: u8, last: SystemTime) -> Vec<ReceivedDatagram> {
    let report = |report: u32| {
        (1..=agents).map(move |agent| ReceivedDatagram {
            received_at: last - Duration::from_secs(10) * (4 - report),
            source: ([192, 0, 2, agent], 40_000).into(),
            bytes: datagram(agent, report).into(),
        })
    };
    (1..=4).flat_map(report).collect()
}

/// A host, its containers and a sampled packet.
pub(crate) fn datagram(agent: u8, report: u32) -> Vec<u8> {
    let header = Header {
        agent_address: Address::V4([10, 0, 0, agent]),
        sequence_number: report,
        uptime: report * 10_000,
        ..Header::default()
    };
    let mut buffer = [0; 4_000];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    let mut push = |kind, index, records: &[CounterRecord<'_>]| {
        let sample = CountersSample {
            sequence_number: report,
            source_id: DataSource::new(kind, index),
            records: Records::from(records),
            ..CountersSample::default()
        };
        encoder.push(&Sample::Counters(sample)).unwrap();
    };
    let cpu = HostCpu {
        load_one: (f32::from(agent) / 7.0).into(),
        cpu_num: 2.into(),
        ..HostCpu::default()
    };
    let name = format!("host{agent}");
    let host = [cpu.into(), descr(&name, agent, 0).into()];
    push(DataSourceKind::PHYSICAL, 1, &host);
    for index in 1..=CONTAINERS {
        let speed = u32::from(agent) * 10 + index;
        let cpu = VirtCpu {
            state: DomainState::RUNNING,
            cpu_time: (report * speed).into(),
            nr_virt_cpu: 1.into(),
        };
        let memory = VirtMemory {
            memory: u64::from(speed * 1_000).into(),
            max_memory: (1 << 30).into(),
        };
        let name = format!("service{}.{agent}.{index}", index % 2);
        let records = [cpu.into(), memory.into(), descr(&name, agent, index).into()];
        push(DataSourceKind::LOGICAL, index, &records);
    }
    let sampled = SampledIpv4 {
        length: 100 * u32::from(agent),
        protocol: 6,
        src_ip: Ipv4Addr::new(10, 1, 0, agent % 7).into(),
        dst_ip: Ipv4Addr::new(10, 2, 0, agent).into(),
        ..SampledIpv4::default()
    };
    let records = [sampled.into()];
    let sample = FlowSample {
        sequence_number: report,
        source_id: DataSource::new(DataSourceKind::INTERFACE, 3),
        sampling_rate: 100,
        sample_pool: report * 100,
        input: Interface::index(3),
        output: Interface::index(4),
        records: Records::from(&records[..]),
        ..FlowSample::default()
    };
    encoder.push(&Sample::Flow(sample)).unwrap();
    encoder.finish().to_vec()
}

fn descr(name: &str, agent: u8, index: u32) -> HostDescr<'_> {
    HostDescr {
        hostname: Text::from(name),
        uuid: Uuid((u128::from(agent) << 64 | u128::from(index) << 8 | 1).to_be_bytes()),
        ..HostDescr::default()
    }
}
