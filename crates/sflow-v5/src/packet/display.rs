use core::fmt::{self, Display};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Arp, Ip, IpNumber, Layer, Packet, Transport};
use crate::Mac;
use crate::padding::pad;

impl Display for Packet<'_> {
    /// One line: source and destination, protocol, the packet inside, and why the rest was not
    /// read.
    ///
    /// `vlan 7 10.0.0.1:50000 > 10.0.0.2:4789 udp vxlan 42 {192.168.0.1 > 192.168.0.2 icmpv4 8/0}`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}", Line(*self)))
    }
}

/// A packet as one line, without padding.
struct Line<'a>(Packet<'a>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut packet, mut open) = (self.0, 0_u8);
        loop {
            let mut out = Spaced { f, first: true };
            packet.line(&mut out)?;
            let Some((tunnel, inner)) = packet.enter() else {
                break;
            };
            out.write(format_args!("{tunnel} {{"))?;
            (packet, open) = (inner, open.saturating_add(1));
        }
        (0..open).try_for_each(|_| f.write_str("}"))
    }
}

impl Packet<'_> {
    fn line(&self, out: &mut Spaced<'_, '_>) -> fmt::Result {
        let (mut ip, mut transport, mut named) = (None, None, false);
        for layer in self.own_layers() {
            Ip::add(&mut ip, &layer);
            transport = transport.or_else(|| Transport::from_layer(&layer));
            match &layer {
                Layer::Vlan(vlan) => out.write(format_args!("vlan {}", vlan.tag))?,
                Layer::Mpls(label) => out.write(format_args!("mpls {}", label.entry()))?,
                Layer::Pppoe(header) => out.write(format_args!("pppoe {}", header.session()))?,
                Layer::Arp(packet) => arp(*packet, out)?,
                Layer::Rest(rest) => {
                    if !named {
                        self.endpoints(ip, transport, out)?;
                    }
                    if !rest.reason.is_complete() {
                        out.write(format_args!("({})", rest.reason))?;
                    }
                    return Ok(());
                }
                Layer::Icmpv4(message) | Layer::Icmpv6(message) | Layer::Igmp(message) => {
                    self.endpoints(ip, transport, out)?;
                    let (kind, code) = (message.kind(), message.code());
                    out.write(format_args!("{} {kind}/{code}", layer.name()))?;
                    named = true;
                }
                _ => {}
            }
            named |= matches!(layer, Layer::Arp(_));
        }
        self.endpoints(ip, transport, out)
    }

    /// Source and destination, by the highest layer that has them.
    fn endpoints(
        &self,
        ip: Option<Ip>,
        transport: Option<Transport>,
        out: &mut Spaced<'_, '_>,
    ) -> fmt::Result {
        match (ip, transport) {
            (Some(ip), Some(transport)) => {
                let source = SocketAddr::new(ip.source, transport.source_port);
                let destination = SocketAddr::new(ip.destination, transport.destination_port);
                out.write(format_args!("{source} > {destination}"))?;
                out.write(name(transport.protocol))?;
                transport.tcp_flags.map_or(Ok(()), |flags| out.write(flags))
            }
            (Some(ip), None) => out.write(format_args!("{} > {}", ip.source, ip.destination)),
            (None, _) => self.ethernet().map_or(Ok(()), |link| {
                out.write(format_args!("{} > {}", link.source, link.destination))
            }),
        }
    }
}

fn arp(packet: Arp<'_>, out: &mut Spaced<'_, '_>) -> fmt::Result {
    let sender = address(packet.sender_protocol_address());
    let target = address(packet.target_protocol_address());
    let (Some(sender), Some(target)) = (sender, target) else {
        return out.write(format_args!("arp operation {}", packet.operation()));
    };
    match (
        packet.operation(),
        packet.sender_hardware_address().first_chunk(),
    ) {
        (1, _) => out.write(format_args!("arp who-has {target} tell {sender}")),
        (2, Some(mac)) => out.write(format_args!("arp {sender} is-at {}", Mac(*mac))),
        (operation, _) => out.write(format_args!("arp operation {operation}")),
    }
}

pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let bytes = <[u8; 4]>::try_from(bytes).ok()?;
    Some(Ipv4Addr::from(bytes).into())
}

fn name(protocol: IpNumber) -> &'static str {
    match protocol {
        IpNumber::TCP => "tcp",
        IpNumber::UDP => "udp",
        IpNumber::SCTP => "sctp",
        IpNumber::DCCP => "dccp",
        _ => "udp_lite",
    }
}

/// Writes values with one space between them.
struct Spaced<'f, 'g> {
    f: &'f mut fmt::Formatter<'g>,
    first: bool,
}

impl Spaced<'_, '_> {
    fn write(&mut self, word: impl Display) -> fmt::Result {
        if !self.first {
            self.f.write_str(" ")?;
        }
        self.first = false;
        write!(self.f, "{word}")
    }
}
