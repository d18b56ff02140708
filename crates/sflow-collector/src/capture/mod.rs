//! Datagrams from capture files.
//!
//! [`Capture`] reads pcap and pcapng, finds the UDP datagrams of sFlow also in tunnels and IP
//! fragments, and counts the other packets by cause ([`PassedOver`]).

#[cfg(feature = "compressed")]
mod compressed;
mod directory;
mod error;
mod file;
mod input;
mod link_name;
mod packet;
mod pcap;
mod pcapng;
mod port;
mod reassembly;
mod record;
mod sorter;
mod stats;
mod waiting;

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::directory::Directory;
pub use self::error::{CaptureError, Damage};
use self::file::File;
pub use self::port::{InvalidPort, Port};
use self::sorter::Sorter;
pub use self::stats::{CaptureStats, PassedOver};
use self::waiting::Waiting;
use crate::Received;

/// The datagrams of a capture, in the order and with the times of the capture.
///
/// The read buffer takes 64 KiB to 1 MiB, independent of the size of the file and the lengths in
/// it. Incomplete IP packets take up to 1 MiB, up to 256 KiB per source. A decoder of compressed
/// files takes the memory that the format needs, up to 128 MiB.
///
/// ```no_run
/// use sflow_collector::capture::Capture;
///
/// let mut capture = Capture::open("swarm.pcap")?;
/// while let Some(received) = capture.next_datagram()? {
///     println!("{} bytes from {}", received.bytes.len(), received.source);
/// }
/// println!("{}", capture.passed_over());
/// # Ok::<(), sflow_collector::capture::CaptureError>(())
/// ```
pub struct Capture {
    file: Option<File>,
    directory: Option<Directory>,
    file_size: Option<u64>,
    bytes_read: u64,
    sorter: Sorter,
    stop: Option<Arc<AtomicBool>>,
    on_progress: Option<Box<dyn FnMut(u64) + Send>>,
    /// The error of the first file of a directory, returned by the next call of `next_datagram`.
    first_error: Option<CaptureError>,
}

/// The number of packets between two reports of progress and checks of the stop flag.
const CHECK_INTERVAL: u64 = 1 << 12;

impl Capture {
    /// Opens a pcap or pcapng file, or a directory of such files.
    ///
    /// With the feature `compressed`, a file may be compressed with gzip, zstd, xz, bzip2 or LZ4;
    /// the format is detected by the content. The files of a directory are read one after the
    /// other in the order of their names, with numbers by value: `x.pcap2` before `x.pcap10`.
    /// They are not merged by time. Files that are not captures are skipped, and subdirectories
    /// are not searched.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is not a capture, or if a directory contains no capture.
    /// The error of a file of a directory is returned by [`next_datagram`](Self::next_datagram).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Self::open_path(path.as_ref(), None)
    }

    /// Opens a file or directory as [`open`](Self::open), and ends within 0.1 s after the flag is
    /// set, also while it waits for the writer of a FIFO. Datagrams read before are returned.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_until(path: impl AsRef<Path>, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        Self::open_path(path.as_ref(), Some(stop))
    }

    fn open_path(path: &Path, stop: Option<Arc<AtomicBool>>) -> Result<Self, CaptureError> {
        let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let mut capture = Self::new(None, stop);
        if is_directory {
            let directory = Directory::list(path).map_err(|source| CaptureError::Open {
                path: path.to_owned(),
                source,
            })?;
            capture.file_size = Some(directory.size);
            capture.directory = Some(directory);
            match capture.open_next() {
                Ok(_) => {}
                Err(error @ CaptureError::NoCapture { .. }) => return Err(error),
                // Reading continues with the next file.
                Err(error) => capture.first_error = Some(error),
            }
        } else {
            (capture.file, capture.file_size) = open_file(path, capture.stop.as_ref())?;
        }
        capture.bytes_read = capture.file.as_ref().map_or(0, File::bytes_read);
        Ok(capture)
    }

    /// Reads standard input, and ends within 0.1 s after the flag is set.
    ///
    /// # Errors
    ///
    /// If standard input is not a capture.
    pub fn stdin_until(stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let waiting = Waiting::stdin(Arc::clone(&stop))
            .map_err(|source| CaptureError::Read { offset: 0, source })?;
        let file = unless_stopped(File::open(Box::new(waiting), Some(&stop)), Some(&stop))?;
        Ok(Self::new(file, Some(stop)))
    }

    /// Reads a capture from a reader, which needs no buffer.
    ///
    /// # Errors
    ///
    /// If the content is not a capture.
    ///
    /// ```
    /// use sflow_collector::capture::Capture;
    ///
    /// // A pcap header without packets.
    /// let mut file = [0; 24];
    /// file[..4].copy_from_slice(&[0xd4, 0xc3, 0xb2, 0xa1]);
    /// let mut capture = Capture::from_reader(std::io::Cursor::new(file))?;
    /// assert!(capture.next_datagram()?.is_none());
    /// # Ok::<(), sflow_collector::capture::CaptureError>(())
    /// ```
    pub fn from_reader(reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let file = File::open(Box::new(reader), None)?;
        Ok(Self::new(Some(file), None))
    }

    fn new(file: Option<File>, stop: Option<Arc<AtomicBool>>) -> Self {
        Self {
            bytes_read: file.as_ref().map_or(0, File::bytes_read),
            file,
            directory: None,
            file_size: None,
            sorter: Sorter::default(),
            stop,
            on_progress: None,
            first_error: None,
        }
    }

    /// Calls a function with [`bytes_read`](Self::bytes_read) after every 4,096 packets, whether
    /// or not they contain datagrams.
    #[must_use]
    pub fn on_progress(mut self, report: impl FnMut(u64) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(report));
        self
    }

    /// Selects the destination port of the datagrams to return.
    #[must_use]
    pub const fn with_port(mut self, port: Port) -> Self {
        self.sorter.port = port;
        self
    }

    /// Reads the next datagram; `None` at the end. It is borrowed until the next call.
    ///
    /// # Errors
    ///
    /// If the file is damaged or cut off, or a file of a directory cannot be opened. Each error is
    /// returned once; the next call continues with the next file of a directory, or returns
    /// `None`. A malformed packet is not an error; it is counted.
    pub fn next_datagram(&mut self) -> Result<Option<Received<'_>>, CaptureError> {
        let Some(source) = self.advance()? else {
            return Ok(None);
        };
        Ok(Some(Received {
            received_at: self.sorter.time,
            source,
            bytes: &self.sorter.datagram,
        }))
    }

    /// Counts of the packets read so far.
    pub const fn stats(&self) -> CaptureStats {
        self.sorter.passed_over.stats
    }

    /// The packets that contained no datagram for the caller, by cause.
    pub fn passed_over(&self) -> PassedOver {
        self.sorter.passed_over()
    }

    /// The number of bytes of the file, or of the files of a directory, that were processed. For
    /// compressed files, these are compressed bytes.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Whether the read buffer is empty, so that the next call may block.
    pub fn is_drained(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.unread() == 0)
    }

    /// The size of the file, or of all files of a directory, when it was opened, in bytes; `None`
    /// for a pipe, a device or a reader.
    pub const fn file_size(&self) -> Option<u64> {
        self.file_size
    }

    /// Copies the next datagram into the sorter and returns its sender.
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
                if self.stats().packets.is_multiple_of(CHECK_INTERVAL) {
                    if let Some(report) = &mut self.on_progress {
                        report(self.bytes_read);
                    }
                    // A compressed file may take long to read.
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
        // The error is returned only once.
        directory.captures = 1;
        Err(CaptureError::NoCapture {
            path: directory.path.clone(),
            files: self.sorter.passed_over.files,
            directories: directory.directories,
        })
    }

    /// Adds the path of the current file of a directory to an error.
    fn in_directory(&self, error: CaptureError) -> CaptureError {
        match &self.directory {
            Some(directory) if !matches!(error, CaptureError::Open { .. }) => {
                CaptureError::InDirectory {
                    path: directory.current.clone(),
                    source: Box::new(error),
                }
            }
            _ => error,
        }
    }
}

/// Opens a file and returns its size, if it has one. Returns no file if the flag is set meanwhile.
fn open_file(
    path: &Path,
    stop: Option<&Arc<AtomicBool>>,
) -> Result<(Option<File>, Option<u64>), CaptureError> {
    let failure = |source| CaptureError::Open {
        path: path.to_owned(),
        source,
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

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("port", &self.sorter.port)
            .field("bytes_read", &self.bytes_read)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
