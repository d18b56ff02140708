//! An off-path sender forges datagrams of the real agents: it knows their addresses and names but
//! does not see their datagrams.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_v5::counter::{HostDescr, VirtCpu, VirtNetIo};
use sflow_v5::enums::{DomainState, HeaderProtocol};
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::{Opaque, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Datagram, Encoder, FlowRecord, FlowSample,
    Header, Records, Sample,
};

use crate::world::{Sent, World, changes, need};

/// What the forger knows of an agent, and when it sent its last datagram.
struct Known {
    header: Header,
    containers: BTreeMap<DataSource, (String, Uuid)>,
    packet: Vec<u8>,
    sampler: DataSource,
    last: Timestamp,
}

struct Forger {
    agents: BTreeMap<IpAddr, Known>,
    random: SplitMix64,
}

impl Forger {
    fn new() -> Self {
        Self {
            agents: BTreeMap::new(),
            random: SplitMix64::seed_from_u64(1),
        }
    }

    fn random(&mut self) -> u32 {
        self.random.next_u32()
    }

    /// Records the agent and the containers of a datagram, and forges a datagram of that agent
    /// every three seconds.
    fn forge(&mut self, now: Timestamp, (source, bytes): &Sent) -> Option<Sent> {
        let datagram = Datagram::parse(bytes).unwrap();
        let known = self.agents.entry(*source).or_insert_with(|| Known {
            header: datagram.header,
            containers: BTreeMap::new(),
            packet: Vec::new(),
            sampler: DataSource::default(),
            last: now,
        });
        for sample in datagram.samples() {
            match sample {
                Sample::Counters(sample) => {
                    if let (Some(descr), Some(_)) =
                        (sample.find::<HostDescr<'_>>(), sample.find::<VirtCpu>())
                    {
                        let name = String::from_utf8_lossy(descr.hostname.as_bytes()).into_owned();
                        known
                            .containers
                            .insert(sample.source_id, (name, descr.uuid));
                    }
                }
                Sample::Flow(sample) => {
                    if let Some(header) = sample.find::<SampledHeader<'_>>() {
                        known.packet = header.header.0.to_vec();
                        known.sampler = sample.source_id;
                    }
                }
                _ => {}
            }
        }
        if now - known.last < Duration::from_secs(3) {
            return None;
        }
        known.last = now;
        let (header, containers) = (known.header, known.containers.clone());
        let (packet, sampler) = (known.packet.clone(), known.sampler);
        let header = Header {
            sequence_number: self.random(),
            uptime: self.random(),
            ..header
        };
        let mut buffer = [0; 9_000];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        for (source_id, (name, uuid)) in containers.iter().take(8) {
            let mut bytes = || (u64::from(self.random()) << 16).into();
            let records: [CounterRecord<'_>; 3] = [
                HostDescr {
                    hostname: Text::from(name.as_str()),
                    uuid: *uuid,
                    ..HostDescr::default()
                }
                .into(),
                VirtNetIo {
                    rx_bytes: bytes(),
                    tx_bytes: bytes(),
                    ..VirtNetIo::default()
                }
                .into(),
                VirtCpu {
                    state: DomainState::RUNNING,
                    cpu_time: self.random().into(),
                    nr_virt_cpu: 1.into(),
                }
                .into(),
            ];
            let sample = CountersSample {
                sequence_number: self.random(),
                source_id: *source_id,
                records: Records::from(&records[..]),
                ..CountersSample::default()
            };
            encoder.push(&Sample::Counters(sample)).unwrap();
        }
        let records: [FlowRecord<'_>; 1] = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: u32::MAX,
            stripped: 4,
            header: Opaque(&packet),
        }
        .into()];
        let sample = FlowSample {
            sequence_number: self.random(),
            source_id: sampler,
            sampling_rate: u32::MAX,
            sample_pool: self.random(),
            records: Records::from(&records[..]),
            ..FlowSample::default()
        };
        encoder.push(&Sample::Flow(sample)).unwrap();
        Some((*source, encoder.finish().to_vec()))
    }
}

fn attacked(world: &mut World) {
    let mut forger = Forger::new();
    world.intercept(move |at, sent| {
        let forged = forger.forge(at, &sent);
        [forged, Some(sent)].into_iter().flatten().collect()
    });
}

#[tokio::test]
async fn t22_forged_datagrams_change_no_size() {
    let mut world = World::new(1, Workload::Constant(300.0), need(300.0), Vec::new());
    attacked(&mut world);
    assert_eq!(changes(&world.run(300).await), []);
    let telemetry = world.balancer.telemetry().lock();
    let health = telemetry.registry().health();
    assert!(health.datagrams_rejected > 100, "{health:?}");
    assert_eq!(health.agent_restarts, 0);
    assert!(health.datagrams_lost < 100, "{health:?}");
    let refused = telemetry.ingest_stats().refused;
    assert_eq!(
        refused.get("datagram out of sequence"),
        Some(&health.datagrams_rejected),
        "{refused:?}"
    );
}

#[tokio::test]
async fn t22_size_follows_the_load_while_datagrams_are_forged() {
    let load = Workload::Step {
        before: 200.0,
        after: 800.0,
        at: Duration::from_secs(60),
    };
    let mut world = World::new(1, load, need(200.0), Vec::new());
    attacked(&mut world);
    world.run(240).await;
    let right = need(800.0);
    let replicas = world.replicas();
    assert!((right..=right + 1).contains(&replicas), "{replicas}");
}

/// Ten thousand agents send empty datagrams, and ten thousand others 35 seconds later. Then the
/// real agents start.
#[tokio::test]
async fn t24_agents_that_start_after_a_flood_of_empty_datagrams_are_seen() {
    let mut world = World::new(1, Workload::Constant(800.0), need(200.0), Vec::new());
    let start = world.now;
    let mut round = 0_u32;
    world.intercept(move |at, sent| {
        let elapsed = at - start;
        if elapsed >= Duration::from_secs(40) {
            return vec![sent];
        }
        if elapsed < Duration::from_secs(35) * round {
            return Vec::new();
        }
        round += 1;
        let datagram = |number: u32| {
            let header = Header {
                agent_address: Address::V4((0x0b00_0000 + number).to_be_bytes()),
                sub_agent_id: 0,
                sequence_number: round,
                uptime: 1_000 + round * 35_000,
            };
            let mut buffer = [0; 64];
            let bytes = Encoder::new(&mut buffer, &header)
                .unwrap()
                .finish()
                .to_vec();
            let sender = Ipv4Addr::new(127, 0, 0, 66 + (number % 3) as u8);
            (IpAddr::V4(sender), bytes)
        };
        (0..10_000).map(datagram).collect()
    });
    world.run(200).await;
    let right = need(800.0);
    let replicas = world.replicas();
    assert!((right..=right + 1).contains(&replicas), "{replicas}");
    let telemetry = world.balancer.telemetry().lock();
    let agents: Vec<_> = telemetry.registry().agents().collect();
    let established = agents.iter().filter(|agent| agent.established);
    assert!(established.count() >= 3);
    let forged = agents.iter().filter(|agent| agent.key.sender.is_loopback());
    assert!(forged.clone().all(|agent| !agent.established));
}
