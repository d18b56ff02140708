//! Datagrams from a capture file.

mod error;
mod file;
mod input;
mod packet;
mod pcap;
mod pcapng;
mod waiting;

use std::fmt;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

pub use self::error::{CaptureError, Damage};
use self::file::{Captured, File};
use self::packet::{Other, udp};
use self::waiting::Waiting;
use crate::{Received, SFLOW_PORT};

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

/// The datagrams of a capture file, in its order and with its times.
///
/// Reads through a buffer that starts with 64 KiB and never has more than 1 MiB, whatever the
/// size of the file and whatever lengths stand in it.
pub struct Capture {
    file: Option<File>,
    file_size: Option<u64>,
    bytes_read: u64,
    port: Port,
    stats: CaptureStats,
    datagram: Vec<u8>,
    /// That of the last packet that had one.
    time: SystemTime,
    stop: Option<Arc<AtomicBool>>,
}

/// Later times, in the year 2554, are not believed: there are that many nanoseconds in 64 bits.
const LATEST: Duration = Duration::from_nanos(u64::MAX);

impl Capture {
    /// Opens a file, pcap or pcapng.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is no capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let failure = |error| CaptureError::Open {
            path: path.to_owned(),
            error,
        };
        let file = fs::File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        let mut capture = Self::read(file)?;
        capture.file_size = metadata.is_file().then_some(metadata.len());
        Ok(capture)
    }

    /// Like [`open`](Self::open), but ends when the flag is set, within 0.1 s, also while it waits
    /// for a writer of a FIFO. Datagrams read until then are returned.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is not a capture.
    pub fn open_until(path: impl AsRef<Path>, stop: Arc<AtomicBool>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let failure = |error| CaptureError::Open {
            path: path.to_owned(),
            error,
        };
        let waiting = Waiting::open(path, Arc::clone(&stop)).map_err(failure)?;
        let file_size = waiting.size().map_err(failure)?;
        let mut capture = Self::read_until(waiting, stop)?;
        capture.file_size = file_size;
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
        Self::read_until(waiting, stop)
    }

    fn read_until(
        reader: impl Read + Send + 'static,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, CaptureError> {
        let file = match File::open(Box::new(reader)) {
            Ok(file) => Some(file),
            Err(_) if stop.load(Ordering::Relaxed) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            stop: Some(stop),
            ..Self::of(file)
        })
    }

    /// Reads from anywhere, such as standard input. It is read in large pieces: a buffer of its
    /// own is not needed.
    ///
    /// # Errors
    ///
    /// If it is no capture.
    pub fn read(reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let file = File::open(Box::new(reader))?;
        Ok(Self::of(Some(file)))
    }

    fn of(file: Option<File>) -> Self {
        Self {
            bytes_read: file.as_ref().map_or(0, File::position),
            file,
            file_size: None,
            port: Port::default(),
            stats: CaptureStats::default(),
            datagram: Vec::new(),
            time: SystemTime::UNIX_EPOCH,
            stop: None,
        }
    }

    /// Asks for other datagrams than those to port 6343.
    #[must_use]
    pub const fn with_port(mut self, port: Port) -> Self {
        self.port = port;
        self
    }

    /// The next datagram; `None` at the end.
    ///
    /// Not an [`Iterator`], since what it hands out is borrowed until the next call.
    ///
    /// # Errors
    ///
    /// If the file is broken or cut off here, once; after that it has ended. A single packet
    /// that is broken is none: it is counted, and the next one follows.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator could not lend its items"
    )]
    pub fn next(&mut self) -> Result<Option<Received<'_>>, CaptureError> {
        let Some(source) = self.advance()? else {
            return Ok(None);
        };
        Ok(Some(Received {
            received_at: self.time,
            source,
            bytes: &self.datagram,
        }))
    }

    /// What has been read so far.
    pub const fn stats(&self) -> CaptureStats {
        self.stats
    }

    /// Bytes of the file that have been worked through.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Whether all that was read is worked through: the next datagram may have to be waited for.
    pub fn is_drained(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.unread() == 0)
    }

    /// Bytes that the file had when it was opened; `None` for what has no size, such as a pipe.
    pub const fn file_size(&self) -> Option<u64> {
        self.file_size
    }

    /// Goes to the next datagram and keeps a copy of it.
    fn advance(&mut self) -> Result<Option<SocketAddr>, CaptureError> {
        while let Some(file) = &mut self.file {
            let next = file.next();
            let captured = match next {
                Ok(Some(captured)) => captured,
                Ok(None) => break,
                Err(error) => {
                    self.bytes_read = file.position();
                    self.file = None;
                    let is_stopped = |stop: &Arc<AtomicBool>| stop.load(Ordering::Relaxed);
                    if matches!(error, CaptureError::Read { .. })
                        && self.stop.as_ref().is_some_and(is_stopped)
                    {
                        return Ok(None);
                    }
                    return Err(error);
                }
            };
            self.stats.packets += 1;
            let Captured::Packet { link, time, data } = captured else {
                self.stats.malformed += 1;
                continue;
            };
            let source = match udp(link, data) {
                Ok(udp)
                    if self.port == Port::Any || self.port == Port::To(udp.destination_port) =>
                {
                    self.stats.datagrams += 1;
                    self.stats.cut += u64::from(udp.is_cut);
                    self.datagram.clear();
                    self.datagram.extend_from_slice(udp.payload);
                    Some(udp.source)
                }
                Ok(_) => {
                    self.stats.other_ports += 1;
                    None
                }
                Err(other) => {
                    *self.stats.of(other) += 1;
                    None
                }
            };
            let time = time.filter(|time| *time <= LATEST);
            match time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time)) {
                Some(time) => self.time = time,
                None => self.stats.untimed += u64::from(source.is_some()),
            }
            self.bytes_read = file.position();
            if source.is_some() {
                return Ok(source);
            }
        }
        if let Some(file) = self.file.take() {
            self.bytes_read = file.position();
        }
        Ok(None)
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("port", &self.port)
            .field("bytes_read", &self.bytes_read)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// What a capture held, by kind: every packet is counted in [`packets`](Self::packets) and in
/// one of `datagrams`, `other_ports`, `fragments`, `not_udp`, `malformed` and `unknown_link`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Packets of any kind.
    pub packets: u64,
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Of these, those that the capture has not kept whole (a short snap length): the part
    /// that it kept is handed out.
    pub cut: u64,
    /// Of these, those that the capture has no time for, or one after the year 2554: they get
    /// that of the packet before.
    pub untimed: u64,
    /// Datagrams to other ports.
    pub other_ports: u64,
    /// Parts of IP packets, which are not put together.
    pub fragments: u64,
    /// Packets that are no UDP over IP.
    pub not_udp: u64,
    /// Packets whose headers contradict themselves or are cut off, and those that the file
    /// itself describes wrongly.
    pub malformed: u64,
    /// Packets of a link layer that is not known here.
    pub unknown_link: u64,
}

impl CaptureStats {
    fn of(&mut self, other: Other) -> &mut u64 {
        match other {
            Other::Fragment => &mut self.fragments,
            Other::LinkType => &mut self.unknown_link,
            Other::Malformed => &mut self.malformed,
            Other::NotUdp => &mut self.not_udp,
        }
    }
}
