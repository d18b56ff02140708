//! Properties of agents that decisions do not need.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use sflow_metrics::{AgentKey, Timestamp};
use sflow_v5::counter::HostAdapters;
use sflow_v5::flow::ExtendedEntities;
use sflow_v5::{DataSource, Datagram, Header, Sample};

use super::facts::{AgentSamples, ClockRate};

/// Maximum number of agents and of data sources. Further ones are not diagnosed.
const MOST_AGENTS: usize = 4_096;
const MOST_SOURCES: usize = 65_536;

/// Minimum observation time before an agent's clock is rated.
const LEAST: Duration = Duration::from_secs(4);

/// Observes clocks, packet samples and MAC addresses of at most 4,096 agents.
#[derive(Debug, Default)]
pub struct AgentMonitor {
    agents: HashMap<AgentKey, Seen>,
    with_adapter: HashSet<(AgentKey, DataSource)>,
}

/// Observations of one agent.
#[derive(Clone, Copy, Debug)]
struct Seen {
    begun: (Timestamp, Header),
    newest: (Timestamp, Header),
    is_backwards: bool,
    samples: AgentSamples,
}

impl AgentMonitor {
    /// Observes a datagram that was received from `sender` at this time.
    pub fn observe(&mut self, at: Timestamp, sender: IpAddr, datagram: &Datagram<'_>) {
        let key = AgentKey {
            sender,
            address: datagram.header.agent_address,
            sub_agent: datagram.header.sub_agent_id,
            instance: 0,
        };
        if !self.agents.contains_key(&key) && self.agents.len() >= MOST_AGENTS {
            return;
        }
        let seen = self
            .agents
            .entry(key)
            .or_insert_with(|| Seen::first(at, datagram.header));
        seen.go_on(at, datagram.header);
        for sample in datagram.samples() {
            match sample {
                Sample::Flow(flow) => {
                    seen.samples.packets += 1;
                    seen.samples.unscaled += u64::from(flow.sampling_rate == 0);
                    seen.samples.named += u64::from(flow.find::<ExtendedEntities>().is_some());
                }
                Sample::Counters(counters) if self.with_adapter.len() < MOST_SOURCES => {
                    let adapters = counters.find::<HostAdapters<'_>>();
                    let mut adapters = adapters.iter().flat_map(|record| record.adapters.iter());
                    if adapters.any(|adapter| adapter.mac_address.iter().next().is_some()) {
                        self.with_adapter.insert((key, counters.source_id));
                    }
                }
                _ => {}
            }
        }
    }

    /// Contents of the datagrams of an agent, without its containers. Agents that differ only in
    /// their instance number share one entry.
    pub fn samples(&self, key: AgentKey) -> AgentSamples {
        let seen = self.agents.get(&AgentKey { instance: 0, ..key });
        seen.map_or_else(AgentSamples::default, |seen| AgentSamples {
            uptime: seen.uptime(),
            ..seen.samples
        })
    }

    pub(super) fn has_adapter(&self, key: AgentKey, source: DataSource) -> bool {
        let key = AgentKey { instance: 0, ..key };
        self.with_adapter.contains(&(key, source))
    }
}

impl Seen {
    fn first(at: Timestamp, header: Header) -> Self {
        Self {
            begun: (at, header),
            newest: (at, header),
            is_backwards: false,
            samples: AgentSamples::default(),
        }
    }

    /// Compares a header with the previous one. A lower sequence number means that the datagram was
    /// overtaken or that the agent has restarted; its uptime then cannot be compared with the
    /// previous one.
    fn go_on(&mut self, at: Timestamp, header: Header) {
        const FAR: u32 = 10_000;
        let (_, newest) = self.newest;
        match header.sequence_number.wrapping_sub(newest.sequence_number) {
            0 => {}
            1..FAR => {
                let step = header.uptime.wrapping_sub(newest.uptime);
                self.is_backwards |= step > u32::MAX / 2;
                self.newest = (at, header);
            }
            overtaken if overtaken > u32::MAX - 64 => {}
            _ => {
                self.begun = (at, header);
                self.newest = (at, header);
            }
        }
    }

    /// Rate of the agent's clock; `None` before the minimum observation time.
    fn uptime(&self) -> Option<ClockRate> {
        let ((begun, first), (newest, last)) = (self.begun, self.newest);
        let passed = newest.checked_since(begun)?;
        let counted = last.uptime.wrapping_sub(first.uptime);
        (passed >= LEAST).then(|| ClockRate {
            rate: f64::from(counted) / 1e3 / passed.as_secs_f64(),
            is_backwards: self.is_backwards,
        })
    }
}
