//! Senders of sFlow datagrams that `collector.agents` does not allow.

use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::Timestamp;
use sflow_v5::Address;

/// Senders that are remembered. Datagrams of others are counted all the same.
const MOST: usize = 32;
/// How long a sender is remembered after its last datagram.
const REMEMBERED: Duration = Duration::from_secs(300);

/// A sender of sFlow datagrams that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RefusedSender {
    /// The address that its datagrams come from.
    pub address: IpAddr,
    /// Whether its datagrams contain more than one agent address, as behind NAT or a proxy.
    pub is_shared: bool,
    /// Its datagrams.
    pub datagrams: u64,
    /// When its last datagram arrived.
    pub last: Timestamp,
    agent: Address,
}

/// The senders that are not allowed and have sent lately.
#[derive(Debug, Default)]
pub(super) struct RefusedSenders(Vec<RefusedSender>);

impl RefusedSenders {
    /// Counts a datagram.
    pub(super) fn add(&mut self, now: Timestamp, address: IpAddr, agent: Address) {
        if let Some(known) = self.0.iter_mut().find(|known| known.address == address) {
            known.is_shared |= known.agent != agent;
            known.datagrams += 1;
            known.last = now;
            return;
        }
        if self.0.len() >= MOST {
            self.0.retain(|known| now - known.last < REMEMBERED);
        }
        if self.0.len() < MOST {
            self.0.push(RefusedSender {
                address,
                is_shared: false,
                datagrams: 1,
                last: now,
                agent,
            });
        }
    }

    /// The senders of datagrams within this time.
    pub(super) fn within(
        &self,
        now: Timestamp,
        time: Duration,
    ) -> impl Iterator<Item = &RefusedSender> {
        let is_recent = move |known: &&RefusedSender| now - known.last < time;
        self.0.iter().filter(is_recent)
    }

    /// The senders that are remembered.
    pub(super) fn recent(&self, now: Timestamp) -> impl Iterator<Item = &RefusedSender> {
        self.within(now, REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn refused_senders_are_bounded_and_forgotten() {
        let mut refused = RefusedSenders::default();
        let at = Timestamp::from_secs;
        for number in 0..1_000 {
            refused.add(at(100), address(number), address(number).into());
        }
        assert_eq!(refused.recent(at(100)).count(), MOST);
        assert_eq!(refused.recent(at(400)).count(), 0);
        refused.add(at(500), address(2_000), address(2_000).into());
        let left: Vec<IpAddr> = refused.recent(at(500)).map(|it| it.address).collect();
        assert_eq!(left, [address(2_000)]);
    }

    #[test]
    fn sender_of_several_agents_is_shared() {
        let mut refused = RefusedSenders::default();
        let at = Timestamp::from_secs(100);
        let proxy = address(1);
        for (agent, is_shared) in [(2, false), (2, false), (3, true), (2, true)] {
            refused.add(at, proxy, address(agent).into());
            let known = refused.recent(at).next().unwrap();
            assert_eq!(known.is_shared, is_shared, "{agent}");
        }
    }
}
