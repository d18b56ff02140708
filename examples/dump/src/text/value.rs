use sflow_v5::field::{Field, Kind, Value};

use super::compound;
use crate::escape;
use crate::put::{put, put_hex, put_number, put_pair};
use crate::record::Record;

/// The maximum number of bytes that are shown.
const LONGEST: usize = 32;

/// Writes `name: value unit`, indented as a field of a record, unless the field is absent.
pub(super) fn line<'a>(
    structure: &str,
    record: &impl Record<'a>,
    index: usize,
    field: &Field,
    out: &mut Vec<u8>,
) {
    let value = record.field(index);
    if value == Value::Absent {
        return;
    }
    out.extend_from_slice(b"      ");
    out.extend_from_slice(field.name.as_bytes());
    out.extend_from_slice(b": ");
    let is_compound = matches!(field.kind, Kind::List) || structure == "lag_port_stats";
    if !(is_compound && compound::write(record.any(), field, value, out)) {
        known(field, record.known(index), record.enum_name(index), out);
    }
    out.push(b'\n');
}

/// Writes a value with its unit or enumeration name, or `unknown`.
pub(super) fn known(
    field: &Field,
    value: Option<Value<'_>>,
    choice: Option<&str>,
    out: &mut Vec<u8>,
) {
    let Some(value) = value else {
        out.extend_from_slice(b"unknown");
        return;
    };
    match value {
        Value::Unsigned(value) if field.kind == Kind::Enumeration => {
            out.extend_from_slice(choice.unwrap_or("unknown").as_bytes());
            put_pair(out, " (", value);
            out.push(b')');
            return;
        }
        Value::Unsigned(value) => put_number(out, value),
        Value::Signed(value) if field.unit == HUNDREDTHS => {
            let sign = if value < 0 { "-" } else { "" };
            let value = value.unsigned_abs();
            put!(out, "{sign}{}.{:02} %", value / 100, value % 100);
            return;
        }
        Value::Signed(value) => put_number(out, value),
        // All floats on the wire have 32 bits.
        Value::Float(value) => put!(out, "{}", value as f32),
        Value::Text(text) => escape::text(text.as_bytes(), out),
        Value::Bytes(value) => bytes(value, out),
        Value::Mac(mac) => put!(out, "{mac}"),
        Value::Uuid(uuid) => put!(out, "{uuid}"),
        Value::Address(address) => put!(out, "{address}"),
        _ => out.extend_from_slice(b"unknown"),
    }
    if !field.unit.is_empty() {
        out.push(b' ');
        out.extend_from_slice(field.unit.as_bytes());
    }
}

/// The unit of hundredths of a percent.
pub(super) const HUNDREDTHS: &str = "0.01 %";

/// Writes hexadecimal digits, with the length if they are cut.
pub(super) fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let shown = bytes.get(..LONGEST).unwrap_or(bytes);
    put_hex(out, shown);
    match bytes.len() {
        0 => out.extend_from_slice(b"none"),
        length if length > shown.len() => {
            put_pair(out, "… (", length);
            out.extend_from_slice(b" bytes)");
        }
        _ => {}
    }
}
