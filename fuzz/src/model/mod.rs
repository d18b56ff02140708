//! A second, simple parser of datagrams, with which the decoder is compared.

mod canonical;
mod named;
mod record;
mod values;

use std::ops::Range;

pub(crate) use canonical::canonical;
use named::named;
pub(crate) use named::{Named, NamedValue};
pub(crate) use record::{FieldValues, Plain, record};
pub(crate) use values::{DatagramValues, RecordValues, SampleValues, values};

/// The wrapper around a sample: two words, and the sample inside its frame or after it.
const WRAPPER: u32 = 1991 << 12 | 1;
const WRAPPER_SIZE: usize = 8;

/// An item of a list of frames.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    /// A complete frame.
    Frame { format: u32, body: &'a [u8] },
    /// A truncated sample whose first items are complete.
    Cut {
        format: u32,
        /// The fields of the sample and the complete items.
        body: &'a [u8],
        count: u32,
        /// The remaining bytes.
        behind: &'a [u8],
    },
    /// The rest of the list after the last complete frame, if more frames were announced.
    Broken(&'a [u8]),
}

/// The items of a list of frames.
pub(crate) struct List<'a> {
    pub(crate) items: Vec<Item<'a>>,
    /// The bytes after the last announced frame.
    pub(crate) left_over: &'a [u8],
    /// The bytes of all items, with their formats, lengths and padding.
    pub(crate) taken: usize,
}

/// Whether all announced samples and records are present.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    header(bytes).is_some_and(|(start, count)| {
        samples(&bytes[start..], count).items.iter().all(|item| {
            let Item::Frame {
                format,
                body: bytes,
            } = item
            else {
                return false;
            };
            let Body::Records { fixed, count } = body(*format, bytes) else {
                return true;
            };
            let list = records(&bytes[fixed..], count);
            !matches!(list.items.last(), Some(Item::Broken(_)))
        })
    })
}

/// Parses `count` samples. A wrapper and its sample count as one.
pub(crate) fn samples(bytes: &[u8], count: u32) -> List<'_> {
    frames(bytes, count, true)
}

/// Parses `count` records.
pub(crate) fn records(bytes: &[u8], count: u32) -> List<'_> {
    frames(bytes, count, false)
}

fn frames(bytes: &[u8], count: u32, wrappers: bool) -> List<'_> {
    let mut at = 0;
    let mut left = count;
    let mut items = Vec::new();
    while left > 0 {
        let Some((format, body)) = frame(bytes, at) else {
            let cut = wrappers.then(|| cut(&bytes[at..])).flatten();
            items.push(cut.unwrap_or(Item::Broken(&bytes[at..])));
            at = bytes.len();
            break;
        };
        left -= 1;
        at = padded(body.end).min(bytes.len());
        items.push(Item::Frame {
            format,
            body: &bytes[body.clone()],
        });
        if wrappers && format == WRAPPER && body.len() >= WRAPPER_SIZE {
            let inside = body.start + WRAPPER_SIZE;
            let rest = &bytes[inside..body.end];
            if frame(rest, 0).is_some_and(|(_, body)| padded(body.end) >= rest.len()) {
                at = inside;
            }
            if at < bytes.len() {
                left += 1;
            }
        }
    }
    List {
        items,
        left_over: &bytes[at..],
        taken: at,
    }
}

/// A truncated sample with complete items. No sample is longer than a datagram.
fn cut(bytes: &[u8]) -> Option<Item<'_>> {
    let (format, length) = (word(bytes, 0)?, word(bytes, 4)?);
    if length > 65_507 {
        return None;
    }
    let bytes = &bytes[8..];
    let (count, size) = match body(format, bytes) {
        Body::Records { fixed, count } => {
            let list = records(&bytes[fixed..], count);
            let broken = match list.items.last() {
                Some(Item::Broken(rest)) => Some(rest.len()),
                _ => None,
            };
            let count = list.items.len() - usize::from(broken.is_some());
            (count, fixed + list.taken - broken.unwrap_or(0))
        }
        Body::Named(named) => {
            let broken = match named.values.last() {
                Some(NamedValue::Broken(rest)) => Some(rest.len()),
                _ => None,
            };
            let count = named.values.len() - usize::from(broken.is_some());
            (count, named.taken - broken.unwrap_or(0))
        }
        _ => return None,
    };
    let (body, behind) = bytes.split_at(size);
    (count > 0).then_some(Item::Cut {
        format,
        body,
        count: u32::try_from(count).ok()?,
        behind,
    })
}

/// The word at an offset.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Format and body range of the frame at an offset.
fn frame(bytes: &[u8], at: usize) -> Option<(u32, Range<usize>)> {
    let (format, length) = (word(bytes, at)?, word(bytes, at + 4)?);
    let body = at + 8..at + 8 + usize::try_from(length).ok()?;
    (body.end <= bytes.len()).then_some((format, body))
}

fn padded(end: usize) -> usize {
    end.next_multiple_of(4)
}

/// The length of the header and the number of samples of a datagram; `None` without a readable header.
pub(crate) fn header(bytes: &[u8]) -> Option<(usize, u32)> {
    let address = match (word(bytes, 0)?, word(bytes, 4)?) {
        (5, 0) => 0,
        (5, 1) => 4,
        (5, 2) => 16,
        _ => return None,
    };
    Some((24 + address, word(bytes, 20 + address)?))
}

/// The structure of the body of a sample.
pub(crate) enum Body<'a> {
    /// `fixed` bytes, the last four of which are the number of records, and the records.
    Records {
        fixed: usize,
        count: u32,
    },
    /// Values with names.
    Named(Named<'a>),
    /// The two words around another sample.
    Wrapper,
    /// Too short for its format.
    Malformed,
    Unknown,
}

/// The structure of the body of a sample of a format.
pub(crate) fn body(format: u32, bytes: &[u8]) -> Body<'_> {
    let fixed = match (format >> 12, format & 0xfff) {
        (0, 1 | 5) => 32,
        (0, 2) => 12,
        (0, 3) => 44,
        (0, 4) => 16,
        (1991, 1) if bytes.len() < WRAPPER_SIZE => return Body::Malformed,
        (1991, 1) => return Body::Wrapper,
        (4300, 1002) => return named(&named::METRICS, bytes).map_or(Body::Malformed, Body::Named),
        (4300, 1003) => return named(&named::FLOW, bytes).map_or(Body::Malformed, Body::Named),
        _ => return Body::Unknown,
    };
    match word(bytes, fixed - 4) {
        Some(count) => Body::Records { fixed, count },
        None => Body::Malformed,
    }
}
