use std::error::Error;

use serde::Serialize;
use sflow_parser::SFlowDatagram;
use sflow_parser::models::{CounterData, FlowData, SampleData, SampleRecord};

use sflow_fuzz::{Decoder, Leaf, RecordValues, SampleValues, Values, variant};

/// The crate `sflow-parser`.
#[derive(Clone, Copy, Debug)]
pub struct SflowParser;

impl Decoder for SflowParser {
    type Datagram<'a> = SFlowDatagram;

    fn name(&self) -> &str {
        "sflow-parser"
    }

    fn decode(&self, bytes: &[u8]) -> Result<SFlowDatagram, Box<dyn Error>> {
        Ok(sflow_parser::parse_datagram(bytes)?)
    }

    fn values(&self, datagram: &SFlowDatagram) -> Values {
        Values::Fields {
            header: leaves(&(
                &datagram.agent_address,
                datagram.sub_agent_id,
                datagram.sequence_number,
                datagram.uptime,
            )),
            samples: datagram.samples.iter().map(sample).collect(),
        }
    }
}

fn sample(sample: &SampleRecord) -> SampleValues {
    let (fields, records) = match &sample.sample_data {
        SampleData::FlowSample(sample) => (
            leaves(&(
                sample.sequence_number,
                (sample.source_id.source_type(), sample.source_id.index()),
                (sample.sampling_rate, sample.sample_pool, sample.drops),
                (sample.input.format(), sample.input.value()),
                (sample.output.format(), sample.output.value()),
            )),
            records(&sample.flow_records, |record| {
                flow_record(&record.flow_data)
            }),
        ),
        SampleData::FlowSampleExpanded(sample) => (
            leaves(&(
                (sample.sequence_number, &sample.source_id),
                (sample.sampling_rate, sample.sample_pool, sample.drops),
                (&sample.input, &sample.output),
            )),
            records(&sample.flow_records, |record| {
                flow_record(&record.flow_data)
            }),
        ),
        SampleData::CountersSample(sample) => (
            leaves(&(
                sample.sequence_number,
                sample.source_id.source_type(),
                sample.source_id.index(),
            )),
            records(&sample.counters, |record| {
                counter_record(&record.counter_data)
            }),
        ),
        SampleData::CountersSampleExpanded(sample) => (
            leaves(&(sample.sequence_number, &sample.source_id)),
            records(&sample.counters, |record| {
                counter_record(&record.counter_data)
            }),
        ),
        SampleData::DiscardedPacket(sample) => (
            leaves(&(
                (sample.sequence_number, &sample.source_id, sample.drops),
                (sample.input_ifindex, sample.output_ifindex),
                sample.reason,
            )),
            records(&sample.flow_records, |record| {
                flow_record(&record.flow_data)
            }),
        ),
        SampleData::RtMetric { data, .. }
        | SampleData::RtFlow { data, .. }
        | SampleData::Unknown { data, .. } => (leaves(data), Vec::new()),
    };
    SampleValues {
        format: sample.sample_type.0,
        fields,
        records,
    }
}

fn records<R>(records: &[R], values: impl Fn(&R) -> RecordValues) -> Vec<RecordValues> {
    records.iter().map(values).collect()
}

fn flow_record(data: &FlowData) -> RecordValues {
    match data {
        FlowData::Unknown { format, data } => RecordValues::Raw {
            format: format.0,
            bytes: data.clone(),
        },
        data => decoded(data),
    }
}

fn counter_record(data: &CounterData) -> RecordValues {
    match data {
        CounterData::Unknown { format, data } => RecordValues::Raw {
            format: format.0,
            bytes: data.clone(),
        },
        data => decoded(data),
    }
}

fn decoded(data: &impl Serialize) -> RecordValues {
    let (variant, mut values) = variant(data);
    values.iter_mut().for_each(set_number);
    // Removes the length of a path segment, which follows its type.
    let is_type = |leaf: &Leaf| matches!(leaf, Leaf::Choice { list, .. } if *list == "AsPathType");
    let mut follows_type = false;
    values.retain(|leaf| !std::mem::replace(&mut follows_type, is_type(leaf)));
    let renamed = NAMES.iter().find(|(theirs, _)| *theirs == variant);
    RecordValues::Decoded {
        structure: renamed.map_or(variant, |(_, name)| name),
        values,
    }
}

fn leaves(value: &impl Serialize) -> Vec<Leaf> {
    let mut leaves = sflow_fuzz::leaves(value);
    leaves.iter_mut().for_each(set_number);
    leaves
}

/// Sets the number of a variant, for enums whose numbers do not start with 0 or have a gap.
fn set_number(leaf: &mut Leaf) {
    if let Leaf::Choice {
        list,
        index,
        number,
    } = leaf
    {
        *number = match *list {
            "AsPathType" | "HeaderProtocol" | "ServiceDirection" | "UrlDirection" => *index + 1,
            // 0 to 15 and 256 to 303.
            "DropReason" if *index >= 16 => *index + 240,
            _ => *index,
        }
        .into();
    }
}

/// Variants whose names differ from those of the structures.
const NAMES: &[(&str, &str)] = &[
    ("ExtendedMplsFec", "extended_mpls_FTN"),
    ("ExtendedMplsLvpFec", "extended_mpls_LDP_FEC"),
    ("ExtendedInfiniBandLrh", "extended_ib_lrh"),
    ("ExtendedInfiniBandGrh", "extended_ib_grh"),
    ("ExtendedInfiniBandBth", "extended_ib_bth"),
    ("ExtendedBstEgressQueue", "bst_egress_queue"),
    ("GenericInterface", "if_counters"),
    ("EthernetInterface", "ethernet_counters"),
    ("TokenRing", "tokenring_counters"),
    ("Vg100Interface", "vg_counters"),
    ("Vlan", "vlan_counters"),
    ("Ieee80211", "ieee80211_counters"),
    ("InfiniBandCounters", "ib_counters"),
    ("OpticalSfpQsfp", "sfp"),
    ("OpenFlowPort", "of_port"),
    ("OpenFlowPortName", "port_name"),
    ("HostDescription", "host_descr"),
    ("VirtualNode", "virt_node"),
    ("VirtualCpu", "virt_cpu"),
    ("VirtualMemory", "virt_memory"),
    ("VirtualDiskIo", "virt_disk_io"),
    ("VirtualNetIo", "virt_net_io"),
    ("MemcacheCountersDeprecated", "memcached_counters"),
    ("BroadcomDeviceBuffers", "bst_device_buffers"),
    ("BroadcomPortBuffers", "bst_port_buffers"),
    ("BroadcomTables", "hw_tables"),
];
