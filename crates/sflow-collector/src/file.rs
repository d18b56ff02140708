//! Captured packets from a file, pcap or pcapng.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};
use thiserror::Error;

/// Why a capture file cannot be read, or not further.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {error}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is none that is known here.
    #[error("not a capture file: it starts with {start:02x?}; expected pcap or pcapng")]
    NotACapture {
        /// Its first bytes.
        start: Vec<u8>,
    },
    /// It ends inside a packet: what came before has been delivered.
    #[error("the capture ends inside packet {packet}: it was cut off")]
    CutOff {
        /// Number of the packet, from 1.
        packet: u64,
    },
    /// It is broken: what came before has been delivered, what follows cannot be found.
    #[error("the capture is broken at packet {packet}: {what}")]
    Broken {
        /// Number of the packet, from 1.
        packet: u64,
        /// What is wrong.
        what: String,
    },
    /// Reading failed.
    #[error("cannot read the capture: {0}")]
    Read(#[source] io::Error),
}

/// One packet: link type, time since 1970, and what was kept of it.
pub(crate) type Captured<'a> = (DataLink, Duration, &'a [u8]);

pub(crate) enum File {
    Pcap(PcapReader<Box<dyn Read + Send>>),
    PcapNg(PcapNgReader<Box<dyn Read + Send>>, Packet),
}

/// The packet handed out last, since a block of pcapng does not outlive the reading of it.
#[derive(Default)]
pub(crate) struct Packet(Vec<u8>);

impl File {
    pub(crate) fn open(mut reader: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        let mut start = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut start).map_err(CaptureError::Read)?;
        let whole: Box<dyn Read + Send> =
            Box::new(io::Cursor::new(start.clone()).chain(reader));
        let not_a_capture = |error: PcapError| match error {
            PcapError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                CaptureError::Read(error)
            }
            _ => CaptureError::NotACapture { start: start.clone() },
        };
        if start == [0x0a, 0x0d, 0x0d, 0x0a] {
            let reader = PcapNgReader::new(whole).map_err(not_a_capture)?;
            Ok(Self::PcapNg(reader, Packet::default()))
        } else {
            PcapReader::new(whole).map(Self::Pcap).map_err(not_a_capture)
        }
    }

    /// The next packet; `number` is its number for an error.
    pub(crate) fn next(&mut self, number: u64) -> Result<Option<Captured<'_>>, CaptureError> {
        match self {
            Self::Pcap(reader) => {
                let link = reader.header().datalink;
                let resolution = reader.header().ts_resolution;
                let Some(packet) = reader.next_raw_packet() else { return Ok(None) };
                let packet = packet.map_err(|error| failure(error, number))?;
                let fraction = match resolution {
                    TsResolution::NanoSecond => Duration::from_nanos(u64::from(packet.ts_frac)),
                    TsResolution::MicroSecond => Duration::from_micros(u64::from(packet.ts_frac)),
                };
                let time = Duration::from_secs(u64::from(packet.ts_sec)) + fraction;
                match packet.data {
                    Cow::Borrowed(data) => Ok(Some((link, time, data))),
                    Cow::Owned(_) => Ok(None),
                }
            }
            Self::PcapNg(reader, kept) => loop {
                let Some(block) = reader.next_block() else { return Ok(None) };
                match block.map_err(|error| failure(error, number))? {
                    Block::EnhancedPacket(packet) => {
                        kept.0.clear();
                        kept.0.extend_from_slice(&packet.data);
                        let (interface, units) = (packet.interface_id, packet.timestamp.as_nanos());
                        let interface = usize::try_from(interface).unwrap_or(usize::MAX);
                        let Some(interface) = reader.interfaces().get(interface) else {
                            let what = "it names an interface that was not described".to_owned();
                            return Err(CaptureError::Broken { packet: number, what });
                        };
                        let resolution = interface.options.iter().find_map(|option| match option {
                            InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
                            _ => None,
                        });
                        let time = since_1970(units, resolution.unwrap_or(6));
                        return Ok(Some((interface.linktype, time, &kept.0)));
                    }
                    Block::SimplePacket(packet) => {
                        kept.0.clear();
                        kept.0.extend_from_slice(&packet.data);
                        let Some(interface) = reader.interfaces().first() else { continue };
                        return Ok(Some((interface.linktype, Duration::ZERO, &kept.0)));
                    }
                    _ => {}
                }
            },
        }
    }
}

/// A time of pcapng: units of 10^-n seconds, or of 2^-n where the highest bit is set. (The
/// capture crate hands the bare number of units out as nanoseconds.)
fn since_1970(units: u128, resolution: u8) -> Duration {
    let exponent = u32::from(resolution & 0x7f);
    let per_second =
        if resolution & 0x80 == 0 { 10u128.checked_pow(exponent) } else { 2u128.checked_pow(exponent) };
    let nanos = per_second.map_or(0, |per_second| units * 1_000_000_000 / per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cold]
fn failure(error: PcapError, packet: u64) -> CaptureError {
    match error {
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            CaptureError::CutOff { packet }
        }
        PcapError::IoError(error) => CaptureError::Read(error),
        other => CaptureError::Broken { packet, what: other.to_string() },
    }
}
