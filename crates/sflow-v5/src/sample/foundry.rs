use crate::error::DecodeError;
use crate::wire::Wire;
use crate::writer::Writer;

/// A wrapper that Foundry and Brocade switches put around the sample of a packet that matched an
/// access list.
///
/// The sample itself is the next item of the iteration, whether it follows these two words in the
/// same frame or has a frame of its own. Agents and the encoder count both as one sample of the
/// datagram.
///
/// Source: enterprise 1991, as pmacct and Net::sFlow read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FoundryAcl {
    /// `FoundryFlags`.
    pub flags: u32,
    /// `FoundryGroupID`.
    pub group_id: u32,
}

impl FoundryAcl {
    /// Length on the wire.
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
