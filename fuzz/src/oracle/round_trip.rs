use sflow_v5::sample::NamedValues;
use sflow_v5::{
    CountersSample, Datagram, DiscardedPacket, EncodeError, Encoder, FlowSample, Header, Records,
    RtFlow, RtMetric, Sample,
};

use super::same;
use crate::model;

/// Decodes `bytes`, encodes the result, and decodes it again.
///
/// * The encoded bytes are the canonical form of the input, without padding, fields of later versions
///   and left-over bytes. Canonical input is written unchanged.
/// * Decoding again yields the same values.
/// * Samples that are built from values, as by an agent, are encoded the same.
/// * A buffer that is one byte too small contains all samples but the last.
///
/// # Panics
///
/// If one of them does not hold.
pub fn check_round_trip(bytes: &[u8]) {
    let Ok(datagram) = Datagram::parse(bytes) else {
        return;
    };
    let encoded = check(bytes, &datagram);
    let from_values = encode(datagram.header, datagram.samples(), bytes.len(), rebuilt);
    assert_eq!(from_values, encoded, "from values");
    too_small(&datagram, &encoded);
}

/// The inexpensive checks. Returns the encoded bytes.
pub(super) fn check(bytes: &[u8], datagram: &Datagram<'_>) -> Vec<u8> {
    let encoded = encode(datagram.header, datagram.samples(), bytes.len(), as_it_is);
    assert_eq!(
        Some(&encoded),
        model::canonical(bytes).as_ref(),
        "canonical bytes"
    );
    let again = Datagram::parse(&encoded).expect("decoding of encoded bytes");
    assert_eq!(again.header, datagram.header);
    // The encoder repairs malformed framing, so that its content becomes readable.
    if model::is_whole(bytes) {
        same(&again, datagram);
        let twice = encode(again.header, again.samples(), encoded.len(), as_it_is);
        assert_eq!(twice, encoded, "round trip");
    }
    encoded
}

type Write = fn(&mut Encoder<'_>, Sample<'_>) -> Result<(), EncodeError>;

fn as_it_is(encoder: &mut Encoder<'_>, sample: Sample<'_>) -> Result<(), EncodeError> {
    encoder.push(&sample)
}

/// Encodes a sample from slices of values, not from the bytes that it was read from.
fn rebuilt(encoder: &mut Encoder<'_>, sample: Sample<'_>) -> Result<(), EncodeError> {
    match sample {
        Sample::Flow(sample) => {
            let records: Vec<_> = sample.records().collect();
            let records = Records::from(&records[..]);
            encoder.push(&Sample::Flow(FlowSample { records, ..sample }))
        }
        Sample::Counters(sample) => {
            let records: Vec<_> = sample.records().collect();
            let records = Records::from(&records[..]);
            encoder.push(&Sample::Counters(CountersSample { records, ..sample }))
        }
        Sample::Discarded(sample) => {
            let records: Vec<_> = sample.records().collect();
            let records = Records::from(&records[..]);
            encoder.push(&Sample::Discarded(DiscardedPacket { records, ..sample }))
        }
        Sample::RtMetric(sample) => {
            let metrics: Vec<_> = sample.metrics.iter().collect();
            let metrics = NamedValues::from(&metrics[..]);
            encoder.push(&Sample::RtMetric(RtMetric { metrics, ..sample }))
        }
        Sample::RtFlow(sample) => {
            let fields: Vec<_> = sample.fields.iter().collect();
            let fields = NamedValues::from(&fields[..]);
            encoder.push(&Sample::RtFlow(RtFlow { fields, ..sample }))
        }
        sample => encoder.push(&sample),
    }
}

fn encode<'a>(
    header: Header,
    samples: impl Iterator<Item = Sample<'a>>,
    length: usize,
    write: Write,
) -> Vec<u8> {
    // The encoder adds missing padding and frames.
    let mut buffer = vec![0xa5; length * 3 + 64];
    let mut encoder = Encoder::new(&mut buffer, &header).expect("the header fits");
    for sample in samples {
        write(&mut encoder, sample).expect("every sample fits");
    }
    encoder.finish().to_vec()
}

fn too_small(datagram: &Datagram<'_>, encoded: &[u8]) {
    let count = datagram.samples().count();
    let Some(but_one) = count.checked_sub(1) else {
        let mut buffer = vec![0; encoded.len() - 1];
        return assert!(Encoder::new(&mut buffer, &datagram.header).is_err());
    };
    let but_last = encode(
        datagram.header,
        datagram.samples().take(but_one),
        encoded.len(),
        as_it_is,
    );
    let mut buffer = vec![0; encoded.len() - 1];
    let mut encoder = Encoder::new(&mut buffer, &datagram.header).expect("the header fits");
    for (place, sample) in datagram.samples().enumerate() {
        assert_eq!(encoder.push(&sample).is_err(), place == but_one);
    }
    assert_eq!(encoder.finish(), but_last, "the last sample is removed");
}
