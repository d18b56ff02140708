//! The pcapng format: blocks that describe interfaces or contain packets.
//!
//! The crate `pcap-file` 2.0.0 reads pcapng too, but panics on some name resolution blocks, rejects
//! valid options (time zones, options without an end mark, text that is not UTF-8), drops the unit
//! of time, and needs each block in memory. This module reads the few fields that are needed.

use std::ops::Range;
use std::time::Duration;

use super::error::Damage;
use super::input::{Input, LARGEST};
use super::record::{Failure, Packet, Record};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// The length in bytes of a block's header and trailer.
const BEFORE: usize = 8;
const AFTER: usize = 4;

/// The maximum number of interfaces per section; packets of further ones count as malformed.
const MOST_INTERFACES: usize = 1 << 14;

#[derive(Default)]
pub(super) struct PcapNg {
    order: Order,
    interfaces: Vec<Interface>,
}

impl PcapNg {
    pub(super) fn starts_with(start: &[u8]) -> bool {
        start == SECTION.to_be_bytes()
    }

    pub(super) fn read(&mut self, input: &mut Input) -> Result<Option<Record>, Failure> {
        loop {
            let start = input.at_least(12)?;
            if start.is_empty() {
                return Ok(None);
            }
            let (kind, length) = self.block(start.first_chunk().ok_or(Failure::CutOff)?)?;
            match kind {
                SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET => {
                    let length = self.buffer_block(input, length)?;
                    let body = input
                        .buffered()
                        .get(BEFORE..length - AFTER)
                        .unwrap_or_default();
                    let packet = match kind {
                        SECTION => {
                            self.section(body)?;
                            input.skip(length as u64)?;
                            continue;
                        }
                        INTERFACE => {
                            self.interface(body)?;
                            input.skip(length as u64)?;
                            continue;
                        }
                        SIMPLE_PACKET => self.simple_packet(body),
                        _ => self.packet(kind, body),
                    };
                    return Ok(Some(Record { length, packet }));
                }
                _ => self.skip_block(input, length)?,
            }
        }
    }

    /// The kind and length of a block. A section header also sets the byte order.
    fn block(&mut self, start: &[u8; 12]) -> Result<(u32, u32), Damage> {
        let [k0, k1, k2, k3, l0, l1, l2, l3, mark @ ..] = *start;
        let (kind, length) = ([k0, k1, k2, k3], [l0, l1, l2, l3]);
        if kind == SECTION.to_be_bytes() {
            self.order = match mark {
                [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
                [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
                mark => return Err(Damage::ByteOrder { mark }),
            };
        }
        let (kind, length) = (self.order.word(kind), self.order.word(length));
        if length < 12 || length % 4 != 0 {
            return Err(Damage::BlockLength { length });
        }
        Ok((kind, length))
    }

    /// Buffers a block and checks its trailer.
    fn buffer_block(&self, input: &mut Input, length: u32) -> Result<usize, Failure> {
        let size = length as usize;
        if size > LARGEST {
            return Err(Damage::TooLong {
                length,
                longest: LARGEST as u32,
            }
            .into());
        }
        let block = input.at_least(size)?;
        let end = block.get(size - AFTER..size).ok_or(Failure::CutOff)?;
        self.check_trailer(length, end)?;
        Ok(size)
    }

    /// Skips a block of any length.
    fn skip_block(&self, input: &mut Input, length: u32) -> Result<(), Failure> {
        if !input.skip(u64::from(length) - AFTER as u64)? {
            return Err(Failure::CutOff);
        }
        self.check_trailer(
            length,
            input.at_least(AFTER)?.get(..AFTER).ok_or(Failure::CutOff)?,
        )?;
        input.skip(AFTER as u64)?;
        Ok(())
    }

    fn check_trailer(&self, first: u32, end: &[u8]) -> Result<(), Failure> {
        match self.order.u32(end, 0) {
            Some(last) if last == first => Ok(()),
            Some(last) => Err(Damage::BlockEnd { first, last }.into()),
            None => Err(Failure::CutOff),
        }
    }

    fn section(&mut self, body: &[u8]) -> Result<(), Damage> {
        let major = self.order.u16(body, 4).ok_or(too_short(body))?;
        if major != 1 {
            return Err(Damage::Version { major });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        let interface = Interface::read(self.order, body).ok_or(too_short(body))?;
        if self.interfaces.len() < MOST_INTERFACES {
            self.interfaces.push(interface);
        }
        Ok(())
    }

    /// An enhanced or obsolete packet block; they differ in the size of the interface number.
    fn packet(&self, kind: u32, body: &[u8]) -> Option<Packet> {
        const DATA: usize = 20;
        let number = match kind {
            OBSOLETE_PACKET => usize::from(self.order.u16(body, 0)?),
            _ => self.order.u32(body, 0)? as usize,
        };
        let interface = self.interfaces.get(number)?;
        let (high, low) = (self.order.u32(body, 4)?, self.order.u32(body, 8)?);
        let units = u64::from(high) << 32 | u64::from(low);
        let kept = self.order.u32(body, 12)? as usize;
        let data = within(body, DATA, kept)?;
        Some(Packet {
            link: interface.link,
            time: interface.time(units),
            data,
        })
    }

    fn simple_packet(&self, body: &[u8]) -> Option<Packet> {
        const DATA: usize = 4;
        let interface = self.interfaces.first()?;
        let whole = self.order.u32(body, 0)? as usize;
        let kept = match interface.snap_length {
            0 => whole,
            snap_length => whole.min(snap_length as usize),
        };
        let data = within(body, DATA, kept.min(body.len() - DATA))?;
        Some(Packet {
            link: interface.link,
            time: None,
            data,
        })
    }
}

/// The position in a block of a range of its body, if the body contains it.
fn within(body: &[u8], start: usize, length: usize) -> Option<Range<usize>> {
    let end = start.checked_add(length)?;
    body.get(start..end)?;
    Some(BEFORE + start..BEFORE + end)
}

fn too_short(body: &[u8]) -> Damage {
    Damage::BlockLength {
        length: (BEFORE + body.len() + AFTER) as u32,
    }
}

/// The default resolution of timestamps.
const MICROSECONDS: u8 = 6;

struct Interface {
    link: u32,
    /// The longest captured part of a packet in bytes; 0 if unlimited.
    snap_length: u32,
    /// The unit of time: 10^-n seconds, or 2^-n seconds if the highest bit is set.
    resolution: u8,
    /// Seconds to add to each time.
    offset: i64,
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: u32::from(order.u16(body, 0)?),
            snap_length: order.u32(body, 4)?,
            resolution: MICROSECONDS,
            offset: 0,
        };
        let mut at = 8;
        while let (Some(code), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
            let value = body.get(at + 4..).unwrap_or_default();
            match (code, length) {
                (0, _) => break,
                (9, 1) => interface.resolution = *value.first().unwrap_or(&MICROSECONDS),
                (14, 8) => interface.offset = order.i64(value, 0).unwrap_or(0),
                _ => {}
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        Some(interface)
    }

    /// Converts a timestamp to the time since 1970; `None` if it is out of range.
    fn time(&self, units: u64) -> Option<Duration> {
        const NANOS: u128 = 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let base: u128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        let nanos = u128::from(units) * NANOS / base.checked_pow(exponent)?;
        let seconds = u64::try_from(nanos / NANOS)
            .ok()?
            .checked_add_signed(self.offset)?;
        Some(Duration::new(seconds, (nanos % NANOS) as u32))
    }
}

/// The byte order of a section.
#[derive(Clone, Copy, Default)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    fn word(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        Some(self.word(*bytes.get(at..)?.first_chunk()?))
    }

    fn i64(self, bytes: &[u8], at: usize) -> Option<i64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        })
    }
}
