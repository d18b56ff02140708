use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A capture cannot be read, or not to its end.
///
/// The text does not contain that of the [source](std::error::Error::source).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open {path}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The format of the file is unknown.
    #[error("not a capture file: {}; expected pcap or pcapng", Start { start, compression: *compression })]
    NotACapture {
        /// The first bytes of the file, decompressed; at most four.
        start: Vec<u8>,
        /// The compression of the file, as in [`Decompress`](Self::Decompress); `None` if it is
        /// not compressed.
        compression: Option<&'static str>,
    },
    /// The file ends inside a packet. All packets before it have been returned.
    #[error("the capture was cut off: it ends at byte {offset}, inside {}", Place(*packet))]
    CutOff {
        /// The number of the packet, from 1; 0 for the file header.
        packet: u64,
        /// The length of the file in bytes.
        offset: u64,
    },
    /// The file is damaged. All packets before the damage have been returned; those after it
    /// cannot be located.
    #[error("the capture is broken at byte {offset}, at {}", Place(*packet))]
    Broken {
        /// The number of the packet, from 1; 0 for the file header.
        packet: u64,
        /// The position of the damage in bytes.
        offset: u64,
        /// The kind of damage.
        #[source]
        damage: Damage,
    },
    /// The file cannot be decompressed, or not to its end. All packets that were decompressed have
    /// been returned. Decoders return data by block or window, so that the end of a file that was
    /// cut off may be missing: up to one window for zstd, usually 8 MiB.
    #[error("cannot decompress the {format} file after {offset} bytes of the capture")]
    Decompress {
        /// The compression: `gzip`, `zstd`, `xz`, `bzip2` or `LZ4`.
        format: &'static str,
        /// The position of the error in the decompressed capture, in bytes.
        offset: u64,
        /// The error of the decoder.
        source: io::Error,
    },
    /// A directory does not contain a capture.
    #[error("cannot read captures in {path}: {}", NoCapture { files: *files, directories: *directories }, path = path.display())]
    NoCapture {
        /// The directory.
        path: PathBuf,
        /// The number of files in it, none of which is a capture.
        files: u64,
        /// The number of directories in it, which are not searched.
        directories: u64,
    },
    /// A file of a directory cannot be read, or not to its end. The next file follows.
    #[error("{path}", path = path.display())]
    InDirectory {
        /// The file.
        path: PathBuf,
        /// The error in the file.
        source: Box<CaptureError>,
    },
    /// A read failed.
    #[error("cannot read the capture at byte {offset}")]
    Read {
        /// The number of bytes read before.
        offset: u64,
        /// The error of the reader.
        source: io::Error,
    },
}

impl CaptureError {
    /// The file or directory that the error message contains, if it contains one. Others are errors
    /// of a reader whose name only the caller knows.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Open { path, .. }
            | Self::NoCapture { path, .. }
            | Self::InDirectory { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// The kind of damage in a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// A record that is longer than any packet.
    #[error("a length of {length} bytes, more than the maximum of {longest} bytes")]
    TooLong {
        /// The length in the file, in bytes.
        length: u32,
        /// The maximum, in bytes.
        longest: u32,
    },
    /// A block that is shorter than its fields, or whose length is not a multiple of four.
    #[error("an invalid block length of {length} bytes")]
    BlockLength {
        /// The length in bytes.
        length: u32,
    },
    /// A block with two different lengths.
    #[error("a block whose header contains the length {first} and whose trailer contains {last}")]
    BlockEnd {
        /// The length in the header of the block.
        first: u32,
        /// The length in the trailer of the block.
        last: u32,
    },
    /// A section with an unknown byte order.
    #[error("an unknown byte-order magic: {mark:02x?}")]
    ByteOrder {
        /// The byte-order magic of the section.
        mark: [u8; 4],
    },
    /// A section of an unsupported version.
    #[error("pcapng version {major}; only version 1 is supported")]
    Version {
        /// The major version.
        major: u16,
    },
}

struct Place(u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the file header"),
            packet => write!(f, "packet {packet}"),
        }
    }
}

struct NoCapture {
    files: u64,
    directories: u64,
}

impl fmt::Display for NoCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files {
            0 => f.write_str("the directory contains no files")?,
            1 => f.write_str("the only file in the directory is not a capture")?,
            files => write!(f, "none of the {files} files in the directory is a capture")?,
        }
        f.write_str("; expected pcap or pcapng")?;
        match self.directories {
            0 => Ok(()),
            _ => f.write_str(" (its subdirectories are not searched: give their paths instead)"),
        }
    }
}

struct Start<'a> {
    start: &'a [u8],
    compression: Option<&'static str>,
}

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.compression {
            Some(compression) => write!(f, "the content of the {compression} file")?,
            None => f.write_str("the file")?,
        }
        if self.start.is_empty() {
            return f.write_str(" is empty");
        }
        f.write_str(" starts with")?;
        for byte in self.start {
            write!(f, " {byte:02x}")?;
        }
        let format = match self.start {
            [0x1f, 0x8b, ..] => "gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "zstd",
            [0xfd, b'7', b'z', b'X'] => "xz",
            [b'B', b'Z', b'h', _] => "bzip2",
            [0x04, 0x22, 0x4d, 0x18] | [0x02, 0x21, 0x4c, 0x18] => "LZ4",
            [0x1f, 0x9d, ..] => "compress",
            [b'L', b'Z', b'I', b'P'] => "lzip",
            [b'P', b'K', 3, 4] => "zip",
            [b'7', b'z', 0xbc, 0xaf] => "7z",
            [b's', b'n', b'o', b'o'] => return f.write_str(" (snoop: convert it to pcap first)"),
            [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => {
                return f.write_str(" (a variant of pcap: convert it to pcapng first)");
            }
            _ => return Ok(()),
        };
        match self.compression {
            Some(_) => write!(f, " ({format}: compressed twice, decompress it first)"),
            None => write!(f, " ({format}: decompress it first)"),
        }
    }
}
