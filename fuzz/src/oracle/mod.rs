mod records;
mod round_trip;
mod value;

use std::fmt::Debug;

use sflow_v5::sample::{NamedValue, NamedValues};
use sflow_v5::{DataFormat, Datagram, Error, Frame, Sample};

use crate::model::{self, Body, Item};
use records::check_records;
pub use round_trip::check_round_trip;
use value::{NamedField, check_value};

/// Decodes `bytes` and checks properties that must hold for any input.
///
/// * Decoding does not panic and ends.
/// * Accounting: every byte belongs to the header, one item, or the bytes after the last item. The
///   items are those of the second parser, in the same order.
/// * Every field has the value that the second parser reads by the published structures.
/// * Borrowed bytes lie inside those of their parent.
/// * Isolation: each sample and each record has the same values alone and at another alignment.
/// * Round trip: see [`check_round_trip`].
///
/// # Panics
///
/// If one of them does not hold.
pub fn check_datagram(bytes: &[u8]) {
    let (datagram, start, count) = match (Datagram::parse(bytes), model::header(bytes)) {
        (Ok(datagram), Some((start, count))) => (datagram, start, count),
        (Err(error), None) => return check_offset(&error, bytes),
        (parsed, _) => panic!("the header is readable for one parser only: {parsed:?}"),
    };
    let list = model::samples(&bytes[start..], count);
    assert_eq!(
        start + list.taken + list.left_over.len(),
        bytes.len(),
        "accounting"
    );

    let mut samples = datagram.samples();
    for item in &list.items {
        let sample = samples.next().expect("an item for every frame");
        check_sample(&sample, item);
        if let Item::Cut { format, behind, .. } = item {
            let Some(Sample::Malformed(frame, error)) = samples.next() else {
                panic!("the rest of a truncated sample");
            };
            identical(frame, *format, behind);
            check_offset(&error, bytes);
        }
        if let Item::Frame { format, body } = item {
            let alone = datagram_of(*format, body);
            let alone = Datagram::parse(&alone[1..])
                .expect("a valid header")
                .samples()
                .next();
            same(&alone, &Some(sample));
        }
    }
    assert!(
        samples.next().is_none() && samples.next().is_none(),
        "an item after the end"
    );
    assert!(
        model::is_whole(bytes) || datagram.validate().is_err(),
        "validate() finds malformed parts"
    );
    round_trip::check(bytes, &datagram);
}

fn check_sample(sample: &Sample<'_>, item: &Item<'_>) {
    let (format, body, whole) = match *item {
        Item::Frame { format, body } => (format, body, None),
        Item::Cut {
            format,
            body,
            count,
            ..
        } => (format, body, Some(count)),
        Item::Broken(rest) => {
            let Sample::Malformed(frame, error) = sample else {
                panic!("{sample:?} is truncated: {rest:?}");
            };
            check_offset(error, rest);
            return inside(frame.bytes, rest);
        }
    };
    assert_eq!(sample.format(), DataFormat(format));
    match (sample, model::body(format, body)) {
        (Sample::Flow(sample), Body::Records { fixed, count }) => {
            check_records(
                sample.records(),
                format,
                body,
                fixed,
                whole.unwrap_or(count),
            );
        }
        (Sample::Counters(sample), Body::Records { fixed, count }) => {
            check_records(
                sample.records(),
                format,
                body,
                fixed,
                whole.unwrap_or(count),
            );
        }
        (Sample::Discarded(sample), Body::Records { fixed, count }) => {
            check_records(
                sample.records(),
                format,
                body,
                fixed,
                whole.unwrap_or(count),
            );
        }
        (Sample::RtMetric(sample), Body::Named(named)) => {
            check_named(&sample.metrics, sample.datasource.as_bytes(), &named, whole);
        }
        (Sample::RtFlow(sample), Body::Named(named)) => {
            check_named(&sample.fields, sample.datasource.as_bytes(), &named, whole);
        }
        (Sample::FoundryAcl(sample), Body::Wrapper) => {
            assert_eq!(Some(sample.flags), model::word(body, 0));
            assert_eq!(Some(sample.group_id), model::word(body, 4));
        }
        (Sample::Unknown(frame), Body::Unknown) => identical(*frame, format, body),
        (Sample::Malformed(frame, error), Body::Malformed) => {
            identical(*frame, format, body);
            check_offset(error, body);
        }
        (sample, _) => panic!("{sample:?} is not a sample of format {format}"),
    }
}

fn check_named<'a, V: NamedValue<'a> + NamedField<'a> + Debug>(
    values: &NamedValues<'a, V>,
    datasource: &[u8],
    named: &model::Named<'_>,
    whole: Option<u32>,
) {
    identical_bytes(datasource, named.datasource);
    let mut values = values.iter();
    let count = whole.map_or(usize::MAX, |whole| whole as usize);
    for expected in named.values.iter().take(count) {
        let found = values.next().expect("an item for every value");
        match (expected, found.value.as_malformed()) {
            (model::NamedValue::Read { name, kind, value }, None) => {
                identical_bytes(found.name.as_bytes(), name);
                assert_eq!(found.value.kind().0, *kind);
                check_value(found.value.value(), *value);
            }
            (model::NamedValue::Broken(rest), Some((bytes, error))) => {
                identical_bytes(bytes, rest);
                check_offset(&error, rest);
            }
            _ => panic!("{found:?} is readable for one parser only"),
        }
    }
    assert!(
        values.next().is_none() && values.next().is_none(),
        "an item after the end"
    );
}

/// Compares the debug output, in which NaN equals itself.
#[track_caller]
fn same<T: Debug>(left: &T, right: &T) {
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}

#[track_caller]
fn identical(frame: Frame<'_>, format: u32, body: &[u8]) {
    assert_eq!(frame.format, DataFormat(format));
    identical_bytes(frame.bytes, body);
}

#[track_caller]
fn identical_bytes(ours: &[u8], theirs: &[u8]) {
    assert_eq!(ours.len(), theirs.len());
    assert!(
        ours.is_empty() || ours.as_ptr_range() == theirs.as_ptr_range(),
        "the same bytes"
    );
}

#[track_caller]
fn inside(child: &[u8], parent: &[u8]) {
    let (child, parent) = (child.as_ptr_range(), parent.as_ptr_range());
    let empty = child.is_empty();
    assert!(
        empty || (parent.start <= child.start && child.end <= parent.end),
        "outside"
    );
}

/// Checks that the offset of an error is inside the input.
#[track_caller]
fn check_offset(error: &Error, whole: &[u8]) {
    assert!(
        error.offset <= whole.len(),
        "{error} after {} bytes",
        whole.len()
    );
    assert!(!error.structure.is_empty(), "{error:?}");
}

/// A datagram with one sample, unaligned by one byte.
fn datagram_of(format: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    u32s(&mut bytes, &[5, 0, 0, 1, 0, 1]);
    frame(&mut bytes, format, body);
    bytes
}

fn frame(bytes: &mut Vec<u8>, format: u32, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("part of a datagram");
    u32s(bytes, &[format, length]);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len() + body.len().wrapping_neg() % 4, 0xff);
}

fn u32s(bytes: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
}
