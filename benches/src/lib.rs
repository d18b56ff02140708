//! What the benchmarks share: the inputs, and the floors that no decoder can get below.
//!
//! A floor does less than any decoder must, by the same framing: its time says how fast bytes
//! can be touched on this machine, in this run.

use std::path::PathBuf;

use sflow_collector::{Capture, CaptureError};

/// The datagrams of a capture below `testdata/captures`.
///
/// # Errors
///
/// If the capture cannot be read.
pub fn capture(name: &str) -> Result<Vec<Vec<u8>>, CaptureError> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures"));
    let mut capture = Capture::open(folder.join(name).with_extension("pcap"))?;
    let mut datagrams = Vec::new();
    while let Some(received) = capture.next()? {
        datagrams.push(received.bytes.to_vec());
    }
    Ok(datagrams)
}

/// Sums all bytes.
pub fn sum_bytes(datagram: &[u8]) -> u64 {
    datagram.iter().map(|byte| u64::from(*byte)).sum()
}

/// Walks the length headers of samples and records, each checked, and reads nothing else.
///
/// `None` if one does not fit; valid datagrams have none of these.
pub fn walk_lengths(datagram: &[u8]) -> Option<u64> {
    walk(datagram, |record| record.len() as u64)
}

/// Walks the same, and reads every 32-bit word of every record.
pub fn walk_words(datagram: &[u8]) -> Option<u64> {
    walk(datagram, |record| {
        let words = record
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_be_bytes(*word));
        u64::from(words.fold(0u32, u32::wrapping_add))
    })
}

#[inline(always)]
fn walk(datagram: &[u8], of_record: impl Fn(&[u8]) -> u64) -> Option<u64> {
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
        let mut rest = body.get(fixed..)?;
        for _ in 0..records {
            let (format, body, behind) = frame(rest)?;
            rest = behind;
            sum = sum
                .wrapping_add(u64::from(format))
                .wrapping_add(of_record(body));
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
