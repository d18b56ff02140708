//! Damages an input at every position.

use std::ops::Range;

use crate::model::{Body, Item, body, header, records, samples};

/// Numbers that have broken decoders: they overflow when multiplied by the size of an element,
/// rounded up to a multiple of four, or added to an offset.
const NUMBERS: [u32; 14] = [
    0,
    1,
    2,
    3,
    5,
    1 << 16,
    1 << 28,
    1 << 29,
    1 << 30,
    (1 << 30) + 1,
    1 << 31,
    u32::MAX - 3,
    u32::MAX - 1,
    u32::MAX,
];

/// The input, truncated at every byte.
pub fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|length| &bytes[..length])
}

/// The input with every 32-bit word replaced: by numbers that are dangerous anywhere, by lengths that
/// are slightly too large at this position, and by numbers near the original.
///
/// All counts and lengths are aligned words, so each of them is too large and too small once.
pub fn blown_up(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() / 4).flat_map(move |word| {
        let place = word * 4;
        dangerous(bytes, place).map(move |number| {
            let mut damaged = bytes.to_vec();
            damaged[place..place + 4].copy_from_slice(&number.to_be_bytes());
            damaged
        })
    })
}

/// The replacements for the word at `place`.
pub(crate) fn dangerous(bytes: &[u8], place: usize) -> impl Iterator<Item = u32> + use<> {
    let end = place + 4;
    let old = u32::from_be_bytes(bytes[place..end].try_into().expect("four bytes"));
    let left = u32::try_from(bytes.len() - end).expect("less than 4 GiB");
    let here = [left, left + 1, left + 4, left / 4 + 1, left / 8 + 1];
    let near = [1, 4, 8].map(|step| old.wrapping_add(step));
    let below = [1, 2, 3, 4, 8].map(|step| old.wrapping_sub(step));
    NUMBERS.into_iter().chain(here).chain(near).chain(below)
}

/// The input with every record of every sample truncated at every byte, with adjusted lengths.
pub fn shortened(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let records = header(bytes).map_or_else(Vec::new, |(start, count)| {
        samples(&bytes[start..], count)
            .items
            .into_iter()
            .flat_map(|sample| records_in(bytes, sample))
            .collect()
    });
    records.into_iter().flat_map(move |(sample, record)| {
        (0..record.len()).map(move |length| {
            let padded = length.next_multiple_of(4);
            let mut cut = bytes[..record.start + length].to_vec();
            cut.resize(record.start + padded, 0);
            cut.extend_from_slice(&bytes[record.end.next_multiple_of(4).min(bytes.len())..]);
            let removed = record
                .len()
                .next_multiple_of(4)
                .min(bytes.len() - record.start)
                - padded;
            for (start, length) in [
                (record.start, length),
                (sample.start, sample.len() - removed),
            ] {
                let length = u32::try_from(length).expect("part of a datagram");
                cut[start - 4..start].copy_from_slice(&length.to_be_bytes());
            }
            cut
        })
    })
}

/// The positions of the sample's body and of each record body.
fn records_in(bytes: &[u8], sample: Item<'_>) -> Vec<(Range<usize>, Range<usize>)> {
    let Item::Frame {
        format,
        body: whole,
    } = sample
    else {
        return Vec::new();
    };
    let Body::Records { fixed, count } = body(format, whole) else {
        return Vec::new();
    };
    let place = |part: &[u8]| {
        let start = part.as_ptr().addr() - bytes.as_ptr().addr();
        start..start + part.len()
    };
    let found = records(&whole[fixed..], count).items.into_iter();
    found
        .filter_map(|record| match record {
            Item::Frame { body, .. } => Some((place(whole), place(body))),
            Item::Broken(_) | Item::Cut { .. } => None,
        })
        .collect()
}
