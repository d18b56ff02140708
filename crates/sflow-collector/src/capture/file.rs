use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "compressed")]
use super::compressed::decompress;
use super::error::CaptureError;
use super::input::{Compressed, Input};
use super::pcap::Pcap;
use super::pcapng::PcapNg;
use super::record::{Failure, Record};

/// The packets of a capture file.
pub(super) struct File {
    input: Input,
    format: Format,
    /// Packets returned so far.
    packets: u64,
    /// Bytes of the last record, which stays in the buffer until the next is read.
    held: u64,
    compressed: Option<Compressed>,
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
    /// The record contradicts itself, but its length is known.
    Malformed,
}

impl File {
    /// Opens a file, compressed or not. Decompression ends when the flag is set.
    pub(super) fn open(
        mut reader: Box<dyn Read + Send>,
        stop: Option<&Arc<AtomicBool>>,
    ) -> Result<Self, CaptureError> {
        let start =
            read_start(&mut *reader).map_err(|source| CaptureError::Read { offset: 0, source })?;
        let (reader, compressed) = decompress(start, reader, stop);
        let mut input = Input::new(reader);
        let start = match input.at_least(4) {
            Ok(start) => start.iter().copied().take(4).collect::<Vec<u8>>(),
            Err(error) => {
                return Err(capture_error(
                    Failure::Read(error),
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
            let compression = compressed.map(|compressed| compressed.format);
            return Err(CaptureError::NotACapture { start, compression });
        };
        match format {
            Ok(format) => Ok(Self {
                input,
                format,
                packets: 0,
                held: 0,
                compressed,
            }),
            Err(failure) => Err(capture_error(failure, &input, 0, compressed.as_ref())),
        }
    }

    /// The position of the next packet in the file, in bytes; of a compressed file, the number of
    /// compressed bytes read.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.compressed {
            Some(compressed) => compressed.bytes_read.load(Ordering::Relaxed),
            None => self.position(),
        }
    }

    /// The position of the next packet in the decompressed file.
    const fn position(&self) -> u64 {
        self.input.position() + self.held
    }

    /// Bytes in the buffer after the last packet.
    pub(super) const fn unread(&self) -> u64 {
        self.input.position_read().saturating_sub(self.position())
    }

    /// Reads the next packet. Must not be called again after an error.
    pub(super) fn next(&mut self) -> Result<Option<Captured<'_>>, CaptureError> {
        match self.read() {
            Ok(None) => Ok(None),
            Ok(Some(record)) => {
                self.packets += 1;
                self.held = record.length as u64;
                let Some(packet) = record.packet else {
                    return Ok(Some(Captured::Malformed));
                };
                let data = self.input.buffered().get(packet.data).unwrap_or_default();
                Ok(Some(Captured::Packet {
                    link: packet.link,
                    time: packet.time,
                    data,
                }))
            }
            Err(failure) => {
                let packet = self.packets + 1;
                Err(capture_error(
                    failure,
                    &self.input,
                    packet,
                    self.compressed.as_ref(),
                ))
            }
        }
    }

    fn read(&mut self) -> Result<Option<Record>, Failure> {
        let held = std::mem::take(&mut self.held);
        self.input.skip(held)?;
        match &mut self.format {
            Format::Pcap(format) => format.read(&mut self.input),
            Format::PcapNg(format) => format.read(&mut self.input),
        }
    }
}

/// The first four bytes of a file, or all of them if it is shorter.
fn read_start(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut start = [0; 4];
    let mut length = 0;
    while let Some(rest) = start.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => length += read.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(start.get(..length).unwrap_or_default().to_vec())
}

/// The content of the file, unchanged.
#[cfg(not(feature = "compressed"))]
fn decompress(
    start: Vec<u8>,
    reader: Box<dyn Read + Send>,
    _stop: Option<&Arc<AtomicBool>>,
) -> (Box<dyn Read + Send>, Option<Compressed>) {
    (Box::new(io::Cursor::new(start).chain(reader)), None)
}

#[cold]
fn capture_error(
    failure: Failure,
    input: &Input,
    packet: u64,
    compressed: Option<&Compressed>,
) -> CaptureError {
    match failure {
        Failure::CutOff => CaptureError::CutOff {
            packet,
            offset: input.position_read(),
        },
        Failure::Broken(damage) => CaptureError::Broken {
            packet,
            offset: input.position(),
            damage,
        },
        Failure::Read(source) => {
            let offset = input.position_read();
            match compressed {
                Some(Compressed { format, .. }) => CaptureError::Decompress {
                    format,
                    offset,
                    source,
                },
                None => CaptureError::Read { offset, source },
            }
        }
    }
}
