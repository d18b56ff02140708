use std::time::Duration;

use sflow_v5::Address;

/// Identity and limits of an [`Agent`](crate::Agent).
///
/// ```
/// use std::net::IpAddr;
/// use std::time::Duration;
///
/// use sflow_agent::Config;
///
/// let config = Config::new(IpAddr::from([10, 0, 0, 1]))
///     .with(|config| config.polling = Duration::from_secs(30));
/// assert_eq!(config.max_datagram, 1_400);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Address that identifies the agent in every datagram (`agent_address`). It should remain
    /// the same when the agent restarts.
    pub address: Address,
    /// Distinguishes several agents with the same address (`sub_agent_id`). Default: 0.
    pub sub_agent_id: u32,
    /// Time between two readings of the same counters. At least 1 ms. Default: 10 s.
    pub polling: Duration,
    /// Largest datagram in bytes, without the headers of UDP and IP. At most 65,507, the largest
    /// payload of UDP over IPv4. Default: 1,400, which passes an Ethernet path with a tunnel on
    /// it unfragmented.
    pub max_datagram: usize,
    /// Time that a sample may wait for others to share its datagram. sFlow version 5 (section
    /// 4, "Sampling and Polling") allows at most 1 s. Default: 100 ms.
    pub max_delay: Duration,
    /// Bytes of encoded samples that may wait. If the caller does not take datagrams in time,
    /// the oldest samples beyond this limit are discarded and counted in
    /// [`Stats::discarded`](crate::Stats::discarded). Default: 1 MiB.
    pub max_pending: usize,
    /// Sequence number of the last datagram that was sent before, to continue an earlier run.
    /// Default: 0.
    pub sequence_number: u32,
}

impl Config {
    /// The defaults, for an agent with this address: a [`std::net::IpAddr`] or an [`Address`].
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            sub_agent_id: 0,
            polling: Duration::from_secs(10),
            max_datagram: 1_400,
            max_delay: Duration::from_millis(100),
            max_pending: 1 << 20,
            sequence_number: 0,
        }
    }

    /// With a changed setting.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
