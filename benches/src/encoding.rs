//! Encoding of datagrams from values.

use std::hint::black_box;
use std::ops::Range;

use sflow_v5::field::Value;
use sflow_v5::{
    CounterRecord, CountersSample, Datagram, EncodeError, Encoder, FlowRecord, FlowSample, Header,
    Records, Sample,
};

use crate::Datagrams;

/// The values of decoded datagrams. Text and packets borrow from the bytes.
#[derive(Clone, Debug, Default)]
pub struct Values<'a> {
    datagrams: Vec<(Header, Vec<Kept<'a>>)>,
    flow: Vec<FlowRecord<'a>>,
    counter: Vec<CounterRecord<'a>>,
}

/// A sample, and the range of its records.
type Kept<'a> = (Sample<'a>, Range<usize>);

impl<'a> Values<'a> {
    /// Decodes all valid datagrams.
    pub fn of(datagrams: &'a Datagrams) -> Self {
        let mut values = Self::default();
        for datagram in datagrams.iter() {
            if let Ok(datagram) = Datagram::parse(datagram) {
                let samples = datagram.samples();
                let samples = samples.map(|sample| values.keep(sample)).collect();
                values.datagrams.push((datagram.header, samples));
            }
        }
        values
    }

    fn keep(&mut self, sample: Sample<'a>) -> Kept<'a> {
        let range = match &sample {
            Sample::Flow(sample) => extend(&mut self.flow, sample.records()),
            Sample::Counters(sample) => extend(&mut self.counter, sample.records()),
            _ => 0..0,
        };
        (sample, range)
    }

    /// The datagrams as messages to encode.
    pub fn messages(&self) -> Vec<Message<'_>> {
        let datagrams = self.datagrams.iter();
        let messages = datagrams.map(|(header, samples)| Message {
            header: *header,
            samples: samples
                .iter()
                .map(|(sample, records)| match *sample {
                    Sample::Flow(sample) => Sample::Flow(FlowSample {
                        records: Records::from(&self.flow[records.clone()]),
                        ..sample
                    }),
                    Sample::Counters(sample) => Sample::Counters(CountersSample {
                        records: Records::from(&self.counter[records.clone()]),
                        ..sample
                    }),
                    other => other,
                })
                .collect(),
        });
        messages.collect()
    }
}

fn extend<T>(all: &mut Vec<T>, some: impl Iterator<Item = T>) -> Range<usize> {
    let start = all.len();
    all.extend(some);
    start..all.len()
}

/// A datagram to encode.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    header: Header,
    samples: Vec<Sample<'a>>,
}

impl Message<'_> {
    /// Encodes it into `buffer`.
    ///
    /// # Errors
    ///
    /// If it does not fit.
    #[inline]
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], EncodeError> {
        let mut encoder = Encoder::new(buffer, &self.header)?;
        for sample in &self.samples {
            encoder.push(sample)?;
        }
        Ok(encoder.finish())
    }

    /// The number of named fields of the header, samples and records. A list counts as one field,
    /// and each of its elements as another. Formats and lengths of samples and records are not
    /// counted.
    pub fn fields(&self) -> usize {
        let samples = self.samples.iter().map(|sample| match sample {
            Sample::Flow(sample) => {
                7 + sample
                    .records()
                    .map(|record| fields(record.fields().len(), |index| record.field(index)))
                    .sum::<usize>()
            }
            Sample::Counters(sample) => {
                2 + sample
                    .records()
                    .map(|record| fields(record.fields().len(), |index| record.field(index)))
                    .sum::<usize>()
            }
            _ => 0,
        });
        5 + samples.sum::<usize>()
    }
}

fn fields<'a>(count: usize, field: impl Fn(usize) -> Value<'a>) -> usize {
    let values = (0..count).map(field);
    let values = values.map(|value| match value {
        Value::Absent => 0,
        Value::List(elements) => 1 + elements,
        _ => 1,
    });
    values.sum()
}

/// A buffer for any datagram.
pub type Buffer = [u8; 1 << 16];

/// Copies the encoded datagrams into the buffer, one after the other.
pub fn copy(datagrams: &Datagrams, buffer: &mut Buffer) {
    for datagram in datagrams.iter() {
        let datagram = black_box(datagram);
        buffer[..datagram.len()].copy_from_slice(datagram);
        black_box(&mut *buffer);
    }
}

/// Encodes messages into the buffer, one after the other.
pub fn encode(messages: &[Message<'_>], buffer: &mut Buffer) {
    for message in messages {
        black_box(black_box(message).encode(buffer)).ok();
    }
}

/// Decodes and encodes each datagram.
pub fn decode_and_encode(datagrams: &Datagrams, buffer: &mut Buffer) {
    for datagram in datagrams.iter() {
        black_box(again(black_box(datagram), buffer));
    }
}

#[inline(always)]
fn again<'b>(datagram: &[u8], buffer: &'b mut Buffer) -> Option<&'b [u8]> {
    let datagram = Datagram::parse(datagram).ok()?;
    let mut encoder = Encoder::new(buffer, &datagram.header).ok()?;
    for sample in datagram.samples() {
        encoder.push(&sample).ok()?;
    }
    Some(encoder.finish())
}

#[cfg(test)]
mod tests {
    use super::Values;
    use sflow_v5::Datagram;

    use crate::Input;

    #[test]
    fn encoded_values_equal_the_input() {
        for input in Input::ALL {
            let datagrams = input.datagrams(100).unwrap();
            let values = Values::of(&datagrams);
            let messages = values.messages();
            assert_eq!(messages.len(), datagrams.len());
            let mut buffer = [0; 1 << 16];
            for (message, bytes) in messages.iter().zip(datagrams.iter()) {
                let encoded = message.encode(&mut buffer).unwrap();
                // Except for agents whose padding is not zero.
                assert_eq!(encoded.len(), bytes.len(), "{}", input.name());
                assert_eq!(Datagram::parse(encoded), Datagram::parse(bytes));
            }
        }
    }

    #[test]
    fn fields_are_counted() {
        let datagrams = Input::ALL[1].datagrams(1).unwrap();
        let values = Values::of(&datagrams);
        // Seven samples of 2 fields with an interface (19 fields) and an Ethernet record (13).
        assert_eq!(values.messages()[0].fields(), 5 + 7 * (2 + 19 + 13));
    }
}
