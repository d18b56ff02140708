use sflow_v5::Address;
use sflow_v5::field::Value;
use sflow_v5::sample::{RtFlowValue, RtMetricValue};

use super::identical_bytes;
use crate::model::Plain;

/// Panics unless the decoded value equals that on the wire; borrowed bytes must be the same memory.
#[track_caller]
pub(super) fn check_value(found: Value<'_>, expected: Plain<'_>) {
    let is_same = match (found, expected) {
        (Value::Absent, Plain::Absent) => true,
        (Value::Unsigned(found), Plain::Unsigned(expected)) => found == expected,
        (Value::Signed(found), Plain::Signed(expected)) => found == expected,
        (Value::Float(found), Plain::Float(expected)) => {
            found == expected || found.is_nan() && expected.is_nan()
        }
        (Value::List(found), Plain::List(expected)) => found == expected,
        (Value::Text(found), Plain::Bytes(expected)) => {
            identical_bytes(found.as_bytes(), expected);
            true
        }
        (Value::Bytes(found), Plain::Bytes(expected)) => {
            identical_bytes(found, expected);
            true
        }
        (Value::Mac(found), Plain::Bytes(expected)) => found.0 == expected,
        (Value::Uuid(found), Plain::Bytes(expected)) => found.0 == expected,
        (Value::Address(found), Plain::Bytes(expected)) => match found {
            Address::Unknown => expected.is_empty(),
            Address::V4(found) => found == expected,
            Address::V6(found) => found == expected,
        },
        _ => false,
    };
    assert!(is_same, "{found:?} is {expected:?} on the wire");
}

/// A named value as the value of a field.
pub(super) trait NamedField<'a> {
    fn value(&self) -> Value<'a>;
}

impl<'a> NamedField<'a> for RtMetricValue<'a> {
    fn value(&self) -> Value<'a> {
        match *self {
            Self::Text(text) => Value::Text(text),
            Self::Counter32(number) => Value::Unsigned(number.0.into()),
            Self::Counter64(number) => Value::Unsigned(number.0),
            Self::Gauge32(number) => Value::Unsigned(number.0.into()),
            Self::Gauge64(number) => Value::Unsigned(number.0),
            Self::Float(number) => Value::Float(number.into()),
            Self::Double(number) => Value::Float(number),
            _ => panic!("{self:?} has an unknown type"),
        }
    }
}

impl<'a> NamedField<'a> for RtFlowValue<'a> {
    fn value(&self) -> Value<'a> {
        match *self {
            Self::Text(text) => Value::Text(text),
            Self::Mac(mac) => Value::Mac(mac),
            Self::Ipv4(address) => Value::Address(Address::V4(address.0)),
            Self::Ipv6(address) => Value::Address(Address::V6(address.0)),
            Self::Int32(number) => Value::Signed(number.into()),
            Self::Int64(number) => Value::Signed(number),
            Self::Float(number) => Value::Float(number.into()),
            Self::Double(number) => Value::Float(number),
            _ => panic!("{self:?} has an unknown type"),
        }
    }
}
