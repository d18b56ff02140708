use crate::error::DecodeError;
use crate::wire::Wire;
use crate::writer::Writer;

/// What Foundry and Brocade switches put around the sample of a packet that an access list
/// matched.
///
/// The sample itself is the next item of the iteration, wherever it stands: behind these two
/// words within their frame, or as a frame of its own. The agents count the two as one sample of
/// the datagram, and so does the encoder.
///
/// Source: enterprise 1991, as pmacct and Net::sFlow read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
// As all other samples are: a tag of four bytes would keep samples from staying in registers.
#[repr(align(8))]
pub struct FoundryAcl {
    /// `FoundryFlags`.
    pub flags: u32,
    /// `FoundryGroupID`.
    pub group_id: u32,
}

impl FoundryAcl {
    /// How many bytes it takes.
    pub(crate) const SIZE: usize = 8;

    #[inline(always)]
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, DecodeError> {
        let input = &mut bytes;
        Ok(Self {
            flags: u32::decode(input)?,
            group_id: u32::decode(input)?,
        })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        out.word(self.flags);
        out.word(self.group_id);
    }
}
