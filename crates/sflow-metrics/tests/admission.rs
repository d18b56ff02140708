//! Admission of agents when others have used up the capacity.

mod support;

use std::net::IpAddr;

use sflow_metrics::{AgentStatus, Config, Registry};
use sflow_v5::counter::{HostCpu, IfCounters, VirtMemory};
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::Opaque;
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataFormat, Datagram, Encoder, FlowRecord, FlowSample,
    Frame, Header, Interface, Records, Sample,
};
use support::{Agent, Container, at, host, host_source, interface_source};

/// A small capacity, so that a test can use it up.
fn config() -> Config {
    Config::default().with(|config| {
        config.max_agents = 1_000;
        config.max_sources = 10_000;
        config.max_agents_per_sender = 500;
        config.max_sources_per_sender = 5_000;
        config.max_agents_per_network = 500;
        config.max_sources_per_network = 5_000;
    })
}

/// Content of the datagrams of an agent without usable data.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Useless {
    HeaderOnly,
    EmptyCounters,
    EmptyFlow,
    UnknownStructure,
    UnknownCounters,
    OnlyGauges,
    ConstantCounters,
    ConstantFlow,
}

impl Useless {
    const ALL: [Self; 8] = [
        Self::HeaderOnly,
        Self::EmptyCounters,
        Self::EmptyFlow,
        Self::UnknownStructure,
        Self::UnknownCounters,
        Self::OnlyGauges,
        Self::ConstantCounters,
        Self::ConstantFlow,
    ];

    fn datagram(self, address: [u8; 4], sequence: u32, uptime: u32) -> Vec<u8> {
        let header = Header {
            agent_address: Address::V4(address),
            sub_agent_id: 0,
            sequence_number: sequence,
            uptime,
        };
        let mut buffer = [0; 1400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        let mut body = [0; 8];
        let unknown = Frame::encode(DataFormat::new(4242, 1), &7_u64, &mut body).unwrap();
        let record: Option<CounterRecord<'_>> = match self {
            Self::UnknownStructure => Some(CounterRecord::Unknown(unknown)),
            Self::UnknownCounters => Some(IfCounters::default().into()),
            Self::OnlyGauges => Some(
                VirtMemory {
                    memory: 5.into(),
                    max_memory: 9.into(),
                }
                .into(),
            ),
            Self::ConstantCounters => Some(
                HostCpu {
                    cpu_num: 2.into(),
                    cpu_user: 1_000.into(),
                    cpu_idle: 1_000.into(),
                    ..HostCpu::default()
                }
                .into(),
            ),
            _ => None,
        };
        let packet = [0; 64];
        let flows: [FlowRecord<'_>; 1] = [sampled(&packet)];
        let flow = FlowSample {
            sequence_number: 1,
            source_id: interface_source(3),
            sampling_rate: 100,
            sample_pool: 100,
            input: Interface::index(3),
            ..FlowSample::default()
        };
        let sample = match self {
            Self::HeaderOnly => None,
            Self::EmptyFlow => Some(Sample::Flow(FlowSample {
                sequence_number: sequence,
                sample_pool: sequence * 100,
                ..flow
            })),
            Self::ConstantFlow => Some(Sample::Flow(FlowSample {
                records: Records::from(&flows[..]),
                ..flow
            })),
            _ => Some(Sample::Counters(CountersSample {
                sequence_number: sequence,
                source_id: host_source(),
                records: Records::from(record.as_slice()),
                ..CountersSample::default()
            })),
        };
        if let Some(sample) = &sample {
            encoder.push(sample).unwrap();
        }
        encoder.finish().to_vec()
    }
}

fn sampled(packet: &[u8]) -> FlowRecord<'_> {
    SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1000,
        stripped: 4,
        header: Opaque(packet),
    }
    .into()
}

/// Reports a busy host.
fn poll(registry: &mut Registry, agent: &mut Agent, now: f64) {
    let sequence = agent.sequence + 1;
    let busy = (now * 1e3) as u32 + 1;
    agent.report(registry, now, &[host("node", sequence, 4, busy, busy)]);
}

fn agent_of(sender: impl Into<IpAddr>, address: [u8; 4]) -> Agent {
    Agent {
        address,
        sender: sender.into(),
        ..Agent::new(1)
    }
}

fn status(registry: &Registry, address: [u8; 4]) -> Option<AgentStatus> {
    let mut agents = registry.agents();
    agents.find(|agent| agent.key.address == Address::V4(address))
}

fn numbered(number: u32) -> [u8; 4] {
    let [_, a, b, c] = number.to_be_bytes();
    [11, a, b, c]
}

#[test]
fn t24_useless_agents_are_displaced_by_useful_ones() {
    for useless in Useless::ALL {
        let mut registry = Registry::new(config());
        for round in 0..2_u32 {
            let now = f64::from(round) * 35.0;
            for number in 0..2_000_u32 {
                let uptime = 1000 + round * 35_000;
                let bytes = useless.datagram(numbered(number), round + 1, uptime);
                let sender = IpAddr::from([10, 0, 0, 66 + (number % 3) as u8]);
                registry.ingest(at(now), sender, &Datagram::parse(&bytes).unwrap());
            }
            registry.expire(at(now));
        }
        assert!(
            registry.agents().all(|agent| !agent.established),
            "{useless:?}"
        );
        // Agents in the network of these senders start now.
        let mut agents: Vec<Agent> = (1..=3).map(Agent::new).collect();
        for poll_number in 0..4 {
            let now = 45.0 + 10.0 * f64::from(poll_number);
            for agent in &mut agents {
                poll(&mut registry, agent, now);
            }
            registry.expire(at(now));
        }
        for agent in &agents {
            let status = status(&registry, agent.address);
            assert!(
                status.is_some_and(|status| status.established),
                "{useless:?}: {:?}",
                registry.health()
            );
        }
        assert!(registry.health().agents_evicted > 0, "{useless:?}");
        assert!(registry.agents().count() <= 1_000);
    }
}

#[test]
fn t24_useless_agents_are_never_established() {
    for useless in Useless::ALL {
        let mut registry = Registry::new(config());
        for number in 0..400_u32 {
            let now = f64::from(number) * 10.0;
            let bytes = useless.datagram([11, 0, 0, 1], number + 1, number * 10_000);
            registry.ingest(
                at(now),
                [10, 0, 0, 66].into(),
                &Datagram::parse(&bytes).unwrap(),
            );
            registry.expire(at(now));
        }
        let agent = registry.agents().next().unwrap();
        assert!(!agent.established, "{useless:?}");
        assert_eq!(agent.received, 400);
    }
}

#[test]
#[cfg(feature = "flows")]
fn agent_that_sends_only_flow_samples_is_established() {
    let mut registry = Registry::new(config());
    let packet = [0; 64];
    for number in 1..=3_u32 {
        let records = [sampled(&packet)];
        let sample = FlowSample {
            sequence_number: number,
            source_id: interface_source(3),
            sampling_rate: 100,
            sample_pool: number * 100,
            records: Records::from(&records[..]),
            ..FlowSample::default()
        };
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sequence_number: number,
            uptime: number * 1000,
            ..Header::default()
        };
        let mut buffer = [0; 1400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        encoder.push(&Sample::Flow(sample)).unwrap();
        let bytes = encoder.finish().to_vec();
        registry.ingest(
            at(f64::from(number)),
            [10, 0, 0, 1].into(),
            &Datagram::parse(&bytes).unwrap(),
        );
        let is_established = registry.agents().next().unwrap().established;
        assert_eq!(is_established, number > 1);
    }
}

#[test]
fn t24_established_agents_are_not_displaced() {
    let mut registry = Registry::new(config());
    let mut agents: Vec<Agent> = (1..=100).map(Agent::new).collect();
    for step in 0..3 {
        for agent in &mut agents {
            poll(&mut registry, agent, f64::from(step) * 10.0);
        }
    }
    for number in 0..20_000_u32 {
        let [_, _, b, c] = number.to_be_bytes();
        let bytes = Useless::ConstantCounters.datagram(numbered(number), 1, 1000);
        registry.ingest(
            at(21.0 + f64::from(number) / 1e3),
            [12, b, c, 1].into(),
            &Datagram::parse(&bytes).unwrap(),
        );
    }
    let agents: Vec<_> = registry
        .agents()
        .filter(|agent| agent.established)
        .collect();
    assert_eq!(agents.len(), 100);
    assert!(agents.iter().all(|agent| agent.sources == 1));
}

#[test]
fn agents_and_sources_of_one_network_are_bounded() {
    let networks: [fn(u8) -> IpAddr; 2] = [
        |last| IpAddr::from([10, 1, 2, last]),
        |last| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, last.into()]),
    ];
    for sender_of in networks {
        let mut registry = Registry::new(config().with(|config| {
            config.max_agents_per_network = 30;
            config.max_sources_per_network = 50;
        }));
        for step in 0..3 {
            for number in 0..100_u8 {
                let mut agent = agent_of(sender_of(number), [11, 0, 0, number]);
                agent.sequence = step;
                poll(&mut registry, &mut agent, f64::from(step) * 10.0);
            }
        }
        assert_eq!(registry.agents().count(), 30);
        assert!(registry.health().datagrams_refused >= 70);
        // Other networks are not affected.
        let mut other = agent_of([10, 9, 9, 9], [10, 9, 9, 9]);
        poll(&mut registry, &mut other, 31.0);
        assert!(status(&registry, [10, 9, 9, 9]).is_some());
        // One agent exceeds the limit on the sources of its network.
        let mut first = agent_of(sender_of(0), [11, 0, 0, 0]);
        first.sequence = 3;
        for index in 0..100 {
            first.report(
                &mut registry,
                32.0,
                &[Container::new("web", index).sample(1)],
            );
        }
        let sources: usize = registry.agents().map(|agent| agent.sources).sum();
        assert_eq!(sources, 50 + 1);
    }
}

#[test]
fn relay_with_many_agents_can_be_configured() {
    let mut registry = Registry::new(config().with(|config| {
        config.max_agents_per_sender = 1_000;
        config.max_agents_per_network = 1_000;
    }));
    for step in 0..3 {
        for number in 0..700_u32 {
            let mut agent = agent_of([192, 0, 2, 1], numbered(number));
            agent.sequence = step;
            poll(&mut registry, &mut agent, f64::from(step) * 10.0);
        }
    }
    assert_eq!(
        registry.agents().filter(|agent| agent.established).count(),
        700
    );
}

/// A registry whose capacity is used up by agents with plausible counters.
fn filled(reserved: &[IpAddr]) -> Registry {
    let mut registry = Registry::new(config());
    registry.reserve(reserved.iter().copied());
    for step in 0..3 {
        for number in 0..2_000_u32 {
            let mut agent = agent_of([12, (number % 4) as u8, 0, 1], numbered(number));
            agent.sequence = step;
            poll(&mut registry, &mut agent, f64::from(step) * 10.0);
        }
    }
    assert_eq!(registry.agents().count(), 1_000);
    registry
}

#[test]
fn t24_reserved_senders_are_admitted_when_capacity_is_used_up() {
    let nodes: Vec<IpAddr> = (1..=5).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    let mut registry = filled(&nodes);
    let mut agents: Vec<Agent> = (1..=6).map(Agent::new).collect();
    for step in 0..3 {
        for agent in &mut agents {
            poll(&mut registry, agent, 30.0 + 10.0 * f64::from(step));
        }
    }
    for agent in &agents {
        let is_reserved = nodes.contains(&agent.sender);
        let status = status(&registry, agent.address);
        assert_eq!(status.is_some_and(|status| status.established), is_reserved);
    }
    // Senders that are reserved later.
    registry.reserve([IpAddr::from([10, 0, 0, 6])]);
    poll(&mut registry, &mut agents[5], 60.0);
    assert!(status(&registry, [10, 0, 0, 6]).is_some());
}

/// The forged datagrams have the address of one node, invented agents and plausible counters.
#[test]
fn t24_forged_agents_of_one_reserved_sender_do_not_affect_the_other_ones() {
    let nodes: Vec<IpAddr> = (1..=5).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    let mut registry = filled(&nodes);
    for step in 0..3 {
        for number in 0..2_000_u32 {
            let mut agent = agent_of(nodes[0], numbered(100_000 + number));
            agent.sequence = step;
            poll(&mut registry, &mut agent, 30.0 + f64::from(step) * 10.0);
        }
    }
    assert_eq!(registry.agents().count(), 1_000 + 1_000 / 4 / 5);
    let mut agents: Vec<Agent> = (2..=5).map(Agent::new).collect();
    for step in 0..2 {
        for agent in &mut agents {
            poll(&mut registry, agent, 60.0 + 10.0 * f64::from(step));
        }
    }
    let established = |agent: &Agent| status(&registry, agent.address).unwrap().established;
    assert!(agents.iter().all(established));
}

#[test]
fn counts_are_correct_after_reserving_again() {
    let mut registry = Registry::new(config());
    let mut agents: Vec<Agent> = (1..=50).map(Agent::new).collect();
    let mut now = 0.0;
    for round in 0..6_u8 {
        registry.reserve((1..=round * 10).map(|last| IpAddr::from([10, 0, 0, last])));
        for agent in &mut agents {
            poll(&mut registry, agent, now);
        }
        now += 10.0;
    }
    assert_eq!(registry.agents().count(), 50);
    registry.expire(at(now + 10_000.0));
    registry.expire(at(now + 20_000.0));
    assert_eq!(registry.agents().count(), 0);
    // The whole capacity is free again.
    registry.reserve([]);
    let mut registry_full = filled(&[]);
    registry_full.expire(at(20_000.0));
    registry_full.expire(at(40_000.0));
    assert_eq!(registry_full.agents().count(), 0);
    for number in 0..400_u32 {
        let mut agent = agent_of([12, 0, 0, 1], numbered(number));
        poll(&mut registry_full, &mut agent, 40_000.0);
    }
    assert_eq!(registry_full.agents().count(), 400);
}
