use std::fmt::Debug;

use sflow_v5::{
    CounterRecord, DataFormat, Datagram, Encoder, Error, FlowRecord, Frame, Header, Sample, Value,
};

use crate::model::{self, Item};

/// Decodes `bytes` and holds the result against what must be true of any input.
///
/// * No panic, and an end.
/// * Accounting: every byte belongs to the header, one item, or what is left over behind the
///   last; the items are those that a plain reading of the framing finds, in that order.
/// * Everything borrowed lies inside the bytes of its parent.
/// * Isolation: each sample, and each record, reads the same alone, at another alignment.
/// * Round trip: what is decoded, encoded and decoded again is the same.
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
    let list = model::frames(&bytes[start..], count);
    assert_eq!(
        start + list.taken + list.left_over.len(),
        bytes.len(),
        "accounting"
    );

    let mut samples = datagram.samples();
    let mut whole = true;
    for item in &list.items {
        let sample = samples.next().expect("an item for every frame");
        whole &= check_sample(&sample, item);
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
        whole || datagram.validate().is_err(),
        "validate() finds what is broken"
    );

    let encoded = encode(datagram.header, datagram.samples(), bytes.len());
    let again = Datagram::parse(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again.header, datagram.header);
    // Framing that was broken is repaired by the encoder, so what is inside becomes readable.
    if whole {
        same(&again, &datagram);
        assert_eq!(
            encode(again.header, again.samples(), encoded.len()),
            encoded,
            "round trip"
        );
    }
}

/// Whether the framing within the sample is whole.
fn check_sample(sample: &Sample<'_>, item: &Item<'_>) -> bool {
    match (sample, item) {
        (Sample::Malformed(frame, error), Item::Broken(rest)) => {
            explained(error, rest);
            inside(frame.bytes, rest);
            false
        }
        (Sample::Flow(sample), Item::Frame { format, body }) => {
            check_records(sample.records(), *format, body)
        }
        (Sample::Counters(sample), Item::Frame { format, body }) => {
            check_records(sample.records(), *format, body)
        }
        (Sample::Unknown(frame), Item::Frame { format, body }) => {
            assert!(
                model::sample(*format, body).is_none(),
                "a readable sample is unknown"
            );
            identical(*frame, *format, body);
            true
        }
        (Sample::Malformed(frame, error), Item::Frame { format, body }) => {
            assert!(
                model::sample(*format, body).is_none(),
                "a readable sample is malformed"
            );
            identical(*frame, *format, body);
            explained(error, body);
            true
        }
        (sample, Item::Broken(rest)) => panic!("{sample:?} is not whole: {rest:?}"),
        (sample, _) => panic!("{sample:?} is a kind that the oracle does not know"),
    }
}

fn check_records<'a, R: Record<'a>>(
    mut records: impl Iterator<Item = R>,
    sample_format: u32,
    body: &[u8],
) -> bool {
    let (fixed, count) = model::sample(sample_format, body).expect("a sample with records");
    let list = model::frames(&body[fixed..], count);
    assert_eq!(
        fixed + list.taken + list.left_over.len(),
        body.len(),
        "accounting"
    );
    let mut whole = true;
    for item in &list.items {
        let record = records.next().expect("an item for every frame");
        match *item {
            Item::Broken(rest) => {
                let (frame, error) = record.refused().expect("a frame that is not whole");
                explained(&error.expect("a reason"), rest);
                inside(frame.bytes, rest);
                whole = false;
            }
            Item::Frame { format, body } => {
                assert_eq!(record.format(), DataFormat(format));
                if let Some((frame, error)) = record.refused() {
                    identical(frame, format, body);
                    error.iter().for_each(|error| explained(error, body));
                }
                record.borrowed().for_each(|bytes| inside(bytes, body));
                let alone = sample_of(sample_format, fixed, format, body);
                let alone = Datagram::parse(&alone[1..])
                    .expect("a good header")
                    .samples()
                    .next();
                assert_eq!(R::only(alone), Some(format!("{record:?}")), "isolation");
            }
        }
    }
    assert!(
        records.next().is_none() && records.next().is_none(),
        "an end, for good"
    );
    whole
}

/// A flow or counter record: what the oracle asks of both.
trait Record<'a>: Copy + Debug {
    fn format(&self) -> DataFormat;
    /// The frame of an unknown or malformed record, and the reason if it is malformed.
    fn refused(&self) -> Option<(Frame<'a>, Option<Error>)>;
    /// Every borrowed field.
    fn borrowed(&self) -> impl Iterator<Item = &'a [u8]>;
    /// The only record of a sample, printed.
    fn only(sample: Option<Sample<'_>>) -> Option<String>;
}

macro_rules! record {
    ($record:ident of $sample:ident) => {
        impl<'a> Record<'a> for $record<'a> {
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

            fn borrowed(&self) -> impl Iterator<Item = &'a [u8]> {
                (0..self.fields().len()).filter_map(|index| match self.field(index) {
                    Value::Text(text) => Some(text.as_bytes()),
                    Value::Bytes(bytes) => Some(bytes),
                    _ => None,
                })
            }

            fn only(sample: Option<Sample<'_>>) -> Option<String> {
                match sample? {
                    Sample::$sample(sample) => Some(format!("{:?}", sample.records().next()?)),
                    _ => None,
                }
            }
        }
    };
}

record!(FlowRecord of Flow);
record!(CounterRecord of Counters);

/// Printed and compared: floats that are not numbers equal themselves this way.
#[track_caller]
fn same<T: Debug>(left: &T, right: &T) {
    assert_eq!(format!("{left:?}"), format!("{right:?}"));
}

#[track_caller]
fn identical(frame: Frame<'_>, format: u32, body: &[u8]) {
    assert_eq!(frame.format, DataFormat(format));
    assert_eq!(
        frame.bytes.as_ptr_range(),
        body.as_ptr_range(),
        "the very bytes of the frame"
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

fn encode<'a>(header: Header, samples: impl Iterator<Item = Sample<'a>>, length: usize) -> Vec<u8> {
    // What lacks its padding gets it, and what lacks its frame as well.
    let mut buffer = vec![0xa5; length * 3 + 64];
    let mut encoder = Encoder::new(&mut buffer, &header).expect("room for the header");
    for sample in samples {
        encoder.push(&sample).expect("room for every sample");
    }
    encoder.finish().to_vec()
}

/// A datagram with one sample, one byte further than it should be.
fn datagram_of(format: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    words(&mut bytes, &[5, 0, 0, 1, 0, 1]);
    frame(&mut bytes, format, body);
    bytes
}

/// A datagram with one sample with one record, one byte further than it should be.
fn sample_of(sample_format: u32, fixed: usize, format: u32, body: &[u8]) -> Vec<u8> {
    let mut sample = vec![0; fixed - 4];
    words(&mut sample, &[1]);
    frame(&mut sample, format, body);
    datagram_of(sample_format, &sample)
}

fn frame(bytes: &mut Vec<u8>, format: u32, body: &[u8]) {
    words(
        bytes,
        &[
            format,
            u32::try_from(body.len()).expect("part of a datagram"),
        ],
    );
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len() + body.len().wrapping_neg() % 4, 0xff);
}

fn words(bytes: &mut Vec<u8>, words: &[u32]) {
    words
        .iter()
        .for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
}
