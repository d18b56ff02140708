//! Finds the UDP datagram in a captured packet, inside link layers, tags and tunnels.

mod ethernet;
mod guess;
mod ip;
mod layer;
mod link;
mod tunnel;

use std::net::IpAddr;

pub(super) use self::layer::NoDatagram;
use self::layer::{Layer, Next, Parsed, Transport, Udp, from};
use super::port::Port;
use super::reassembly::Fragment;

/// The maximum number of headers per packet. Each link layer, tag, label and tunnel counts, and
/// each attempt where the type of the next header is unknown.
pub(super) const MOST_HEADERS: u8 = 32;

/// The content of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    Udp(Udp<'a>),
    Fragment(Fragment<'a>),
}

type Result<'a> = std::result::Result<Found<'a>, NoDatagram>;

/// The search for the datagram in one packet.
#[derive(Debug)]
pub(super) struct Search {
    port: Port,
    headers_left: u8,
}

impl Search {
    /// Searches for a datagram to a port. Tunnels over UDP are followed, unless they use this port.
    pub(super) const fn new(port: Port) -> Self {
        Self {
            port,
            headers_left: MOST_HEADERS,
        }
    }

    /// Searches a packet of a link layer.
    pub(super) fn packet<'a>(&mut self, link: u32, data: &'a [u8]) -> Result<'a> {
        self.layer(Layer::Link(link), data)
    }

    /// Continues in the payload of a reassembled IP packet.
    pub(super) fn payload<'a>(
        &mut self,
        protocol: u8,
        source: IpAddr,
        data: &'a [u8],
    ) -> Result<'a> {
        let transport = Transport {
            protocol,
            source,
            // Only fragments need it, and a reassembled packet is not a fragment.
            destination: source,
            is_cut: false,
        };
        self.layer(Layer::Transport(transport), data)
    }

    fn layer<'a>(&mut self, mut layer: Layer, mut data: &'a [u8]) -> Result<'a> {
        loop {
            self.headers_left = self
                .headers_left
                .checked_sub(1)
                .ok_or(NoDatagram::TooDeep)?;
            match parse(layer, data)? {
                Next::Layer(next, rest) => (layer, data) = (next, rest),
                Next::Either(options, rest) => return self.either(options, rest),
                Next::Udp(udp) => return self.udp(udp),
                Next::Fragment(fragment) => return Ok(Found::Fragment(fragment)),
            }
        }
    }

    /// The result of the first option that leads to a selected datagram, else of the first one.
    fn either<'a>(&mut self, options: [(Layer, usize); 2], data: &'a [u8]) -> Result<'a> {
        let mut first = None;
        for (layer, at) in options {
            let result = from(data, at).and_then(|data| self.layer(layer, data));
            match result {
                Ok(Found::Udp(udp)) if !self.port.selects(udp.destination_port) => {
                    first = Some(first.unwrap_or(result));
                }
                Ok(_) | Err(NoDatagram::TooDeep) => return result,
                Err(_) => first = Some(first.unwrap_or(result)),
            }
        }
        first.unwrap_or(Err(NoDatagram::NotUdp))
    }

    /// The datagram inside a tunnel over UDP, else the datagram itself.
    fn udp<'a>(&mut self, udp: Udp<'a>) -> Result<'a> {
        let outer = Ok(Found::Udp(udp));
        if self.port == Port::To(udp.destination_port) {
            return outer;
        }
        let Some(Ok((layer, data))) = tunnel::over_udp(udp.destination_port, udp.payload) else {
            return outer;
        };
        match self.layer(layer, data) {
            inner @ (Ok(_) | Err(NoDatagram::TooDeep)) => inner,
            Err(_) => outer,
        }
    }
}

fn parse(layer: Layer, data: &[u8]) -> Parsed<'_> {
    match layer {
        Layer::Link(number) => link::link(number, data),
        Layer::Ethernet => ethernet::ethernet(data),
        Layer::EtherType(number) => ethernet::ether_type(number, data),
        Layer::Llc => ethernet::llc(data),
        Layer::Ip => ip::ip(data),
        Layer::ProbablyIp if guess::is_ip(data) => ip::ip(data),
        Layer::ProbablyEthernet if guess::is_ethernet(data) => ethernet::ethernet(data),
        Layer::ProbablyIp | Layer::ProbablyEthernet => Err(NoDatagram::NotUdp),
        Layer::Mpls => ethernet::mpls(data),
        Layer::Ppp => link::ppp(data),
        Layer::PppoE => link::pppoe(data),
        Layer::FrameRelay => link::frame_relay(data),
        Layer::Wifi => link::wifi(data),
        Layer::Nsh => tunnel::nsh(data),
        Layer::Transport(transport) => ip::transport(transport, data),
    }
}
