use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sflow_v5::enums::{DataSourceKind, DropReason};
use sflow_v5::packet::TcpFlags;
use sflow_v5::{Address, DataSource, Mac};

use crate::flow::key::Kind;

/// A flow's value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Value {
    /// The packets do not have the key, or its value is unknown.
    Absent,
    /// A number.
    Number(u64),
    /// A number with a name, such as 6 with `tcp`.
    Named(u64, &'static str),
    /// An IP address.
    Ip(IpAddr),
    /// A MAC address.
    Mac(Mac),
    /// Text from the network. Invalid UTF-8 is replaced; control characters are not, so escape
    /// the text before printing it.
    Text(Box<str>),
    /// A data source.
    DataSource(DataSource),
    /// TCP flags.
    Flags(TcpFlags),
}

impl fmt::Display for Value {
    /// As in the text form of a filter; `-` for [`Absent`](Self::Absent).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.pad("-"),
            Self::Number(number) => number.fmt(f),
            Self::Named(_, name) => f.pad(name),
            Self::Ip(address) => address.fmt(f),
            Self::Mac(address) => address.fmt(f),
            Self::Text(text) => f.pad(text),
            Self::DataSource(source) => source.fmt(f),
            Self::Flags(flags) => flags.fmt(f),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Value {
    /// Numbers as numbers, [`Absent`](Self::Absent) as none, all others as text.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            other => serializer.collect_str(other),
        }
    }
}

/// A value that borrows from a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw<'a> {
    Absent,
    Number(u64),
    Ip(IpAddr),
    Mac(Mac),
    Text(&'a [u8]),
    DataSource(DataSource),
}

const ABSENT: u8 = 0;
const NUMBER: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 3;
const MAC: u8 = 4;
const TEXT: u8 = 5;
const DATA_SOURCE: u8 = 6;

impl<'a> Raw<'a> {
    /// Text; absent if it is empty.
    pub(super) fn text(text: &'a [u8]) -> Self {
        if text.is_empty() {
            Self::Absent
        } else {
            Self::Text(text)
        }
    }

    /// Appends the encoded value, of text at most `longest` bytes.
    pub(super) fn encode(self, out: &mut Vec<u8>, longest: usize) {
        match self {
            Self::Absent => out.push(ABSENT),
            Self::Number(number) => {
                out.push(NUMBER);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Ip(IpAddr::V4(address)) => {
                out.push(IPV4);
                out.extend_from_slice(&address.octets());
            }
            Self::Ip(IpAddr::V6(address)) => {
                out.push(IPV6);
                out.extend_from_slice(&address.octets());
            }
            Self::Mac(Mac(octets)) => {
                out.push(MAC);
                out.extend_from_slice(&octets);
            }
            Self::Text(text) => {
                let text = text.get(..longest).unwrap_or(text);
                let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
                let text = text.get(..length.into()).unwrap_or(text);
                out.push(TEXT);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(text);
            }
            Self::DataSource(source) => {
                out.push(DATA_SOURCE);
                out.extend_from_slice(&source.kind.0.to_be_bytes());
                out.extend_from_slice(&source.index.to_be_bytes());
            }
        }
    }

    /// Maximum number of bytes that [`encode`](Self::encode) appends for a key of this kind.
    pub(super) fn longest(kind: Kind, longest_text: usize) -> usize {
        match kind {
            Kind::Text | Kind::End => 3 + longest_text.min(u16::MAX.into()),
            Kind::Ip => 17,
            _ => 9,
        }
    }

    /// Reads a value that [`encode`](Self::encode) appended.
    pub(super) fn decode(input: &mut &'a [u8]) -> Option<Self> {
        let tag = chunk::<1>(input)?[0];
        Some(match tag {
            NUMBER => Self::Number(u64::from_be_bytes(*chunk(input)?)),
            IPV4 => Self::Ip(Ipv4Addr::from(*chunk::<4>(input)?).into()),
            IPV6 => Self::Ip(Ipv6Addr::from(*chunk::<16>(input)?).into()),
            MAC => Self::Mac(Mac(*chunk(input)?)),
            TEXT => {
                let length = u16::from_be_bytes(*chunk(input)?);
                let (text, rest) = input.split_at_checked(length.into())?;
                *input = rest;
                Self::Text(text)
            }
            DATA_SOURCE => {
                let kind = DataSourceKind(u32::from_be_bytes(*chunk(input)?));
                let index = u32::from_be_bytes(*chunk(input)?);
                Self::DataSource(DataSource { kind, index })
            }
            _ => Self::Absent,
        })
    }

    /// The value of a key of this kind.
    pub(super) fn to_value(self, kind: Kind) -> Value {
        match (self, kind) {
            (Self::Absent, _) => Value::Absent,
            (Self::Number(number), Kind::Flags) => Value::Flags(flags(number)),
            (Self::Number(number), kind) => match name_of(kind, number) {
                Some(name) => Value::Named(number, name),
                None => Value::Number(number),
            },
            (Self::Ip(address), _) => Value::Ip(address),
            (Self::Mac(address), _) => Value::Mac(address),
            (Self::Text(text), _) => Value::Text(String::from_utf8_lossy(text).into()),
            (Self::DataSource(source), _) => Value::DataSource(source),
        }
    }

    /// Calls a function with the text form, without allocation.
    pub(super) fn with_text<T>(self, kind: Kind, read: impl FnOnce(&[u8]) -> T) -> T {
        let mut line = Line::default();
        // A line is long enough for everything except text.
        let _ = match (self, kind) {
            (Self::Absent, _) => Ok(()),
            (Self::Text(text), _) => return read(text),
            (Self::Number(number), Kind::Flags) => write(&mut line, flags(number)),
            (Self::Number(number), kind) => match name_of(kind, number) {
                Some(name) => write(&mut line, name),
                None => write(&mut line, number),
            },
            (Self::Ip(address), _) => write(&mut line, address),
            (Self::Mac(address), _) => write(&mut line, address),
            (Self::DataSource(source), _) => write(&mut line, source),
        };
        read(line.bytes.get(..line.length).unwrap_or(&[]))
    }
}

pub(super) fn number<'s>(number: Option<u32>) -> Raw<'s> {
    number.map_or(Raw::Absent, |number| Raw::Number(number.into()))
}

pub(super) fn address<'s>(address: Address) -> Raw<'s> {
    address.known().map_or(Raw::Absent, Raw::Ip)
}

/// Names of IP protocols in use.
pub(super) const PROTOCOLS: [(&str, u64); 16] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

fn name_of(kind: Kind, number: u64) -> Option<&'static str> {
    match kind {
        Kind::Protocol => {
            let mut protocols = PROTOCOLS.iter();
            let (name, _) = protocols.find(|(_, known)| *known == number)?;
            Some(name)
        }
        Kind::Reason => DropReason(u32::try_from(number).ok()?).name(),
        _ => None,
    }
}

fn flags(number: u64) -> TcpFlags {
    TcpFlags(u16::try_from(number & 0x1ff).unwrap_or_default())
}

fn chunk<'a, const N: usize>(input: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(chunk)
}

fn write(line: &mut Line, value: impl fmt::Display) -> fmt::Result {
    use fmt::Write as _;
    write!(line, "{value}")
}

/// The text form of a value that is not text.
struct Line {
    bytes: [u8; 64],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let free = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_read_as_written() {
        let cases = [
            (Raw::Absent, Kind::Number, "-"),
            (Raw::Number(80), Kind::Number, "80"),
            (Raw::Number(6), Kind::Protocol, "tcp"),
            (Raw::Number(200), Kind::Protocol, "200"),
            (Raw::Number(258), Kind::Reason, "acl"),
            (Raw::Number(0x12), Kind::Flags, "[S.]"),
            (Raw::Ip([10, 0, 0, 1].into()), Kind::Ip, "10.0.0.1"),
            (Raw::Ip(Ipv6Addr::LOCALHOST.into()), Kind::Ip, "::1"),
            (
                Raw::Mac(Mac([2, 0, 0, 0, 0, 1])),
                Kind::Mac,
                "02:00:00:00:00:01",
            ),
            (Raw::Text(b"apache.1"), Kind::Text, "apache.1"),
            (Raw::Text(b"too long by far"), Kind::Text, "too long"),
            (
                Raw::DataSource(DataSource::new(DataSourceKind::LOGICAL, 7)),
                Kind::DataSource,
                "3:7",
            ),
        ];
        let mut bytes = Vec::new();
        for (raw, ..) in cases {
            raw.encode(&mut bytes, 8);
        }
        let mut input = &bytes[..];
        for (raw, kind, text) in cases {
            let found = Raw::decode(&mut input).unwrap();
            assert_eq!(found.to_value(kind).to_string(), text, "{raw:?}");
            if raw != Raw::Absent {
                assert!(
                    found.with_text(kind, |line| line == text.as_bytes()),
                    "{raw:?}"
                );
            }
        }
        assert!(input.is_empty());
    }
}
