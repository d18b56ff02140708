//! The pcap format: a file header, then packets of one link layer.

use std::time::Duration;

use pcap_file::pcap::PcapParser;
use pcap_file::{Endianness, TsResolution};

use super::error::Damage;
use super::input::Input;
use super::record::{Failure, LONGEST_PACKET, Packet, Record};

const HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// The bits of the link type. The bits above contain the length of the frame check sequence.
const LINK_TYPE: u32 = 0x03ff_ffff;

pub(super) struct Pcap {
    parser: PcapParser,
    link: u32,
}

impl Pcap {
    /// Whether a file starts with the magic number for micro- or nanoseconds, in either byte order.
    pub(super) fn starts_with(start: &[u8]) -> bool {
        matches!(
            start,
            [0xa1, 0xb2, 0xc3, 0xd4]
                | [0xa1, 0xb2, 0x3c, 0x4d]
                | [0xd4, 0xc3, 0xb2, 0xa1]
                | [0x4d, 0x3c, 0xb2, 0xa1]
        )
    }

    pub(super) fn open(input: &mut Input) -> Result<Self, Failure> {
        let (_, parser) = PcapParser::new(input.at_least(HEADER)?).map_err(|_| Failure::CutOff)?;
        input.skip(HEADER as u64)?;
        let link = u32::from(parser.header().datalink) & LINK_TYPE;
        Ok(Self { parser, link })
    }

    pub(super) fn read(&mut self, input: &mut Input) -> Result<Option<Record>, Failure> {
        let header = input.at_least(RECORD_HEADER)?;
        if header.is_empty() {
            return Ok(None);
        }
        let kept = header
            .get(8..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(Failure::CutOff)?;
        let kept = match self.parser.header().endianness {
            Endianness::Big => u32::from_be_bytes(*kept),
            Endianness::Little => u32::from_le_bytes(*kept),
        };
        // Checked before the parser, which would require that many bytes.
        if kept > LONGEST_PACKET {
            return Err(Damage::TooLong {
                length: kept,
                longest: LONGEST_PACKET,
            }
            .into());
        }
        let record = input.at_least(RECORD_HEADER + kept as usize)?;
        let (_, packet) = self
            .parser
            .next_raw_packet(record)
            .map_err(|_| Failure::CutOff)?;

        let fraction = match self.parser.header().ts_resolution {
            TsResolution::NanoSecond => Duration::from_nanos(packet.ts_frac.into()),
            TsResolution::MicroSecond => Duration::from_micros(packet.ts_frac.into()),
        };
        let time = Duration::from_secs(packet.ts_sec.into()) + fraction;
        let length = RECORD_HEADER + packet.data.len();
        let data = RECORD_HEADER..length;
        Ok(Some(Record {
            length,
            packet: Some(Packet {
                link: self.link,
                time: Some(time),
                data,
            }),
        }))
    }
}
