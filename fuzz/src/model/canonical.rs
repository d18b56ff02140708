use super::record::{frame_parts, items, put};
use super::{Body, Item, body, header, samples};
use crate::catalogue::Space;

/// The datagram as an encoder writes it after decoding: with zero padding, without bytes after the
/// known fields and the announced items, and with malformed parts in frames. `None` without a
/// readable header.
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
        let (format, bytes) = frame_parts(item);
        let mut sample = Vec::new();
        let mut is_wrapper = false;
        match (item, body(format, bytes)) {
            (Item::Frame { .. }, Body::Records { fixed, count }) => {
                sample.extend_from_slice(&bytes[..fixed]);
                let list = super::records(&bytes[fixed..], count);
                set_count(&mut sample, fixed - 4, list.items.len());
                items(Space::of_records(format), &list, &mut sample);
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

/// The complete items of a truncated sample.
fn canonical_cut(format: u32, bytes: &[u8], count: u32) -> Vec<u8> {
    match body(format, bytes) {
        Body::Records { fixed, .. } => {
            let mut sample = bytes[..fixed].to_vec();
            let list = super::records(&bytes[fixed..], count);
            set_count(&mut sample, fixed - 4, list.items.len());
            items(Space::of_records(format), &list, &mut sample);
            sample
        }
        Body::Named(named) => named.canonical_of(count),
        _ => bytes.to_vec(),
    }
}

fn set_count(out: &mut [u8], place: usize, count: usize) {
    let count = u32::try_from(count).expect("part of a datagram");
    out[place..place + 4].copy_from_slice(&count.to_be_bytes());
}
