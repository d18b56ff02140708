use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[cfg(feature = "compressed")]
use super::compressed::decompress;
use super::error::{CaptureError, Damage};
use super::input::Input;
use super::pcap::Pcap;
use super::pcapng::PcapNg;

/// The longest packet that is believed: what the programs that write captures keep to.
pub(super) const LONGEST_PACKET: u32 = 262_144;

/// A capture file as a row of packets.
pub(super) struct File {
    input: Input,
    format: Format,
    /// Of those handed out.
    packets: u64,
    /// Bytes of the last one, which is dropped when the next is asked for.
    held: u64,
    compressed: Option<Compressed>,
}

/// How the file was compressed, and how many of its bytes have been read.
pub(super) struct Compressed {
    pub(super) format: &'static str,
    pub(super) bytes_read: Arc<AtomicU64>,
}

enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// One packet of a file.
pub(super) enum Captured<'a> {
    Packet {
        link: u32,
        /// Since 1970.
        time: Option<Duration>,
        data: &'a [u8],
    },
    /// It lies about itself, but where the next one starts is known.
    Malformed,
}

/// A record that is at hand as a whole, from the start of the input on.
pub(super) struct Found {
    /// Bytes of the record.
    pub(super) length: usize,
    /// `None` if it lies about itself.
    pub(super) packet: Option<Packet>,
}

/// A packet in a record.
pub(super) struct Packet {
    pub(super) link: u32,
    pub(super) time: Option<Duration>,
    /// Where in the record its bytes are.
    pub(super) data: Range<usize>,
}

/// Why there is no next packet.
#[derive(Debug)]
pub(super) enum Stop {
    CutOff,
    Broken(Damage),
    Read(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Broken(damage)
    }
}

impl File {
    /// Opens a file, compressed or not. Decompressing ends when the flag is set.
    pub(super) fn open(
        mut reader: Box<dyn Read + Send>,
        stop: Option<&Arc<AtomicBool>>,
    ) -> Result<Self, CaptureError> {
        let start =
            read_start(&mut *reader).map_err(|error| CaptureError::Read { offset: 0, error })?;
        let (reader, compressed) = decompress(start, reader, stop);
        let mut input = Input::new(reader);
        let start = match input.at_least(4) {
            Ok(start) => start.iter().copied().take(4).collect::<Vec<u8>>(),
            Err(error) => {
                return Err(failure_of(
                    Stop::Read(error),
                    &input,
                    0,
                    compressed.as_ref(),
                ));
            }
        };
        let format = if PcapNg::starts_with(&start) {
            Ok(Format::PcapNg(PcapNg::default()))
        } else if Pcap::starts_with(&start) {
            Pcap::open(&mut input).map(Format::Pcap)
        } else {
            return Err(CaptureError::NotACapture { start });
        };
        match format {
            Ok(format) => Ok(Self {
                input,
                format,
                packets: 0,
                held: 0,
                compressed,
            }),
            Err(stop) => Err(failure_of(stop, &input, 0, compressed.as_ref())),
        }
    }

    /// Bytes of the file before the next packet; of a compressed one, those that were read.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.compressed {
            Some(compressed) => compressed.bytes_read.load(Ordering::Relaxed),
            None => self.position(),
        }
    }

    /// Bytes before the next packet.
    const fn position(&self) -> u64 {
        self.input.position() + self.held
    }

    /// Bytes that were read and not worked through.
    pub(super) const fn unread(&self) -> u64 {
        self.input.position_read().saturating_sub(self.position())
    }

    /// The next packet; after an error there is none to ask for.
    pub(super) fn next(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        match self.find() {
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                self.packets += 1;
                self.held = found.length as u64;
                let Some(packet) = found.packet else {
                    return Ok(Some(Captured::Malformed));
                };
                let data = self.input.at_hand().get(packet.data).unwrap_or_default();
                Ok(Some(Captured::Packet {
                    link: packet.link,
                    time: packet.time,
                    data,
                }))
            }
            Err(stop) => {
                let packet = self.packets + 1;
                Err(failure_of(
                    stop,
                    &self.input,
                    packet,
                    self.compressed.as_ref(),
                ))
            }
        }
    }

    fn find(&mut self) -> Result<Option<Found>, Stop> {
        let held = std::mem::take(&mut self.held);
        self.input.skip(held)?;
        match &mut self.format {
            Format::Pcap(format) => format.find(&mut self.input),
            Format::PcapNg(format) => format.find(&mut self.input),
        }
    }
}

/// The first four bytes of a file, or fewer if it ends before.
fn read_start(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = [0; 4];
    let mut length = 0;
    while let Some(room) = start.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(read) => length += read.min(room.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(start.get(..length).unwrap_or_default().to_vec())
}

/// The content of a file as it is.
#[cfg(not(feature = "compressed"))]
fn decompress(
    start: Vec<u8>,
    reader: Box<dyn Read + Send>,
    _stop: Option<&Arc<AtomicBool>>,
) -> (Box<dyn Read + Send>, Option<Compressed>) {
    (Box::new(io::Cursor::new(start).chain(reader)), None)
}

#[cold]
fn failure_of(
    stop: Stop,
    input: &Input,
    packet: u64,
    compressed: Option<&Compressed>,
) -> CaptureError {
    match stop {
        Stop::CutOff => CaptureError::CutOff {
            packet,
            offset: input.position_read(),
        },
        Stop::Broken(damage) => CaptureError::Broken {
            packet,
            offset: input.position(),
            damage,
        },
        Stop::Read(error) => {
            let offset = input.position_read();
            match compressed {
                Some(Compressed { format, .. }) => CaptureError::Decompress {
                    format,
                    offset,
                    error,
                },
                None => CaptureError::Read { offset, error },
            }
        }
    }
}
