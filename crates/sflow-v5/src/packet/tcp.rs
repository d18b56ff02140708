use core::fmt;

use super::layer::Layer;
use super::layers::Layers;
use super::protocol::IpNumber;
use super::rest::StopReason;
use super::transport::{Ports, head};
use crate::padding::pad;

/// TCP: the ports, and the other fields unless the header is truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    ports: Ports<'a>,
}

impl<'a> Tcp<'a> {
    /// The port of the sender.
    pub const fn source_port(self) -> u16 {
        self.ports.source_port()
    }

    /// The port of the receiver.
    pub const fn destination_port(self) -> u16 {
        self.ports.destination_port()
    }

    /// The sequence number, unless it is truncated.
    pub fn sequence_number(self) -> Option<u32> {
        self.word(4)
    }

    /// The acknowledgement number, unless it is truncated.
    pub fn acknowledgment_number(self) -> Option<u32> {
        self.word(8)
    }

    /// The window size, before scaling, unless it is truncated.
    pub fn window(self) -> Option<u16> {
        match self.word(12)?.to_be_bytes() {
            [_, _, high, low] => Some(u16::from_be_bytes([high, low])),
        }
    }

    /// The flags, unless they are truncated.
    pub fn flags(self) -> Option<TcpFlags> {
        match self.bytes() {
            [_, _, _, _, _, _, _, _, _, _, _, _, offset, flags, ..] => {
                Some(TcpFlags(u16::from_be_bytes([offset & 1, *flags])))
            }
            _ => None,
        }
    }

    /// The header, or the part of it that was sampled.
    pub const fn bytes(self) -> &'a [u8] {
        self.ports.bytes()
    }

    fn word(self, start: usize) -> Option<u32> {
        let bytes = self.bytes().get(start..)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    }
}

/// The flags of TCP, as `NS CWR ECE URG ACK PSH RST SYN FIN`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TcpFlags(
    /// The lower nine bits of bytes 12 and 13 of the header.
    pub u16,
);

impl TcpFlags {
    /// The sender has finished.
    pub const FIN: Self = Self(0x01);
    /// Start of the connection.
    pub const SYN: Self = Self(0x02);
    /// Reset.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);
    /// Congestion was experienced.
    pub const ECE: Self = Self(0x40);
    /// The congestion window was reduced.
    pub const CWR: Self = Self(0x80);
    /// Accurate congestion notification, formerly the nonce sum.
    pub const NS: Self = Self(0x100);

    /// Whether all of these are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl fmt::Display for TcpFlags {
    /// In the notation of tcpdump: `[S.]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(TcpFlags, &str); 9] = [
            (TcpFlags::FIN, "F"),
            (TcpFlags::SYN, "S"),
            (TcpFlags::RST, "R"),
            (TcpFlags::PSH, "P"),
            (TcpFlags::ACK, "."),
            (TcpFlags::URG, "U"),
            (TcpFlags::ECE, "E"),
            (TcpFlags::CWR, "W"),
            (TcpFlags::NS, "e"),
        ];
        let letters = LETTERS.map(|(flag, letter)| if self.contains(flag) { letter } else { "" });
        let [fin, syn, rst, psh, ack, urg, ece, cwr, ns] = letters;
        let none = if self.0 == 0 { "none" } else { "" };
        pad(
            f,
            format_args!("[{none}{fin}{syn}{rst}{psh}{ack}{urg}{ece}{cwr}{ns}]"),
        )
    }
}

pub(super) fn tcp<'a>(walk: &mut Layers<'a>) -> Option<Layer<'a>> {
    let words = walk.input().bytes.get(12).map_or(5, |byte| byte >> 4);
    let length = usize::from(words.max(5)) << 2;
    let (ports, behind, short) = head("tcp", IpNumber::TCP, length, walk)?;
    let stop = match short {
        Some(stop) => stop,
        None if words < 5 => StopReason::Invalid {
            header: "tcp",
            field: "data offset",
            value: words.into(),
        },
        None => StopReason::Payload,
    };
    walk.end(behind, stop);
    Some(Layer::Tcp(Tcp { ports }))
}
