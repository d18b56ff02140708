use std::net::IpAddr;
use std::str::FromStr;

use sflow_v5::Address;

/// The address of an agent, or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agents {
    address: IpAddr,
    prefix: u8,
}

impl Agents {
    pub(super) fn contains(self, agent: Address) -> bool {
        let Some(agent) = agent.ip() else {
            return false;
        };
        // An IPv4-mapped IPv6 address (`::ffff:192.0.2.9`) matches networks of both families.
        let v4 = match (self.address.to_canonical(), self.prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if self.address.is_ipv6() => {
                Self { address, prefix }
            }
            _ => self,
        };
        self.includes(agent) || v4.includes(agent.to_canonical())
    }

    fn includes(self, agent: IpAddr) -> bool {
        match (self.address, agent) {
            (IpAddr::V4(network), IpAddr::V4(agent)) => {
                let differing = network.to_bits() ^ agent.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(agent)) => {
                let differing = network.to_bits() ^ agent.to_bits();
                differing.leading_zeros() >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl FromStr for Agents {
    type Err = ();

    /// Parses `10.0.0.1`, `10.0.0.0/8` or `fd00::/64`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| ())?,
            None => longest,
        };
        if prefix > longest {
            return Err(());
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_or_network_contains_agent() {
        for (agents, agent, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.255.0.2", true),
            ("10.0.0.7/8", "10.255.0.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "::1", true),
            ("192.0.2.9", "::ffff:192.0.2.9", true),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("192.0.3.0/24", "::ffff:192.0.2.9", false),
            ("::ffff:192.0.2.9", "192.0.2.9", true),
            ("::ffff:192.0.2.0/120", "192.0.2.9", true),
        ] {
            let agent: IpAddr = agent.parse().unwrap();
            let agents: Agents = agents.parse().unwrap();
            assert_eq!(
                agents.contains(agent.into()),
                expected,
                "{agents:?} {agent}"
            );
            assert!(!agents.contains(Address::Unknown));
        }
    }

    #[test]
    fn invalid_networks_are_rejected() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.1/33",
            "10.0.0.1/",
            "::/129",
            "web",
            "10.0.0.1/-1",
        ] {
            assert_eq!(text.parse::<Agents>(), Err(()), "{text}");
        }
    }
}
