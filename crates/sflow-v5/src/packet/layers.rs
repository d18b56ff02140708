//! The iterator over layers: each reader returns one layer, and sets the position of the next.

use core::iter::FusedIterator;

use super::protocol::{EtherType, IpNumber};

use super::input::Input;
use super::layer::Layer;
use super::rest::{Rest, StopReason};
use super::tunnel::{self, Tunnel};
use super::{gtp, ip, l2tp, link, mpls, overlay, ppp, tcp, transport};
use crate::enums::HeaderProtocol;

/// Iterates over the layers of a packet in the order of the wire, including those inside tunnels;
/// the last one is [`Layer::Rest`].
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    position: Position<'a>,
    entered: Option<Tunnel>,
    stopped: Option<StopReason>,
    done: bool,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(position: Position<'a>) -> Self {
        Self {
            position,
            entered: None,
            stopped: None,
            done: false,
        }
    }

    /// The tunnel that the last layer started: the next layer belongs to the packet inside.
    pub const fn entered(&self) -> Option<Tunnel> {
        self.entered
    }

    /// The position of the next layer.
    pub(super) const fn position(&self) -> Position<'a> {
        self.position
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
            if let Some(left) = self.position.left.checked_sub(1) {
                self.position.left = left;
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
            bytes: self.position.input.bytes,
            reason: self.stopped.unwrap_or(StopReason::Payload),
        }))
    }
}

impl FusedIterator for Layers<'_> {}

/// The interface of readers: a reader takes the [`input`](Self::input), sets the next layer with
/// `follow`, `enter` or `end`, and returns its own layer; or it returns `None` through `stop`.
impl<'a> Layers<'a> {
    /// The bytes that have not been read.
    #[inline]
    pub(super) const fn input(&self) -> Input<'a> {
        self.position.input
    }

    /// The next layer is `next`, in `behind`.
    #[inline]
    pub(super) const fn follow(&mut self, behind: Input<'a>, next: Next) {
        self.position.input = behind;
        self.position.next = next;
    }

    /// The next layer is the first one of the packet inside `tunnel`.
    #[inline]
    pub(super) const fn enter(&mut self, behind: Input<'a>, next: Next, tunnel: Tunnel) {
        self.follow(behind, next);
        self.entered = Some(tunnel);
    }

    /// No layer follows.
    #[inline]
    pub(super) const fn end(&mut self, behind: Input<'a>, stop: StopReason) {
        self.position.input = behind;
        self.stopped = Some(stop);
    }

    /// The input does not contain a layer.
    #[cold]
    pub(super) const fn stop<T>(&mut self, stop: StopReason) -> Option<T> {
        self.stopped = Some(stop);
        None
    }

    /// A header of constant size, and the input behind it.
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

    /// A header of `size` bytes, and the input behind it.
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

    /// The sampled part of a header of `size` bytes, the input behind it, and the reason if the
    /// header is incomplete.
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
            None => (input.bytes, input.end(), Some(input.short(header, size))),
        }
    }

    /// The input is too short for a header.
    #[cold]
    pub(super) const fn short<T>(&mut self, header: &'static str, needed: usize) -> Option<T> {
        self.stop(self.input().short(header, needed))
    }

    fn read(&mut self) -> Option<Layer<'a>> {
        match self.position.next {
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
            EtherType::VLAN | EtherType::PROVIDER_BRIDGING | EtherType::VLAN_DOUBLE_TAGGED => {
                link::vlan(kind, self)
            }
            EtherType::ARP => link::arp(self),
            EtherType::MACSEC => link::macsec(self),
            EtherType::MPLS | EtherType::MPLS_UPSTREAM => mpls::label(self),
            EtherType::PPPOE_SESSION => ppp::pppoe(self),
            EtherType::PPP => ppp::ppp(self),
            EtherType::BRIDGED_ETHERNET => link::ethernet(self),
            EtherType::NSH => overlay::nsh(true, self),
            _ => self.stop(StopReason::EtherType(kind)),
        }
    }

    fn read_within_ip(&mut self, number: IpNumber) -> Option<Layer<'a>> {
        match number {
            IpNumber::TCP => tcp::tcp(self),
            IpNumber::UDP => transport::udp(self),
            IpNumber::ICMP => transport::icmpv4(self),
            IpNumber::ICMPV6 => transport::icmpv6(self),
            IpNumber::IGMP => transport::igmp(self),
            IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE => transport::ports(number, self),
            IpNumber::GRE => tunnel::gre(self),
            IpNumber::ETHER_IP => tunnel::ether_ip(self),
            IpNumber::L2TP => l2tp::l2tp_v3(0, self),
            IpNumber::AUTHENTICATION => ip::authentication(self, Next::WithinIpv4),
            IpNumber::ESP => ip::esp(self),
            _ => self.stop(StopReason::IpProtocol(number)),
        }
    }
}

/// The position and kind of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position<'a> {
    pub(super) next: Next,
    pub(super) input: Input<'a>,
    /// Number of layers that may still be read.
    pub(super) left: u8,
}

/// The kind of the next layer.
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
    /// IP of the version in its first byte, regardless of the header before it.
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
