//! The framing of a datagram, read once more in the plainest way: what the decoder is held
//! against.

use std::ops::Range;

/// What stands at one place of a list of frames.
pub(crate) enum Item<'a> {
    /// A whole frame.
    Frame { format: u32, body: &'a [u8] },
    /// The rest of the list, where no whole frame follows though one was announced.
    Broken(&'a [u8]),
}

/// A list of frames, taken apart.
pub(crate) struct List<'a> {
    pub(crate) items: Vec<Item<'a>>,
    /// Bytes behind the last frame that was announced.
    pub(crate) left_over: &'a [u8],
    /// Bytes that all items take, with their numbers, lengths and padding.
    pub(crate) taken: usize,
}

/// Takes apart `count` frames.
pub(crate) fn frames(bytes: &[u8], count: u32) -> List<'_> {
    let mut at = 0;
    let mut items = Vec::new();
    for _ in 0..count {
        let Some((format, body)) = frame(bytes, at) else {
            items.push(Item::Broken(&bytes[at..]));
            at = bytes.len();
            break;
        };
        at = body.end.next_multiple_of(4).min(bytes.len());
        items.push(Item::Frame {
            format,
            body: &bytes[body],
        });
    }
    List {
        items,
        left_over: &bytes[at..],
        taken: at,
    }
}

/// The word at a place.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Number and place of the body of the frame at a place.
fn frame(bytes: &[u8], at: usize) -> Option<(u32, Range<usize>)> {
    let (format, length) = (word(bytes, at)?, word(bytes, at + 4)?);
    let body = at + 8..at + 8 + usize::try_from(length).ok()?;
    (body.end <= bytes.len()).then_some((format, body))
}

/// Bytes before the samples, and their number, of a datagram with a readable header.
pub(crate) fn header(bytes: &[u8]) -> Option<(usize, u32)> {
    let address = match (word(bytes, 0)?, word(bytes, 4)?) {
        (5, 0) => 0,
        (5, 1) => 4,
        (5, 2) => 16,
        _ => return None,
    };
    Some((24 + address, word(bytes, 20 + address)?))
}

/// Bytes before the records, and their number, of a sample that has records.
pub(crate) fn sample(format: u32, body: &[u8]) -> Option<(usize, u32)> {
    let fixed = match format {
        1 => 32,
        2 => 12,
        3 => 44,
        4 => 16,
        _ => return None,
    };
    Some((fixed, word(body, fixed - 4)?))
}
