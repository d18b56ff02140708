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
    /// What a frame carries, after it was deciphered.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Payload<'a>: "extended_80211_payload" {
        ciphersuite: CipherSuite,
        /// From the header of IEEE 802.2 on, deciphered.
        data: Opaque<'a>,
    }
}

structure! {
    /// How a frame was received.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Rx<'a>: "extended_80211_rx" {
        /// Any bytes.
        ssid: Text<'a>,
        bssid: Mac,
        version: Ieee80211Version,
        channel: u32,
        speed: u64 [bit/s],
        /// `dot11FrameRprtRSNI`: signal to noise.
        rsni: u32,
        /// `dot11FrameRprtLastRCPI`: power.
        rcpi: u32,
        /// The medium was busy with it.
        packet_duration: Microseconds [us],
    }
}

structure! {
    /// How a frame was sent.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Tx<'a>: "extended_80211_tx" {
        /// Any bytes.
        ssid: Text<'a>,
        bssid: Mac,
        version: Ieee80211Version,
        /// 1 is no retransmission; 0 if unknown.
        transmissions: u32,
        /// Of the successful transmission.
        packet_duration: Microseconds [us],
        /// Of failed attempts.
        retrans_duration: Microseconds [us],
        channel: u32,
        speed: u64 [bit/s],
        power: u32 [mW],
    }
}

structure! {
    /// The frames that were sent as one.
    ///
    /// Each has records of its own, another aggregation possibly among them; more than eight
    /// inside each other are malformed.
    ///
    /// Source: sFlow 802.11 Structures.
    pub struct Extended80211Aggregation<'a>: "extended_80211_aggregation" {
        /// At most eight inside each other.
        pdus: List<'a, Pdu<'a>>,
    }
}

/// One frame of an aggregation: its own flow records, as many as there are of a packet.
///
/// Source: sFlow 802.11 Structures, `pdu`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Pdu<'a> {
    /// What is known of the frame.
    pub records: Records<'a, FlowRecord<'a>>,
}

/// How many aggregations may be inside each other. On the air there are two: an A-MPDU of
/// A-MSDUs.
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

/// Moves `input` behind the records of a frame, and behind those inside them, which must not be
/// nested more than `deepest` times. How many records it has itself.
fn skip(input: &mut &[u8], deepest: usize) -> Result<u32, DecodeError> {
    let start = *input;
    let count = wire::run(|bytes| wire::count(bytes, Frame::SIZE), input)?;
    for _ in 0..count {
        let frame = wire::run(Frame::parse, input)?;
        if frame.format == AGGREGATION {
            let Some(deepest) = deepest.checked_sub(1) else {
                return Err(DecodeError::at(start, ErrorKind::Nesting));
            };
            let mut inside = frame.bytes;
            // What is wrong inside is that record's own matter, but for its depth.
            if let Ok(frames) = u32::decode(&mut inside) {
                for _ in 0..frames {
                    match skip(&mut inside, deepest) {
                        Ok(_) => {}
                        Err(stop) if stop.kind() == ErrorKind::Nesting => return Err(stop),
                        Err(_) => break,
                    }
                }
            }
        }
    }
    Ok(count)
}

const AGGREGATION: DataFormat = <Extended80211Aggregation<'_> as FlowStructure<'_>>::FORMAT;
