use bytes::Bytes;

use crate::datagram::{Datagram, Header};
use crate::error::Error;

/// A datagram that owns its bytes: to be kept, queued or sent to another thread.
///
/// Checked once, borrowed from as often as needed. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramBuf {
    bytes: Bytes,
    header: Header,
    samples_at: usize,
    samples: u32,
}

impl DatagramBuf {
    /// Takes the bytes of a datagram.
    ///
    /// # Errors
    ///
    /// As [`Datagram::parse`].
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, Error> {
        let bytes = bytes.into();
        let datagram = Datagram::parse(&bytes)?;
        let header = datagram.header;
        let frames = datagram.frames();
        let (samples, left) = (frames.left, frames.bytes.len());
        let samples_at = bytes.len().saturating_sub(left);
        Ok(Self {
            bytes,
            header,
            samples_at,
            samples,
        })
    }

    /// The datagram in these bytes.
    pub fn datagram(&self) -> Datagram<'_> {
        let behind = self.bytes.get(self.samples_at..).unwrap_or(&[]);
        Datagram::new(self.header, behind, self.samples)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }
}
