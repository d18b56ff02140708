//! Decompression of captures. The format is detected by the first bytes of the file.

use std::io::{self, BufRead, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::input::Compressed;

/// A compression format.
#[derive(Clone, Copy, Debug)]
enum Compression {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
}

impl Compression {
    /// Detects the format by the first bytes of a file. Skippable frames, with which zstd and LZ4
    /// files may start, look the same in both formats; [`Frames`] reads both.
    fn detect(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "LZ4",
        }
    }
}

/// A file whose first bytes were already read.
type Rest = io::Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// The maximum memory of a decoder, in bytes: the largest window of `zstd` without special options,
/// and that of `xz -9` with its overhead.
const MOST_MEMORY: u64 = 128 << 20;

/// Decompresses a file, if it is compressed, whose first bytes were already read. Decompression
/// ends when the flag is set.
pub(super) fn decompress(
    start: Vec<u8>,
    reader: Box<dyn Read + Send>,
    stop: Option<&Arc<AtomicBool>>,
) -> (Box<dyn Read + Send>, Option<Compressed>) {
    let compression = Compression::detect(&start);
    let rest = Cursor::new(start).chain(reader);
    let Some(compression) = compression else {
        return (Box::new(rest), None);
    };
    let source = Source::new(rest);
    let compressed = Compressed {
        format: compression.name(),
        bytes_read: Arc::clone(&source.read),
    };
    let has_ended = Arc::clone(&source.has_ended);
    let decoder: Box<dyn Read + Send> = match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Compression::Zstd | Compression::Lz4 => Box::new(Frames::new(source)),
        Compression::Xz => {
            let memory = u32::try_from(MOST_MEMORY >> 10).unwrap_or(u32::MAX);
            Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, memory))
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
    };
    let checked = Checked {
        decoder: Some(decoder),
        has_ended,
        stop: stop.cloned(),
    };
    (Box::new(checked), Some(compressed))
}

/// The compressed bytes.
struct Source {
    reader: io::BufReader<Rest>,
    /// Bytes to read again: the last `again_left` of these.
    again: [u8; 4],
    again_left: usize,
    read: Arc<AtomicU64>,
    has_ended: Arc<AtomicBool>,
}

impl Source {
    fn new(rest: Rest) -> Self {
        Self {
            reader: io::BufReader::with_capacity(64 << 10, rest),
            again: [0; 4],
            again_left: 0,
            read: Arc::default(),
            has_ended: Arc::default(),
        }
    }

    /// Puts back bytes that were just read.
    fn again(mut self, bytes: [u8; 4]) -> Self {
        self.again = bytes;
        self.again_left = bytes.len();
        self.read.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
        self
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.again_left > 0 {
            let start = self.again.len() - self.again_left;
            return Ok(self.again.get(start..).unwrap_or_default());
        }
        while self.reader.buffer().is_empty() {
            match self.reader.fill_buf() {
                Ok(bytes) => {
                    let has_ended = bytes.is_empty();
                    self.has_ended.store(has_ended, Ordering::Relaxed);
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.reader.buffer())
    }

    fn consume(&mut self, length: usize) {
        match self.again_left {
            0 => self.reader.consume(length),
            left => self.again_left = left.saturating_sub(length),
        }
        self.read.fetch_add(length as u64, Ordering::Relaxed);
    }
}

impl Read for Source {
    /// Fills a small buffer completely: some decoders take a short read for the end of the file.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const SMALL: usize = 32;
        let mut length = 0;
        loop {
            let bytes = self.fill_buf()?;
            let part = buffer.get_mut(length..).unwrap_or_default();
            let step = part.len().min(bytes.len());
            if let (Some(to), Some(from)) = (part.get_mut(..step), bytes.get(..step)) {
                to.copy_from_slice(from);
            }
            self.consume(step);
            length += step;
            if step == 0 || length == buffer.len() || buffer.len() > SMALL {
                return Ok(length);
            }
        }
    }
}

/// A decoder that ends after its first error, and whose errors contain advice.
struct Checked {
    decoder: Option<Box<dyn Read + Send>>,
    has_ended: Arc<AtomicBool>,
    stop: Option<Arc<AtomicBool>>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_stopped = |stop: &Arc<AtomicBool>| stop.load(Ordering::Relaxed);
        if self.stop.as_ref().is_some_and(is_stopped) {
            return Err(io::Error::other("stopped"));
        }
        let Some(decoder) = &mut self.decoder else {
            return Ok(0);
        };
        decoder.read(buffer).map_err(|error| {
            self.decoder = None;
            match error.kind() {
                io::ErrorKind::OutOfMemory => too_large(),
                // Any error at the end of the file means that the file is incomplete.
                kind if kind == io::ErrorKind::UnexpectedEof
                    || self.has_ended.load(Ordering::Relaxed) =>
                {
                    io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file is cut off; copy it again",
                    )
                }
                _ => error,
            }
        })
    }
}

fn too_large() -> io::Error {
    let limit = MOST_MEMORY >> 20;
    let message =
        format!("decompression needs more than {limit} MiB of memory; decompress the file first");
    io::Error::new(io::ErrorKind::OutOfMemory, message)
}

/// Consecutive frames of zstd and LZ4.
struct Frames {
    state: Frame,
}

enum Frame {
    /// Before a frame.
    Start(Source),
    Zstd(Box<ruzstd::decoding::StreamingDecoder<Source, ruzstd::decoding::FrameDecoder>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Source>>),
    /// After the last frame, or an error.
    End,
}

impl Frames {
    const fn new(source: Source) -> Self {
        Self {
            state: Frame::Start(source),
        }
    }

    /// Opens the next frame; `None` at the end of the file.
    fn begin(mut source: Source) -> io::Result<Option<Frame>> {
        loop {
            let mut magic = [0; 4];
            match source.read(&mut magic)? {
                0 => return Ok(None),
                4 => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            match magic {
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                    let mut length = [0; 4];
                    source.read_exact(&mut length)?;
                    let length = u64::from(u32::from_le_bytes(length));
                    let skipped = io::copy(&mut (&mut source).take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                [0x28, 0xb5, 0x2f, 0xfd] => {
                    let decoder = zstd(source.again(magic))?;
                    return Ok(Some(Frame::Zstd(Box::new(decoder))));
                }
                [0x04, 0x22, 0x4d, 0x18] => {
                    let decoder = lz4_flex::frame::FrameDecoder::new(source.again(magic));
                    return Ok(Some(Frame::Lz4(Box::new(decoder))));
                }
                _ => {
                    let message = "unknown data after the last compressed frame";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, Frame::End) {
                Frame::End => return Ok(0),
                Frame::Start(source) => match Self::begin(source)? {
                    Some(frame) => frame,
                    None => return Ok(0),
                },
                Frame::Zstd(mut decoder) => {
                    let length = decoder.read(buffer)?;
                    if length > 0 {
                        self.state = Frame::Zstd(decoder);
                        return Ok(length);
                    }
                    let stated = decoder.decoder.get_checksum_from_data();
                    if stated.is_some() && stated != decoder.decoder.get_calculated_checksum() {
                        let message = "the checksum of the data is wrong";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                    }
                    Frame::Start(decoder.into_inner())
                }
                Frame::Lz4(mut decoder) => {
                    let length = decoder.read(buffer)?;
                    if length > 0 {
                        self.state = Frame::Lz4(decoder);
                        return Ok(length);
                    }
                    // The decoder does not distinguish the end of the file from that of the frame.
                    if decoder.get_ref().has_ended() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    Frame::Start(decoder.into_inner())
                }
            };
        }
    }
}

/// Opens a zstd frame.
fn zstd(
    source: Source,
) -> io::Result<ruzstd::decoding::StreamingDecoder<Source, ruzstd::decoding::FrameDecoder>> {
    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError};

    StreamingDecoder::new_with_max_window_size(source, MOST_MEMORY).map_err(|error| match error {
        FrameDecoderError::WindowSizeTooBig { .. }
        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. })
        | FrameDecoderError::FailedToInitialize(FrameHeaderError::WindowTooBig { .. }) => {
            too_large()
        }
        FrameDecoderError::DictNotProvided { .. } => io::Error::new(
            io::ErrorKind::Unsupported,
            "the file needs a dictionary; decompress it first",
        ),
        error => io::Error::other(error),
    })
}
