use std::fmt::Display;

use sflow_v5::Address;
use sflow_v5::field::Value;
use sflow_v5::types::Text;

use crate::put::{digits, put, put_hex, put_number};

/// Writes key and value, unless the field is absent.
#[inline]
pub(super) fn field(key: &[u8], value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Unsigned(value) => number(key, value, out),
        Value::Signed(value) => number(key, value, out),
        Value::Absent => {}
        other => {
            out.extend_from_slice(key);
            rare(other, out);
        }
    }
}

#[inline]
pub(super) fn number(key: &[u8], number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    put_number(out, number);
}

fn rare(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(value) => text(value, out),
        Value::Bytes(bytes) => hex(bytes, out),
        Value::Mac(mac) => grouped(&mac.0, b':', |_| true, out),
        Value::Uuid(uuid) => grouped(&uuid.0, b'-', |place| matches!(place, 4 | 6 | 8 | 10), out),
        Value::Address(value) => address(value, out),
        Value::Float(number) => float(number, out),
        _ => out.extend_from_slice(b"null"),
    }
}

/// The shortest number that is parsed as the same 32-bit float.
fn float(number: f64, out: &mut Vec<u8>) {
    let single = number as f32;
    if single.is_finite() {
        put!(out, "{single:?}");
    } else {
        out.extend_from_slice(b"null");
    }
}

pub(super) fn address(address: Address, out: &mut Vec<u8>) {
    let Address::V4(bytes) = address else {
        quoted(address, out);
        return;
    };
    for (byte, before) in bytes.into_iter().zip(*b"\"...") {
        number(&[before], byte, out);
    }
    out.push(b'"');
}

/// Writes a `Display` text that needs no escaping.
pub(super) fn quoted(value: impl Display, out: &mut Vec<u8>) {
    put!(out, "\"{value}\"");
}

fn text(text: Text<'_>, out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.as_bytes().iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        escaped(&text.to_string(), out);
    }
}

pub(super) fn escaped(text: &str, out: &mut Vec<u8>) {
    let written = untrusted::json::to_writer(out, text);
    debug_assert!(written.is_ok(), "writing to a vector cannot fail");
}

/// Writes bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    put_hex(out, bytes);
    out.push(b'"');
}

/// Writes hexadecimal digits with a separator before some of the bytes.
fn grouped(bytes: &[u8], mark: u8, is_marked: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
    out.push(b'"');
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && is_marked(place) {
            out.push(mark);
        }
        out.extend_from_slice(&digits(*byte));
    }
    out.push(b'"');
}
