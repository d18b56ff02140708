use core::fmt;

use crate::display::padded;
use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use sflow_v5::Address;

/// The identity of an agent.
///
/// The address that an agent reports is not trusted alone: agents behind different senders stay
/// distinct even if they report the same address. Several agents with one address behind one
/// sender, for example behind NAT, are distinguished by the UUIDs of their hosts and by UDP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AgentKey {
    /// Source address of the datagrams.
    pub sender: IpAddr,
    /// The address that the agent reports for itself.
    pub address: Address,
    /// The sub-agent.
    pub sub_agent: u32,
    /// 0 for the first agent with this sender, address and sub-agent; larger numbers for further
    /// agents, in the order in which they were distinguished.
    pub instance: u32,
}

impl Hash for AgentKey {
    /// Hashes all fields in one call, which is faster than one call for each.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let address = match self.address {
            Address::V4(octets) => u32::from_be_bytes(octets).into(),
            Address::V6(octets) => u128::from_be_bytes(octets),
            _ => u128::MAX,
        };
        let sender = match self.sender {
            IpAddr::V4(sender) => sender.to_bits().into(),
            IpAddr::V6(sender) => sender.to_bits(),
        };
        let mut bytes = [0; 40];
        let (front, back) = bytes.split_at_mut(16);
        front.copy_from_slice(&address.to_ne_bytes());
        let (front, back) = back.split_at_mut(16);
        front.copy_from_slice(&sender.to_ne_bytes());
        let (front, back) = back.split_at_mut(4);
        front.copy_from_slice(&self.sub_agent.to_ne_bytes());
        back.copy_from_slice(&self.instance.to_ne_bytes());
        hasher.write(&bytes);
    }
}

impl fmt::Display for AgentKey {
    /// `address/sub_agent`, followed by the sender if it differs from the address, and by the
    /// instance if it is not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        write!(f, "{}/{}", self.address, self.sub_agent)?;
        if self.address.ip().map(|ip| ip.to_canonical()) != Some(self.sender) {
            write!(f, " from {}", self.sender)?;
        }
        if self.instance > 0 {
            write!(f, " #{}", self.instance)?;
        }
        Ok(())
    }
}
