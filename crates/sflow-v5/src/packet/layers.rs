//! The walk: every reader takes what is left and says what it found and what comes next.

use core::iter::FusedIterator;

use etherparse::{EtherType, IpNumber};

use super::input::Input;
use super::layer::Layer;
use super::stop::{Rest, StopReason};
use super::tunnel::{self, Tunnel};
use super::{gtp, ip, l2tp, link, mpls, overlay, ppp, tcp, transport};
use crate::enums::HeaderProtocol;

/// The layers of a packet in the order of the wire, through all tunnels; the last one is
/// [`Layer::Rest`].
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    place: Place<'a>,
    entered: Option<Tunnel>,
    stopped: Option<StopReason>,
    done: bool,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(place: Place<'a>) -> Self {
        Self {
            place,
            entered: None,
            stopped: None,
            done: false,
        }
    }

    /// The tunnel that the last layer led into: what follows belongs to the packet inside.
    pub const fn entered(&self) -> Option<Tunnel> {
        self.entered
    }

    /// Where the next layer starts.
    pub(super) const fn place(&self) -> Place<'a> {
        self.place
    }
}

impl<'a> Iterator for Layers<'a> {
    type Item = Layer<'a>;

    fn next(&mut self) -> Option<Layer<'a>> {
        if self.done {
            return None;
        }
        self.entered = None;
        if self.stopped.is_none() {
            if let Some(left) = self.place.left.checked_sub(1) {
                self.place.left = left;
                let layer = self.read();
                if layer.is_some() {
                    return layer;
                }
            } else {
                self.stopped = Some(StopReason::TooManyLayers);
            }
        }
        self.done = true;
        Some(Layer::Rest(Rest {
            bytes: self.place.input.bytes,
            reason: self.stopped.unwrap_or(StopReason::Payload),
        }))
    }
}

impl FusedIterator for Layers<'_> {}

/// What readers do: they look at the [`input`](Self::input), say where the next layer is (one
/// of `follow`, `enter` and `end`), and return theirs. One that cannot read anything returns
/// `None` by way of `stop`.
impl<'a> Layers<'a> {
    /// What is left.
    #[inline]
    pub(super) const fn input(&self) -> Input<'a> {
        self.place.input
    }

    /// What comes next, and where.
    #[inline]
    pub(super) const fn follow(&mut self, behind: Input<'a>, next: Next) {
        self.place.input = behind;
        self.place.next = next;
    }

    /// What comes next belongs to another packet.
    #[inline]
    pub(super) const fn enter(&mut self, behind: Input<'a>, next: Next, tunnel: Tunnel) {
        self.follow(behind, next);
        self.entered = Some(tunnel);
    }

    /// Nothing comes next.
    #[inline]
    pub(super) const fn end(&mut self, behind: Input<'a>, stop: StopReason) {
        self.place.input = behind;
        self.stopped = Some(stop);
    }

    /// Nothing can be read here.
    #[cold]
    pub(super) const fn stop<T>(&mut self, stop: StopReason) -> Option<T> {
        self.stopped = Some(stop);
        None
    }

    /// A header of constant size, and what follows it.
    #[inline]
    pub(super) fn fixed<const N: usize>(
        &mut self,
        header: &'static str,
    ) -> Option<(&'a [u8; N], Input<'a>)> {
        let input = self.input();
        match input.bytes.split_first_chunk() {
            Some((fixed, bytes)) => Some((fixed, Input { bytes, ..input })),
            None => self.stop(input.short(header, N)),
        }
    }

    /// A header of so many bytes, and what follows it.
    #[inline]
    pub(super) fn split(
        &mut self,
        header: &'static str,
        size: usize,
    ) -> Option<(&'a [u8], Input<'a>)> {
        let input = self.input();
        match input.bytes.split_at_checked(size) {
            Some((bytes, behind)) => Some((
                bytes,
                Input {
                    bytes: behind,
                    ..input
                },
            )),
            None => self.stop(input.short(header, size)),
        }
    }

    /// As much as there is of a header of so many bytes, what follows it, and whether something
    /// is missing.
    #[inline]
    pub(super) fn partly(
        &self,
        header: &'static str,
        size: usize,
    ) -> (&'a [u8], Input<'a>, Option<StopReason>) {
        let input = self.input();
        match input.bytes.split_at_checked(size) {
            Some((bytes, behind)) => (
                bytes,
                Input {
                    bytes: behind,
                    ..input
                },
                None,
            ),
            None => (input.bytes, input.none(), Some(input.short(header, size))),
        }
    }

    /// There are fewer bytes than a header takes.
    #[cold]
    pub(super) const fn short<T>(&mut self, header: &'static str, needed: usize) -> Option<T> {
        self.stop(self.input().short(header, needed))
    }

    fn read(&mut self) -> Option<Layer<'a>> {
        match self.place.next {
            Next::Unread(protocol) => self.stop(StopReason::HeaderProtocol(protocol)),
            Next::Ethernet => link::ethernet(self),
            Next::Llc => link::llc(self),
            Next::Type(kind) => self.read_type(kind),
            Next::Mpls => mpls::label(self),
            Next::ControlWord(label) => mpls::control_word(label, self),
            Next::Ppp => ppp::ppp(self),
            Next::Ip => ip::ip(self),
            Next::WithinIpv4(number) => self.read_within_ip(number),
            Next::WithinIpv6(number) if ip::is_extension(number) => ip::extension(number, self),
            Next::WithinIpv6(number) => self.read_within_ip(number),
            Next::ErspanII => tunnel::erspan_ii(self),
            Next::ErspanIII => tunnel::erspan_iii(self),
            Next::Vxlan => overlay::vxlan(self),
            Next::VxlanGpe => overlay::vxlan_gpe(self),
            Next::Geneve => overlay::geneve(self),
            Next::Nsh => overlay::nsh(false, self),
            Next::GtpU => gtp::gtp_u(self),
            Next::L2tpV3OnUdp => l2tp::l2tp_v3(4, self),
        }
    }

    fn read_type(&mut self, kind: EtherType) -> Option<Layer<'a>> {
        match kind {
            EtherType::IPV4 | EtherType::IPV6 => ip::ip(self),
            EtherType::VLAN_TAGGED_FRAME
            | EtherType::PROVIDER_BRIDGING
            | EtherType::VLAN_DOUBLE_TAGGED_FRAME => link::vlan(kind, self),
            EtherType::ARP => link::arp(self),
            EtherType::MACSEC => link::macsec(self),
            mpls::UNICAST | mpls::MULTICAST => mpls::label(self),
            ppp::PPPOE_SESSION => ppp::pppoe(self),
            ppp::PPP => ppp::ppp(self),
            link::BRIDGED_ETHERNET => link::ethernet(self),
            overlay::SERVICE_HEADER => overlay::nsh(true, self),
            _ => self.stop(StopReason::EtherType(kind)),
        }
    }

    fn read_within_ip(&mut self, number: IpNumber) -> Option<Layer<'a>> {
        match number {
            IpNumber::TCP => tcp::tcp(self),
            IpNumber::UDP => transport::udp(self),
            IpNumber::ICMP => transport::icmpv4(self),
            IpNumber::IPV6_ICMP => transport::icmpv6(self),
            IpNumber::IGMP => transport::igmp(self),
            IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE => transport::ports(number, self),
            IpNumber::GRE => tunnel::gre(self),
            tunnel::ETHER_IP => tunnel::ether_ip(self),
            l2tp::ON_IP => l2tp::l2tp_v3(0, self),
            IpNumber::AUTHENTICATION_HEADER => ip::authentication(self, Next::WithinIpv4),
            IpNumber::ENCAPSULATING_SECURITY_PAYLOAD => ip::esp(self),
            _ => self.stop(StopReason::IpProtocol(number)),
        }
    }
}

/// Where a layer starts, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) next: Next,
    pub(super) input: Input<'a>,
    /// How many more layers may be read.
    pub(super) left: u8,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Unread(HeaderProtocol),
    Ethernet,
    Llc,
    Type(EtherType),
    Mpls,
    /// The control word of the pseudowire with this label.
    ControlWord(u32),
    Ppp,
    /// IP of the version that its first byte tells, whatever the header before it says.
    Ip,
    WithinIpv4(IpNumber),
    WithinIpv6(IpNumber),
    ErspanII,
    ErspanIII,
    Vxlan,
    VxlanGpe,
    Geneve,
    Nsh,
    GtpU,
    L2tpV3OnUdp,
}
