use std::fmt::Debug;

use sflow_v5::field::{Field, Value};
use sflow_v5::{CounterRecord, DataFormat, Datagram, Error, FlowRecord, Frame, Sample};

use super::value::check_value;
use super::{check_offset, datagram_of, frame, identical, inside, u32s};
use crate::catalogue::{Space, structure};
use crate::model::{self, Item};

/// Compares the records of a sample with its body, whose first `fixed` bytes are the fields of the
/// sample.
pub(super) fn check_records<'a, R: Record<'a>>(
    mut records: impl Iterator<Item = R>,
    sample_format: u32,
    body: &[u8],
    fixed: usize,
    count: u32,
) {
    let list = model::records(&body[fixed..], count);
    assert_eq!(
        fixed + list.taken + list.left_over.len(),
        body.len(),
        "accounting"
    );
    for item in &list.items {
        let record = records.next().expect("an item for every frame");
        match *item {
            Item::Cut { .. } => panic!("only samples are truncated"),
            Item::Broken(rest) => {
                let (frame, error) = record.refused().expect("an incomplete frame");
                check_offset(&error.expect("a reason"), rest);
                inside(frame.bytes, rest);
            }
            Item::Frame { format, body } => {
                assert_eq!(record.format(), DataFormat(format));
                check_record(&record, format, body);
                let alone = sample_of(sample_format, fixed, format, body);
                let alone = Datagram::parse(&alone[1..])
                    .expect("a valid header")
                    .samples()
                    .next();
                assert_eq!(R::only(alone), Some(format!("{record:?}")), "isolation");
            }
        }
    }
    assert!(
        records.next().is_none() && records.next().is_none(),
        "an item after the end"
    );
}

fn check_record<'a, R: Record<'a>>(record: &R, format: u32, body: &[u8]) {
    let Some(structure) = structure(R::SPACE, format) else {
        let (frame, error) = record.refused().expect("an unknown structure");
        assert!(error.is_none(), "unknown structures are not malformed");
        return identical(frame, format, body);
    };
    match (model::record(structure, body), record.refused()) {
        (None, Some((frame, Some(error)))) => {
            identical(frame, format, body);
            check_offset(&error, body);
        }
        (Some(expected), None) => {
            assert_eq!(record.fields().len(), expected.values.len());
            for (index, value) in expected.values.into_iter().enumerate() {
                check_value(record.field(index), value);
            }
        }
        _ => panic!(
            "{record:?} is readable as {} for one parser only",
            structure.name
        ),
    }
}

/// The common interface to flow and counter records.
pub(super) trait Record<'a>: Copy + Debug {
    const SPACE: Space;

    fn format(&self) -> DataFormat;
    /// The frame of an unknown or malformed record, and the reason if it is malformed.
    fn refused(&self) -> Option<(Frame<'a>, Option<Error>)>;
    fn fields(&self) -> &'static [Field];
    fn field(&self, index: usize) -> Value<'a>;
    /// The debug output of the only record of a sample.
    fn only(sample: Option<Sample<'_>>) -> Option<String>;
}

macro_rules! record {
    ($record:ident, $space:ident, of $($sample:ident)|+) => {
        impl<'a> Record<'a> for $record<'a> {
            const SPACE: Space = Space::$space;

            fn format(&self) -> DataFormat {
                $record::format(self)
            }

            fn refused(&self) -> Option<(Frame<'a>, Option<Error>)> {
                match *self {
                    Self::Unknown(frame) => Some((frame, None)),
                    Self::Malformed(frame, error) => Some((frame, Some(error))),
                    _ => None,
                }
            }

            fn fields(&self) -> &'static [Field] {
                $record::fields(self)
            }

            fn field(&self, index: usize) -> Value<'a> {
                $record::field(self, index)
            }

            fn only(sample: Option<Sample<'_>>) -> Option<String> {
                match sample? {
                    $(Sample::$sample(sample) => Some(format!("{:?}", sample.records().next()?)),)+
                    _ => None,
                }
            }
        }
    };
}

record!(FlowRecord, Flow, of Flow | Discarded);
record!(CounterRecord, Counters, of Counters);

/// A datagram with one sample with one record, unaligned by one byte.
fn sample_of(sample_format: u32, fixed: usize, format: u32, body: &[u8]) -> Vec<u8> {
    let mut sample = vec![0; fixed - 4];
    u32s(&mut sample, &[1]);
    frame(&mut sample, format, body);
    datagram_of(sample_format, &sample)
}
