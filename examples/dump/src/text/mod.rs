//! Readable text: a block for each datagram.

mod compound;
mod value;

use std::time::SystemTime;

use sflow_collector::{OtherProtocol, Received};
use sflow_v5::sample::{NamedValue, NamedValues};
use sflow_v5::{DataFormat, DataSource, Datagram, Error, FlowRecord, Frame, Interface, Sample};

use crate::escape;
use crate::filter::Filter;
use crate::put::{put, put_pair};
use crate::record::{Either, Record, Space};
use crate::time::rfc3339;

/// Writes a block, unless the filter removes all samples. Returns whether it did.
pub(crate) fn datagram(
    received: &Received<'_>,
    datagram: &Datagram<'_>,
    filter: &Filter,
    is_colored: bool,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    if is_colored {
        // Bold.
        out.extend_from_slice(b"\x1b[1m");
    }
    time(received.received_at, out);
    let header = datagram.header;
    put!(
        out,
        "  agent {}  sub-agent {}  sequence {}  uptime {}.{:03} s",
        header.agent_address,
        header.sub_agent_id,
        header.sequence_number,
        header.uptime / 1000,
        header.uptime % 1000,
    );
    if is_colored {
        out.extend_from_slice(b"\x1b[0m");
    }
    out.push(b'\n');
    let empty = out.len();
    filter.samples(datagram, |part| sample(part, received.bytes, out));
    if out.len() == empty && filter.is_about_content() {
        out.truncate(start);
        return false;
    }
    out.push(b'\n');
    true
}

/// Writes a block for a datagram that is not sFlow version 5.
pub(crate) fn refused(received: &Received<'_>, error: &Error, out: &mut Vec<u8>) {
    time(received.received_at, out);
    put!(out, "  from {}  not sFlow", received.source);
    let is_version_5 = received.bytes.starts_with(&[0, 0, 0, 5]);
    match OtherProtocol::detect(received.bytes) {
        Some(protocol) => put!(out, " 5 ({protocol})"),
        // The version in the error is that of an unknown protocol.
        None if received.bytes.len() >= 4 && !is_version_5 => {}
        None => put!(out, " 5: {error}"),
    }
    out.push(b'\n');
    out.extend_from_slice(b"  bytes: ");
    value::bytes(received.bytes, out);
    out.extend_from_slice(b"\n\n");
}

fn time(received_at: SystemTime, out: &mut Vec<u8>) {
    match rfc3339(received_at) {
        Some(time) => put!(out, "{time}"),
        None => put!(out, "at an unknown time"),
    };
}

/// `whole` is the datagram, from whose start offsets in errors are counted.
fn sample(sample: &Sample<'_>, whole: &[u8], out: &mut Vec<u8>) {
    let start = |out: &mut Vec<u8>| {
        out.extend_from_slice(b"  ");
        title(Space::Sample, sample.format(), out);
    };
    match sample {
        Sample::Flow(flow) => {
            start(out);
            source(flow.source_id, flow.sequence_number, out);
            out.extend_from_slice(b"    ");
            rate(flow.sampling_rate, flow.sample_pool, out);
            put_pair(out, "  drops ", flow.drops);
            interface("  input ", flow.input, out);
            interface("  output ", flow.output, out);
            out.push(b'\n');
            records(flow.records(), whole, out);
        }
        Sample::Counters(counters) => {
            start(out);
            source(counters.source_id, counters.sequence_number, out);
            records(counters.records(), whole, out);
        }
        Sample::Discarded(packet) => {
            start(out);
            source(packet.source_id, packet.sequence_number, out);
            put!(out, "    reason {} ({})", packet.reason, packet.reason.0);
            let (drops, input, output) =
                (packet.drops, packet.input_if_index, packet.output_if_index);
            put!(out, "  drops {drops}  input {input}  output {output}\n");
            records(packet.records(), whole, out);
        }
        Sample::RtMetric(metrics) => {
            start(out);
            out.extend_from_slice(b"  datasource ");
            escape::text(metrics.datasource.as_bytes(), out);
            out.push(b'\n');
            named(&metrics.metrics, whole, out);
        }
        Sample::RtFlow(flow) => {
            start(out);
            out.extend_from_slice(b"  datasource ");
            escape::text(flow.datasource.as_bytes(), out);
            out.extend_from_slice(b"  ");
            rate(flow.sampling_rate, flow.sample_pool, out);
            out.push(b'\n');
            named(&flow.fields, whole, out);
        }
        Sample::FoundryAcl(acl) => {
            start(out);
            put!(out, "  flags {:#x}  group {}\n", acl.flags, acl.group_id);
        }
        Sample::Unknown(frame) => refused_frame("  ", Space::Sample, *frame, None, out),
        Sample::Malformed(frame, error) => {
            let error = located(*error, frame.bytes, whole);
            refused_frame("  ", Space::Sample, *frame, Some(error), out);
        }
        other => {
            start(out);
            put!(out, "  {other:?}\n");
        }
    }
}

/// Writes name and format, such as `virt_cpu 0:2101`; returns the name.
fn title(space: Space, format: DataFormat, out: &mut Vec<u8>) -> &'static str {
    let name = space.name(format).unwrap_or("unknown");
    out.extend_from_slice(name.as_bytes());
    put_pair(out, " ", format.enterprise());
    put_pair(out, ":", format.format());
    name
}

fn source(source: DataSource, sequence: u32, out: &mut Vec<u8>) {
    put_pair(out, "  source ", source.kind.0);
    put_pair(out, ":", source.index);
    let kind = source.kind.name().unwrap_or("unknown");
    for part in [" (", kind, ")"] {
        out.extend_from_slice(part.as_bytes());
    }
    put_pair(out, "  sequence ", sequence);
    out.push(b'\n');
}

fn rate(rate: u32, pool: u32, out: &mut Vec<u8>) {
    match rate {
        0 => out.extend_from_slice(b"rate unknown"),
        rate => put_pair(out, "rate 1 in ", rate),
    }
    put_pair(out, "  pool ", pool);
}

fn interface(label: &str, interface: Interface, out: &mut Vec<u8>) {
    match interface.if_index() {
        Some(index) => put_pair(out, label, index),
        None => put!(out, "{label}{interface}"),
    }
}

fn records<'a, R: Record<'a>>(records: impl Iterator<Item = R>, whole: &[u8], out: &mut Vec<u8>) {
    for record in records {
        if let Some((frame, error)) = record.refused() {
            let error = error.map(|error| located(error, frame.bytes, whole));
            refused_frame("    ", R::SPACE, frame, error, out);
            continue;
        }
        out.extend_from_slice(b"    ");
        let name = title(R::SPACE, record.format(), out);
        out.push(b'\n');
        for (index, field) in record.fields().iter().enumerate() {
            value::line(name, &record, index, field, out);
        }
        if let Either::Flow(FlowRecord::SampledHeader(header)) = record.any() {
            put!(out, "      packet: {}\n", header.dissect());
        }
    }
}

/// The error with its offset from the start of the datagram. That of a sample or record whose length
/// is wrong is the place behind the length.
fn located(mut error: Error, part: &[u8], whole: &[u8]) -> Error {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr());
    if let Some(start) = start.filter(|start| *start <= whole.len()) {
        let is_of_frame = matches!(error.structure, "sample" | "record");
        error.offset = start + if is_of_frame { 0 } else { error.offset };
    }
    error
}

fn refused_frame(
    indent: &str,
    space: Space,
    frame: Frame<'_>,
    error: Option<Error>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(indent.as_bytes());
    match error {
        Some(error) => {
            title(space, frame.format, out);
            put!(out, "  malformed: {error}");
        }
        None => {
            put!(out, "unknown {} {}", space.label(), frame.format);
        }
    }
    put!(out, "\n{indent}  bytes: ");
    value::bytes(frame.bytes, out);
    out.push(b'\n');
}

/// Writes values whose names are in the sample.
fn named<'a, V: NamedValue<'a> + serde::Serialize>(
    values: &NamedValues<'a, V>,
    whole: &[u8],
    out: &mut Vec<u8>,
) {
    for item in values.iter() {
        out.extend_from_slice(b"    ");
        if let Some((rest, error)) = item.value.as_malformed() {
            let error = located(error, rest, whole);
            put!(out, "malformed: {error}\n      bytes: ");
            value::bytes(rest, out);
        } else {
            escape::text(item.name.as_bytes(), out);
            out.extend_from_slice(b": ");
            match serde_json::to_value(item.value) {
                Ok(serde_json::Value::String(text)) => escape::text(text.as_bytes(), out),
                Ok(number) => put!(out, "{number}"),
                Err(_) => out.extend_from_slice(b"unknown"),
            }
            put!(out, " ({})", item.value.kind().1);
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn every_field_of_every_structure_has_a_line() {
        for bytes in samples::of_every_structure() {
            let parsed = Datagram::parse(&bytes).unwrap();
            let mut out = Vec::new();
            let received = samples::received(&bytes);
            assert!(datagram(
                &received,
                &parsed,
                &Filter::default(),
                false,
                &mut out
            ));
            let block = String::from_utf8(out).unwrap();
            assert!(block.lines().all(|line| !line.ends_with(' ')), "{block}");
            assert!(!block.contains(" elements]"), "{block}");
            let fields = parsed.samples().flat_map(|sample| match sample {
                Sample::Flow(flow) => flow.records().next().map(|record| record.fields()),
                Sample::Counters(counters) => {
                    counters.records().next().map(|record| record.fields())
                }
                _ => None,
            });
            for field in fields.flatten() {
                assert!(
                    block.contains(&format!("      {}: ", field.name)),
                    "{block}"
                );
            }
        }
    }
}
