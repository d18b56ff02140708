//! What the readers of the file formats return.

use std::io;
use std::ops::Range;
use std::time::Duration;

use super::error::Damage;

/// The longest packet that is accepted, in bytes: the limit of the programs that write captures.
pub(super) const LONGEST_PACKET: u32 = 262_144;

/// A record at the start of the input, all of which is in the buffer.
pub(super) struct Record {
    /// The length of the record in bytes.
    pub(super) length: usize,
    /// `None` if the record contradicts itself.
    pub(super) packet: Option<Packet>,
}

/// A packet in a record.
pub(super) struct Packet {
    pub(super) link: u32,
    /// Since 1970; `None` if the record contains no valid time.
    pub(super) time: Option<Duration>,
    /// The position of the packet in the record.
    pub(super) data: Range<usize>,
}

/// The reason why the next record cannot be read.
#[derive(Debug)]
pub(super) enum Failure {
    CutOff,
    Broken(Damage),
    Read(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Broken(damage)
    }
}
