//! Flow and counter records as one.

use serde::Serialize;
use sflow_v5::field::{Field, Registered, Value};
use sflow_v5::{CounterRecord, DataFormat, Error, FlowRecord, Frame};

/// A record whose kind does not matter: its number, and its fields by place.
pub(crate) trait Record<'a>: Serialize + Copy {
    /// The space of numbers that it is of.
    const SPACE: Space;

    fn format(&self) -> DataFormat;
    fn fields(&self) -> &'static [Field];
    fn field(&self, index: usize) -> Value<'a>;
    fn known(&self, index: usize) -> Option<Value<'a>>;
    fn enum_name(&self, index: usize) -> Option<&'static str>;

    /// Its bytes, if it is not understood; and why, if it ought to be.
    fn refused(&self) -> Option<(Frame<'a>, Option<Error>)>;

    /// The record among those of its space.
    fn any(self) -> Either<'a>;
}

/// One or the other.
#[derive(Clone, Copy)]
pub(crate) enum Either<'a> {
    Flow(FlowRecord<'a>),
    Counter(CounterRecord<'a>),
}

/// What numbers count from 0:1 on again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Sample,
    Flow,
    Counter,
}

impl Space {
    pub(crate) const ALL: [Self; 3] = [Self::Sample, Self::Flow, Self::Counter];

    /// As people call it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Flow => "flow record",
            Self::Counter => "counter record",
        }
    }

    /// The records that are known; none for samples.
    pub(crate) const fn records(self) -> &'static [Registered] {
        match self {
            Self::Sample => &[],
            Self::Flow => FlowRecord::REGISTERED,
            Self::Counter => CounterRecord::REGISTERED,
        }
    }

    /// Number and name of everything that is known.
    pub(crate) fn names(self) -> impl Iterator<Item = (DataFormat, &'static str)> {
        let samples = match self {
            Self::Sample => sflow_v5::Sample::REGISTERED,
            Self::Flow | Self::Counter => &[],
        };
        let records = self.records().iter().map(|line| (line.format, line.name));
        samples.iter().copied().chain(records)
    }

    pub(crate) fn name(self, format: DataFormat) -> Option<&'static str> {
        self.names()
            .find(|(known, _)| *known == format)
            .map(|(_, name)| name)
    }
}

macro_rules! record {
    ($record:ident, $space:ident) => {
        impl<'a> Record<'a> for $record<'a> {
            const SPACE: Space = Space::$space;

            fn format(&self) -> DataFormat {
                self.format()
            }

            fn fields(&self) -> &'static [Field] {
                self.fields()
            }

            fn field(&self, index: usize) -> Value<'a> {
                self.field(index)
            }

            fn known(&self, index: usize) -> Option<Value<'a>> {
                self.known(index)
            }

            fn enum_name(&self, index: usize) -> Option<&'static str> {
                self.enum_name(index)
            }

            fn refused(&self) -> Option<(Frame<'a>, Option<Error>)> {
                match *self {
                    Self::Unknown(frame) => Some((frame, None)),
                    Self::Malformed(frame, error) => Some((frame, Some(error))),
                    _ => None,
                }
            }

            fn any(self) -> Either<'a> {
                Either::$space(self)
            }
        }
    };
}

record!(FlowRecord, Flow);
record!(CounterRecord, Counter);

/// Datagrams to try what is made of records on.
#[cfg(test)]
pub(crate) mod samples {
    use std::time::SystemTime;

    use sflow_collector::Received;

    use super::*;

    /// One for each structure and each of some words that it is filled with: as numbers,
    /// lengths and counts, address types, and floats that are none.
    pub(crate) fn of_every_structure() -> impl Iterator<Item = Vec<u8>> {
        let spaces = [Space::Flow, Space::Counter].into_iter();
        let lines = spaces.flat_map(|space| space.records().iter().map(move |line| (space, line)));
        lines.flat_map(|(space, line)| {
            let words = [0, 1, 2, 3, 0x0061_6200, 0x7fc0_0000, u32::MAX];
            words.map(|word| datagram(space, line.format, word))
        })
    }

    pub(crate) fn received(bytes: &[u8]) -> Received<'_> {
        Received {
            received_at: SystemTime::UNIX_EPOCH,
            source: ([192, 0, 2, 1], 50_000).into(),
            bytes,
        }
    }

    fn datagram(space: Space, format: DataFormat, word: u32) -> Vec<u8> {
        let header = [5, 1, 0x0a00_0001, 0, 1, 1000, 1];
        // A compact sample with one record of 150 words.
        let sample: &[u32] = match space {
            Space::Flow => &[1, 8 * 4 + 152 * 4, 1, 3, 100, 1000, 0, 1, 2, 1],
            _ => &[2, 3 * 4 + 152 * 4, 1, 3, 1],
        };
        let record = [format.0, 150 * 4];
        let body = [word; 150];
        let words = [&header, sample, &record, &body].concat();
        words.into_iter().flat_map(u32::to_be_bytes).collect()
    }
}
