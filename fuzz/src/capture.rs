use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use sflow_collector::LONGEST_DATAGRAM;
use sflow_collector::capture::{Capture, CaptureError, CaptureStats, Port};

/// The documented maximum and initial size of the read buffer of a `Capture`.
const LARGEST_BUFFER: usize = 1 << 20;
const FIRST_BUFFER: usize = 64 << 10;

/// Reads `bytes` as a capture file and checks properties that must hold for any file.
///
/// * Reading does not panic and ends, with at most one error.
/// * Every packet is counted once by content, and the datagrams have no more bytes than the file.
/// * The buffer is bounded by the size of the file, not by lengths in it.
/// * Short reads give the same result.
/// * A truncated file yields the first datagrams of the complete one.
///
/// # Panics
///
/// If one of them does not hold.
pub fn check_capture(bytes: &[u8]) {
    let whole = Outcome::new(bytes, usize::MAX, Port::Any);
    whole.check(bytes);
    let pieces = Outcome::new(bytes, 7, Port::Any);
    assert_eq!(
        (&whole.datagrams, whole.stats, &whole.end),
        (&pieces.datagrams, pieces.stats, &pieces.end),
        "short reads give another result"
    );
    let sflow = Outcome::new(bytes, usize::MAX, Port::default());
    assert_eq!(
        (sflow.stats.packets, &sflow.end),
        (whole.stats.packets, &whole.end)
    );
    sflow.check(bytes);
    // Truncated in the middle and within the last packet.
    let length = bytes.len();
    for cut in [
        length / 2,
        length.saturating_sub(17),
        length.saturating_sub(1),
    ] {
        let part = Outcome::new(&bytes[..cut], usize::MAX, Port::Any);
        part.check(&bytes[..cut]);
        assert!(
            whole.datagrams.starts_with(&part.datagrams),
            "truncated at byte {cut}: other datagrams"
        );
    }
}

/// The result of reading a file.
struct Outcome {
    datagrams: Vec<Datagram>,
    stats: CaptureStats,
    end: Result<(), String>,
    bytes_read: u64,
    largest_buffer: usize,
}

type Datagram = (SystemTime, SocketAddr, Vec<u8>);

impl Outcome {
    fn new(bytes: &[u8], piece: usize, port: Port) -> Self {
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
            Err(error) => outcome.end = Err(error_text(&error, bytes)),
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
                "a datagram after the end"
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
        assert_eq!(packets, sum, "every packet is counted once");
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
            "more bytes than the file has"
        );
        // Datagrams over IPv6 can be 20 bytes longer.
        let longest = LONGEST_DATAGRAM + 20;
        assert!(
            self.datagrams
                .iter()
                .all(|(_, _, bytes)| bytes.len() <= longest)
        );
        assert!(
            self.bytes_read <= file.len() as u64,
            "bytes read after the end of the file"
        );
        let bound = (file.len() * 2).clamp(FIRST_BUFFER, LARGEST_BUFFER);
        assert!(
            self.largest_buffer <= bound,
            "a buffer of {} bytes for a file of {}",
            self.largest_buffer,
            file.len()
        );
    }
}

/// Checks the positions in an error, and returns its text.
fn error_text(error: &CaptureError, file: &[u8]) -> String {
    match error {
        CaptureError::NotACapture { start, .. } => assert!(file.starts_with(start)),
        CaptureError::CutOff { packet, offset } | CaptureError::Broken { packet, offset, .. } => {
            assert!(*packet == 0 && *offset <= file.len() as u64);
        }
        // The feature `compressed` is enabled when the whole workspace is built.
        CaptureError::Decompress { .. } => {}
        other => panic!("{other}"),
    }
    error.to_string()
}

/// A reader with short reads, which records the largest buffer it is given.
struct Pieces {
    file: Cursor<Vec<u8>>,
    piece: usize,
    largest_buffer: Arc<AtomicUsize>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest_buffer
            .fetch_max(buffer.len(), Ordering::Relaxed);
        let length = buffer.len().min(self.piece);
        self.file.read(&mut buffer[..length])
    }
}
