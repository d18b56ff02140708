use crate::error::{DecodeError, ErrorKind};

use super::{Size, Wire as _};

/// Takes `N` bytes behind one check: every value of constant size is read by this function.
///
/// It is called directly. A function passed as a parser is called through a shim, which is
/// compiled once per crate and not inlined unless there is link-time optimisation.
#[inline(always)]
pub(crate) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    match input.split_first_chunk() {
        Some((bytes, rest)) => {
            *input = rest;
            Ok(*bytes)
        }
        None => Err(DecodeError::truncated(input, N)),
    }
}

/// Takes XDR's `opaque<>`: a length, as many bytes, and padding, which the last value of a record
/// may lack.
#[inline(always)]
pub(crate) fn take_opaque<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let start = *input;
    let length = u32::decode(input)?;
    match body(input, length) {
        Some((bytes, rest)) => {
            *input = rest;
            Ok(bytes)
        }
        None => {
            let available = input.len();
            let kind = ErrorKind::Length { length, available };
            Err(DecodeError::at(start, kind))
        }
    }
}

/// Splits the bytes that a length announces from what follows them and their padding.
#[inline(always)]
pub(crate) fn body(behind: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    let (bytes, rest) = behind.split_at_checked(to_usize(length))?;
    if length.is_multiple_of(4) {
        return Some((bytes, rest));
    }
    let padding = to_usize(length.wrapping_neg() & 3).min(rest.len());
    Some((bytes, rest.get(padding..).unwrap_or(&[])))
}

/// Takes the number of elements of an array; an error if so many cannot fit into what follows.
#[inline]
pub(crate) fn take_count(input: &mut &[u8], element: Size) -> Result<u32, DecodeError> {
    let start = *input;
    let count = u32::decode(input)?;
    // Nothing on the wire is shorter than a word, so every element is progress.
    let least = to_usize(count).checked_mul(element.minimum().max(4));
    if least.is_some_and(|bytes| bytes <= input.len()) {
        Ok(count)
    } else {
        let available = input.len();
        let kind = ErrorKind::Count { count, available };
        Err(DecodeError::at(start, kind))
    }
}

/// Converts a length from the wire. It saturates on 16-bit machines, where no slice is that long.
#[inline(always)]
pub(crate) fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
