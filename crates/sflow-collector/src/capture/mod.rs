//! Datagrams from captures.

#[cfg(feature = "compressed")]
mod compressed;
mod directory;
mod error;
mod file;
mod guess;
mod input;
mod link;
mod packet;
mod pcap;
mod pcapng;
mod reassembly;
mod stats;
mod waiting;

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use self::directory::Directory;
pub use self::error::{CaptureError, Damage};
use self::file::{Captured, File};
use self::packet::{Found, Other, Search};
use self::reassembly::{Outcome, Reassembly};
pub use self::stats::{CaptureStats, PassedOver, Tally};
use self::waiting::Waiting;
use crate::{OtherProtocol, Received, SFLOW_PORT};

/// Which datagrams of a capture are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Those to this port.
    To(u16),
    /// All.
    Any,
}

impl Default for Port {
    fn default() -> Self {
        Self::To(SFLOW_PORT)
    }
}

/// A text that is neither a port nor `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("give a number from 0 to 65535, or `any`")]
pub struct InvalidPort;

/// A number, or `any`.
impl FromStr for Port {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        match text {
            "any" => Ok(Self::Any),
            _ => text.parse().map(Self::To).map_err(|_| InvalidPort),
        }
    }
}

/// The datagrams of a capture, in its order and with its times.
///
/// A file is read through a buffer that starts with 64 KiB and never has more than 1 MiB, whatever
/// its size and whatever lengths stand in it. Fragments of IP packets that wait for others take
/// 1 MiB at most, 256 KiB of one source. A decoder of compressed files takes what their format
/// needs, 128 MiB at most.
pub struct Capture {
    file: Option<File>,
    directory: Option<Directory>,
    file_size: Option<u64>,
    bytes_read: u64,
    sorter: Sorter,
    stop: Option<Arc<AtomicBool>>,
    on_progress: Option<Box<dyn FnMut(u64) + Send>>,
    /// The error of the first file of a directory, which the next call of `next` returns.
    first_error: Option<CaptureError>,
}

/// Sorts packets into datagrams and others.
struct Sorter {
    port: Port,
    passed_over: PassedOver,
    reassembly: Reassembly,
    /// The last one that was found.
    datagram: Vec<u8>,
    /// That of the last packet that had one.
    time: SystemTime,
}

/// Later times, in the year 2554, are not believed: there are that many nanoseconds in 64 bits.
const LATEST: Duration = Duration::from_nanos(u64::MAX);

/// Packets after which the progress is reported again, and the end may have been requested.
const OFTEN: u64 = 1 << 12;

impl Capture {
    /// Opens a file, pcap or pcapng, or all files of a directory.
    ///
    /// With the feature `compressed`, a file may be compressed with gzip, zstd, xz, bzip2 or LZ4,
    /// whatever its name is. The files of a directory are read in the order of their names, in
    /// which numbers go by their value; those that are not captures are passed over, and
    /// directories in it are not searched.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or is not a capture, or if a directory contains none. The error of
    /// a file of a directory is returned by [`next`](Self::next), even if it is the first file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Self::open_path(path.as_ref(), None)
    }

    /// Like [`open`](Self::open), but ends when the flag is set, within 0.1 s, also while it waits
    /// for a writer of a FIFO. Datagrams read until then are returned.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or is not a capture, or if a directory contains none.
    pub fn open_until(path: impl AsRef<Path>, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        Self::open_path(path.as_ref(), Some(stop))
    }

    fn open_path(path: &Path, stop: Option<Arc<AtomicBool>>) -> Result<Self, CaptureError> {
        let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let mut capture = Self::of(None, stop);
        if is_directory {
            let directory = Directory::list(path).map_err(|error| CaptureError::Open {
                path: path.to_owned(),
                error,
            })?;
            capture.file_size = Some(directory.size);
            capture.directory = Some(directory);
            match capture.open_next() {
                Ok(_) => {}
                Err(error @ CaptureError::NoCapture { .. }) => return Err(error),
                // The other files of the directory follow.
                Err(error) => capture.first_error = Some(error),
            }
        } else {
            (capture.file, capture.file_size) = open_file(path, capture.stop.as_ref())?;
        }
        capture.bytes_read = capture.file.as_ref().map_or(0, File::bytes_read);
        Ok(capture)
    }

    /// Reads standard input, and ends when the flag is set, as [`open_until`](Self::open_until).
    ///
    /// # Errors
    ///
    /// If it is not a capture.
    pub fn stdin_until(stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let waiting = Waiting::stdin(Arc::clone(&stop))
            .map_err(|error| CaptureError::Read { offset: 0, error })?;
        let file = unless_stopped(File::open(Box::new(waiting), Some(&stop)), Some(&stop))?;
        Ok(Self::of(file, Some(stop)))
    }

    /// Reads from anywhere, such as standard input. It is read in large pieces: a buffer of its
    /// own is not needed.
    ///
    /// # Errors
    ///
    /// If it is not a capture.
    pub fn read(reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let file = File::open(Box::new(reader), None)?;
        Ok(Self::of(Some(file), None))
    }

    fn of(file: Option<File>, stop: Option<Arc<AtomicBool>>) -> Self {
        Self {
            bytes_read: file.as_ref().map_or(0, File::bytes_read),
            file,
            directory: None,
            file_size: None,
            sorter: Sorter {
                port: Port::default(),
                passed_over: PassedOver::default(),
                reassembly: Reassembly::default(),
                datagram: Vec::new(),
                time: SystemTime::UNIX_EPOCH,
            },
            stop,
            on_progress: None,
            first_error: None,
        }
    }

    /// Calls a function with [`bytes_read`](Self::bytes_read) now and then, also while none of
    /// the packets is a datagram that was asked for.
    #[must_use]
    pub fn on_progress(mut self, report: impl FnMut(u64) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }

    /// Asks for other datagrams than those to port 6343.
    #[must_use]
    pub const fn with_port(mut self, port: Port) -> Self {
        self.sorter.port = port;
        self
    }

    /// The next datagram; `None` at the end.
    ///
    /// Not an [`Iterator`], since what it hands out is borrowed until the next call.
    ///
    /// # Errors
    ///
    /// If the file is broken or cut off here, once; after that it has ended, or the next file of
    /// the directory follows. If a file of a directory cannot be opened, once; then the next file
    /// follows. A broken packet is not an error: it is counted, and the next one follows.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator could not lend its items"
    )]
    pub fn next(&mut self) -> Result<Option<Received<'_>>, CaptureError> {
        let Some(source) = self.advance()? else {
            return Ok(None);
        };
        Ok(Some(Received {
            received_at: self.sorter.time,
            source,
            bytes: &self.sorter.datagram,
        }))
    }

    /// What has been read so far.
    pub const fn stats(&self) -> CaptureStats {
        self.sorter.passed_over.stats
    }

    /// What has been passed over so far, and why.
    pub fn passed_over(&self) -> PassedOver {
        PassedOver {
            incomplete: self.sorter.reassembly.incomplete(),
            overlapping: self.sorter.reassembly.rejected(),
            ..self.sorter.passed_over.clone()
        }
    }

    /// Bytes of the file, or of the files of a directory, that have been worked through. Of a
    /// compressed file, these are compressed bytes.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Whether all that was read is worked through: the next datagram may have to be waited for.
    pub fn is_drained(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.unread() == 0)
    }

    /// Bytes that the file, or all files of a directory, had when it was opened; `None` for what
    /// has no size, such as a pipe.
    pub const fn file_size(&self) -> Option<u64> {
        self.file_size
    }

    /// Goes to the next datagram and keeps a copy of it.
    fn advance(&mut self) -> Result<Option<SocketAddr>, CaptureError> {
        if let Some(error) = self.first_error.take() {
            return Err(error);
        }
        loop {
            while let Some(file) = &mut self.file {
                let captured = match file.next() {
                    Ok(Some(captured)) => captured,
                    Ok(None) => break,
                    Err(error) => {
                        self.end_file();
                        let is_reading = matches!(
                            error,
                            CaptureError::Read { .. } | CaptureError::Decompress { .. }
                        );
                        return match is_reading && self.is_stopped() {
                            true => Ok(None),
                            false => Err(self.in_directory(error)),
                        };
                    }
                };
                let source = self.sorter.classify(&captured);
                let bytes_before = self.directory.as_ref().map_or(0, |all| all.bytes_before);
                self.bytes_read = bytes_before + file.bytes_read();
                if self.stats().packets.is_multiple_of(OFTEN) {
                    if let Some(report) = &mut self.on_progress {
                        report(self.bytes_read);
                    }
                    // A compressed file may contain far more than can be read in a while.
                    if source.is_none() && self.is_stopped() {
                        self.file = None;
                        return Ok(None);
                    }
                }
                if source.is_some() {
                    return Ok(source);
                }
            }
            self.end_file();
            if self.is_stopped() || !self.open_next()? {
                return Ok(None);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        let stop = self.stop.as_ref();
        stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    fn end_file(&mut self) {
        if let Some(file) = self.file.take() {
            let bytes_before = self.directory.as_ref().map_or(0, |all| all.bytes_before);
            self.bytes_read = bytes_before + file.bytes_read();
        }
        if let Some(directory) = &mut self.directory {
            directory.bytes_before = self.bytes_read;
        }
    }

    /// Opens the next capture of the directory; `false` at the end.
    fn open_next(&mut self) -> Result<bool, CaptureError> {
        let Some(directory) = &mut self.directory else {
            return Ok(false);
        };
        while let Some(path) = directory.advance() {
            match open_file(path, self.stop.as_ref()) {
                Ok((file, _)) => {
                    directory.captures += 1;
                    self.file = file;
                    return Ok(true);
                }
                Err(CaptureError::NotACapture { .. }) => {
                    self.sorter.passed_over.add_file(directory.current_name());
                }
                Err(error) => {
                    directory.captures += 1;
                    return Err(self.in_directory(error));
                }
            }
        }
        if directory.captures > 0 {
            return Ok(false);
        }
        // Once.
        directory.captures = 1;
        Err(CaptureError::NoCapture {
            path: directory.path.clone(),
            files: self.sorter.passed_over.files,
            directories: directory.directories,
        })
    }

    /// Names the file of a directory in which an error occurred.
    fn in_directory(&self, error: CaptureError) -> CaptureError {
        match &self.directory {
            Some(directory) if !matches!(error, CaptureError::Open { .. }) => {
                CaptureError::InDirectory {
                    path: directory.current.clone(),
                    error: Box::new(error),
                }
            }
            _ => error,
        }
    }
}

/// Opens a file; no file if the end was requested meanwhile. Its size, if it has one.
fn open_file(
    path: &Path,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<(Option<File>, Option<u64>), CaptureError> {
    let failure = |error| CaptureError::Open {
        path: path.to_owned(),
        error,
    };
    let (reader, size): (Box<dyn Read + Send>, _) = match stop {
        Some(stop) => {
            let waiting = Waiting::open(path, Arc::clone(stop)).map_err(failure)?;
            let size = waiting.size().map_err(failure)?;
            (Box::new(waiting), size)
        }
        None => {
            let file = fs::File::open(path).map_err(failure)?;
            let metadata = file.metadata().map_err(failure)?;
            let size = metadata.is_file().then_some(metadata.len());
            (Box::new(file), size)
        }
    };
    Ok((unless_stopped(File::open(reader, stop), stop)?, size))
}

fn unless_stopped(
    file: Result<File, CaptureError>,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<Option<File>, CaptureError> {
    match file {
        Ok(file) => Ok(Some(file)),
        Err(_) if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Sorter {
    /// Counts a packet; the sender of its datagram if it is to be handed out.
    fn classify(&mut self, captured: &Captured<'_>) -> Option<SocketAddr> {
        self.passed_over.stats.packets += 1;
        let Captured::Packet { link, time, data } = *captured else {
            self.passed_over.stats.malformed += 1;
            return None;
        };
        let time = time.filter(|time| *time <= LATEST);
        let system_time = time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
        if let Some(system_time) = system_time {
            self.time = system_time;
        }
        let mut search = Search::new(self.port);
        let found = search.packet(link, data);
        let source = self.sort(&mut search, found);
        if system_time.is_none() {
            self.passed_over.stats.untimed += u64::from(source.is_some());
        }
        source
    }

    /// Counts what was found in a packet, and keeps a datagram. Each fragment is behind at least
    /// one of the headers that a search is limited to.
    fn sort(&mut self, search: &mut Search, found: Result<Found<'_>, Other>) -> Option<SocketAddr> {
        match found {
            Ok(Found::Udp(udp))
                if self.port == Port::Any || self.port == Port::To(udp.destination_port) =>
            {
                self.passed_over.stats.datagrams += 1;
                self.passed_over.stats.cut += u64::from(udp.is_cut);
                if let Some(protocol) = OtherProtocol::detect(udp.payload) {
                    self.passed_over.protocols.add(protocol, 1);
                }
                self.datagram.clear();
                self.datagram.extend_from_slice(udp.payload);
                return Some(udp.source);
            }
            Ok(Found::Udp(udp)) => {
                self.passed_over.stats.other_ports += 1;
                self.passed_over.ports.add(udp.destination_port, 1);
            }
            Ok(Found::Fragment(fragment)) => {
                let now = self.time.duration_since(SystemTime::UNIX_EPOCH);
                match self.reassembly.insert(&fragment, now.unwrap_or_default()) {
                    Outcome::Waiting | Outcome::Rejected => self.passed_over.stats.fragments += 1,
                    Outcome::Duplicate => {
                        self.passed_over.stats.fragments += 1;
                        self.passed_over.duplicates += 1;
                    }
                    Outcome::Complete(whole) => {
                        let before = whole.fragments.saturating_sub(1);
                        self.passed_over.stats.fragments =
                            self.passed_over.stats.fragments.saturating_sub(before);
                        self.passed_over.stats.reassembled += before;
                        let found = search.payload(whole.protocol, whole.source, &whole.payload);
                        return self.sort(search, found);
                    }
                }
            }
            Err(other) => self.passed_over.count(other),
        }
        None
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("port", &self.sorter.port)
            .field("bytes_read", &self.bytes_read)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
