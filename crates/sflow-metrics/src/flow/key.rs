use core::fmt;
use core::str::FromStr;

use crate::flow::error::{Error, ErrorKind};
use crate::query::nearest;

/// The type of a key's values, and what a filter may compare them with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// A number, or a range such as `1024..65535` including both bounds.
    Number,
    /// An IP protocol number, or a name such as `tcp`.
    Protocol,
    /// A drop reason number, or a name such as `acl`.
    Reason,
    /// An IP address, or a prefix such as `10.0.0.0/8`. IPv4-mapped IPv6 addresses
    /// (`::ffff:192.0.2.9`) match in either form.
    Ip,
    /// A MAC address.
    Mac,
    /// Text.
    Text,
    /// A data source, as `0:3` (class and index).
    DataSource,
    /// TCP flags in the notation of tcpdump: `[S.]`.
    Flags,
    /// A name, or the address if the name is unknown.
    End,
}

macro_rules! keys {
    ($($key:ident $name:literal $kind:ident $doc:literal,)*) => {
        /// A property of packets that distinguishes flows.
        ///
        /// Keys of packet headers read the outermost headers, those that begin with `inner.` the
        /// packet inside all tunnels; packets without a tunnel do not have these. If the agent
        /// reports decoded fields (`sampled_ipv4` and others) instead of a header, those are used.
        ///
        /// Containers and hosts are found by the addresses that agents report of them
        /// (`host_adapters`), and by the IP addresses observed behind those; see
        /// [`Registry::watch_flows`](crate::Registry::watch_flows).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Key {
            $(
                #[doc = concat!("`", $name, "`: ", $doc)]
                $key,
            )*
        }

        impl Key {
            const ALL: &[Self] = &[$(Self::$key,)*];

            /// The name, such as `ip.src`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$key => $name,)*
                }
            }

            /// The type of its values.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$key => Kind::$kind,)*
                }
            }

            /// A description in one sentence.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(Self::$key => $doc,)*
                }
            }
        }
    };
}

keys! {
    MacSource "mac.src" Mac "source MAC address.",
    MacDestination "mac.dst" Mac "destination MAC address.",
    EtherType "ether.type" Number "EtherType after VLAN tags and SNAP; absent for IEEE 802.3 frames, which have a length instead.",
    Vlan "vlan" Number "VLAN ID of the outermost tag.",
    VlanInner "vlan.inner" Number "VLAN ID of the second tag.",
    Mpls "mpls" Number "outermost MPLS label.",
    IpVersion "ip.version" Number "IP version, 4 or 6.",
    IpSource "ip.src" Ip "source IP address.",
    IpDestination "ip.dst" Ip "destination IP address.",
    IpProtocol "ip.protocol" Protocol "IP protocol, after extension headers.",
    IpTos "ip.tos" Number "type of service or traffic class.",
    IpDscp "ip.dscp" Number "differentiated services code point.",
    IpTtl "ip.ttl" Number "time to live or hop limit.",
    IpFragment "ip.fragment" Number "1 for a fragment, else 0.",
    PortSource "port.src" Number "source port of TCP, UDP, SCTP and others.",
    PortDestination "port.dst" Number "destination port.",
    TcpFlags "tcp.flags" Flags "TCP flags.",
    IcmpType "icmp.type" Number "ICMP type.",
    IcmpCode "icmp.code" Number "ICMP code.",
    ArpOperation "arp.operation" Number "ARP operation: 1 request, 2 reply.",
    ArpSender "arp.sender" Ip "sender protocol address of an ARP message.",
    ArpTarget "arp.target" Ip "target protocol address of an ARP message.",
    InnerMacSource "inner.mac.src" Mac "source MAC address, in the innermost packet.",
    InnerMacDestination "inner.mac.dst" Mac "destination MAC address, in the innermost packet.",
    InnerEtherType "inner.ether.type" Number "EtherType after VLAN tags and SNAP, in the innermost packet.",
    InnerVlan "inner.vlan" Number "VLAN ID of the outermost tag, in the innermost packet.",
    InnerVlanInner "inner.vlan.inner" Number "VLAN ID of the second tag, in the innermost packet.",
    InnerMpls "inner.mpls" Number "outermost MPLS label, in the innermost packet.",
    InnerIpVersion "inner.ip.version" Number "IP version, 4 or 6, in the innermost packet.",
    InnerIpSource "inner.ip.src" Ip "source IP address, in the innermost packet.",
    InnerIpDestination "inner.ip.dst" Ip "destination IP address, in the innermost packet.",
    InnerIpProtocol "inner.ip.protocol" Protocol "IP protocol, after extension headers, in the innermost packet.",
    InnerIpTos "inner.ip.tos" Number "type of service or traffic class, in the innermost packet.",
    InnerIpDscp "inner.ip.dscp" Number "differentiated services code point, in the innermost packet.",
    InnerIpTtl "inner.ip.ttl" Number "time to live or hop limit, in the innermost packet.",
    InnerIpFragment "inner.ip.fragment" Number "1 for a fragment, else 0, in the innermost packet.",
    InnerPortSource "inner.port.src" Number "source port of TCP, UDP, SCTP and others, in the innermost packet.",
    InnerPortDestination "inner.port.dst" Number "destination port, in the innermost packet.",
    InnerTcpFlags "inner.tcp.flags" Flags "TCP flags, in the innermost packet.",
    InnerIcmpType "inner.icmp.type" Number "ICMP type, in the innermost packet.",
    InnerIcmpCode "inner.icmp.code" Number "ICMP code, in the innermost packet.",
    InnerArpOperation "inner.arp.operation" Number "ARP operation: 1 request, 2 reply, in the innermost packet.",
    InnerArpSender "inner.arp.sender" Ip "sender protocol address of an ARP message, in the innermost packet.",
    InnerArpTarget "inner.arp.target" Ip "target protocol address of an ARP message, in the innermost packet.",
    Tunnel "tunnel" Text "type of the outermost tunnel: `vxlan`, `vxlan_gpe`, `geneve`, `gre`, `gtp_u`, `ip_in_ip`, `mpls_in_udp`, `l2tp_v3`, `ether_ip`, `srv6`, `pseudowire` …",
    TunnelId "tunnel.id" Number "identifier of the outermost tunnel: VXLAN or Geneve network, GRE key, GTP-U endpoint, L2TPv3 session or pseudowire label.",
    TunnelDepth "tunnel.depth" Number "number of tunnels around the innermost packet; 0 without a tunnel.",
    DnsName "dns.name" Text "name in the question of a DNS message, in lower case; ends with `…` if the sample is truncated there.",
    DnsType "dns.type" Number "record type in the question of a DNS message.",
    DnsResponse "dns.response" Number "1 for a DNS response, 0 for a query.",
    ContainerSource "container.src" Text "name of the container or virtual machine that sent the packet.",
    ContainerDestination "container.dst" Text "name of the container or virtual machine that the packet is sent to.",
    ServiceSource "service.src" Text "service that the sending container belongs to.",
    ServiceDestination "service.dst" Text "service that the receiving container belongs to.",
    HostSource "host.src" Text "name of the sending host, or of the host of the sending container.",
    HostDestination "host.dst" Text "name of the receiving host, or of the host of the receiving container.",
    EndSource "end.src" End "name of the sending container, else of the sending host, else the source address.",
    EndDestination "end.dst" End "name of the receiving container, else of the receiving host, else the destination address.",
    Agent "agent" Ip "agent address in the datagram.",
    Sender "sender" Ip "source address of the datagram.",
    SenderReserved "sender.reserved" Number "1 if the collector reserves capacity for the sender, else 0.",
    SubAgent "sub_agent" Number "sub-agent ID in the datagram.",
    AgentInstance "agent.instance" Number "0, or the number of a further agent with the same sender, agent address and sub-agent ID.",
    Host "host" Text "name of the host that the agent runs on.",
    DataSource "data_source" DataSource "data source that sampled the packet.",
    Direction "direction" Text "direction at the interface that sampled the packet: `in`, `out`, or `internal` if it did not leave the device.",
    Input "input" Number "`ifIndex` of the input interface.",
    Output "output" Number "`ifIndex` of the output interface.",
    InputName "input.name" Text "name of the input interface.",
    OutputName "output.name" Text "name of the output interface.",
    Outputs "outputs" Number "number of output interfaces of a multicast or broadcast packet; 0 if the agent does not know it.",
    DropReason "drop.reason" Reason "reason why the packet was dropped.",
    DropAcl "drop.acl" Text "name of the access list that dropped it (`extended_acl`).",
    DropAclNumber "drop.acl.number" Number "number of that access list.",
    DropFunction "drop.function" Text "software function that dropped it (`extended_function`).",
    DropTrap "drop.trap" Text "hardware trap that dropped it (`extended_hw_trap`).",
    DropTrapGroup "drop.trap.group" Text "group of that trap.",
    DropLinux "drop.linux" Text "drop reason of the Linux kernel (`extended_linux_drop_reason`).",
    Queue "queue" Number "output queue (`extended_egress_queue`).",
    SwitchVlanSource "switch.vlan.src" Number "input VLAN (`extended_switch`).",
    SwitchVlanDestination "switch.vlan.dst" Number "output VLAN.",
    SwitchPrioritySource "switch.priority.src" Number "input 802.1p priority.",
    SwitchPriorityDestination "switch.priority.dst" Number "output 802.1p priority.",
    RouterNextHop "router.nexthop" Ip "next hop router (`extended_router`).",
    RouterMaskSource "router.mask.src" Number "source prefix length.",
    RouterMaskDestination "router.mask.dst" Number "destination prefix length.",
    GatewayNextHop "gateway.nexthop" Ip "border router towards the destination (`extended_gateway`).",
    AsSource "as.src" Number "autonomous system of the source.",
    AsDestination "as.dst" Number "autonomous system of the destination: the last one of the path.",
    AsPeerSource "as.peer.src" Number "neighbouring autonomous system towards the source.",
    AsPeerDestination "as.peer.dst" Number "neighbouring autonomous system towards the destination: the first one of the path.",
    UserSource "user.src" Text "user at the source (`extended_user`).",
    UserDestination "user.dst" Text "user at the destination.",
    Url "url" Text "requested URL (`extended_url`, `http_request`).",
    UrlHost "url.host" Text "host of the requested URL.",
    NatSource "nat.src" Ip "source address after translation (`extended_nat`).",
    NatDestination "nat.dst" Ip "destination address after translation.",
    NatPortSource "nat.port.src" Number "source port after translation (`extended_nat_port`).",
    NatPortDestination "nat.port.dst" Number "destination port after translation.",
    VniIngress "vni.in" Number "ingress virtual network (`extended_vni_ingress`).",
    VniEgress "vni.out" Number "egress virtual network (`extended_vni_egress`).",
}

/// Names of earlier releases and of queries, which are still accepted.
const ALIASES: &[(&str, Key)] = &[("source", Key::DataSource), ("host_name", Key::Host)];

impl Key {
    /// All keys in the order of their documentation.
    pub fn all() -> &'static [Self] {
        Self::ALL
    }

    /// The key with this name. Also accepts names of earlier releases: `source` is
    /// `data_source`, `host_name` is `host`.
    pub fn named(name: &str) -> Option<Self> {
        let mut keys = Self::ALL.iter().copied();
        keys.find(|key| key.name() == name).or_else(|| {
            let mut aliases = ALIASES.iter();
            aliases.find(|(old, _)| *old == name).map(|(_, key)| *key)
        })
    }

    /// The corresponding key of the innermost packet, if this is a key of packet headers.
    pub fn inner(self) -> Option<Self> {
        let mut keys = Self::ALL.iter().copied();
        keys.find(|key| *key == self && key.outer().is_some() || key.outer() == Some(self))
    }

    /// The corresponding key of the outermost packet, if this is a key of the innermost packet.
    pub const fn outer(self) -> Option<Self> {
        Some(match self {
            Self::InnerMacSource => Self::MacSource,
            Self::InnerMacDestination => Self::MacDestination,
            Self::InnerEtherType => Self::EtherType,
            Self::InnerVlan => Self::Vlan,
            Self::InnerVlanInner => Self::VlanInner,
            Self::InnerMpls => Self::Mpls,
            Self::InnerIpVersion => Self::IpVersion,
            Self::InnerIpSource => Self::IpSource,
            Self::InnerIpDestination => Self::IpDestination,
            Self::InnerIpProtocol => Self::IpProtocol,
            Self::InnerIpTos => Self::IpTos,
            Self::InnerIpDscp => Self::IpDscp,
            Self::InnerIpTtl => Self::IpTtl,
            Self::InnerIpFragment => Self::IpFragment,
            Self::InnerPortSource => Self::PortSource,
            Self::InnerPortDestination => Self::PortDestination,
            Self::InnerTcpFlags => Self::TcpFlags,
            Self::InnerIcmpType => Self::IcmpType,
            Self::InnerIcmpCode => Self::IcmpCode,
            Self::InnerArpOperation => Self::ArpOperation,
            Self::InnerArpSender => Self::ArpSender,
            Self::InnerArpTarget => Self::ArpTarget,
            _ => return None,
        })
    }

    /// Whether it is read from the headers of the packet.
    pub(super) fn is_of_packet(self) -> bool {
        self < Self::Agent
    }

    /// Whether it depends on which container or host an address belongs to.
    pub(super) const fn is_name(self) -> bool {
        matches!(
            self,
            Self::ContainerSource
                | Self::ContainerDestination
                | Self::ServiceSource
                | Self::ServiceDestination
                | Self::HostSource
                | Self::HostDestination
                | Self::EndSource
                | Self::EndDestination
        )
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::named(name).ok_or_else(|| Error::new(name, 0, unknown(name)))
    }
}

/// The error for a name that is not a key's. Suggests both directions of a name without one, else
/// the most similar key.
pub(super) fn unknown(name: &str) -> ErrorKind {
    let directions = [".src", ".dst"].map(|direction| Key::named(&format!("{name}{direction}")));
    let mut suggestions: Vec<_> = directions.into_iter().flatten().map(Key::name).collect();
    if suggestions.is_empty() {
        suggestions.extend(nearest(name, Key::ALL.iter().map(|key| key.name())));
    }
    ErrorKind::UnknownKey {
        name: name.to_owned(),
        suggestions,
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_found_by_its_name() {
        for key in Key::all() {
            assert_eq!(Key::named(key.name()), Some(*key));
            assert!(key.doc().ends_with(['.', '…']), "{key}");
        }
    }

    #[test]
    fn old_name_finds_the_same_key() {
        for (old, key) in [("source", Key::DataSource), ("host_name", Key::Host)] {
            assert_eq!(old.parse(), Ok(key));
            assert_ne!(key.name(), old);
        }
    }

    #[test]
    fn unknown_key_has_suggestions() {
        let cases = [
            (
                "container",
                "unknown key `container`; did you mean `container.src` or `container.dst`?",
            ),
            ("ip", "unknown key `ip`; did you mean `ip.src` or `ip.dst`?"),
            (
                "inner.ip",
                "unknown key `inner.ip`; did you mean `inner.ip.src` or `inner.ip.dst`?",
            ),
            (
                "ip.source",
                "unknown key `ip.source`; did you mean `ip.src`?",
            ),
            ("xyzzy", "unknown key `xyzzy`"),
        ];
        for (name, expected) in cases {
            let error = name.parse::<Key>().unwrap_err();
            assert_eq!(error.kind().to_string(), expected);
        }
    }

    #[test]
    fn inner_key_corresponds_to_outer_key() {
        assert_eq!(Key::IpSource.inner(), Some(Key::InnerIpSource));
        assert_eq!(Key::InnerIpSource.inner(), Some(Key::InnerIpSource));
        assert_eq!(Key::InnerIpSource.outer(), Some(Key::IpSource));
        assert_eq!(Key::Agent.inner(), None);
    }
}
