//! Every structure with valid content, and with each of its counts and lengths replaced.

use sflow_fuzz::{Built, Mark, MarkKind, build};
use sflow_v5::field::Registered;
use sflow_v5::{CounterRecord, DataFormat, FlowRecord};

use super::Seeds;
use super::wire::{COUNTERS, FLOW, Kind, datagram, frame, good, switch, virt_cpu};

/// The number of choices before those of the first record of a compact sample: those of the header,
/// the kind of the sample, its words, and the number of records.
const HEADER: usize = 7;

pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut keep = |name: String, bytes: Vec<u8>| assert!(seeds.insert(name, bytes).is_none());
    let flow = records(FLOW, 0, 7, FlowRecord::REGISTERED);
    let counters = records(COUNTERS, 1, 2, CounterRecord::REGISTERED);
    for record in flow.chain(counters) {
        let Record { kind, body, .. } = &record;
        let DataFormat(format) = record.format;
        let structure = format!(
            "{}-{}-{}-{}",
            kind.name,
            record.format.enterprise(),
            record.format.format(),
            record.name
        );
        let only = datagram(&[kind.sample(&[frame(format, body)])]);
        keep(format!("structure-{structure}"), only);
        for mark in &record.marks {
            for (what, number) in numbers(mark, body) {
                let mut damaged = body.clone();
                damaged[mark.at..mark.at + 4].copy_from_slice(&number.to_be_bytes());
                let good_record = if kind.name == "flow" {
                    switch()
                } else {
                    virt_cpu()
                };
                let around = [good_record.clone(), frame(format, &damaged), good_record];
                let bytes = datagram(&[kind.sample(&around), good()]);
                keep(format!("{what}-{}", mark.of), bytes);
            }
        }
    }
    seeds
}

/// A structure and the marks in its body.
struct Record {
    kind: Kind,
    name: &'static str,
    format: DataFormat,
    body: Vec<u8>,
    marks: Vec<Mark>,
}

fn records(
    kind: Kind,
    choice: u8,
    words: usize,
    registered: &'static [Registered],
) -> impl Iterator<Item = Record> {
    (0..).zip(registered).map(move |(index, line)| {
        let mut recipe = vec![0; HEADER + 1 + words + 1];
        recipe[HEADER] = choice;
        recipe.push(index);
        let Built { bytes, marks, .. } = build(&recipe);
        let start = 28 + 8 + words * 4 + 4 + 8;
        let mut marks: Vec<_> = marks.into_iter().filter(|mark| mark.at >= start).collect();
        for mark in &mut marks {
            mark.at -= start;
        }
        // One element of a list is sufficient.
        marks.dedup_by_key(|mark| mark.of.clone());
        let mut names = Vec::new();
        marks.retain(|mark| {
            let is_new = !names.contains(&mark.of);
            names.push(mark.of.clone());
            is_new && mark.of.starts_with(line.name)
        });
        Record {
            kind,
            name: line.name,
            format: line.format,
            body: bytes[start..].to_vec(),
            marks,
        }
    })
}

/// The replacements of a word, with names.
fn numbers(mark: &Mark, body: &[u8]) -> Vec<(&'static str, u32)> {
    let old = u32::from_be_bytes(body[mark.at..mark.at + 4].try_into().unwrap());
    let left = u32::try_from(body.len() - mark.at - 4).unwrap();
    match mark.kind {
        MarkKind::Count => vec![
            ("count-max", u32::MAX),
            ("count-wraps", u32::MAX / size(&mark.of) + 1),
            ("count-one-more", old + 1),
        ],
        MarkKind::Length => vec![("length-parent-plus-1", left + 1)],
        MarkKind::Type => vec![("address-type-unknown", 3)],
        MarkKind::Format => Vec::new(),
    }
}

/// The minimum size of an element in bytes.
fn size(list: &str) -> u32 {
    match list {
        "sfp-lanes" => 40,
        "host_adapters-adapters" | "host_adapters-adapters-inner" => 8,
        "extended_gateway-dst_as_path" | "extended_80211_aggregation-pdus-inner" => 8,
        _ => 4,
    }
}
