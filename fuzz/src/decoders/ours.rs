use std::error::Error;
use std::hint::black_box;

use sflow_v5::field::Value;
use sflow_v5::flow::{ExtendedGateway, Pdu};
use sflow_v5::types::List;
use sflow_v5::wire::Wire;
use sflow_v5::{Address, CounterRecord, DataSource, Datagram, FlowRecord, Interface, Sample};

use sflow_fuzz::{Decoder, Leaf, RecordValues, SampleValues, Values};

/// The crate `sflow-v5`. It decodes every record to its structure.
#[derive(Clone, Copy, Debug)]
pub struct Ours;

impl Decoder for Ours {
    type Datagram<'a> = Datagram<'a>;

    fn name(&self) -> &str {
        "sflow-v5"
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Datagram<'a>, Box<dyn Error>> {
        let datagram = Datagram::parse(bytes)?;
        let mut has_named_values = false;
        for sample in datagram.samples() {
            match black_box(&sample) {
                Sample::Flow(sample) => flow_records(sample.records())?,
                Sample::Discarded(sample) => flow_records(sample.records())?,
                Sample::Counters(sample) => {
                    for record in sample.records() {
                        if let CounterRecord::Malformed(_, error) = black_box(&record) {
                            return Err((*error).into());
                        }
                    }
                }
                Sample::Malformed(_, error) => return Err((*error).into()),
                Sample::RtMetric(_) | Sample::RtFlow(_) => has_named_values = true,
                _ => {}
            }
        }
        if has_named_values {
            datagram.validate()?;
        }
        Ok(datagram)
    }

    fn values(&self, datagram: &Datagram<'_>) -> Values {
        let header = datagram.header;
        let samples = datagram.samples();
        let samples = samples.filter(|sample| !matches!(sample, Sample::FoundryAcl(_)));
        Values::Fields {
            header: vec![
                Leaf::Bytes(bytes(header.agent_address)),
                Leaf::Number(header.sub_agent_id.into()),
                Leaf::Number(header.sequence_number.into()),
                Leaf::Number(header.uptime.into()),
            ],
            samples: samples.map(|sample| sample_values(&sample)).collect(),
        }
    }
}

fn flow_records<'a>(records: impl Iterator<Item = FlowRecord<'a>>) -> Result<(), Box<dyn Error>> {
    for record in records {
        if let FlowRecord::Malformed(_, error) = black_box(&record) {
            return Err((*error).into());
        }
    }
    Ok(())
}

fn sample_values(sample: &Sample<'_>) -> SampleValues {
    SampleValues {
        format: sample.format().0,
        fields: fields(sample),
        records: match sample {
            Sample::Flow(sample) => sample
                .records()
                .map(|record| flow_values(&record))
                .collect(),
            Sample::Discarded(sample) => sample
                .records()
                .map(|record| flow_values(&record))
                .collect(),
            Sample::Counters(sample) => {
                let records = sample.records();
                records.map(|record| counter_values(&record)).collect()
            }
            _ => Vec::new(),
        },
    }
}

/// The values before the records; the bytes of an unknown sample.
fn fields(sample: &Sample<'_>) -> Vec<Leaf> {
    let mut numbers = Vec::new();
    match sample {
        Sample::Flow(sample) => {
            let DataSource { kind, index } = sample.source_id;
            numbers.extend([sample.sequence_number, kind.0, index]);
            numbers.extend([sample.sampling_rate, sample.sample_pool, sample.drops]);
            for Interface { format, value } in [sample.input, sample.output] {
                numbers.extend([format, value]);
            }
        }
        Sample::Counters(sample) => {
            let DataSource { kind, index } = sample.source_id;
            numbers.extend([sample.sequence_number, kind.0, index]);
        }
        Sample::Discarded(sample) => {
            let DataSource { kind, index } = sample.source_id;
            numbers.extend([sample.sequence_number, kind.0, index, sample.drops]);
            numbers.extend([
                sample.input_if_index,
                sample.output_if_index,
                sample.reason.0,
            ]);
        }
        Sample::Unknown(frame) => return vec![Leaf::Bytes(frame.bytes.to_vec())],
        _ => {}
    }
    numbers
        .into_iter()
        .map(|word| Leaf::Number(word.into()))
        .collect()
}

fn flow_values(record: &FlowRecord<'_>) -> RecordValues {
    if let FlowRecord::Unknown(frame) = record {
        return RecordValues::Raw {
            format: frame.format.0,
            bytes: frame.bytes.to_vec(),
        };
    }
    let mut values = Vec::new();
    flow(record, &mut values);
    RecordValues::Decoded {
        structure: record.name().unwrap_or_default(),
        values,
    }
}

fn flow(record: &FlowRecord<'_>, out: &mut Vec<Leaf>) {
    if let FlowRecord::Unknown(frame) = record {
        out.push(Leaf::Number(frame.format.0.into()));
        out.push(Leaf::Bytes(frame.bytes.to_vec()));
    }
    for index in 0..record.fields().len() {
        let Value::List(_) = record.field(index) else {
            value(record.field(index), out);
            continue;
        };
        match (record, index) {
            (FlowRecord::ExtendedGateway(ExtendedGateway { dst_as_path, .. }), 4) => {
                out.push(Leaf::Items(dst_as_path.len()));
                for segment in dst_as_path.iter() {
                    out.push(Leaf::Number(segment.kind.0.into()));
                    list(segment.as_number, out);
                }
            }
            (FlowRecord::ExtendedGateway(record), _) => list(record.communities, out),
            (FlowRecord::ExtendedMpls(record), 1) => list(record.in_stack, out),
            (FlowRecord::ExtendedMpls(record), _) => list(record.out_stack, out),
            (FlowRecord::ExtendedVlantunnel(record), _) => list(record.stack, out),
            (FlowRecord::ExtendedVlanin(record), _) => list(record.stack, out),
            (FlowRecord::ExtendedVlanout(record), _) => list(record.stack, out),
            (FlowRecord::Extended80211Aggregation(record), _) => {
                out.push(Leaf::Items(record.pdus.len()));
                record.pdus.iter().for_each(|inner| pdu(inner, out));
            }
            (record, _) => panic!("{record:?} has an unknown list"),
        }
    }
}

fn pdu(pdu: Pdu<'_>, out: &mut Vec<Leaf>) {
    out.push(Leaf::Items(pdu.records.iter().count()));
    for record in pdu.records {
        out.push(Leaf::Number(record.format().0.into()));
        flow(&record, out);
    }
}

fn counter_values(record: &CounterRecord<'_>) -> RecordValues {
    if let CounterRecord::Unknown(frame) = record {
        return RecordValues::Raw {
            format: frame.format.0,
            bytes: frame.bytes.to_vec(),
        };
    }
    let mut out = Vec::new();
    for index in 0..record.fields().len() {
        let Value::List(length) = record.field(index) else {
            value(record.field(index), &mut out);
            continue;
        };
        match (record, index) {
            (CounterRecord::HostAdapters(record), _) => {
                out.push(Leaf::Items(length));
                for adapter in record.adapters.iter() {
                    out.push(Leaf::Number(adapter.if_index.into()));
                    list(adapter.mac_address, &mut out);
                }
            }
            (CounterRecord::Sfp(record), _) => {
                out.push(Leaf::Items(length));
                for lane in record.lanes.iter() {
                    let numbers = [
                        lane.index,
                        lane.tx_bias_current.0,
                        lane.tx_power.0,
                        lane.tx_power_min.0,
                        lane.tx_power_max.0,
                        lane.tx_wavelength.0,
                        lane.rx_power.0,
                        lane.rx_power_min.0,
                        lane.rx_power_max.0,
                        lane.rx_wavelength.0,
                    ];
                    out.extend(numbers.map(|number| Leaf::Number(number.into())));
                }
            }
            (CounterRecord::BstPortBuffers(record), 4) => list(record.egress_queue_uc_pc, &mut out),
            (CounterRecord::BstPortBuffers(record), _) => list(record.egress_queue_mc_pc, &mut out),
            (record, _) => panic!("{record:?} has an unknown list"),
        }
    }
    RecordValues::Decoded {
        structure: record.name().unwrap_or_default(),
        values: out,
    }
}

fn list<'a, T: Wire<'a>>(list: List<'a, T>, out: &mut Vec<Leaf>) {
    out.push(Leaf::Items(list.len()));
    list.iter().for_each(|element| value(element.value(), out));
}

fn value(found: Value<'_>, out: &mut Vec<Leaf>) {
    out.push(match found {
        Value::Absent => return,
        Value::Unsigned(number) => Leaf::Number(number),
        Value::Signed(number) => {
            let bits = i32::try_from(number).expect("32 bits").cast_unsigned();
            Leaf::Number(bits.into())
        }
        Value::Float(number) => Leaf::float(number),
        Value::Text(text) => Leaf::Bytes(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Leaf::Bytes(bytes.to_vec()),
        Value::Mac(mac) => Leaf::Bytes(mac.0.to_vec()),
        Value::Uuid(uuid) => Leaf::Bytes(uuid.0.to_vec()),
        Value::Address(address) => Leaf::Bytes(bytes(address)),
        other => panic!("{other:?} is an unknown value"),
    });
}

fn bytes(address: Address) -> Vec<u8> {
    match address {
        Address::Unknown => Vec::new(),
        Address::V4(bytes) => bytes.to_vec(),
        Address::V6(bytes) => bytes.to_vec(),
    }
}
