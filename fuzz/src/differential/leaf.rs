//! Decoded values as a flat list without names, by which decoders are compared.

use sflow_v5::field::Value;
use sflow_v5::flow::{ExtendedGateway, Pdu};
use sflow_v5::types::List;
use sflow_v5::wire::Wire;
use sflow_v5::{Address, CounterRecord, DataSource, FlowRecord, Interface, Sample};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Leaf {
    /// A number; signed numbers by their 32 bits.
    Number(u64),
    Float(f32),
    Bytes(Vec<u8>),
    /// The number of elements that follow.
    Items(usize),
    /// A named value of a peer's enumeration: the name of the enumeration and the variant's index.
    Choice(&'static str, u32),
}

impl Leaf {
    /// Whether the values are equal, independent of their representation.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Self::Float(a), Self::Number(b)) => {
                let b = u32::try_from(*b).map(f32::from_bits);
                b.is_ok_and(|b| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
            }
            (Self::Items(0), Self::Bytes(bytes)) | (Self::Bytes(bytes), Self::Items(0)) => {
                bytes.is_empty()
            }
            (Self::Bytes(bytes), Self::Choice(list, 0)) => *list == "Address" && bytes.is_empty(),
            (a, b) => a == b,
        }
    }
}

/// A flow or counter record of this decoder.
pub(super) trait Record {
    fn name(&self) -> &'static str;
    fn leaves(&self) -> Vec<Leaf>;
    /// The names of nested records.
    fn names_inside(&self) -> Vec<&'static str>;
}

/// The values of a sample except its records; the bytes of a sample without records.
pub(super) fn sample(sample: &Sample<'_>) -> Vec<Leaf> {
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

impl Record for FlowRecord<'_> {
    fn name(&self) -> &'static str {
        FlowRecord::name(self).unwrap_or("unknown")
    }

    fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        flow(self, &mut leaves);
        leaves
    }

    fn names_inside(&self) -> Vec<&'static str> {
        let mut inside = Vec::new();
        names(self, &mut inside);
        inside
    }
}

fn names(record: &FlowRecord<'_>, out: &mut Vec<&'static str>) {
    if let FlowRecord::Extended80211Aggregation(record) = record {
        for inside in record.pdus.iter().flat_map(|pdu| pdu.records) {
            out.push(inside.name().unwrap_or("unknown"));
            names(&inside, out);
        }
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
    for record in pdu.records.iter() {
        out.push(Leaf::Number(record.format().0.into()));
        flow(&record, out);
    }
}

impl Record for CounterRecord<'_> {
    fn names_inside(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn name(&self) -> &'static str {
        CounterRecord::name(self).unwrap_or("unknown")
    }

    fn leaves(&self) -> Vec<Leaf> {
        let mut out = Vec::new();
        if let Self::Unknown(frame) = self {
            out.push(Leaf::Number(frame.format.0.into()));
            out.push(Leaf::Bytes(frame.bytes.to_vec()));
        }
        for index in 0..self.fields().len() {
            let Value::List(length) = self.field(index) else {
                value(self.field(index), &mut out);
                continue;
            };
            match (self, index) {
                (Self::HostAdapters(record), _) => {
                    out.push(Leaf::Items(length));
                    for adapter in record.adapters.iter() {
                        out.push(Leaf::Number(adapter.if_index.into()));
                        list(adapter.mac_address, &mut out);
                    }
                }
                (Self::Sfp(record), _) => {
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
                (Self::BstPortBuffers(record), 4) => list(record.egress_queue_uc_pc, &mut out),
                (Self::BstPortBuffers(record), _) => list(record.egress_queue_mc_pc, &mut out),
                (record, _) => panic!("{record:?} has an unknown list"),
            }
        }
        out
    }
}

fn list<'a, T: Wire<'a>>(list: List<'a, T>, out: &mut Vec<Leaf>) {
    out.push(Leaf::Items(list.len()));
    list.iter().for_each(|element| value(element.value(), out));
}

pub(super) fn value(found: Value<'_>, out: &mut Vec<Leaf>) {
    out.push(match found {
        Value::Absent => return,
        Value::Unsigned(number) => Leaf::Number(number),
        Value::Signed(number) => {
            let bits = i32::try_from(number).expect("32 bits").cast_unsigned();
            Leaf::Number(bits.into())
        }
        Value::Float(number) => Leaf::Float(single(number)),
        Value::Text(text) => Leaf::Bytes(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Leaf::Bytes(bytes.to_vec()),
        Value::Mac(mac) => Leaf::Bytes(mac.0.to_vec()),
        Value::Uuid(uuid) => Leaf::Bytes(uuid.0.to_vec()),
        Value::Address(address) => Leaf::Bytes(bytes(address)),
        other => panic!("{other:?} is an unknown value"),
    });
}

/// The 32-bit number that was converted to 64 bits.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "it was a 32-bit number"
)]
pub(super) fn single(number: f64) -> f32 {
    number as f32
}

pub(super) fn bytes(address: Address) -> Vec<u8> {
    match address {
        Address::Unknown => Vec::new(),
        Address::V4(bytes) => bytes.to_vec(),
        Address::V6(bytes) => bytes.to_vec(),
    }
}
