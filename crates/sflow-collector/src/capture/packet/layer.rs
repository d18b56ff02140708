//! The layers of a packet, and the results of parsing their headers.

use std::net::{IpAddr, SocketAddr};

use crate::capture::reassembly::Fragment;

/// The kind of header at the start of some data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// A link layer, by its number in capture files.
    Link(u32),
    Ethernet,
    EtherType(u16),
    /// IEEE 802.2.
    Llc,
    /// IPv4 or IPv6.
    Ip,
    /// IPv4 or IPv6 if the checksum and lengths match, where no header identifies it.
    ProbablyIp,
    /// Ethernet if its content matches, where no header identifies it.
    ProbablyEthernet,
    Mpls,
    Ppp,
    PppoE,
    FrameRelay,
    Wifi,
    /// The network service header.
    Nsh,
    /// A header after that of IP.
    Transport(Transport),
}

/// The payload of an IP packet or of an IPv6 extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) protocol: u8,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Whether the capture truncated it.
    pub(super) is_cut: bool,
}

/// The content of a header's payload.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next<'a> {
    Layer(Layer, &'a [u8]),
    /// One of two layers, each with its offset.
    Either([(Layer, usize); 2], &'a [u8]),
    Udp(Udp<'a>),
    Fragment(Fragment<'a>),
}

/// The UDP datagram in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) struct Udp<'a> {
    pub(in crate::capture) source: SocketAddr,
    pub(in crate::capture) destination_port: u16,
    pub(in crate::capture) payload: &'a [u8],
    /// Whether the capture truncated it.
    pub(in crate::capture) is_cut: bool,
}

/// The reason why a packet contains no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capture) enum NoDatagram {
    /// The link layer is not supported.
    LinkType(u32),
    /// A header is invalid or truncated.
    Malformed,
    /// The packet is not UDP over IP.
    NotUdp,
    /// The packet has more than [`MOST_HEADERS`](super::MOST_HEADERS) headers.
    TooDeep,
}

/// The layer after a header, or the reason why there is none.
pub(super) type Parsed<'a> = Result<Next<'a>, NoDatagram>;

/// The payload at an offset, as a layer.
pub(super) fn layer_at(layer: Layer, data: &[u8], offset: usize) -> Parsed<'_> {
    Ok(Next::Layer(layer, from(data, offset)?))
}

pub(super) fn from(data: &[u8], at: usize) -> Result<&[u8], NoDatagram> {
    data.get(at..).ok_or(NoDatagram::Malformed)
}

pub(super) fn array<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N], NoDatagram> {
    from(data, at)?
        .first_chunk()
        .copied()
        .ok_or(NoDatagram::Malformed)
}

pub(super) fn byte(data: &[u8], at: usize) -> Result<u8, NoDatagram> {
    data.get(at).copied().ok_or(NoDatagram::Malformed)
}

pub(super) fn be16(data: &[u8], at: usize) -> Result<u16, NoDatagram> {
    array(data, at).map(u16::from_be_bytes)
}

pub(super) fn le16(data: &[u8], at: usize) -> Result<u16, NoDatagram> {
    array(data, at).map(u16::from_le_bytes)
}
