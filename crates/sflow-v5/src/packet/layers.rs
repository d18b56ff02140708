//! The walk: every reader takes what is left and says what it found and what comes next.

use core::iter::FusedIterator;

use etherparse::{EtherType, IpNumber};

use super::layer::Layer;
use super::stop::{Rest, Stop};
use super::tunnel::{self, Tunnel};
use super::{ip, link, mpls, overlay, ppp, tcp, transport};
use crate::HeaderProtocol;

/// The layers of a packet in the order of the wire, through all tunnels; the last one is
/// [`Layer::Rest`].
#[derive(Clone, Debug)]
pub struct Layers<'a> {
    place: Place<'a>,
    state: State,
    entered: Option<Tunnel>,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(place: Place<'a>) -> Self {
        Self {
            place,
            state: State::Reading,
            entered: None,
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

    fn rest(&mut self, reason: Stop) -> Layer<'a> {
        self.state = State::Done;
        self.entered = None;
        Layer::Rest(Rest {
            bytes: self.place.input.bytes,
            reason,
        })
    }
}

impl<'a> Iterator for Layers<'a> {
    type Item = Layer<'a>;

    #[inline]
    fn next(&mut self) -> Option<Layer<'a>> {
        match self.state {
            State::Reading => {}
            State::Stopped(stop) => return Some(self.rest(stop)),
            State::Done => return None,
        }
        let Some(left) = self.place.left.checked_sub(1) else {
            return Some(self.rest(Stop::TooManyLayers));
        };
        match self.place.next.read(self.place.input) {
            Ok(step) => {
                self.place.input = step.input;
                self.place.left = left;
                match step.next {
                    Ok(next) => self.place.next = next,
                    Err(stop) => self.state = State::Stopped(stop),
                }
                self.entered = step.entered;
                Some(step.layer)
            }
            Err(stop) => Some(self.rest(stop)),
        }
    }
}

impl FusedIterator for Layers<'_> {}

/// Where a layer starts, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) next: Next,
    pub(super) input: Input<'a>,
    /// How many more layers may be read.
    pub(super) left: u8,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Reading,
    Stopped(Stop),
    Done,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Unread(HeaderProtocol),
    Ethernet,
    Llc,
    Type(EtherType),
    Mpls,
    Labelled,
    Ppp,
    /// IP of the version that its first byte tells, whatever the header before it says.
    Ip,
    WithinIpv4(IpNumber),
    WithinIpv6(IpNumber),
    ErspanII,
    ErspanIII,
    Vxlan,
    Geneve,
}

impl Next {
    #[inline]
    fn read(self, input: Input<'_>) -> Result<Step<'_>, Stop> {
        match self {
            Self::Unread(protocol) => Err(Stop::HeaderProtocol(protocol)),
            Self::Ethernet => link::ethernet(input),
            Self::Llc => link::llc(input),
            Self::Type(kind) => Self::read_type(kind, input),
            Self::Mpls => mpls::label(input),
            Self::Labelled => mpls::labelled(input),
            Self::Ppp => ppp::ppp(input),
            Self::Ip => ip::ip(input),
            Self::WithinIpv4(number) => Self::read_within_ip(number, input),
            Self::WithinIpv6(number) => match ip::extension(number, input) {
                Some(step) => step,
                None => Self::read_within_ip(number, input),
            },
            Self::ErspanII => tunnel::erspan_ii(input),
            Self::ErspanIII => tunnel::erspan_iii(input),
            Self::Vxlan => overlay::vxlan(input),
            Self::Geneve => overlay::geneve(input),
        }
    }

    fn read_type(kind: EtherType, input: Input<'_>) -> Result<Step<'_>, Stop> {
        match kind {
            EtherType::IPV4 | EtherType::IPV6 => ip::ip(input),
            EtherType::VLAN_TAGGED_FRAME
            | EtherType::PROVIDER_BRIDGING
            | EtherType::VLAN_DOUBLE_TAGGED_FRAME => link::vlan(kind, input),
            EtherType::ARP => link::arp(input),
            EtherType::MACSEC => link::macsec(input),
            mpls::UNICAST | mpls::MULTICAST => mpls::label(input),
            ppp::PPPOE_SESSION => ppp::pppoe(input),
            ppp::PPP => ppp::ppp(input),
            link::BRIDGED_ETHERNET => link::ethernet(input),
            _ => Err(Stop::EtherType(kind)),
        }
    }

    fn read_within_ip(number: IpNumber, input: Input<'_>) -> Result<Step<'_>, Stop> {
        match number {
            IpNumber::TCP => tcp::tcp(input),
            IpNumber::UDP => transport::udp(input),
            IpNumber::ICMP => transport::icmpv4(input),
            IpNumber::IPV6_ICMP => transport::icmpv6(input),
            IpNumber::IGMP => transport::igmp(input),
            IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE => {
                transport::ports(number, input)
            }
            IpNumber::GRE => tunnel::gre(input),
            IpNumber::AUTHENTICATION_HEADER => ip::authentication(input, Next::WithinIpv4),
            IpNumber::ENCAPSULATING_SECURITY_PAYLOAD => ip::esp(input),
            _ => Err(Stop::IpProtocol(number)),
        }
    }
}

/// What a reader found.
pub(super) struct Step<'a> {
    layer: Layer<'a>,
    /// Behind the layer.
    input: Input<'a>,
    next: Result<Next, Stop>,
    entered: Option<Tunnel>,
}

impl<'a> Step<'a> {
    pub(super) const fn new(layer: Layer<'a>, input: Input<'a>, next: Next) -> Self {
        Self {
            layer,
            input,
            next: Ok(next),
            entered: None,
        }
    }

    /// The last layer that can be read.
    pub(super) const fn last(layer: Layer<'a>, input: Input<'a>, stop: Stop) -> Self {
        Self {
            layer,
            input,
            next: Err(stop),
            entered: None,
        }
    }

    /// What comes next belongs to another packet.
    pub(super) const fn entering(mut self, tunnel: Option<Tunnel>) -> Self {
        self.entered = tunnel;
        self
    }
}

/// Bytes that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether they end where the packet says, and not where the agent cut it.
    pub(super) whole: bool,
}

impl<'a> Input<'a> {
    /// A header of constant size, and what follows it.
    #[inline]
    pub(super) fn fixed<const N: usize>(
        self,
        header: &'static str,
    ) -> Result<(&'a [u8; N], Self), Stop> {
        match self.bytes.split_first_chunk() {
            Some((fixed, bytes)) => Ok((fixed, Self { bytes, ..self })),
            None => Err(self.short(header, N)),
        }
    }

    /// A header of so many bytes, and what follows it.
    #[inline]
    pub(super) fn split(self, header: &'static str, size: usize) -> Result<(&'a [u8], Self), Stop> {
        match self.bytes.split_at_checked(size) {
            Some((header, bytes)) => Ok((header, Self { bytes, ..self })),
            None => Err(self.short(header, size)),
        }
    }

    /// What follows a header that is known to be there.
    #[inline]
    pub(super) fn behind(self, header: &[u8]) -> Self {
        let bytes = self.bytes.get(header.len()..).unwrap_or_default();
        Self { bytes, ..self }
    }

    /// Ended where a header says, unless the agent cut it before.
    #[inline]
    pub(super) fn until(self, length: usize) -> Self {
        match self.bytes.get(..length) {
            Some(bytes) => Self { bytes, whole: true },
            None => self,
        }
    }

    /// Nothing of it.
    #[inline]
    pub(super) fn none(self) -> Self {
        self.behind(self.bytes)
    }

    /// There are fewer bytes than a header takes.
    #[cold]
    pub(super) const fn short(self, header: &'static str, needed: usize) -> Stop {
        let available = self.bytes.len();
        if self.whole {
            Stop::Short {
                header,
                needed,
                available,
            }
        } else {
            Stop::Cut {
                header,
                needed,
                available,
            }
        }
    }
}
