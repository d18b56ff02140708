//! Serialisation of samples with the names of the specification.

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::{Named, NamedValue, NamedValues, Sample};
use crate::frame::ErrorText;
use crate::text::Opaque;

impl Serialize for Sample<'_> {
    /// `{"format", "name", …, "records"}`; unknown and malformed samples as `{"format", "bytes"}`,
    /// the latter with `"error"`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sample_map = |serializer: S, fields: usize| -> Result<S::SerializeStruct, S::Error> {
            let mut map = serializer.serialize_struct("sample", fields)?;
            map.serialize_field("format", &self.format())?;
            map.serialize_field("name", &self.name())?;
            Ok(map)
        };
        match self {
            Self::Flow(sample) => {
                let mut map = sample_map(serializer, 10)?;
                map.serialize_field("sequence_number", &sample.sequence_number)?;
                map.serialize_field("source_id", &sample.source_id)?;
                map.serialize_field("sampling_rate", &sample.sampling_rate)?;
                map.serialize_field("sample_pool", &sample.sample_pool)?;
                map.serialize_field("drops", &sample.drops)?;
                map.serialize_field("input", &sample.input)?;
                map.serialize_field("output", &sample.output)?;
                map.serialize_field("records", &sample.records)?;
                map.end()
            }
            Self::Counters(sample) => {
                let mut map = sample_map(serializer, 5)?;
                map.serialize_field("sequence_number", &sample.sequence_number)?;
                map.serialize_field("source_id", &sample.source_id)?;
                map.serialize_field("records", &sample.records)?;
                map.end()
            }
            Self::Discarded(sample) => {
                let mut map = sample_map(serializer, 9)?;
                map.serialize_field("sequence_number", &sample.sequence_number)?;
                map.serialize_field("source_id", &sample.source_id)?;
                map.serialize_field("drops", &sample.drops)?;
                map.serialize_field("inputifindex", &sample.input_if_index)?;
                map.serialize_field("outputifindex", &sample.output_if_index)?;
                map.serialize_field("reason", &sample.reason)?;
                map.serialize_field("records", &sample.records)?;
                map.end()
            }
            Self::RtMetric(sample) => {
                let mut map = sample_map(serializer, 4)?;
                map.serialize_field("datasource", &sample.datasource)?;
                map.serialize_field("metrics", &sample.metrics)?;
                map.end()
            }
            Self::RtFlow(sample) => {
                let mut map = sample_map(serializer, 6)?;
                map.serialize_field("datasource", &sample.datasource)?;
                map.serialize_field("sampling_rate", &sample.sampling_rate)?;
                map.serialize_field("sample_pool", &sample.sample_pool)?;
                map.serialize_field("fields", &sample.fields)?;
                map.end()
            }
            Self::FoundryAcl(sample) => {
                let mut map = sample_map(serializer, 4)?;
                map.serialize_field("FoundryFlags", &sample.flags)?;
                map.serialize_field("FoundryGroupID", &sample.group_id)?;
                map.end()
            }
            Self::Unknown(frame) => frame.serialize(serializer),
            Self::Malformed(frame, error) => frame.serialize_with(Some(error), serializer),
        }
    }
}

impl<'a, V: NamedValue<'a> + Serialize> Serialize for NamedValues<'a, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'a, V: NamedValue<'a> + Serialize> Serialize for Named<'a, V> {
    /// `{"name", "type", "value"}`; malformed values as `{"bytes", "error"}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some((rest, error)) = self.value.as_malformed() {
            let mut map = serializer.serialize_struct("malformed", 2)?;
            map.serialize_field("bytes", &Opaque(rest))?;
            map.serialize_field("error", &ErrorText(&error))?;
            return map.end();
        }
        let mut map = serializer.serialize_struct("named", 3)?;
        map.serialize_field("name", &self.name)?;
        map.serialize_field("type", self.value.kind().1)?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}
