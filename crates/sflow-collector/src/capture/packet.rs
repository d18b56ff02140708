//! From a captured packet to the payload of its UDP datagram.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice, UdpHeader};
use pcap_file::DataLink;

/// A UDP datagram in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Udp<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination_port: u16,
    pub(super) payload: &'a [u8],
    /// The capture has not kept all of it.
    pub(super) is_cut: bool,
}

/// Why a packet holds no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// It is a part of an IP packet.
    Fragment,
    /// The link layer is none that is known here.
    LinkType,
    /// A header contradicts itself, or is cut off.
    Malformed,
    /// It is something else than UDP over IP.
    NotUdp,
}

pub(super) fn udp(link: DataLink, data: &[u8]) -> Result<Udp<'_>, Other> {
    let packet = match link {
        DataLink::ETHERNET => LaxSlicedPacket::from_ethernet(data).map_err(|_| Other::Malformed)?,
        DataLink::LINUX_SLL => cooked(data, 14, 16)?,
        DataLink::LINUX_SLL2 => cooked(data, 0, 20)?,
        // Behind four bytes for the family of the address, which the packet itself tells.
        DataLink::NULL | DataLink::LOOP => ip(data.get(4..).ok_or(Other::Malformed)?)?,
        // Some systems write their own number, 12 or 14, for bare IP.
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 | DataLink::Unknown(12 | 14) => ip(data)?,
        _ => return Err(Other::LinkType),
    };

    let (source, payload) = match &packet.net {
        Some(LaxNetSlice::Ipv4(net)) => (IpAddr::from(net.header().source()), net.payload()),
        Some(LaxNetSlice::Ipv6(net)) => (IpAddr::from(net.header().source()), net.payload()),
        _ if packet.stop_err.is_some() => return Err(Other::Malformed),
        _ => return Err(Other::NotUdp),
    };
    if payload.fragmented {
        return Err(Other::Fragment);
    }
    match &packet.transport {
        Some(TransportSlice::Udp(udp)) => Ok(Udp {
            source: SocketAddr::new(source, udp.source_port()),
            destination_port: udp.destination_port(),
            payload: udp.payload(),
            is_cut: usize::from(udp.length()) > UdpHeader::LEN + udp.payload().len(),
        }),
        // That what is broken is another transport's is none of our business.
        None if payload.ip_number == IpNumber::UDP
            || payload.ip_number.is_ipv6_ext_header_value() =>
        {
            Err(Other::Malformed)
        }
        _ => Err(Other::NotUdp),
    }
}

fn ip(data: &[u8]) -> Result<LaxSlicedPacket<'_>, Other> {
    LaxSlicedPacket::from_ip(data).map_err(|_| Other::Malformed)
}

/// Linux cooked: an EtherType at one place, and the packet behind a header of constant size.
fn cooked(data: &[u8], type_at: usize, header: usize) -> Result<LaxSlicedPacket<'_>, Other> {
    let ether_type = data.get(type_at..).and_then(|data| data.first_chunk::<2>());
    let (Some(ether_type), Some(packet)) = (ether_type, data.get(header..)) else {
        return Err(Other::Malformed);
    };
    Ok(LaxSlicedPacket::from_ether_type(
        EtherType(u16::from_be_bytes(*ether_type)),
        packet,
    ))
}
