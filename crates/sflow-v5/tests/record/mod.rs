//! Decodes and encodes a record without naming its type.

use std::fmt::Debug;

use sflow_v5::{
    CounterRecord, CountersSample, DataFormat, Datagram, Encoder, FlowRecord, FlowSample, Header,
    Records, Sample,
};

/// The two number spaces of records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Space {
    Flow,
    Counters,
}

/// A decoded record.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) malformed: bool,
    /// Its fields, printed, in order.
    pub(crate) values: Vec<String>,
    /// The record itself, printed.
    pub(crate) printed: String,
    /// Its body, encoded again.
    pub(crate) encoded: Vec<u8>,
}

impl Read {
    /// Reads `bytes` as the body of a record.
    pub(crate) fn record(space: Space, format: DataFormat, bytes: &[u8]) -> Self {
        let sample = sample_with(space, format, bytes);
        match Datagram::parse(&sample).unwrap().samples().next().unwrap() {
            Sample::Flow(sample) => {
                let record = sample.records().next().unwrap();
                let mut each = Vec::new();
                record.each_known(|index, value| each.push(format!("{:?}", (index, value))));
                let known = |index| (index, record.known(index));
                assert_eq!(each, print(record.fields().len(), known));
                let only = [record];
                let again = FlowSample {
                    records: Records::from(&only[..]),
                    ..sample
                };
                Self {
                    malformed: matches!(record, FlowRecord::Malformed(..)),
                    values: print(record.fields().len(), |index| record.field(index)),
                    printed: format!("{record:?}"),
                    encoded: body(&Sample::Flow(again), 32),
                }
            }
            Sample::Counters(sample) => {
                let record = sample.records().next().unwrap();
                let mut each = Vec::new();
                record.each_known(|index, value| each.push(format!("{:?}", (index, value))));
                let known = |index| (index, record.known(index));
                assert_eq!(each, print(record.fields().len(), known));
                let only = [record];
                let again = CountersSample {
                    records: Records::from(&only[..]),
                    ..sample
                };
                Self {
                    malformed: matches!(record, CounterRecord::Malformed(..)),
                    values: print(record.fields().len(), |index| record.field(index)),
                    printed: format!("{record:?}"),
                    encoded: body(&Sample::Counters(again), 12),
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Formats values, since not every number equals itself.
fn print<T: Debug>(fields: usize, value: impl Fn(usize) -> T) -> Vec<String> {
    (0..fields)
        .map(|index| format!("{:?}", value(index)))
        .collect()
}

/// The bytes of a datagram with one compact sample with one record.
pub(crate) fn sample_with(space: Space, format: DataFormat, bytes: &[u8]) -> Vec<u8> {
    sample_of(space, &[(format, bytes)])
}

/// The bytes of a datagram with one compact sample with these records.
pub(crate) fn sample_of(space: Space, records: &[(DataFormat, &[u8])]) -> Vec<u8> {
    let (number, fixed) = match space {
        Space::Flow => (1, 32),
        Space::Counters => (2, 12),
    };
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut sample = vec![0; fixed - 4];
    sample.extend_from_slice(&length(records.len()));
    for (format, bytes) in records {
        sample.extend_from_slice(&format.0.to_be_bytes());
        sample.extend_from_slice(&length(bytes.len()));
        sample.extend_from_slice(bytes);
        sample.resize(sample.len().next_multiple_of(4), 0);
    }
    let mut datagram = vec![
        0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ];
    datagram.extend_from_slice(&[0, 0, 0, number]);
    datagram.extend_from_slice(&length(sample.len()));
    datagram.extend_from_slice(&sample);
    datagram
}

/// The body of the only record of a compact sample; `fixed` bytes precede its records.
fn body(sample: &Sample<'_>, fixed: usize) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    encoder.push(sample).unwrap();
    encoder.finish()[24 + 8 + fixed + 8..].to_vec()
}
