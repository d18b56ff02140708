//! A common interface to flow and counter records.

use serde::Serialize;
use sflow_v5::field::{Field, Registered, Value};
use sflow_v5::{CounterRecord, DataFormat, Error, FlowRecord, Frame};

/// A flow or counter record: its format, and its fields by index.
pub(crate) trait Record<'a>: Serialize + Copy {
    /// The space of its format.
    const SPACE: Space;

    fn format(&self) -> DataFormat;
    fn fields(&self) -> &'static [Field];
    fn field(&self, index: usize) -> Value<'a>;
    fn known(&self, index: usize) -> Option<Value<'a>>;
    fn enum_name(&self, index: usize) -> Option<&'static str>;

    /// The bytes of an unknown or malformed record, and the error of a malformed one.
    fn refused(&self) -> Option<(Frame<'a>, Option<Error>)>;

    /// The record as an enum of both kinds.
    fn any(self) -> Either<'a>;
}

#[derive(Clone, Copy)]
pub(crate) enum Either<'a> {
    Flow(FlowRecord<'a>),
    Counter(CounterRecord<'a>),
}

/// The three independent spaces of formats; each starts at 0:1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Sample,
    Flow,
    Counter,
}

impl Space {
    pub(crate) const ALL: [Self; 3] = [Self::Sample, Self::Flow, Self::Counter];

    /// The name for users.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Flow => "flow record",
            Self::Counter => "counter record",
        }
    }

    /// The known records; empty for samples.
    pub(crate) const fn records(self) -> &'static [Registered] {
        match self {
            Self::Sample => &[],
            Self::Flow => FlowRecord::REGISTERED,
            Self::Counter => CounterRecord::REGISTERED,
        }
    }

    /// Format and name of all known samples or records.
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

/// Datagrams for tests.
#[cfg(test)]
pub(crate) mod samples {
    use std::time::SystemTime;

    use sflow_collector::Received;

    use super::*;

    /// One datagram for each structure and fill value. The values are valid and invalid numbers,
    /// lengths, counts, address types and floats.
    pub(crate) fn of_every_structure() -> impl Iterator<Item = Vec<u8>> {
        let spaces = [Space::Flow, Space::Counter].into_iter();
        let lines = spaces.flat_map(|space| space.records().iter().map(move |line| (space, line)));
        lines.flat_map(|(space, line)| {
            let values = [0, 1, 2, 3, 0x0061_6200, 0x7fc0_0000, u32::MAX];
            values.map(|value| datagram(space, line.format, value))
        })
    }

    pub(crate) fn received(bytes: &[u8]) -> Received<'_> {
        Received {
            received_at: SystemTime::UNIX_EPOCH,
            source: ([192, 0, 2, 1], 50_000).into(),
            bytes,
        }
    }

    fn datagram(space: Space, format: DataFormat, value: u32) -> Vec<u8> {
        let header = [5, 1, 0x0a00_0001, 0, 1, 1000, 1];
        // A compact sample with one record of 150 words.
        let sample: &[u32] = match space {
            Space::Flow => &[1, 8 * 4 + 152 * 4, 1, 3, 100, 1000, 0, 1, 2, 1],
            _ => &[2, 3 * 4 + 152 * 4, 1, 3, 1],
        };
        let record = [format.0, 150 * 4];
        let body = [value; 150];
        let all = [&header, sample, &record, &body].concat();
        all.into_iter().flat_map(u32::to_be_bytes).collect()
    }
}
