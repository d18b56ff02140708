//! sFlow 802.11 Structures: packets on the air.

use super::FlowRecord;
use crate::enums::{CipherSuite, Ieee80211Version};
use crate::error::ErrorKind;
use crate::frame::Frame;
use crate::types::{List, Microseconds, Opaque, Text};
use crate::walk::{Kind, Value};
use crate::wire::{self, DecodeError, Size, Wire, Writer};
use crate::{DataFormat, FlowStructure, Mac, Records, structure};

structure! {
    /// The decrypted payload of a frame.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Payload<'a>: "extended_80211_payload" {
        ciphersuite: CipherSuite,
        /// Decrypted bytes, from the IEEE 802.2 header on.
        data: Opaque<'a>,
    }
}

structure! {
    /// Reception of a frame.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Rx<'a>: "extended_80211_rx" {
        /// Not necessarily UTF-8.
        ssid: Text<'a>,
        bssid: Mac,
        version: Ieee80211Version,
        channel: u32,
        speed: u64 [bit/s],
        /// Signal-to-noise indicator, `dot11FrameRprtRSNI`.
        rsni: u32,
        /// Received power indicator, `dot11FrameRprtLastRCPI`.
        rcpi: u32,
        /// Time for which the medium was busy.
        packet_duration: Microseconds [us],
    }
}

structure! {
    /// Transmission of a frame.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Tx<'a>: "extended_80211_tx" {
        /// Not necessarily UTF-8.
        ssid: Text<'a>,
        bssid: Mac,
        version: Ieee80211Version,
        /// Number of transmissions, 1 without retransmission; 0 if unknown.
        transmissions: u32,
        /// Duration of the successful transmission.
        packet_duration: Microseconds [us],
        /// Duration of failed attempts.
        retrans_duration: Microseconds [us],
        channel: u32,
        speed: u64 [bit/s],
        power: u32 [mW],
    }
}

structure! {
    /// Frames that were sent as one frame.
    ///
    /// Each frame has its own records, possibly with another aggregation. More than eight nested
    /// aggregations are malformed.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Aggregation<'a>: "extended_80211_aggregation" {
        /// The frames. Aggregations are nested at most eight deep.
        pdus: List<'a, Pdu<'a>>,
    }
}

/// One frame of an aggregation, described by its own flow records.
///
/// Source: sFlow 802.11 Structures, `pdu`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Pdu<'a> {
    /// Records that describe the frame.
    pub records: Records<'a, FlowRecord<'a>>,
}

/// Maximum depth of nested aggregations. Two are possible on the air: an A-MPDU of A-MSDUs.
const DEEPEST: usize = 8;

impl<'a> Wire<'a> for Pdu<'a> {
    const SIZE: Size = Size::AtLeast(4);
    const KIND: Kind = Kind::List;

    #[inline]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let start = *input;
        let count = skip(input, DEEPEST)?;
        let taken = start.len().saturating_sub(input.len());
        let records = start.get(4..taken).unwrap_or(&[]);
        Ok(Self {
            records: Records::new(records, count),
        })
    }

    fn encode(&self, out: &mut Writer<'_>) {
        self.records.write(out);
    }

    fn value(&self) -> Value<'a> {
        Value::Structure
    }
}

/// Advances `input` behind the records of a frame and returns their number. Checks that
/// aggregations inside them are nested at most `deepest` deep.
fn skip(input: &mut &[u8], deepest: usize) -> Result<u32, DecodeError> {
    let start = *input;
    let count = wire::take_count(input, Frame::SIZE)?;
    for _ in 0..count {
        let frame = Frame::decode(input)?;
        if frame.format == AGGREGATION {
            let Some(deepest) = deepest.checked_sub(1) else {
                return Err(DecodeError::at(start, ErrorKind::Nesting));
            };
            let mut inside = frame.bytes;
            // Other errors inside the record are reported when it is decoded.
            if let Ok(frames) = u32::decode(&mut inside) {
                for _ in 0..frames {
                    match skip(&mut inside, deepest) {
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::Nesting => return Err(error),
                        Err(_) => break,
                    }
                }
            }
        }
    }
    Ok(count)
}

const AGGREGATION: DataFormat = <Extended80211Aggregation<'_> as FlowStructure<'_>>::FORMAT;
