use std::fmt;
use std::fs;
use std::io::{BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use crate::file::{CaptureError, File};
use crate::packet::{Other, udp};
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
/// Reads through a buffer of constant size, whatever the size of the file.
pub struct Capture {
    file: Option<File>,
    port: Port,
    stats: CaptureStats,
    datagram: Vec<u8>,
}

impl Capture {
    /// Opens a file, pcap or pcapng.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is no capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let file = fs::File::open(path)
            .map_err(|error| CaptureError::Open { path: path.to_owned(), error })?;
        Self::read(BufReader::new(file))
    }

    /// Reads from anywhere, such as standard input.
    ///
    /// # Errors
    ///
    /// If it is no capture.
    pub fn read(reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let file = File::open(Box::new(reader))?;
        Ok(Self {
            file: Some(file),
            port: Port::default(),
            stats: CaptureStats::default(),
            datagram: Vec::new(),
        })
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
    /// If the file is broken or cut off here, once; after that it has ended.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not lend its items")]
    pub fn next(&mut self) -> Result<Option<Received<'_>>, CaptureError> {
        let Some((received_at, source)) = self.advance()? else { return Ok(None) };
        Ok(Some(Received { received_at, source, bytes: &self.datagram }))
    }

    /// Goes to the next datagram and keeps a copy of it.
    fn advance(&mut self) -> Result<Option<(SystemTime, SocketAddr)>, CaptureError> {
        while let Some(file) = &mut self.file {
            let (link, time, data) = match file.next(self.stats.packets + 1) {
                Ok(Some(captured)) => captured,
                Ok(None) => break,
                Err(error) => {
                    self.file = None;
                    return Err(error);
                }
            };
            self.stats.packets += 1;
            match udp(link, data) {
                Ok(udp) if self.port == Port::Any || self.port == Port::To(udp.destination_port) => {
                    self.stats.datagrams += 1;
                    self.stats.cut += u64::from(udp.is_cut);
                    self.datagram.clear();
                    self.datagram.extend_from_slice(udp.payload);
                    let received_at = SystemTime::UNIX_EPOCH + time;
                    return Ok(Some((received_at, udp.source)));
                }
                Ok(_) => self.stats.other_ports += 1,
                Err(Other::Fragment) => self.stats.fragments += 1,
                Err(Other::NotUdp) => self.stats.not_udp += 1,
                Err(Other::LinkType) => self.stats.unknown_link += 1,
            }
        }
        self.file = None;
        Ok(None)
    }

    /// What has been read so far.
    pub const fn stats(&self) -> CaptureStats {
        self.stats
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("port", &self.port).field("stats", &self.stats).finish()
    }
}

/// What a capture held, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Packets of any kind.
    pub packets: u64,
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Of these, those that the capture has not kept whole.
    pub cut: u64,
    /// Datagrams to other ports.
    pub other_ports: u64,
    /// Parts of IP packets.
    pub fragments: u64,
    /// Packets that are no UDP over IP.
    pub not_udp: u64,
    /// Packets of a link layer that is not known here.
    pub unknown_link: u64,
}
