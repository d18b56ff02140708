//! The length of a sampled packet.

use sflow_v5::FlowSample;
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use sflow_v5::packet::Layer;

use crate::flow::headers::is_length;

/// Maximum length of a packet in bytes, with jumbo frames and segmentation offload.
const LONGEST: u32 = 65_535;

/// Length of the Ethernet frame check sequence in bytes.
const CHECK_SEQUENCE: u32 = 4;

/// Maximum length in bytes of what an agent strips from a packet.
const MOST_STRIPPED: u32 = 256;

/// Maximum length in bytes of Ethernet padding and a trailer after the IP packet.
const MOST_TRAILING: u32 = 64;

/// Maximum length of a frame on the wire in bytes.
const LONGEST_JUMBO: u32 = 16_384;

/// Lengths of a packet in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    /// On the wire, including the frame check sequence.
    pub(super) frame: u32,
    /// Without the bytes that the agent stripped.
    pub(super) net: u32,
    /// Length of the sampled header.
    pub(super) header: u32,
    /// Whether the sampled header contradicts the reported lengths.
    pub(super) is_corrected: bool,
}

impl Length {
    /// The lengths of the sampled packet; `None` if the agent does not report them.
    ///
    /// Lengths that the sampled header contradicts are corrected: a frame is at least as long as
    /// the packet it carries, stripped bytes are not part of that packet, and an IP packet is
    /// followed by padding and a short trailer at most.
    pub(super) fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let length = if let Some(header) = sample.find::<SampledHeader<'_>>() {
            Self::of_header(&header, sample)
        } else if let Some(ethernet) = sample.find::<SampledEthernet>() {
            let check_sequence = CHECK_SEQUENCE;
            let least = length_by_ip(sample).map_or(0, |length| length + check_sequence);
            let frame = ethernet.length.max(least);
            Self {
                frame,
                net: frame.saturating_sub(check_sequence),
                header: 0,
                is_corrected: frame != ethernet.length,
            }
        } else {
            let length = ip_length(sample)?;
            Self {
                frame: length,
                net: length,
                header: 0,
                is_corrected: false,
            }
        };
        (length.frame > 0).then_some(length)
    }

    fn of_header(header: &SampledHeader<'_>, sample: &FlowSample<'_>) -> Self {
        let SampledHeader {
            frame_length,
            stripped,
            ..
        } = *header;
        let check_sequence = match header.protocol {
            HeaderProtocol::ETHERNET => CHECK_SEQUENCE,
            _ => 0,
        };
        let claimed = claimed_length(header);
        let sampled = u32::try_from(header.header.0.len()).unwrap_or(u32::MAX);
        let most = match claimed {
            Some((length, true)) if sampled < length => length + MOST_TRAILING,
            // The sample includes the end of the IP packet, so a longer trailer is possible.
            Some((length, true)) if sampled <= length + MOST_TRAILING => LONGEST_JUMBO,
            _ => u32::MAX,
        };
        let claimed = claimed.map(|(length, _)| length);
        let claimed = claimed.or_else(|| match header.protocol {
            HeaderProtocol::ETHERNET => length_by_ip(sample),
            _ => None,
        });
        let is_possible = |length: &u32| *length <= LONGEST - MOST_STRIPPED;
        let least = claimed.filter(is_possible).unwrap_or(0);
        let possible = match stripped {
            0..=MOST_STRIPPED => stripped,
            _ => check_sequence,
        };
        let is_too_long = least > 0 && frame_length.saturating_sub(possible) > most;
        let frame = if frame_length < least || is_too_long {
            least + possible
        } else {
            frame_length
        };
        let net = if stripped == possible && frame - least >= stripped {
            frame.saturating_sub(stripped)
        } else {
            frame.saturating_sub(check_sequence).max(least)
        };
        Self {
            frame,
            net,
            header: sampled,
            is_corrected: frame != frame_length || net != frame_length.saturating_sub(stripped),
        }
    }

    /// Whether a packet with these lengths is possible.
    pub(super) fn is_possible(self) -> bool {
        self.frame <= LONGEST && self.header <= self.frame
    }
}

/// The length from the first byte of the sampled header to the end of the packet, by the outermost
/// header that contains a length. The flag is set if the packet cannot be much longer: it is the
/// length of an IP packet, and the header before it specifies IP.
fn claimed_length(header: &SampledHeader<'_>) -> Option<(u32, bool)> {
    if let (HeaderProtocol::ETHERNET, [8, 0, first, _, high, low, ..]) = (
        header.protocol,
        header.header.0.get(12..).unwrap_or_default(),
    ) && first >> 4 == 4
    {
        // The most frequent case needs no dissection.
        let length = u32::from(u16::from_be_bytes([*high, *low]));
        return (length >= 20).then_some((14 + length, true));
    }
    let mut before = 0;
    let mut is_guessed = false;
    for layer in header.dissect().layers() {
        let own = u32::try_from(layer.bytes().len()).ok()?;
        let (from, length) = match &layer {
            Layer::Ethernet(frame) if is_length(frame.ether_type()) => {
                (before + own, frame.ether_type().0.into())
            }
            Layer::Vlan(tag) if is_length(tag.ether_type()) => {
                (before + own, tag.ether_type().0.into())
            }
            Layer::Ipv4(ip) => (before, u32::from(ip.total_length())),
            Layer::Ipv6(ip) if ip.payload_length() > 0 => {
                (before, 40 + u32::from(ip.payload_length()))
            }
            // Segmentation offload: the network card sets the length.
            Layer::Ipv6(_) => return None,
            _ => {
                before += own;
                is_guessed |= matches!(layer, Layer::Mpls(_));
                continue;
            }
        };
        let is_most = from == before && !is_guessed;
        return (length >= own || from > before).then_some((from + length, is_most));
    }
    None
}

/// The length of an Ethernet frame without frame check sequence, by the length of the IP packet that
/// the agent decoded.
fn length_by_ip(sample: &FlowSample<'_>) -> Option<u32> {
    let length = ip_length(sample).filter(|length| *length <= LONGEST)?;
    Some(14 + length)
}

fn ip_length(sample: &FlowSample<'_>) -> Option<u32> {
    let v4 = sample.find::<SampledIpv4>().map(|ip| ip.length);
    v4.or_else(|| sample.find::<SampledIpv6>().map(|ip| ip.length))
}

/// Whether the length of the sampled packet is known and possible.
pub(crate) fn has_length(sample: &FlowSample<'_>) -> bool {
    Length::of(sample).is_some_and(Length::is_possible)
}
