use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use sflow_collector::LONGEST_DATAGRAM;
use sflow_collector::capture::{Capture, CaptureError, CaptureStats, Port};

/// What a `Capture` may keep at once, as its documentation says.
const LARGEST_BUFFER: usize = 1 << 20;
const FIRST_BUFFER: usize = 64 << 10;

/// Reads `bytes` as a capture file and holds the result against what must be true of any file.
///
/// * No panic, and an end: once, by an error or without.
/// * Every packet is counted, as one of the kinds; those handed out as datagrams are no more
///   bytes than the file has.
/// * The buffer is bounded, and by what the file holds, not by what it says.
/// * The same comes out when the file arrives in small pieces.
/// * A file that is cut off yields what the whole one yields up to there.
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_capture(bytes: &[u8]) {
    let whole = Outcome::of(bytes, usize::MAX, Port::Any);
    whole.check(bytes);
    let pieces = Outcome::of(bytes, 7, Port::Any);
    assert_eq!(
        (&whole.datagrams, whole.stats, &whole.end),
        (&pieces.datagrams, pieces.stats, &pieces.end),
        "in pieces"
    );
    let sflow = Outcome::of(bytes, usize::MAX, Port::default());
    assert_eq!(
        (sflow.stats.packets, &sflow.end),
        (whole.stats.packets, &whole.end)
    );
    sflow.check(bytes);
    // Where it hurts: within the last packets, and in the middle.
    let length = bytes.len();
    for cut in [
        length / 2,
        length.saturating_sub(17),
        length.saturating_sub(1),
    ] {
        let part = Outcome::of(&bytes[..cut], usize::MAX, Port::Any);
        part.check(&bytes[..cut]);
        assert!(
            whole.datagrams.starts_with(&part.datagrams),
            "cut off at {cut}, more or something else comes out"
        );
    }
}

/// All that came out of a file.
struct Outcome {
    datagrams: Vec<Datagram>,
    stats: CaptureStats,
    end: Result<(), String>,
    bytes_read: u64,
    largest_buffer: usize,
}

type Datagram = (SystemTime, SocketAddr, Vec<u8>);

impl Outcome {
    fn of(bytes: &[u8], piece: usize, port: Port) -> Self {
        let largest_buffer = Arc::default();
        let reader = Pieces {
            file: Cursor::new(bytes.to_vec()),
            piece,
            largest_buffer: Arc::clone(&largest_buffer),
        };
        let mut outcome = Self {
            datagrams: Vec::new(),
            stats: CaptureStats::default(),
            end: Ok(()),
            bytes_read: 0,
            largest_buffer: 0,
        };
        match Capture::from_reader(reader) {
            Ok(capture) => outcome.read(capture.with_port(port)),
            Err(error) => outcome.end = Err(explained(&error, bytes)),
        }
        outcome.largest_buffer = largest_buffer.load(Ordering::Relaxed);
        outcome
    }

    fn read(&mut self, mut capture: Capture) {
        loop {
            match capture.next_datagram() {
                Ok(Some(received)) => self.datagrams.push((
                    received.received_at,
                    received.source,
                    received.bytes.to_vec(),
                )),
                Ok(None) => break,
                Err(error) => {
                    self.end = Err(error.to_string());
                    break;
                }
            }
        }
        for _ in 0..2 {
            assert!(
                matches!(capture.next_datagram(), Ok(None)),
                "an end, for good"
            );
        }
        self.stats = capture.stats();
        self.bytes_read = capture.bytes_read();
    }

    fn check(&self, file: &[u8]) {
        let CaptureStats {
            packets,
            datagrams,
            cut,
            untimed,
            other_ports,
            fragments,
            not_udp,
            malformed,
            unknown_link,
            reassembled,
            too_deep,
            ..
        } = self.stats;
        let kinds = [
            datagrams,
            other_ports,
            fragments,
            not_udp,
            malformed,
            unknown_link,
            reassembled,
            too_deep,
        ];
        let sum = kinds.iter().sum::<u64>();
        assert_eq!(packets, sum, "every packet is one of a kind");
        assert!(cut <= datagrams && untimed <= datagrams);
        assert_eq!(
            usize::try_from(datagrams).ok(),
            Some(self.datagrams.len()),
            "every datagram is counted"
        );
        let yielded = self.datagrams.iter().map(|(_, _, bytes)| bytes.len());
        let is_compressed = [&[0x1f, 0x8b][..], b"BZh", b"\xfd7zX", b"\x28\xb5\x2f\xfd"]
            .iter()
            .any(|start| file.starts_with(start))
            || file.get(1..4) == Some(&[0x22, 0x4d, 0x18])
            || file.get(1..4) == Some(&[0x2a, 0x4d, 0x18]);
        assert!(
            is_compressed || yielded.sum::<usize>() <= file.len(),
            "more than there is"
        );
        // What IPv6 can have beyond IPv4.
        let longest = LONGEST_DATAGRAM + 20;
        assert!(
            self.datagrams
                .iter()
                .all(|(_, _, bytes)| bytes.len() <= longest)
        );
        assert!(self.bytes_read <= file.len() as u64, "read beyond the end");
        let bound = (file.len() * 2).clamp(FIRST_BUFFER, LARGEST_BUFFER);
        assert!(
            self.largest_buffer <= bound,
            "room for {} bytes, for a file of {}",
            self.largest_buffer,
            file.len()
        );
    }
}

/// The words of an error that says that a file is no capture.
fn explained(error: &CaptureError, file: &[u8]) -> String {
    match error {
        CaptureError::NotACapture { start, .. } => assert!(file.starts_with(start)),
        CaptureError::CutOff { packet, offset } | CaptureError::Broken { packet, offset, .. } => {
            assert!(*packet == 0 && *offset <= file.len() as u64);
        }
        // Where the workspace is built with all programs, compressed files are read, too.
        CaptureError::Decompress { .. } => {}
        other => panic!("{other}"),
    }
    error.to_string()
}

/// A file that arrives in pieces, and takes note of the room there is for them.
struct Pieces {
    file: Cursor<Vec<u8>>,
    piece: usize,
    largest_buffer: Arc<AtomicUsize>,
}

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.largest_buffer.fetch_max(room.len(), Ordering::Relaxed);
        let length = room.len().min(self.piece);
        self.file.read(&mut room[..length])
    }
}
