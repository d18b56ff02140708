//! The results of the peers in a common form.

use flowparser_sflow::SflowSample;
use serde::Serialize;
use sflow_parser::models::SampleData;

use super::flatten::flatten;
use super::leaf::Leaf;

/// Another decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    SflowParser,
    FlowparserSflow,
}

/// A datagram as a peer reads it.
pub(super) struct PeerDatagram {
    pub(super) header: Vec<Leaf>,
    pub(super) samples: Vec<PeerSample>,
}

pub(super) struct PeerSample {
    pub(super) format: u32,
    /// All values except the records.
    pub(super) words: Vec<Leaf>,
    pub(super) records: Vec<PeerRecord>,
}

pub(super) struct PeerRecord {
    /// The name of the peer's variant.
    pub(super) variant: &'static str,
    pub(super) leaves: Vec<Leaf>,
}

impl Peer {
    pub(super) const ALL: [Self; 2] = [Self::SflowParser, Self::FlowparserSflow];

    pub(super) fn read(self, bytes: &[u8]) -> Result<PeerDatagram, String> {
        match self {
            Self::SflowParser => sflow_parser(bytes),
            Self::FlowparserSflow => flowparser_sflow(bytes),
        }
    }
}

fn sflow_parser(bytes: &[u8]) -> Result<PeerDatagram, String> {
    let datagram = sflow_parser::parse_datagram(bytes).map_err(|error| error.to_string())?;
    let samples = datagram.samples.iter().map(|sample| {
        let (words, records) = match &sample.sample_data {
            SampleData::FlowSample(sample) => (
                leaves(&(
                    sample.sequence_number,
                    (sample.source_id.source_type(), sample.source_id.index()),
                    (sample.sampling_rate, sample.sample_pool, sample.drops),
                    (sample.input.format(), sample.input.value()),
                    (sample.output.format(), sample.output.value()),
                )),
                records(&sample.flow_records, |record| &record.flow_data),
            ),
            SampleData::FlowSampleExpanded(sample) => (
                leaves(&(
                    (sample.sequence_number, &sample.source_id),
                    (sample.sampling_rate, sample.sample_pool, sample.drops),
                    (&sample.input, &sample.output),
                )),
                records(&sample.flow_records, |record| &record.flow_data),
            ),
            SampleData::CountersSample(sample) => (
                leaves(&(
                    sample.sequence_number,
                    sample.source_id.source_type(),
                    sample.source_id.index(),
                )),
                records(&sample.counters, |record| &record.counter_data),
            ),
            SampleData::CountersSampleExpanded(sample) => (
                leaves(&(sample.sequence_number, &sample.source_id)),
                records(&sample.counters, |record| &record.counter_data),
            ),
            SampleData::DiscardedPacket(sample) => (
                leaves(&(
                    (sample.sequence_number, &sample.source_id, sample.drops),
                    (sample.input_ifindex, sample.output_ifindex),
                    sample.reason,
                )),
                records(&sample.flow_records, |record| &record.flow_data),
            ),
            SampleData::RtMetric { data, .. }
            | SampleData::RtFlow { data, .. }
            | SampleData::Unknown { data, .. } => (leaves(data), Vec::new()),
        };
        PeerSample {
            format: sample.sample_type.0,
            words,
            records,
        }
    });
    Ok(PeerDatagram {
        samples: samples.collect(),
        header: leaves(&(
            &datagram.agent_address,
            datagram.sub_agent_id,
            datagram.sequence_number,
            datagram.uptime,
        )),
    })
}

fn flowparser_sflow(bytes: &[u8]) -> Result<PeerDatagram, String> {
    let mut result = flowparser_sflow::SflowParser::default().parse_bytes(bytes);
    if let Some(error) = result.error {
        return Err(error.to_string());
    }
    let datagram = result.datagrams.pop().ok_or("no datagram")?;
    let samples = datagram.samples.iter().map(|sample| match sample {
        SflowSample::Flow(sample) => PeerSample {
            format: 1,
            words: leaves(&(
                (sample.sequence_number, sample.source_id_type),
                (sample.source_id_index, sample.sampling_rate),
                (sample.sample_pool, sample.drops),
                (sample.input >> 30, sample.input & 0x3fff_ffff),
                (sample.output >> 30, sample.output & 0x3fff_ffff),
            )),
            records: records(&sample.records, |record| record),
        },
        SflowSample::ExpandedFlow(sample) => PeerSample {
            format: 3,
            words: leaves(&(
                (sample.sequence_number, sample.source_id_type),
                (sample.source_id_index, sample.sampling_rate),
                (sample.sample_pool, sample.drops),
                (sample.input_format, sample.input_value),
                (sample.output_format, sample.output_value),
            )),
            records: records(&sample.records, |record| record),
        },
        SflowSample::Counter(sample) => PeerSample {
            format: 2,
            words: leaves(&(
                sample.sequence_number,
                sample.source_id_type,
                sample.source_id_index,
            )),
            records: records(&sample.records, |record| record),
        },
        SflowSample::ExpandedCounter(sample) => PeerSample {
            format: 4,
            words: leaves(&(
                sample.sequence_number,
                sample.source_id_type,
                sample.source_id_index,
            )),
            records: records(&sample.records, |record| record),
        },
        SflowSample::DiscardedPacket(sample) => PeerSample {
            format: 5,
            words: Vec::new(),
            records: records(&sample.records, |record| record),
        },
        SflowSample::Unknown {
            enterprise,
            format,
            data,
        } => PeerSample {
            format: enterprise << 12 | format,
            words: leaves(data),
            records: Vec::new(),
        },
    });
    Ok(PeerDatagram {
        samples: samples.collect(),
        header: leaves(&(
            &datagram.agent_address,
            datagram.sub_agent_id,
            datagram.sequence_number,
            datagram.uptime,
        )),
    })
}

fn leaves(value: &impl Serialize) -> Vec<Leaf> {
    flatten(value).1
}

fn records<R, T: Serialize>(records: &[R], data: impl Fn(&R) -> &T) -> Vec<PeerRecord> {
    let records = records.iter().map(|record| {
        let (variant, mut leaves) = flatten(data(record));
        // Enterprise and format are separate.
        if let ("Unknown", [Leaf::Number(enterprise), Leaf::Number(format), _]) =
            (variant, &leaves[..])
        {
            let number = Leaf::Number(enterprise << 12 | format);
            leaves.splice(..2, [number]);
        }
        PeerRecord { variant, leaves }
    });
    records.collect()
}
