//! Floors: less work than any decoder has, over the same framing, to calibrate the machine.

/// Sums all bytes, eight at a time.
pub(crate) fn sum(datagram: &[u8]) -> u64 {
    let (words, rest) = datagram.as_chunks();
    let words = words.iter().map(|word| u64::from_ne_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    words.chain(rest).fold(0, u64::wrapping_add)
}

/// Walks the length headers of samples and records with bounds checks, and reads nothing else.
///
/// `None` if a length is invalid.
pub(crate) fn walk_lengths(datagram: &[u8]) -> Option<u64> {
    walk(datagram, |record| record.len() as u64)
}

/// [`walk_lengths`], and sums every 32-bit word of every sample and record; vectorised by the
/// compiler.
pub(crate) fn walk_words(datagram: &[u8]) -> Option<u64> {
    walk(datagram, |body| {
        let words = body
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_be_bytes(*word));
        u64::from(words.fold(0u32, u32::wrapping_add))
    })
}

/// [`walk_words`] with a bounds check for each word.
pub(crate) fn walk_words_checked(datagram: &[u8]) -> Option<u64> {
    walk(datagram, |mut body| {
        let mut sum = 0u32;
        while let Some((word, rest)) = body.split_first_chunk() {
            sum = sum.wrapping_add(u32::from_be_bytes(*word));
            body = rest;
        }
        u64::from(sum)
    })
}

#[inline(always)]
fn walk(datagram: &[u8], of: impl Fn(&[u8]) -> u64) -> Option<u64> {
    let header = match word(datagram, 4)? {
        1 => 28,
        2 => 40,
        _ => 24,
    };
    let samples = word(datagram, header - 4)?;
    let mut rest = datagram.get(header..)?;
    let mut sum = 0u64;
    for _ in 0..samples {
        let (format, body, behind) = frame(rest)?;
        rest = behind;
        let fixed = match format {
            1 => 32,
            2 => 12,
            3 => 44,
            4 => 16,
            _ => continue,
        };
        let records = word(body, fixed - 4)?;
        let (head, mut rest) = body.split_at_checked(fixed)?;
        sum = sum.wrapping_add(of(head));
        for _ in 0..records {
            let (format, body, behind) = frame(rest)?;
            rest = behind;
            sum = sum.wrapping_add(u64::from(format)).wrapping_add(of(body));
        }
    }
    Some(sum)
}

#[inline(always)]
fn frame(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (format, length) = (word(bytes, 0)?, word(bytes, 4)? as usize);
    let body = bytes.get(8..8 + length)?;
    Some((format, body, bytes.get(8 + length.next_multiple_of(4)..)?))
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}
