//! The test vectors of the format's description.

#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;

use std::fs;

use sflow_v5::counter::{HostDescr, IfCounters, VirtCpu, VirtMemory};
use sflow_v5::enums::{
    AsPathKind, DataSourceKind, DomainState, DropReason, HeaderProtocol, MachineType, OsName,
};
use sflow_v5::flow::{ExtendedHwTrap, ExtendedSwitch, SampledHeader};
use sflow_v5::sample::{Encoding, Named, RtFlowValue, RtMetricValue};
use sflow_v5::types::{Community, Percentage, Switch32};
use sflow_v5::{
    Address, CounterRecord, DataFormat, DataSource, Datagram, FlowRecord, Interface, Sample,
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
        FlowRecord::ExtendedGateway(gateway),
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
        src_vlan: 10.into(),
        src_priority: 0.into(),
        dst_vlan: 20.into(),
        dst_priority: Switch32::UNKNOWN,
    };
    assert_eq!(switch, expected);
    assert_eq!(switch.dst_priority.known(), None);
    assert_eq!(gateway.nexthop, Address::V4([192, 0, 2, 1]));
    assert_eq!(
        (gateway.as_number, gateway.src_as, gateway.src_peer_as),
        (65_000, 65_001, 65_002)
    );
    let path: Vec<_> = gateway.dst_as_path.iter().collect();
    let [sequence, set] = path[..] else {
        panic!("{path:?}")
    };
    assert_eq!(
        (sequence.kind, set.kind),
        (AsPathKind::SEQUENCE, AsPathKind::SET)
    );
    assert!(sequence.as_number.iter().eq([65_010, 65_011]));
    assert!(set.as_number.iter().eq([65_012]));
    let communities: Vec<_> = gateway.communities.iter().collect();
    assert_eq!(communities, [Community(65_000 << 16 | 666)]);
    assert_eq!(communities[0].to_string(), "65000:666");
    assert_eq!(gateway.localpref, 100);
    assert_eq!(sample.find::<SampledHeader<'_>>(), Some(header));
}

#[test]
fn v2_discarded_packet() {
    let bytes = vector("vector-2-discarded-packet");
    let datagram = Datagram::parse(&bytes).unwrap();
    let [Sample::Discarded(sample)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(sample.reason, DropReason::UNRESOLVED_NEIGH);
    assert_eq!(sample.reason.name(), Some("unresolved_neigh"));
    assert_eq!((sample.input_if_index, sample.output_if_index), (3, 0));
    assert_eq!((sample.sequence_number, sample.drops), (1, 0));
    assert_eq!(
        sample.source_id,
        DataSource::new(DataSourceKind::INTERFACE, 0)
    );
    let records: Vec<_> = sample.records().collect();
    let [
        FlowRecord::ExtendedHwTrap(trap),
        FlowRecord::SampledHeader(header),
    ] = records[..]
    else {
        panic!("{records:?}")
    };
    assert_eq!(trap.group.to_str(), Ok("l3_drops"));
    assert_eq!(trap.trap.to_str(), Ok("unresolved_neigh"));
    assert_eq!(header.header.len(), 45);
    assert_eq!(sample.find::<ExtendedHwTrap<'_>>(), Some(trap));
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
        CounterRecord::BstPortBuffers(buffers),
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
    assert!(
        buffers
            .egress_queue_uc_pc
            .iter()
            .eq([Percentage(1), Percentage(2)])
    );
    assert!(buffers.egress_queue_mc_pc.is_empty());
    assert_eq!(
        (buffers.egress_uc_pc.known(), buffers.egress_mc_pc.known()),
        (Some(300), None)
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
    let [Sample::RtMetric(metric), Sample::RtFlow(flow)] = samples(&datagram)[..] else {
        panic!("{datagram:?}")
    };
    assert_eq!(metric.datasource.to_str(), Ok("app1"));
    let metrics: Vec<_> = metric.metrics.iter().collect();
    let expected = [
        Named {
            name: "m1".into(),
            value: RtMetricValue::Counter32(5.into()),
        },
        Named {
            name: "g".into(),
            value: RtMetricValue::Double(2.5),
        },
    ];
    assert_eq!(metrics, expected);
    assert_eq!(flow.datasource.to_str(), Ok("fl1"));
    assert_eq!((flow.sampling_rate, flow.sample_pool), (1, 0));
    let fields: Vec<_> = flow.fields.iter().collect();
    let expected = [Named {
        name: "proto".into(),
        value: RtFlowValue::Text("tcp".into()),
    }];
    assert_eq!(fields, expected);
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
