use std::fmt::Display;

use sflow_v5::field::{Field, Value};
use sflow_v5::types::List;
use sflow_v5::wire::Wire;
use sflow_v5::{CounterRecord, FlowRecord, Structure};

use super::value;
use crate::put::put;
use crate::record::{Either, Space};

/// The maximum number of list elements that are shown.
const MOST: usize = 16;

/// Writes a field with several values: the elements of a list in brackets, or their number for
/// unknown lists. Returns false for other fields.
pub(super) fn write(
    record: Either<'_>,
    field: &Field,
    value: Value<'_>,
    out: &mut Vec<u8>,
) -> bool {
    match (value, record) {
        (Value::List(length), Either::Flow(record)) => flow(&record, field, length, out),
        (Value::List(length), Either::Counter(record)) => counter(&record, field, length, out),
        (Value::Unsigned(_), Either::Counter(CounterRecord::LagPortStats(record)))
            if field.name == "dot3adAggPortState" =>
        {
            let state = record.dot3ad_agg_port_state;
            put!(
                out,
                "actor {:#04x}, set to {:#04x}; partner {:#04x}, set to {:#04x}",
                state.actor_oper,
                state.actor_admin,
                state.partner_oper,
                state.partner_admin
            );
        }
        _ => return false,
    }
    true
}

fn flow(record: &FlowRecord<'_>, field: &Field, length: usize, out: &mut Vec<u8>) {
    match (record, field.name) {
        (FlowRecord::ExtendedGateway(record), "dst_as_path") => {
            each(record.dst_as_path, out, |segment, out| {
                put!(out, "{} ", segment.kind);
                plain(segment.as_number, out);
            });
        }
        (FlowRecord::ExtendedGateway(record), _) => plain(record.communities, out),
        (FlowRecord::ExtendedMpls(record), "in_stack") => plain(record.in_stack, out),
        (FlowRecord::ExtendedMpls(record), _) => plain(record.out_stack, out),
        (FlowRecord::ExtendedVlantunnel(record), _) => plain(record.stack, out),
        (FlowRecord::ExtendedVlanin(record), _) => plain(record.stack, out),
        (FlowRecord::ExtendedVlanout(record), _) => plain(record.stack, out),
        (FlowRecord::Extended80211Aggregation(record), _) => {
            each(record.pdus, out, |pdu, out| {
                let records = pdu.records.iter().take(MOST);
                for (index, record) in records.enumerate() {
                    let name = Space::Flow.name(record.format()).unwrap_or("unknown");
                    put!(out, "{}{name}", if index > 0 { " + " } else { "" });
                }
            });
        }
        _ => count(length, out),
    }
}

fn counter(record: &CounterRecord<'_>, field: &Field, length: usize, out: &mut Vec<u8>) {
    match (record, field.name) {
        (CounterRecord::HostAdapters(record), _) => {
            each(record.adapters, out, |adapter, out| {
                put!(out, "ifIndex {} ", adapter.if_index);
                plain(adapter.mac_address, out);
            });
        }
        (CounterRecord::Sfp(record), _) => each(record.lanes, out, structure),
        (CounterRecord::BstPortBuffers(record), name) => {
            let list = match name {
                "egress_queue_uc_pc" => record.egress_queue_uc_pc,
                _ => record.egress_queue_mc_pc,
            };
            each(list, out, |share, out| {
                value::known(field, share.known().map(|_| share.value()), None, out);
            });
        }
        _ => count(length, out),
    }
}

fn plain<'a, T: Wire<'a> + Display>(list: List<'a, T>, out: &mut Vec<u8>) {
    each(list, out, |element, out| put!(out, "{element}"));
}

/// Writes `{name: value unit, …}`.
#[allow(clippy::needless_pass_by_value, reason = "an element of a list")]
fn structure<'a, T: Structure<'a>>(element: T, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, field) in T::FIELDS.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        put!(out, "{}: ", field.name);
        value::known(
            field,
            element.known(index),
            Structure::enum_name(&element, index),
            out,
        );
    }
    out.push(b'}');
}

fn each<'a, T: Wire<'a>>(
    list: List<'a, T>,
    out: &mut Vec<u8>,
    write_one: impl Fn(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, element) in list.iter().take(MOST).enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        write_one(element, out);
    }
    if list.len() > MOST {
        put!(out, ", … {} in all", list.len());
    }
    out.push(b']');
}

fn count(length: usize, out: &mut Vec<u8>) {
    put!(out, "[{length} elements]");
}
