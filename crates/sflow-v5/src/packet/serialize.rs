//! A packet is serialised as the list of its layers.

use core::fmt::Display;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::protocol::EtherType;

use super::display::address;
use super::{Icmp, Layer, Packet, Ports};
use crate::Mac;
use crate::types::Opaque;

impl Serialize for Packet<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for layer in self.layers() {
            list.serialize_element(&layer)?;
        }
        list.end()
    }
}

impl Serialize for Layer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("layer", self.name())?;
        match self {
            Self::Ethernet(_) | Self::Llc(_) | Self::Vlan(_) | Self::Macsec(_) | Self::Arp(_) => {
                self.link(&mut map)?;
            }
            Self::Mpls(_) | Self::Pppoe(_) | Self::Ppp(_) => self.line(&mut map)?,
            Self::Ipv4(_)
            | Self::Ipv6(_)
            | Self::Ipv6Extension(..)
            | Self::Ipv6Fragment(_)
            | Self::Authentication(_)
            | Self::Esp(_) => self.ip(&mut map)?,
            Self::Tcp(_) | Self::Udp(_) | Self::Ports(_) => self.transport(&mut map)?,
            Self::Icmpv4(message) | Self::Icmpv6(message) | Self::Igmp(message) => {
                message.fields(&mut map)?;
            }
            Self::Gre(_)
            | Self::Erspan(_)
            | Self::Vxlan(_)
            | Self::VxlanGpe(_)
            | Self::Geneve(_)
            | Self::Nsh(_)
            | Self::GtpU(_)
            | Self::L2tpV3(_)
            | Self::EtherIp(_)
            | Self::ControlWord(_) => self.tunnel(&mut map)?,
            Self::Rest(rest) => {
                map.serialize_entry("bytes", &Opaque(rest.bytes))?;
                map.serialize_entry("reason", &rest.reason)?;
            }
        }
        map.end()
    }
}

impl Layer<'_> {
    fn link<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Ethernet(header) => {
                map.serialize_entry("src", &header.source())?;
                map.serialize_entry("dst", &header.destination())?;
                serialize_type(header.ether_type(), map)?;
            }
            Self::Llc(header) => {
                map.serialize_entry("dsap", &header.dsap())?;
                map.serialize_entry("ssap", &header.ssap())?;
                map.serialize_entry("control", &header.control())?;
                if let Some((oui, protocol)) = header.snap() {
                    map.serialize_entry("oui", &Opaque(&oui))?;
                    map.serialize_entry("protocol", &Text(EtherType(protocol)))?;
                }
            }
            Self::Vlan(vlan) => {
                map.serialize_entry("vlan", &vlan.tag.vlan())?;
                map.serialize_entry("priority", &vlan.tag.priority())?;
                let drop_eligible = vlan.tag.is_drop_eligible();
                map.serialize_entry("drop_eligible", &drop_eligible)?;
                serialize_type(vlan.ether_type(), map)?;
            }
            Self::Macsec(header) => {
                map.serialize_entry("packet_number", &header.packet_number())?;
                map.serialize_entry("encrypted", &header.is_encrypted())?;
            }
            Self::Arp(packet) => {
                map.serialize_entry("operation", &packet.operation())?;
                for (name, bytes) in [
                    ("sender_mac", packet.sender_hardware_address()),
                    ("target_mac", packet.target_hardware_address()),
                ] {
                    match bytes.first_chunk() {
                        Some(mac) if bytes.len() == 6 => map.serialize_entry(name, &Mac(*mac))?,
                        _ => map.serialize_entry(name, &Opaque(bytes))?,
                    }
                }
                for (name, bytes) in [
                    ("sender", packet.sender_protocol_address()),
                    ("target", packet.target_protocol_address()),
                ] {
                    match address(bytes) {
                        Some(address) => map.serialize_entry(name, &Text(address))?,
                        None => map.serialize_entry(name, &Opaque(bytes))?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn line<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Mpls(label) => {
                let entry = label.entry();
                map.serialize_entry("label", &entry.label())?;
                map.serialize_entry("traffic_class", &entry.traffic_class())?;
                map.serialize_entry("bottom", &entry.is_bottom())?;
                map.serialize_entry("ttl", &entry.ttl())?;
            }
            Self::Pppoe(header) => map.serialize_entry("session", &header.session())?,
            Self::Ppp(header) => {
                map.serialize_entry("protocol", &Text(EtherType(header.protocol())))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn ip<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Ipv4(header) => {
                map.serialize_entry("src", &Text(header.source()))?;
                map.serialize_entry("dst", &Text(header.destination()))?;
                map.serialize_entry("protocol", &header.protocol().0)?;
                map.serialize_entry("ttl", &header.ttl())?;
                map.serialize_entry("tos", &header.tos())?;
                map.serialize_entry("total_length", &header.total_length())?;
                map.serialize_entry("identification", &header.identification())?;
                map.serialize_entry("dont_fragment", &header.dont_fragment())?;
                map.serialize_entry("more_fragments", &header.more_fragments())?;
                map.serialize_entry("fragment_offset", &header.fragment_offset())?;
            }
            Self::Ipv6(header) => {
                map.serialize_entry("src", &Text(header.source()))?;
                map.serialize_entry("dst", &Text(header.destination()))?;
                map.serialize_entry("next_header", &header.next_header().0)?;
                map.serialize_entry("hop_limit", &header.hop_limit())?;
                map.serialize_entry("traffic_class", &header.traffic_class())?;
                map.serialize_entry("flow_label", &header.flow_label())?;
                map.serialize_entry("payload_length", &header.payload_length())?;
            }
            Self::Ipv6Extension(number, header) => {
                map.serialize_entry("header", &number.0)?;
                map.serialize_entry("next_header", &header.next_header().0)?;
            }
            Self::Ipv6Fragment(header) => {
                map.serialize_entry("next_header", &header.next_header().0)?;
                map.serialize_entry("identification", &header.identification())?;
                map.serialize_entry("more_fragments", &header.more_fragments())?;
                map.serialize_entry("fragment_offset", &header.fragment_offset())?;
            }
            Self::Authentication(header) => {
                map.serialize_entry("next_header", &header.next_header().0)?;
                map.serialize_entry("spi", &header.spi())?;
                map.serialize_entry("sequence_number", &header.sequence_number())?;
            }
            Self::Esp(header) => {
                map.serialize_entry("spi", &header.spi())?;
                map.serialize_entry("sequence_number", &header.sequence_number())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn transport<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Tcp(tcp) => {
                map.serialize_entry("src_port", &tcp.source_port())?;
                map.serialize_entry("dst_port", &tcp.destination_port())?;
                if let Some(flags) = tcp.flags() {
                    map.serialize_entry("flags", &Text(flags))?;
                }
                if let (Some(sequence_number), Some(acknowledgment_number), Some(window)) = (
                    tcp.sequence_number(),
                    tcp.acknowledgment_number(),
                    tcp.window(),
                ) {
                    map.serialize_entry("sequence_number", &sequence_number)?;
                    map.serialize_entry("acknowledgment_number", &acknowledgment_number)?;
                    map.serialize_entry("window", &window)?;
                }
            }
            Self::Udp(udp) => {
                map.serialize_entry("src_port", &udp.source_port())?;
                map.serialize_entry("dst_port", &udp.destination_port())?;
                if let Some(length) = udp.length() {
                    map.serialize_entry("length", &length)?;
                }
            }
            Self::Ports(ports) => ports.fields(map)?,
            _ => {}
        }
        Ok(())
    }

    fn tunnel<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Gre(header) => {
                map.serialize_entry("protocol", &Text(header.protocol()))?;
                if let Some(key) = header.key() {
                    map.serialize_entry("key", &key)?;
                }
            }
            Self::Erspan(header) => {
                map.serialize_entry("session", &header.session())?;
                map.serialize_entry("vlan", &header.vlan())?;
            }
            Self::Vxlan(header) => map.serialize_entry("vni", &header.vni())?,
            Self::VxlanGpe(header) => {
                map.serialize_entry("vni", &header.vni())?;
                map.serialize_entry("next_protocol", &header.next_protocol())?;
            }
            Self::Nsh(header) => {
                map.serialize_entry("path", &header.path())?;
                map.serialize_entry("index", &header.index())?;
                map.serialize_entry("next_protocol", &header.next_protocol())?;
            }
            Self::GtpU(header) => {
                map.serialize_entry("teid", &header.teid())?;
                map.serialize_entry("message_type", &header.message_type())?;
            }
            Self::L2tpV3(header) => map.serialize_entry("session", &header.session())?,
            Self::ControlWord(word) => {
                map.serialize_entry("sequence_number", &word.sequence_number())?;
            }
            Self::Geneve(header) => {
                map.serialize_entry("vni", &header.vni())?;
                map.serialize_entry("protocol", &Text(header.protocol()))?;
                map.serialize_entry("options", &Opaque(header.options()))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// An EtherType, or the length of an IEEE 802.3 frame in its place.
fn serialize_type<M: SerializeMap>(kind: EtherType, map: &mut M) -> Result<(), M::Error> {
    if kind.is_length() {
        map.serialize_entry("length", &kind.0)
    } else {
        map.serialize_entry("type", &Text(kind))
    }
}

impl Ports<'_> {
    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("src_port", &self.source_port())?;
        map.serialize_entry("dst_port", &self.destination_port())
    }
}

impl Icmp<'_> {
    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("type", &self.kind())?;
        map.serialize_entry("code", &self.code())
    }
}

/// A value as the text that `Display` writes.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
