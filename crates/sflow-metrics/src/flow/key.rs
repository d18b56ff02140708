use core::fmt;
use core::str::FromStr;

use crate::flow::parse::{Error, ErrorKind};

/// How the values of a key look, and what a filter on it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// A number; `1024..65535` stands for all from one to the other.
    Number,
    /// The number of an IP protocol; `tcp` and the like stand for their numbers.
    Protocol,
    /// The number of a drop reason; `acl` and the like stand for their numbers.
    Reason,
    /// An IP address; a prefix such as `10.0.0.0/8` stands for all addresses within it. An IPv4
    /// address in IPv6 (`::ffff:192.0.2.9`) is found by either form.
    Ip,
    /// A MAC address.
    Mac,
    /// A text.
    Text,
    /// A data source, as `0:3`.
    DataSource,
    /// Flags of TCP, as tcpdump shows them: `[S.]`.
    Flags,
    /// A name, or an address where there is none.
    End,
}

macro_rules! keys {
    ($($key:ident $name:literal $kind:ident $doc:literal,)*) => {
        /// What flows can be told apart by.
        ///
        /// Keys of the packet are those of its outermost headers, those that begin with
        /// `inner.` of the packet inside all tunnels, which packets without a tunnel do not
        /// have. Where an agent sends no header but what it read of it, that is used.
        ///
        /// Names of containers and hosts come from the MAC addresses that they say they have
        /// (`host_adapters`) and the IP addresses that are seen behind these; see
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

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$key => $name,)*
                }
            }

            /// What its values are.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$key => Kind::$kind,)*
                }
            }

            /// What it means, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self {
                    $(Self::$key => $doc,)*
                }
            }
        }
    };
}

keys! {
    MacSource "mac.src" Mac "the sender on the link.",
    MacDestination "mac.dst" Mac "the receiver on the link.",
    EtherType "ether.type" Number "the EtherType, behind VLAN tags and SNAP; absent where an IEEE 802.3 frame has its length.",
    Vlan "vlan" Number "the outermost VLAN tag of the packet.",
    VlanInner "vlan.inner" Number "the second VLAN tag of the packet.",
    Mpls "mpls" Number "the outermost MPLS label.",
    IpVersion "ip.version" Number "4 or 6.",
    IpSource "ip.src" Ip "the sender.",
    IpDestination "ip.dst" Ip "the receiver.",
    IpProtocol "ip.protocol" Protocol "what IP carries, behind extension headers.",
    IpTos "ip.tos" Number "the type of service, or traffic class.",
    IpDscp "ip.dscp" Number "the differentiated services code point.",
    IpTtl "ip.ttl" Number "the time to live, or hop limit.",
    IpFragment "ip.fragment" Number "1 of a fragment, else 0.",
    PortSource "port.src" Number "the port of the sender: TCP, UDP, SCTP and others.",
    PortDestination "port.dst" Number "the port of the receiver.",
    TcpFlags "tcp.flags" Flags "the flags of TCP.",
    IcmpType "icmp.type" Number "the type of an ICMP message.",
    IcmpCode "icmp.code" Number "its code.",
    ArpOperation "arp.operation" Number "what an ARP message is: 1 asks, 2 answers.",
    ArpSender "arp.sender" Ip "the sender of an ARP message, as it says.",
    ArpTarget "arp.target" Ip "whom an ARP message is about.",
    InnerMacSource "inner.mac.src" Mac "the sender on the link.",
    InnerMacDestination "inner.mac.dst" Mac "the receiver on the link.",
    InnerEtherType "inner.ether.type" Number "the EtherType, behind VLAN tags and SNAP.",
    InnerVlan "inner.vlan" Number "the outermost VLAN tag of the packet.",
    InnerVlanInner "inner.vlan.inner" Number "the second VLAN tag of the packet.",
    InnerMpls "inner.mpls" Number "the outermost MPLS label.",
    InnerIpVersion "inner.ip.version" Number "4 or 6.",
    InnerIpSource "inner.ip.src" Ip "the sender.",
    InnerIpDestination "inner.ip.dst" Ip "the receiver.",
    InnerIpProtocol "inner.ip.protocol" Protocol "what IP carries, behind extension headers.",
    InnerIpTos "inner.ip.tos" Number "the type of service, or traffic class.",
    InnerIpDscp "inner.ip.dscp" Number "the differentiated services code point.",
    InnerIpTtl "inner.ip.ttl" Number "the time to live, or hop limit.",
    InnerIpFragment "inner.ip.fragment" Number "1 of a fragment, else 0.",
    InnerPortSource "inner.port.src" Number "the port of the sender: TCP, UDP, SCTP and others.",
    InnerPortDestination "inner.port.dst" Number "the port of the receiver.",
    InnerTcpFlags "inner.tcp.flags" Flags "the flags of TCP.",
    InnerIcmpType "inner.icmp.type" Number "the type of an ICMP message.",
    InnerIcmpCode "inner.icmp.code" Number "its code.",
    InnerArpOperation "inner.arp.operation" Number "what an ARP message is: 1 asks, 2 answers.",
    InnerArpSender "inner.arp.sender" Ip "the sender of an ARP message, as it says.",
    InnerArpTarget "inner.arp.target" Ip "whom an ARP message is about.",
    Tunnel "tunnel" Text "the outermost tunnel: `vxlan`, `vxlan_gpe`, `geneve`, `gre`, `gtp_u`, `ip_in_ip`, `mpls_in_udp`, `l2tp_v3`, `ether_ip`, `srv6`, `pseudowire` …",
    TunnelId "tunnel.id" Number "its number: the network of VXLAN and Geneve, the key of GRE, the endpoint of GTP-U, the session of L2TPv3, the label of a pseudowire.",
    TunnelDepth "tunnel.depth" Number "how many tunnels the packet is in; 0 without any.",
    DnsName "dns.name" Text "the name that a DNS message asks for, in lower case; with `…` where the sample ends.",
    DnsType "dns.type" Number "the type of record that it asks for.",
    DnsResponse "dns.response" Number "1 of an answer, 0 of a question.",
    ContainerSource "container.src" Text "the container or virtual machine that sent it.",
    ContainerDestination "container.dst" Text "the container or virtual machine that it goes to.",
    ServiceSource "service.src" Text "the service of that container: its name without the task's slot and id; also where only that is known.",
    ServiceDestination "service.dst" Text "the service of that container.",
    HostSource "host.src" Text "the host that sent it, or on which the container runs that did.",
    HostDestination "host.dst" Text "the host that it goes to, or on which the container runs that it goes to.",
    EndSource "end.src" End "who sent it: the container, else the host, else the address.",
    EndDestination "end.dst" End "who it goes to: the container, else the host, else the address.",
    Agent "agent" Ip "the address that the agent gives itself.",
    Sender "sender" Ip "the address that the datagrams of the agent come from.",
    SenderReserved "sender.reserved" Number "1 if the registry reserves capacity for this address (`Registry::reserve`), 0 if not.",
    SubAgent "sub_agent" Number "the stream of the agent.",
    AgentInstance "agent.instance" Number "0, or the number of another agent with the same sender, \
        address and sub-agent.",
    Host "host" Text "the host that the agent runs on.",
    Source "source" DataSource "the data source that sampled it.",
    Direction "direction" Text "`in` if the packet came in at the interface that sampled it, `out` if it went out there, `internal` if it never left the device.",
    Input "input" Number "`ifIndex` of the interface where it came in.",
    Output "output" Number "`ifIndex` of the interface where it went out.",
    InputName "input.name" Text "the name of that interface.",
    OutputName "output.name" Text "the name of that interface.",
    Outputs "outputs" Number "how many interfaces it went out of, where the agent says so; 0 if it does not know.",
    DropReason "drop.reason" Reason "why it was dropped.",
    DropAcl "drop.acl" Text "the access list that dropped it (`extended_acl`).",
    DropAclNumber "drop.acl.number" Number "its number.",
    DropFunction "drop.function" Text "the place in the software that dropped it (`extended_function`).",
    DropTrap "drop.trap" Text "the trap of the hardware that dropped it (`extended_hw_trap`).",
    DropTrapGroup "drop.trap.group" Text "the group of that trap.",
    DropLinux "drop.linux" Text "the reason of the Linux kernel (`extended_linux_drop_reason`).",
    Queue "queue" Number "the queue at its output (`extended_egress_queue`).",
    SwitchVlanSource "switch.vlan.src" Number "the VLAN where it came in (`extended_switch`).",
    SwitchVlanDestination "switch.vlan.dst" Number "the VLAN where it went out.",
    SwitchPrioritySource "switch.priority.src" Number "the 802.1p priority where it came in.",
    SwitchPriorityDestination "switch.priority.dst" Number "the 802.1p priority where it went out.",
    RouterNextHop "router.nexthop" Ip "the next router (`extended_router`).",
    RouterMaskSource "router.mask.src" Number "bits in the source prefix.",
    RouterMaskDestination "router.mask.dst" Number "bits in the destination prefix.",
    GatewayNextHop "gateway.nexthop" Ip "the border router towards the destination (`extended_gateway`).",
    AsSource "as.src" Number "the autonomous system of the source.",
    AsDestination "as.dst" Number "the autonomous system of the destination: the last one of the path.",
    AsPeerSource "as.peer.src" Number "the neighbour towards the source.",
    AsPeerDestination "as.peer.dst" Number "the neighbour towards the destination: the first one of the path.",
    UserSource "user.src" Text "the user at the source (`extended_user`).",
    UserDestination "user.dst" Text "the user at the destination.",
    Url "url" Text "the request (`extended_url`, `http_request`).",
    UrlHost "url.host" Text "the host that it is for.",
    NatSource "nat.src" Ip "the source after translation (`extended_nat`).",
    NatDestination "nat.dst" Ip "the destination after translation.",
    NatPortSource "nat.port.src" Number "the source port after translation (`extended_nat_port`).",
    NatPortDestination "nat.port.dst" Number "the destination port after translation.",
    VniIngress "vni.in" Number "the virtual network that it came from (`extended_vni_ingress`).",
    VniEgress "vni.out" Number "the virtual network that it goes to (`extended_vni_egress`).",
}

impl Key {
    /// All keys, in the order in which they are documented.
    pub fn all() -> &'static [Self] {
        Self::ALL
    }

    /// The key of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name)
    }

    /// The same of the packet inside all tunnels, if it is a key of the packet.
    pub fn inner(self) -> Option<Self> {
        let mut keys = Self::ALL.iter().copied();
        keys.find(|key| *key == self && key.outer().is_some() || key.outer() == Some(self))
    }

    /// The same of the outermost packet, if it is a key of the packet inside all tunnels.
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

    /// Whether it takes the headers of the packet.
    pub(super) fn is_of_packet(self) -> bool {
        self < Self::Agent
    }

    /// Whether it takes the names of the ends of a packet.
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
        Self::named(name).ok_or_else(|| Error::new(name, 0, ErrorKind::key(name)))
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
    fn names_are_found_again() {
        for key in Key::all() {
            assert_eq!(Key::named(key.name()), Some(*key));
            assert!(key.doc().ends_with(['.', '…']), "{key}");
        }
        assert_eq!(Key::IpSource.inner(), Some(Key::InnerIpSource));
        assert_eq!(Key::InnerIpSource.inner(), Some(Key::InnerIpSource));
        assert_eq!(Key::Agent.inner(), None);
    }
}
