use bytes::Bytes;

use crate::datagram::{Datagram, Header, Samples};
use crate::error::Error;

/// A datagram that owns its bytes, so that it can be stored, queued or sent to another thread.
///
/// The header is decoded once. Cloning shares the bytes.
///
/// ```
/// use bytes::Bytes;
/// use sflow_v5::DatagramBuf;
///
/// # let bytes: Vec<u8> = [5, 1, 0x0a00_0001, 0, 1, 1000, 0]
/// #     .iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
/// let datagram = DatagramBuf::try_from(Bytes::from(bytes))?;
/// let thread = std::thread::spawn(move || {
///     println!("{}", datagram.header().agent_address);
///     datagram.samples().count()
/// });
/// assert_eq!(thread.join().unwrap(), 0);
/// # Ok::<(), sflow_v5::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramBuf {
    bytes: Bytes,
    header: Header,
    samples_at: usize,
    samples: u32,
}

impl DatagramBuf {
    /// Decodes the header of the datagram in `bytes`.
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

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The samples, each decoded when the iterator reaches it.
    pub fn samples(&self) -> Samples<'_> {
        self.datagram().samples()
    }

    /// The datagram as a borrowed value.
    pub fn datagram(&self) -> Datagram<'_> {
        let behind = self.bytes.get(self.samples_at..).unwrap_or(&[]);
        Datagram::new(self.header, behind, self.samples)
    }

    /// The bytes of the datagram.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes of the datagram, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl TryFrom<Bytes> for DatagramBuf {
    type Error = Error;

    /// As [`new`](Self::new).
    fn try_from(bytes: Bytes) -> Result<Self, Error> {
        Self::new(bytes)
    }
}
