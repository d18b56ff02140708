//! Datagrams that a peer rejects or misreads.

use sflow_v5::field::Value;
use sflow_v5::{Address, CounterRecord, DataFormat, Datagram, FlowRecord, Frame, Sample};

use super::structures::{READINGS, Reading};
use crate::differential::Peer::{self, FlowparserSflow, SflowParser};

/// The effect of a condition on the result of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The peer may reject the datagram; otherwise it reads it correctly.
    MayRefuse,
    /// The peer reads different values or rejects the datagram.
    ReadsElse,
}

pub(super) type Condition = fn(&Datagram<'_>) -> bool;

/// Datagrams that a peer rejects or misreads.
pub(super) const CONDITIONS: &[(Peer, Effect, &str, Condition)] = &[
    (
        SflowParser,
        Effect::MayRefuse,
        "sflow-parser rejects text that is not UTF-8",
        |datagram| any_text(datagram, |text| std::str::from_utf8(text).is_err()),
    ),
    (
        SflowParser,
        Effect::MayRefuse,
        "sflow-parser rejects unknown header protocols",
        |datagram| {
            any_record(datagram, |record| {
                matches!(record, FlowRecord::SampledHeader(header)
                    if !(1..=17).contains(&header.protocol.0))
            })
        },
    ),
    (
        SflowParser,
        Effect::ReadsElse,
        "sflow-parser counts the wrapper around a sample",
        has_wrapper,
    ),
    (
        FlowparserSflow,
        Effect::MayRefuse,
        "flowparser-sflow rejects addresses of type 0",
        |datagram| {
            datagram.header.agent_address == Address::Unknown
                || any_record(datagram, |record| {
                    (0..record.fields().len())
                        .any(|index| record.field(index) == Value::Address(Address::Unknown))
                })
        },
    ),
    (
        FlowparserSflow,
        Effect::ReadsElse,
        "flowparser-sflow counts the wrapper around a sample",
        has_wrapper,
    ),
    (
        FlowparserSflow,
        Effect::ReadsElse,
        "flowparser-sflow reads a flow record as the counter record of the same format",
        |datagram| {
            any_record(datagram, |record| match record {
                FlowRecord::Unknown(frame) => frame.format == DataFormat::new(0, 2105),
                _ => false,
            })
        },
    ),
    (
        SflowParser,
        Effect::MayRefuse,
        "sflow-parser rejects a jvm_statistics without the appended fields",
        |datagram| {
            any_counters(datagram, |record| {
                matches!(record, CounterRecord::JvmStatistics(record)
                    if record.fd_max_count.is_none())
            })
        },
    ),
    (
        FlowparserSflow,
        Effect::MayRefuse,
        "flowparser-sflow rejects a jvm_statistics without the appended fields",
        |datagram| {
            any_counters(datagram, |record| {
                matches!(record, CounterRecord::JvmStatistics(record)
                    if record.fd_max_count.is_none())
            })
        },
    ),
    (
        FlowparserSflow,
        Effect::ReadsElse,
        "flowparser-sflow does not skip the padding of a frame",
        has_padded_frame,
    ),
    (
        FlowparserSflow,
        Effect::ReadsElse,
        "flowparser-sflow reads the source of a dropped packet as one word",
        |datagram| {
            datagram
                .samples()
                .any(|sample| matches!(sample, Sample::Discarded(_)))
        },
    ),
];

/// The reason for which a peer may reject a datagram.
pub(in crate::differential) fn may_reject(
    peer: Peer,
    datagram: &Datagram<'_>,
) -> Vec<&'static str> {
    let mut reasons = misread(peer, datagram);
    let applies = CONDITIONS
        .iter()
        .filter(|(of, _, _, applies)| *of == peer && applies(datagram));
    reasons.extend(applies.map(|(_, _, why, _)| *why));
    reasons
}

/// The reason for which a peer misreads a datagram.
pub(in crate::differential) fn may_misread(
    peer: Peer,
    datagram: &Datagram<'_>,
) -> Vec<&'static str> {
    CONDITIONS
        .iter()
        .filter(|(of, effect, _, applies)| {
            *of == peer && *effect == Effect::ReadsElse && applies(datagram)
        })
        .map(|(_, _, why, _)| *why)
        .collect()
}

/// The structures of a datagram that a peer misreads.
fn misread(peer: Peer, datagram: &Datagram<'_>) -> Vec<&'static str> {
    let is_there = |names: &[&str]| {
        let is = |name: Option<&str>| name.is_some_and(|name| names.contains(&name));
        any_record(datagram, |record| is(record.name()))
            || any_counters(datagram, |record| is(record.name()))
    };
    READINGS
        .iter()
        .filter(|(of, reading, _, names)| {
            *of == peer && matches!(reading, Reading::Wrong) && is_there(names)
        })
        .map(|(_, _, why, _)| *why)
        .collect()
}

fn has_wrapper(datagram: &Datagram<'_>) -> bool {
    datagram
        .samples()
        .any(|sample| matches!(sample, Sample::FoundryAcl(_)))
}

/// Whether the length of a frame is not a multiple of four, as only for unknown structures.
fn has_padded_frame(datagram: &Datagram<'_>) -> bool {
    let is_padded = |frame: Frame<'_>| !frame.bytes.len().is_multiple_of(4);
    datagram.samples().any(|sample| match sample {
        Sample::Unknown(frame) => is_padded(frame),
        Sample::Counters(sample) => sample
            .records()
            .any(|record| matches!(record, CounterRecord::Unknown(frame) if is_padded(frame))),
        Sample::Flow(sample) => sample
            .records()
            .any(|record| matches!(record, FlowRecord::Unknown(frame) if is_padded(frame))),
        _ => false,
    })
}

fn any_text(datagram: &Datagram<'_>, is: impl Fn(&[u8]) -> bool) -> bool {
    let is = |value: Value<'_>, is_text: bool| match value {
        Value::Text(text) => is(text.as_bytes()),
        Value::Bytes(bytes) => is_text && is(bytes),
        _ => false,
    };
    // Bytes for this decoder, text for the peers.
    let users = ["extended_user", "extended_nfs_storage_transaction"];
    any_record(datagram, |record| {
        let is_text = record.name().is_some_and(|name| users.contains(&name));
        (0..record.fields().len()).any(|index| is(record.field(index), is_text))
    }) || any_counters(datagram, |record| {
        (0..record.fields().len()).any(|index| is(record.field(index), false))
    })
}

fn any_counters(datagram: &Datagram<'_>, is: impl Fn(&CounterRecord<'_>) -> bool) -> bool {
    datagram.samples().any(|sample| match sample {
        Sample::Counters(sample) => sample.records().any(|record| is(&record)),
        _ => false,
    })
}

/// Whether any flow record, also a nested one, satisfies a condition.
fn any_record(datagram: &Datagram<'_>, is: impl Fn(&FlowRecord<'_>) -> bool) -> bool {
    datagram.samples().any(|sample| match sample {
        Sample::Flow(sample) => sample.records().any(|record| any_inside(&record, &is)),
        Sample::Discarded(sample) => sample.records().any(|record| any_inside(&record, &is)),
        _ => false,
    })
}

fn any_inside(record: &FlowRecord<'_>, is: &impl Fn(&FlowRecord<'_>) -> bool) -> bool {
    let inside = |record: &FlowRecord<'_>| match record {
        FlowRecord::Extended80211Aggregation(record) => record
            .pdus
            .iter()
            .any(|pdu| pdu.records.iter().any(|record| any_inside(&record, is))),
        _ => false,
    };
    is(record) || inside(record)
}
