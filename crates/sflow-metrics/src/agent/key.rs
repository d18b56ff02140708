use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use sflow_v5::Address;

/// Whose datagrams belong together.
///
/// The address that an agent gives itself is not trusted alone: two agents behind different
/// senders stay two, even if they claim one address. Several agents with one address behind one
/// sender, as behind NAT, are distinguished by UUIDs of their hosts and by UDP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct AgentKey {
    /// Where the datagrams come from.
    pub sender: IpAddr,
    /// The address that the agent gives itself.
    pub address: Address,
    /// The stream of the agent.
    pub sub_agent: u32,
    /// 0 of the first agent with this sender, address and sub-agent; others have other numbers, in
    /// the order in which they were distinguished.
    pub instance: u32,
}

impl Hash for AgentKey {
    /// In one go: a datagram waits for it.
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
    /// The address, with what else it takes to tell it from others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
