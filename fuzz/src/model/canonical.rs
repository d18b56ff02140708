use super::record::canonical_body;
use super::{Body, Item, List, body, header, samples, word};
use crate::catalogue::Space;

/// The datagram as an encoder writes what a decoder reads from it: padding is there and zero,
/// what follows the known fields and the announced items is gone, and what is broken stands in a
/// frame of its own. `None` without a readable header.
pub(crate) fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    let (start, count) = header(bytes)?;
    let mut out = bytes[..start].to_vec();
    let mut counted = 0;
    let mut follows_wrapper = false;
    for item in samples(&bytes[start..], count).items {
        if let Item::Cut {
            format,
            body,
            count,
            behind,
        } = item
        {
            put(format, &canonical_cut(format, body, count), &mut out);
            put(format, behind, &mut out);
            counted += 1 + usize::from(!follows_wrapper);
            continue;
        }
        let (format, bytes) = frame(item);
        let mut sample = Vec::new();
        let mut is_wrapper = false;
        match (item, body(format, bytes)) {
            (Item::Frame { .. }, Body::Records { fixed, count }) => {
                sample.extend_from_slice(&bytes[..fixed]);
                let list = super::records(&bytes[fixed..], count);
                set_count(&mut sample, fixed - 4, list.items.len());
                items(space(format), &list, &mut sample);
            }
            (Item::Frame { .. }, Body::Named(named)) => sample = named.canonical,
            (Item::Frame { .. }, Body::Wrapper) => {
                sample.extend_from_slice(&bytes[..8]);
                is_wrapper = true;
            }
            _ => sample.extend_from_slice(bytes),
        }
        put(format, &sample, &mut out);
        counted += usize::from(!follows_wrapper);
        follows_wrapper = is_wrapper;
    }
    set_count(&mut out, start - 4, counted);
    Some(out)
}

/// The whole items of a sample that is cut.
fn canonical_cut(format: u32, bytes: &[u8], count: u32) -> Vec<u8> {
    match body(format, bytes) {
        Body::Records { fixed, .. } => {
            let mut sample = bytes[..fixed].to_vec();
            let list = super::records(&bytes[fixed..], count);
            set_count(&mut sample, fixed - 4, list.items.len());
            items(space(format), &list, &mut sample);
            sample
        }
        Body::Named(named) => named.canonical_of(count),
        _ => bytes.to_vec(),
    }
}

/// The number space of a sample's records.
pub(crate) fn space(sample_format: u32) -> Space {
    match sample_format {
        2 | 4 => Space::Counters,
        _ => Space::Flow,
    }
}

/// Appends a list of records.
pub(super) fn items(space: Space, list: &List<'_>, out: &mut Vec<u8>) {
    for item in &list.items {
        let (format, body) = frame(*item);
        match item {
            Item::Frame { .. } => put(format, &canonical_body(space, format, body), out),
            Item::Broken(_) | Item::Cut { .. } => put(format, body, out),
        }
    }
}

/// Number and bytes of an item: if it is broken, what it says it is, as far as it says that.
fn frame(item: Item<'_>) -> (u32, &[u8]) {
    match item {
        Item::Frame { format, body } | Item::Cut { format, body, .. } => (format, body),
        Item::Broken(rest) => match (word(rest, 0), rest.get(8..)) {
            (Some(format), Some(behind)) => (format, behind),
            _ => (0, rest),
        },
    }
}

fn put(format: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len()).expect("part of a datagram");
    out.extend_from_slice(&format.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn set_count(out: &mut [u8], place: usize, count: usize) {
    let count = u32::try_from(count).expect("part of a datagram");
    out[place..place + 4].copy_from_slice(&count.to_be_bytes());
}
