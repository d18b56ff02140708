//! The raw messages of Akvorado's inlet, in the encoding of Protocol Buffers.
//!
//! The field numbers are those of the message `RawFlow` (Akvorado 2): 1 `time_received` in seconds,
//! 2 `payload`, 3 `source_address`, 5 `decoder`. All other fields are skipped.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use super::Rejection;
use crate::Received;

/// The decoder of sFlow.
const DECODER_SFLOW: u64 = 2;

#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a type that no field that is read here has.
    Fixed,
}

/// Decodes a message. As of every message in this encoding, the last of several values of a field
/// applies.
pub(super) fn decode(message: &[u8]) -> Result<Received<'_>, Rejection> {
    let (mut seconds, mut decoder) = (0, 0);
    let (mut payload, mut address): (&[u8], &[u8]) = (&[], &[]);
    let mut rest = message;
    while !rest.is_empty() {
        let (field, value) = field(&mut rest).ok_or(Rejection::Malformed)?;
        match (field, value) {
            (1, Value::Number(number)) => seconds = number,
            (2, Value::Bytes(bytes)) => payload = bytes,
            (3, Value::Bytes(bytes)) => address = bytes,
            (5, Value::Number(number)) => decoder = number,
            (1..=3 | 5, _) => return Err(Rejection::Malformed),
            _ => {}
        }
    }
    if decoder != DECODER_SFLOW {
        return Err(Rejection::NotSflow);
    }
    let received_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    Ok(Received {
        received_at: received_at
            .filter(|_| seconds > 0)
            .ok_or(Rejection::InvalidTime)?,
        source: (ip(address).ok_or(Rejection::InvalidSource)?, 0).into(),
        bytes: payload,
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(bytes.into());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
}

/// Removes a field from the start of the message. `None` if it is malformed.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Fixed)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Value::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    Some((tag >> 3, value)).filter(|(field, _)| *field > 0)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}
