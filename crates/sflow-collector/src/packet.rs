//! From a captured packet to the payload of its UDP datagram.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_file::DataLink;

/// Linux cooked capture 2, which the capture crate has no name for.
const LINUX_SLL2: u32 = 276;

/// A UDP datagram in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Udp<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) destination_port: u16,
    pub(crate) payload: &'a [u8],
    /// The capture has not kept all of it.
    pub(crate) is_cut: bool,
}

/// Why a packet holds no datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// It is something else than UDP over IP, or is cut off before the payload.
    NotUdp,
    /// It is a part of an IP packet.
    Fragment,
    /// The link layer is none that is known here.
    LinkType,
}

pub(crate) fn udp(link: DataLink, data: &[u8]) -> Result<Udp<'_>, Other> {
    let packet = match link {
        DataLink::ETHERNET => LaxSlicedPacket::from_ethernet(data).map_err(|_| Other::NotUdp)?,
        DataLink::LINUX_SLL => cooked(data, 14, 16)?,
        DataLink::NULL | DataLink::LOOP => ip(data.get(4..).ok_or(Other::NotUdp)?)?,
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => ip(data)?,
        other if u32::from(other) == LINUX_SLL2 => cooked(data, 0, 20)?,
        // Two more numbers that systems have used for bare IP.
        other if matches!(u32::from(other), 12 | 14) => ip(data)?,
        _ => return Err(Other::LinkType),
    };

    let (source, is_fragment) = match &packet.net {
        Some(LaxNetSlice::Ipv4(net)) => (
            IpAddr::V4(Ipv4Addr::from(net.header().source())),
            net.payload().fragmented,
        ),
        Some(LaxNetSlice::Ipv6(net)) => (
            IpAddr::V6(Ipv6Addr::from(net.header().source())),
            net.payload().fragmented,
        ),
        _ => return Err(Other::NotUdp),
    };
    if is_fragment {
        return Err(Other::Fragment);
    }
    let Some(TransportSlice::Udp(udp)) = &packet.transport else { return Err(Other::NotUdp) };
    let payload = udp.payload();
    Ok(Udp {
        source: SocketAddr::new(source, udp.source_port()),
        destination_port: udp.destination_port(),
        payload,
        is_cut: usize::from(udp.length()) > payload.len() + 8,
    })
}

fn ip(data: &[u8]) -> Result<LaxSlicedPacket<'_>, Other> {
    LaxSlicedPacket::from_ip(data).map_err(|_| Other::NotUdp)
}

/// Linux cooked: an EtherType at one place, and the packet behind a header of constant size.
fn cooked(data: &[u8], type_at: usize, header: usize) -> Result<LaxSlicedPacket<'_>, Other> {
    let ether_type = data.get(type_at..).and_then(|data| data.first_chunk::<2>());
    let (Some(ether_type), Some(packet)) = (ether_type, data.get(header..)) else {
        return Err(Other::NotUdp);
    };
    Ok(LaxSlicedPacket::from_ether_type(EtherType(u16::from_be_bytes(*ether_type)), packet))
}
