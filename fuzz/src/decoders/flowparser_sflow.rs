use std::error::Error;

use flowparser_sflow::{CounterRecord, FlowRecord, SflowDatagram, SflowParser, SflowSample};
use serde::Serialize;

use sflow_fuzz::{Decoder, RecordValues, SampleValues, Values, leaves, variant};

/// The crate `flowparser-sflow`.
#[derive(Clone, Copy, Debug)]
pub struct FlowparserSflow;

impl Decoder for FlowparserSflow {
    type Datagram<'a> = SflowDatagram;

    fn name(&self) -> &str {
        "flowparser-sflow"
    }

    fn decode(&self, bytes: &[u8]) -> Result<SflowDatagram, Box<dyn Error>> {
        let result = SflowParser::default().parse_bytes(bytes);
        if let Some(error) = result.error {
            return Err(error.into());
        }
        let first = result.datagrams.into_iter().next();
        Ok(first.ok_or("no datagram")?)
    }

    fn values(&self, datagram: &SflowDatagram) -> Values {
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

fn sample(sample: &SflowSample) -> SampleValues {
    let (format, fields, records) = match sample {
        SflowSample::Flow(sample) => (
            1,
            leaves(&(
                (sample.sequence_number, sample.source_id_type),
                (sample.source_id_index, sample.sampling_rate),
                (sample.sample_pool, sample.drops),
                (sample.input >> 30, sample.input & 0x3fff_ffff),
                (sample.output >> 30, sample.output & 0x3fff_ffff),
            )),
            sample.records.iter().map(flow_record).collect(),
        ),
        SflowSample::ExpandedFlow(sample) => (
            3,
            leaves(&(
                (sample.sequence_number, sample.source_id_type),
                (sample.source_id_index, sample.sampling_rate),
                (sample.sample_pool, sample.drops),
                (sample.input_format, sample.input_value),
                (sample.output_format, sample.output_value),
            )),
            sample.records.iter().map(flow_record).collect(),
        ),
        SflowSample::Counter(sample) => (
            2,
            leaves(&(
                sample.sequence_number,
                sample.source_id_type,
                sample.source_id_index,
            )),
            sample.records.iter().map(counter_record).collect(),
        ),
        SflowSample::ExpandedCounter(sample) => (
            4,
            leaves(&(
                sample.sequence_number,
                sample.source_id_type,
                sample.source_id_index,
            )),
            sample.records.iter().map(counter_record).collect(),
        ),
        SflowSample::DiscardedPacket(sample) => (
            5,
            leaves(&(
                (sample.sequence_number, sample.ds_class, sample.ds_index),
                (sample.drops, sample.input, sample.output, sample.reason),
            )),
            sample.records.iter().map(flow_record).collect(),
        ),
        SflowSample::Unknown {
            enterprise,
            format,
            data,
        } => (enterprise << 12 | format, leaves(data), Vec::new()),
    };
    SampleValues {
        format,
        fields,
        records,
    }
}

fn flow_record(record: &FlowRecord) -> RecordValues {
    match record {
        FlowRecord::Unknown {
            enterprise,
            format,
            data,
        } => RecordValues::Raw {
            format: enterprise << 12 | format,
            bytes: data.clone(),
        },
        record => decoded(record),
    }
}

fn counter_record(record: &CounterRecord) -> RecordValues {
    match record {
        CounterRecord::Unknown {
            enterprise,
            format,
            data,
        } => RecordValues::Raw {
            format: enterprise << 12 | format,
            bytes: data.clone(),
        },
        record => decoded(record),
    }
}

fn decoded(record: &impl Serialize) -> RecordValues {
    let (variant, mut values) = variant(record);
    // The structure does not contain `header_length` as a field.
    if variant == "RawPacketHeader" {
        values.remove(3);
    }
    let renamed = NAMES.iter().find(|(theirs, _)| *theirs == variant);
    RecordValues::Decoded {
        structure: renamed.map_or(variant, |(_, name)| name),
        values,
    }
}

/// Variants whose names differ from those of the structures.
const NAMES: &[(&str, &str)] = &[
    ("RawPacketHeader", "sampled_header"),
    ("ExtendedIbBrh", "extended_ib_bth"),
    ("GenericInterface", "if_counters"),
    ("EthernetInterface", "ethernet_counters"),
    ("TokenRing", "tokenring_counters"),
    ("Vlan", "vlan_counters"),
    ("JmxRuntime", "jvm_runtime"),
    ("BroadcomBstDeviceBuffers", "bst_device_buffers"),
    ("BroadcomBstPortBuffers", "bst_port_buffers"),
    ("BroadcomHwTables", "hw_tables"),
];
