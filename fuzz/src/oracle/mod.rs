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

/// Decodes `bytes` and holds the result against what must be true of any input.
///
/// * No panic, and an end.
/// * Accounting: every byte belongs to the header, one item, or what is left over behind the
///   last; the items are those that a plain reading of the framing finds, in that order.
/// * Every field has the value that a plain reading of the published structures finds.
/// * Everything borrowed lies inside the bytes of its parent.
/// * Isolation: each sample, and each record, reads the same alone, at another alignment.
/// * Round trip: see [`check_round_trip`].
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_datagram(bytes: &[u8]) {
    let (datagram, start, count) = match (Datagram::parse(bytes), model::header(bytes)) {
        (Ok(datagram), Some((start, count))) => (datagram, start, count),
        (Err(error), None) => return explained(&error, bytes),
        (parsed, _) => panic!("the header is readable or it is not: {parsed:?}"),
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
                panic!("the rest of a sample that is cut");
            };
            identical(frame, *format, behind);
            explained(&error, bytes);
        }
        if let Item::Frame { format, body } = item {
            let alone = datagram_of(*format, body);
            let alone = Datagram::parse(&alone[1..])
                .expect("a good header")
                .samples()
                .next();
            same(&alone, &Some(sample));
        }
    }
    assert!(
        samples.next().is_none() && samples.next().is_none(),
        "an end, for good"
    );
    assert!(
        model::is_whole(bytes) || datagram.validate().is_err(),
        "validate() finds what is broken"
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
                panic!("{sample:?} is not whole: {rest:?}");
            };
            explained(error, rest);
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
            explained(error, body);
        }
        (sample, _) => panic!("{sample:?} is not what sample {format} is"),
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
        match (expected, found.value.refused()) {
            (model::NamedValue::Read { name, kind, value }, None) => {
                identical_bytes(found.name.as_bytes(), name);
                assert_eq!(found.value.kind().0, *kind);
                check_value(found.value.value(), *value);
            }
            (model::NamedValue::Broken(rest), Some((bytes, error))) => {
                identical_bytes(bytes, rest);
                explained(&error, rest);
            }
            _ => panic!("{found:?} is readable or it is not"),
        }
    }
    assert!(
        values.next().is_none() && values.next().is_none(),
        "an end, for good"
    );
}

/// Printed and compared: floats that are not numbers equal themselves this way.
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
        "the very bytes"
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

/// An error says where, and that is a place in what was read.
#[track_caller]
fn explained(error: &Error, whole: &[u8]) {
    assert!(
        error.offset <= whole.len(),
        "{error} beyond {} bytes",
        whole.len()
    );
    assert!(!error.structure.is_empty(), "{error:?}");
}

/// A datagram with one sample, one byte further than it should be.
fn datagram_of(format: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    words(&mut bytes, &[5, 0, 0, 1, 0, 1]);
    frame(&mut bytes, format, body);
    bytes
}

fn frame(bytes: &mut Vec<u8>, format: u32, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("part of a datagram");
    words(bytes, &[format, length]);
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len() + body.len().wrapping_neg() % 4, 0xff);
}

fn words(bytes: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
}
