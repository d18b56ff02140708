//! JSON lines: one object for each datagram.
//!
//! The output equals that of `sflow-v5`'s serde feature, which a test compares for every input of
//! the corpus. Counter and packet records, which are most of the data, are written from templates
//! for speed, all others by serde.

mod template;
mod value;

use std::time::SystemTime;

use sflow_collector::{OtherProtocol, Received};
use sflow_v5::{DataSource, Datagram, Error, Header, Interface, Sample};

use self::template::Templates;
use self::value::{escaped, hex, number, quoted};
use crate::filter::Filter;
use crate::record::Record;
use crate::time::rfc3339;

/// Writes datagrams as JSON.
pub(crate) struct Json {
    templates: Templates,
    with_time: bool,
}

impl Json {
    pub(crate) fn new(with_time: bool) -> Self {
        Self {
            templates: Templates::new(),
            with_time,
        }
    }

    /// Writes a line, unless the filter removes all samples. Returns whether it did.
    pub(crate) fn datagram(
        &self,
        received: &Received<'_>,
        datagram: &Datagram<'_>,
        filter: &Filter,
        out: &mut Vec<u8>,
    ) -> bool {
        let start = out.len();
        out.push(b'{');
        self.time(received.received_at, out);
        header(&datagram.header, out);
        out.extend_from_slice(b",\"samples\":[");
        let empty = out.len();
        filter.samples(datagram, |sample| {
            self.sample(sample, out);
            out.push(b',');
        });
        if out.len() == empty && filter.is_about_content() {
            out.truncate(start);
            return false;
        }
        end_list(out);
        out.extend_from_slice(b"]}\n");
        true
    }

    /// Writes a line for a datagram that is not sFlow version 5.
    pub(crate) fn refused(&self, received: &Received<'_>, error: &Error, out: &mut Vec<u8>) {
        out.push(b'{');
        self.time(received.received_at, out);
        out.extend_from_slice(b"\"source\":");
        quoted(received.source, out);
        out.extend_from_slice(b",\"bytes\":");
        hex(received.bytes, out);
        out.extend_from_slice(b",\"error\":");
        quoted(error, out);
        if let Some(protocol) = OtherProtocol::detect(received.bytes) {
            out.extend_from_slice(b",\"protocol\":");
            quoted(protocol, out);
        }
        out.extend_from_slice(b"}\n");
    }

    fn time(&self, received_at: SystemTime, out: &mut Vec<u8>) {
        if self.with_time {
            out.extend_from_slice(b"\"received_at\":");
            match rfc3339(received_at) {
                Some(time) => quoted(time, out),
                None => out.extend_from_slice(b"null"),
            }
            out.push(b',');
        }
    }

    fn sample(&self, sample: &Sample<'_>, out: &mut Vec<u8>) {
        match sample {
            Sample::Counters(counters) => {
                self.head(sample, out);
                number(b",\"sequence_number\":", counters.sequence_number, out);
                source(counters.source_id, out);
                self.records(counters.records(), out);
            }
            Sample::Flow(flow) => {
                self.head(sample, out);
                number(b",\"sequence_number\":", flow.sequence_number, out);
                source(flow.source_id, out);
                number(b",\"sampling_rate\":", flow.sampling_rate, out);
                number(b",\"sample_pool\":", flow.sample_pool, out);
                number(b",\"drops\":", flow.drops, out);
                out.extend_from_slice(b",\"input\":");
                interface(flow.input, out);
                out.extend_from_slice(b",\"output\":");
                interface(flow.output, out);
                self.records(flow.records(), out);
            }
            rare => by_serde(rare, out),
        }
    }

    /// Format and name of the sample.
    fn head(&self, sample: &Sample<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.templates.sample(sample.format()));
    }

    fn records<'a, R: Record<'a>>(&self, records: impl Iterator<Item = R>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"records\":[");
        for record in records {
            self.record(&record, out);
            out.push(b',');
        }
        end_list(out);
        out.extend_from_slice(b"]}");
    }

    fn record<'a, R: Record<'a>>(&self, record: &R, out: &mut Vec<u8>) {
        if let Some((frame, error)) = record.refused() {
            out.extend_from_slice(b"{\"format\":");
            quoted(frame.format, out);
            out.extend_from_slice(b",\"bytes\":");
            hex(frame.bytes, out);
            if let Some(error) = error {
                out.extend_from_slice(b",\"error\":");
                quoted(error, out);
            }
            out.push(b'}');
            return;
        }
        let Some(template) = self.templates.record(R::SPACE, record.format()) else {
            by_serde(record, out);
            return;
        };
        out.extend_from_slice(&template.head);
        for (index, key) in template.keys.iter().enumerate() {
            value::field(key, record.field(index), out);
        }
        out.extend_from_slice(b"}}");
    }
}

/// The fields of the header, without braces.
fn header(header: &Header, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"agent_address\":");
    value::address(header.agent_address, out);
    number(b",\"sub_agent_id\":", header.sub_agent_id, out);
    number(b",\"sequence_number\":", header.sequence_number, out);
    number(b",\"uptime\":", header.uptime, out);
}

fn source(source: DataSource, out: &mut Vec<u8>) {
    number(b",\"source_id\":{\"kind\":", source.kind.0, out);
    number(b",\"index\":", source.index, out);
    out.push(b'}');
}

fn interface(interface: Interface, out: &mut Vec<u8>) {
    number(b"{\"format\":", interface.format, out);
    number(b",\"value\":", interface.value, out);
    out.push(b'}');
}

/// Removes the comma after the last element.
fn end_list(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
}

fn by_serde(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    // Serialising these values into a vector does not fail. If it did, the line must remain JSON.
    if let Err(error) = untrusted::json::to_writer(&mut *out, value) {
        out.truncate(start);
        out.extend_from_slice(b"{\"error\":");
        escaped(&error.to_string(), out);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn every_structure_equals_serde_output() {
        let json = Json::new(false);
        let mut count = 0;
        for bytes in samples::of_every_structure() {
            let received = samples::received(&bytes);
            let datagram = Datagram::parse(&bytes).unwrap();
            let mut line = Vec::new();
            assert!(json.datagram(&received, &datagram, &Filter::default(), &mut line));
            let expected = serde_json::to_string(&datagram).unwrap() + "\n";
            assert_eq!(String::from_utf8(line).unwrap(), expected);
            count += 1;
        }
        assert!(count > 120 * 5, "{count}");
    }
}
