//! The test vectors of the format's description: what this crate knows is read, what it does not
//! know keeps its bytes, and neighbours are intact.

#[allow(dead_code, reason = "each test uses its part")]
mod capture;

use std::fs;

use sflow_v5::counter::{HostDescr, IfCounters, VirtCpu, VirtMemory};
use sflow_v5::flow::{ExtendedSwitch, SampledHeader};
use sflow_v5::{
    Address, CounterRecord, DataFormat, DataSource, DataSourceKind, Datagram, DomainState,
    Encoding, FlowRecord, HeaderProtocol, Interface, MachineType, OsName, Sample,
};

#[test]
fn v1_compact_flow_sample_with_an_odd_header_length() {
    let bytes = vector("vector-1-compact-flow");
    let datagram = Datagram::parse(&bytes).unwrap();
    assert_eq!(datagram.header.agent_address, Address::V4([10, 1, 1, 1]));
    assert_eq!(datagram.header.sub_agent_id, 100_000);
    assert_eq!(datagram.header.uptime, 12_345);
    let [Sample::Flow(sample)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(sample.encoding, Encoding::Compact);
    assert_eq!(
        sample.source_id,
        DataSource::new(DataSourceKind::INTERFACE, 3)
    );
    assert_eq!(
        (sample.sampling_rate, sample.sample_pool, sample.drops),
        (1000, 5000, 0)
    );
    assert_eq!(
        (sample.input, sample.output),
        (Interface::index(1), Interface::index(2))
    );
    let records: Vec<_> = sample.records().collect();
    let [
        FlowRecord::SampledHeader(header),
        FlowRecord::ExtendedSwitch(switch),
        gateway,
    ] = records[..]
    else {
        panic!("{records:?}")
    };
    assert_eq!(header.protocol, HeaderProtocol::ETHERNET);
    assert_eq!(
        (header.frame_length, header.stripped, header.header.len()),
        (64, 4, 45)
    );
    assert_eq!(
        header.header.last_chunk(),
        Some(b"xxx"),
        "without the padding"
    );
    let expected = ExtendedSwitch {
        src_vlan: 10,
        src_priority: 0,
        dst_vlan: 20,
        dst_priority: u32::MAX,
    };
    assert_eq!(switch, expected);
    // The gateway record: AS path 65010 65011 (65012), community 65000:666, local preference 100.
    let FlowRecord::Unknown(frame) = gateway else {
        panic!("{gateway:?}")
    };
    assert_eq!(
        (frame.format, frame.bytes.len()),
        (DataFormat::new(0, 1003), 64)
    );
    assert_eq!(frame.bytes[60..], 100u32.to_be_bytes());
    assert_eq!(sample.find::<SampledHeader<'_>>(), Some(header));
}

#[test]
fn v2_discarded_packet() {
    let bytes = vector("vector-2-discarded-packet");
    let datagram = Datagram::parse(&bytes).unwrap();
    let [Sample::Unknown(frame)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(
        (frame.format, frame.bytes.len()),
        (DataFormat::new(0, 5), 144)
    );
    assert_eq!(datagram.validate(), Ok(()));
}

#[test]
fn v3_expanded_counters_with_unknown_short_and_long_records() {
    let bytes = vector("vector-3-expanded-counters");
    let datagram = Datagram::parse(&bytes).unwrap();
    let [Sample::Counters(sample)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(sample.encoding, Encoding::Expanded);
    let records: Vec<_> = sample.records().collect();
    let [
        CounterRecord::Unknown(unknown),
        CounterRecord::IfCounters(interface),
        CounterRecord::HostCpu(cpu),
        CounterRecord::VirtCpu(virt_cpu),
        CounterRecord::Unknown(broadcom),
    ] = records[..]
    else {
        panic!("{records:?}")
    };
    assert_eq!(
        (unknown.format, unknown.bytes),
        (DataFormat::new(0, 999), &[1, 2, 3, 4][..])
    );
    assert_eq!(interface.if_speed.known(), Some(10_000_000_000));
    let packets = [
        interface.if_in_multicast_pkts,
        interface.if_in_broadcast_pkts,
        interface.if_in_unknown_protos,
        interface.if_out_multicast_pkts,
        interface.if_out_broadcast_pkts,
    ];
    assert!(
        packets.iter().all(|packets| packets.known().is_none()),
        "{interface:?}"
    );
    assert_eq!(
        (cpu.load_one.known(), cpu.load_five.known()),
        (Some(0.5), Some(0.25))
    );
    assert_eq!(cpu.load_fifteen.known(), None);
    assert_eq!(
        (cpu.contexts.0, cpu.cpu_steal, cpu.cpu_guest_nice),
        (90, None, None)
    );
    let expected = VirtCpu {
        state: DomainState::RUNNING,
        cpu_time: 12_345.into(),
        nr_virt_cpu: 2.into(),
    };
    assert_eq!(
        virt_cpu, expected,
        "eight bytes of a later version are passed over"
    );
    assert_eq!(
        (broadcom.format, broadcom.bytes.len()),
        (DataFormat::new(4413, 2), 32)
    );
    assert_eq!(sample.find::<IfCounters>(), Some(interface));
}

#[test]
fn v4_final_sample_of_a_killed_container() {
    let bytes = vector("vector-4-killed-container");
    let datagram = Datagram::parse(&bytes).unwrap();
    assert_eq!(datagram.header.sub_agent_id, 100_001);
    let [Sample::Counters(sample)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(sample.sequence_number, 1);
    assert_eq!(
        sample.source_id,
        DataSource::new(DataSourceKind::LOGICAL, 138_618)
    );
    assert_eq!(
        sample
            .records()
            .filter(|record| record.name().is_some())
            .count(),
        7
    );
    let cpu = sample.find::<VirtCpu>().unwrap();
    assert_eq!((cpu.state, cpu.cpu_time.0), (DomainState::SHUTDOWN, 0));
    assert_eq!(
        sample.find::<VirtMemory>().unwrap().max_memory.known(),
        Some(67_108_864)
    );
    let host = sample.find::<HostDescr<'_>>().unwrap();
    assert_eq!(host.hostname.to_str(), Ok("web.1"));
    assert_eq!(
        host.uuid.to_string(),
        "4c1a8f97-8f36-e1e7-c558-06010454d08e"
    );
    assert_eq!(
        (host.machine_type, host.os_name),
        (MachineType::X86_64, OsName::LINUX)
    );
    assert_eq!(
        host.os_release.to_str(),
        Ok("6.18.44-fc-v669"),
        "without the rubbish behind it"
    );
}

#[test]
fn v5_enterprise_samples() {
    let bytes = vector("vector-5-rtmetric-rtflow");
    let datagram = Datagram::parse(&bytes).unwrap();
    let [Sample::Unknown(metric), Sample::Unknown(flow)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(
        (metric.format, metric.bytes.len()),
        (DataFormat::new(4300, 1002), 48)
    );
    assert_eq!(
        (flow.format, flow.bytes.len()),
        (DataFormat::new(4300, 1003), 44)
    );
}

#[test]
fn v6_unknown_agent_address_and_no_samples() {
    let bytes = vector("vector-6-no-address-no-samples");
    let datagram = Datagram::parse(&bytes).unwrap();
    assert_eq!(datagram.header.agent_address, Address::Unknown);
    assert_eq!(
        (datagram.header.sequence_number, datagram.header.uptime),
        (1, 1000)
    );
    assert_eq!(datagram.samples().count(), 0);
}

fn vector(name: &str) -> Vec<u8> {
    fs::read(
        capture::testdata("corpus/datagram")
            .join(name)
            .with_extension("bin"),
    )
    .unwrap()
}

fn samples<'a>(datagram: &Datagram<'a>) -> Vec<Sample<'a>> {
    datagram.samples().collect()
}
