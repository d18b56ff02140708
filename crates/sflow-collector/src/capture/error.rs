use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a capture cannot be read, or not further.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {error}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is none that is known here.
    #[error("not a capture file: {}; expected pcap or pcapng", Start(start))]
    NotACapture {
        /// Its first bytes, at most four.
        start: Vec<u8>,
    },
    /// It ends inside a packet: what came before has been delivered.
    #[error("the capture was cut off: it ends at byte {offset}, inside {}", Place(*packet))]
    CutOff {
        /// Number of the packet, from 1; 0 for the header of the file.
        packet: u64,
        /// Where it ends.
        offset: u64,
    },
    /// It is broken: what came before has been delivered, what follows cannot be found.
    #[error("the capture is broken at byte {offset}, at {}: {damage}", Place(*packet))]
    Broken {
        /// Number of the packet, from 1; 0 for the header of the file.
        packet: u64,
        /// Where the broken part starts.
        offset: u64,
        /// What is wrong.
        damage: Damage,
    },
    /// It is compressed, and cannot be decompressed (further): what came before has been
    /// delivered.
    #[error("cannot decompress the {format} file after {offset} bytes of the capture: {error}")]
    Decompress {
        /// The compression: `gzip`, `zstd`, `xz`, `bzip2` or `LZ4`.
        format: &'static str,
        /// Bytes of the decompressed capture before that place.
        offset: u64,
        /// The decoder's error.
        error: io::Error,
    },
    /// A directory does not contain a capture.
    #[error("cannot read captures in {path}: {}", NoCapture { files: *files, directories: *directories }, path = path.display())]
    NoCapture {
        /// The directory.
        path: PathBuf,
        /// Files in it, none of which is a capture.
        files: u64,
        /// Directories in it, which are not searched.
        directories: u64,
    },
    /// A file of a directory cannot be read; those after it follow.
    #[error("{path}: {error}", path = path.display())]
    InDirectory {
        /// The file.
        path: PathBuf,
        /// The error in the file.
        error: Box<CaptureError>,
    },
    /// Reading failed.
    #[error("cannot read the capture at byte {offset}: {error}")]
    Read {
        /// How far it was read.
        offset: u64,
        /// Why.
        error: io::Error,
    },
}

/// What is wrong with a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// A length that no packet has.
    #[error("a length of {length} bytes, where none above {longest} can be")]
    TooLong {
        /// The length.
        length: u32,
        /// The longest that is believed.
        longest: u32,
    },
    /// A length below what the structure needs, or not a multiple of four.
    #[error("a block of {length} bytes, which cannot be")]
    BlockLength {
        /// The length.
        length: u32,
    },
    /// A block that says two lengths.
    #[error("a block that starts as one of {first} bytes and ends as one of {last}")]
    BlockEnd {
        /// The length at its start.
        first: u32,
        /// The length at its end.
        last: u32,
    },
    /// A section with an unknown byte order.
    #[error("a section whose byte order is {mark:02x?}")]
    ByteOrder {
        /// What should tell it.
        mark: [u8; 4],
    },
    /// A section of a later format.
    #[error("a section of version {major}; only 1 is known")]
    Version {
        /// The version.
        major: u16,
    },
}

struct Place(u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the header of the file"),
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
            _ => f.write_str(" (directories in it are not searched: name them instead)"),
        }
    }
}

struct Start<'a>(&'a [u8]);

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.0 {
            [] => return f.write_str("it is empty"),
            [0x1f, 0x8b, ..] => " (gzip: unpack it first)",
            [0x28, 0xb5, 0x2f, 0xfd] => " (zstd: unpack it first)",
            [0xfd, b'7', b'z', b'X'] => " (xz: unpack it first)",
            [b'B', b'Z', b'h', _] => " (bzip2: unpack it first)",
            [0x04, 0x22, 0x4d, 0x18] | [0x02, 0x21, 0x4c, 0x18] => " (LZ4: unpack it first)",
            [0x1f, 0x9d, ..] => " (compress: unpack it first)",
            [b'L', b'Z', b'I', b'P'] => " (lzip: unpack it first)",
            [b'P', b'K', 3, 4] => " (zip: unpack it first)",
            [b'7', b'z', 0xbc, 0xaf] => " (7z: unpack it first)",
            [b's', b'n', b'o', b'o'] => " (snoop: convert it to pcap first)",
            [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => {
                " (a variant of pcap: convert it to pcapng first)"
            }
            _ => "",
        };
        f.write_str("it starts with")?;
        for byte in self.0 {
            write!(f, " {byte:02x}")?;
        }
        f.write_str(advice)
    }
}
