//! A foreign sender and a cluster whose agents report correctly: every decision is the same as
//! without the foreign sender, except that a contested node holds the size.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use elb::orchestrator::{Orchestrator as _, Task};
use sflow_autoscale::observe::Reporter;
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::NodeAddress;
use sflow_simulator::{Event, Workload};
use sflow_v5::counter::{
    Adapter, HostAdapters, HostCpu, HostDescr, HostParent, VirtCpu, VirtNetIo,
};
use sflow_v5::enums::{DataSourceKind, DomainState, HeaderProtocol};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Counter32, Counter64, Gauge32, GaugeF32, List, Opaque, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, FlowRecord, FlowSample, Header,
    Interface, Mac, Records, Sample,
};

use crate::world::{START, Sent, World, changes, need};

const FOREIGN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// The reports of a foreign sender, sent once per second.
#[derive(Clone)]
pub(crate) struct Forger {
    sender: IpAddr,
    agent: Address,
    sub_agent: u32,
    /// Names of hosts, and whether all their CPUs are busy.
    hosts: Vec<(String, bool)>,
    /// Names of containers, with the index of their host in `hosts`.
    containers: Vec<(String, Option<usize>)>,
    /// Bytes per second of each container.
    rate: f64,
    /// Packet samples per second and container.
    packets: u32,
    /// Whether the reported containers have the UUIDs of the tasks.
    copies_uuids: bool,
    uuids: HashMap<String, Uuid>,
    pub(crate) sequence: u32,
}

impl Forger {
    pub(crate) fn new() -> Self {
        Self {
            sender: FOREIGN.into(),
            agent: Address::V4(FOREIGN.octets()),
            sub_agent: 0,
            hosts: Vec::new(),
            containers: Vec::new(),
            rate: 1e8,
            packets: 0,
            copies_uuids: false,
            uuids: HashMap::new(),
            sequence: 0,
        }
    }

    fn with_hosts(mut self, are_busy: bool) -> Self {
        let names = (1..=3).map(|number| format!("node{number}"));
        self.hosts = names.map(|name| (name, are_busy)).collect();
        self
    }

    pub(crate) fn with_containers(mut self, names: impl Iterator<Item = String>) -> Self {
        self.containers.extend(names.map(|name| (name, None)));
        self
    }

    fn with_tasks(mut self, tasks: &[Task]) -> Self {
        for task in tasks {
            let host = |node: &String| self.hosts.iter().position(|(host, _)| host == node);
            let host = task.node.as_ref().and_then(host);
            self.containers.push((task.container.clone(), host));
            if let Some(uuid) = task.uuid.filter(|_| self.copies_uuids) {
                self.uuids.insert(task.container.clone(), Uuid(uuid));
            }
        }
        self
    }

    fn uuid(&self, name: &str) -> Uuid {
        let copied = self.uuids.get(name).copied();
        copied.unwrap_or_else(|| invented(name))
    }

    pub(crate) fn datagrams(&mut self, seconds: f64) -> Vec<Sent> {
        let mut sent = Vec::new();
        for place in 0..self.hosts.len() {
            let (name, is_busy) = self.hosts[place].clone();
            let busy = Counter32((seconds * 4_000.0 * f64::from(u8::from(is_busy))) as u32);
            let records: [CounterRecord<'_>; 2] = [
                HostDescr {
                    hostname: Text::from(name.as_str()),
                    uuid: self.uuid(&name),
                    ..HostDescr::default()
                }
                .into(),
                HostCpu {
                    load_one: GaugeF32(9.0),
                    cpu_num: Gauge32(4),
                    cpu_user: busy,
                    ..HostCpu::default()
                }
                .into(),
            ];
            sent.push(self.counters(seconds, host_source(place), &records));
        }
        for place in 0..self.containers.len() {
            let (name, host) = self.containers[place].clone();
            let bytes = Counter64((seconds * self.rate) as u64);
            let macs = [mac(place)];
            let adapters = [Adapter {
                if_index: 1,
                mac_address: List::from(&macs[..]),
            }];
            let mut records: Vec<CounterRecord<'_>> = vec![
                HostDescr {
                    hostname: Text::from(name.as_str()),
                    uuid: self.uuid(&name),
                    ..HostDescr::default()
                }
                .into(),
                HostAdapters {
                    adapters: List::from(&adapters[..]),
                }
                .into(),
                VirtCpu {
                    state: DomainState::RUNNING,
                    cpu_time: Counter32((seconds * 9e2) as u32),
                    nr_virt_cpu: Gauge32(1),
                }
                .into(),
                VirtNetIo {
                    rx_bytes: bytes,
                    tx_bytes: bytes,
                    ..VirtNetIo::default()
                }
                .into(),
            ];
            if let Some(host) = host {
                let DataSource { kind, index } = host_source(host);
                records.push(
                    HostParent {
                        container_type: kind,
                        container_index: index,
                    }
                    .into(),
                );
            }
            let source = DataSource::new(DataSourceKind::LOGICAL, 100_000 + place as u32);
            sent.push(self.counters(seconds, source, &records));
            for _ in 0..self.packets {
                sent.push(self.packet(seconds, place));
            }
        }
        sent
    }

    fn counters(
        &mut self,
        seconds: f64,
        source_id: DataSource,
        records: &[CounterRecord<'_>],
    ) -> Sent {
        let sample = CountersSample {
            encoding: Encoding::Expanded,
            sequence_number: self.sequence,
            source_id,
            records: Records::from(records),
        };
        self.datagram(seconds, Sample::Counters(sample))
    }

    fn packet(&mut self, seconds: f64, container: usize) -> Sent {
        let mut header = [0; 34];
        header[..6].copy_from_slice(&mac(container).0);
        header[6..12].copy_from_slice(&[2, 0x66, 0, 0, 0, 99]);
        header[12..15].copy_from_slice(&[8, 0, 0x45]);
        let records: [FlowRecord<'_>; 1] = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: 1_500,
            stripped: 4,
            header: Opaque(&header),
        }
        .into()];
        let sample = FlowSample {
            sequence_number: self.sequence,
            source_id: DataSource::new(DataSourceKind::INTERFACE, 3),
            sampling_rate: 400,
            sample_pool: self.sequence.wrapping_mul(400),
            input: Interface::index(3),
            encoding: Encoding::Expanded,
            records: Records::from(&records[..]),
            ..FlowSample::default()
        };
        self.datagram(seconds, Sample::Flow(sample))
    }

    fn datagram(&mut self, seconds: f64, sample: Sample<'_>) -> Sent {
        self.sequence += 1;
        let header = Header {
            agent_address: self.agent,
            sub_agent_id: self.sub_agent,
            sequence_number: self.sequence,
            uptime: (seconds * 1e3) as u32,
        };
        let mut buffer = [0; 1_400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        encoder.push(&sample).unwrap();
        (self.sender, encoder.finish().to_vec())
    }
}

fn host_source(place: usize) -> DataSource {
    DataSource::new(DataSourceKind::PHYSICAL, 1 + place as u32)
}

fn mac(place: usize) -> Mac {
    Mac([2, 0x66, 0, 0, 0, place as u8])
}

/// A UUID derived from the name that no agent uses.
fn invented(name: &str) -> Uuid {
    let mut uuid = [0x5a; 16];
    for (place, byte) in name.bytes().rev().enumerate() {
        uuid[place % 16] ^= byte.rotate_left((place / 16) as u32);
    }
    Uuid(uuid)
}

/// The tasks of the service.
async fn tasks(world: &mut World) -> Vec<Task> {
    let names = ["apache".to_owned()];
    let cluster = world.balancer.orchestrator_mut();
    let services = cluster.services(&names).await.unwrap();
    services
        .into_iter()
        .flat_map(|service| service.tasks)
        .collect()
}

/// From now on, adds the forger's datagrams to those of the cluster once per second.
pub(crate) fn attack(world: &mut World, mut forger: Forger) {
    let mut sent_in = None;
    world.intercept(move |at: Timestamp, sent| {
        let second = at.as_nanos() / 1_000_000_000;
        let mut all = vec![sent];
        if sent_in.replace(second) != Some(second) {
            all.extend(forger.datagrams((at - START).as_secs_f64() + 1_000.0));
        }
        all
    });
}

/// A load that needs more replicas from 120 s on, and fewer from 400 s on.
fn world(address: NodeAddress) -> World {
    let load = Workload::Spike {
        base: 200.0,
        peak: 800.0,
        begin: Duration::from_secs(120),
        rise: Duration::from_secs(1),
        hold: Duration::from_secs(279),
        fall: Duration::from_secs(1),
    };
    let mut world = World::new(1, load, need(200.0), Vec::new());
    world.balancer.orchestrator_mut().report_addresses(address);
    world
}

type Change = (u64, u32, u32);

/// All changes within 600 s under an attack that starts at second `starts`.
async fn run(address: NodeAddress, starts: u64, forger: Option<Forger>) -> Vec<Change> {
    let mut world = world(address);
    let mut all = Vec::new();
    for second in (0..600).step_by(10) {
        if second == starts
            && let Some(forger) = forger.clone()
        {
            let tasks = tasks(&mut world).await;
            let forger = match forger.containers.is_empty() {
                true => forger.with_tasks(&tasks),
                false => forger,
            };
            attack(&mut world, forger);
        }
        let made = changes(&world.run(10).await).into_iter();
        all.extend(made.map(|(from, to)| (second, from, to)));
    }
    all
}

/// The attacks: description, first second and forger.
fn attacks() -> Vec<(&'static str, u64, Forger)> {
    let idle = |forger: Forger| Forger {
        rate: 0.0,
        ..forger
    };
    let invented = vec![("apache.9.aaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(), None)];
    let flows = Forger {
        containers: invented,
        packets: 6,
        rate: 0.0,
        ..Forger::new()
    };
    let node1 = Address::V4([10, 0, 0, 1]);
    let copied = Forger {
        copies_uuids: true,
        ..Forger::new()
    };
    vec![
        ("tasks with their UUIDs, from the start", 0, copied.clone()),
        ("tasks with their UUIDs, later", 60, copied),
        (
            "another stream with the addresses of a node",
            60,
            Forger {
                sender: [10, 0, 0, 1].into(),
                agent: node1,
                sub_agent: 7,
                packets: 2,
                ..Forger::new()
            },
        ),
        ("tasks, later", 60, Forger::new()),
        (
            "tasks on their nodes, later",
            60,
            Forger::new().with_hosts(false),
        ),
        ("tasks, from the start", 0, Forger::new()),
        (
            "tasks on their nodes, from the start",
            0,
            Forger::new().with_hosts(false),
        ),
        (
            "idle tasks, from the start",
            0,
            idle(Forger::new().with_hosts(false)),
        ),
        ("busy hosts", 60, idle(Forger::new().with_hosts(true))),
        (
            "busy hosts, from the start",
            0,
            idle(Forger::new().with_hosts(true)),
        ),
        ("packets of an invented container", 60, flows.clone()),
        (
            "packets of real tasks",
            60,
            Forger {
                packets: 2,
                ..Forger::new().with_hosts(false)
            },
        ),
        ("new tasks", 130, Forger::new().with_hosts(false)),
        (
            "an agent address of a node",
            60,
            Forger {
                agent: node1,
                ..Forger::new().with_hosts(false)
            },
        ),
        (
            "another sub-agent",
            0,
            Forger {
                sub_agent: 7,
                agent: node1,
                ..Forger::new().with_hosts(true)
            },
        ),
    ]
}

#[tokio::test]
async fn t16_foreign_sender_changes_no_decision_where_addresses_are_known() {
    let honest = run(NodeAddress::Own, 0, None).await;
    let sizes: Vec<u32> = honest.iter().map(|(_, _, to)| *to).collect();
    assert!(sizes.contains(&need(800.0)), "{honest:?}");
    assert!(
        honest
            .iter()
            .any(|(second, from, to)| *second >= 400 && to < from),
        "{honest:?}"
    );
    for (name, starts, forger) in attacks() {
        let changed = run(NodeAddress::Own, starts, Some(forger)).await;
        assert_eq!(changed, honest, "{name}");
    }
}

#[tokio::test]
async fn t15_contested_nodes_hold_where_no_address_is_known() {
    let honest = run(NodeAddress::Unknown, 0, None).await;
    let sizes: Vec<u32> = honest.iter().map(|(_, _, to)| *to).collect();
    assert!(sizes.contains(&need(800.0)), "{honest:?}");
    for (name, starts, forger) in attacks() {
        let changed = run(NodeAddress::Unknown, starts, Some(forger.clone())).await;
        // A forger that reports no hosts claims no node.
        let expected: &[Change] = match forger.hosts.is_empty() {
            true => &honest,
            false => {
                let before = honest.iter().take_while(|(second, _, _)| *second < starts);
                &honest[..before.count()]
            }
        };
        assert_eq!(changed, expected, "{name}");
    }
}

#[tokio::test]
async fn t15_silent_agent_is_not_replaced_by_another_claimant() {
    let disconnect = Event::Disconnect {
        host: "node3".to_owned(),
        duration: Duration::from_secs(3_000),
    };
    let mut world = World::new(
        1,
        Workload::Constant(300.0),
        need(300.0),
        vec![(100, disconnect)],
    );
    let cluster = world.balancer.orchestrator_mut();
    cluster.report_addresses(NodeAddress::Unknown);
    world.run(150).await;
    let tasks = tasks(&mut world).await;
    attack(
        &mut world,
        Forger::new().with_hosts(false).with_tasks(&tasks),
    );
    assert_eq!(changes(&world.run(400).await), []);
    let telemetry = world.balancer.telemetry().lock();
    for node in telemetry.trust().nodes() {
        assert!(matches!(node.reporter, Reporter::Contested(_)), "{node:?}");
    }
}

#[tokio::test]
async fn t14_configured_senders_report_for_their_nodes() {
    // A configured sender that relays all agents, and a sender that is not configured.
    let relay = IpAddr::from([192, 0, 2, 1]);
    let mut world = world(NodeAddress::Own);
    world.intercept(move |_, (_, bytes)| vec![(relay, bytes)]);
    let decided = world.run(100).await;
    assert_eq!(
        changes(&decided),
        [],
        "a sender without the address of a node must not count"
    );
    let telemetry = world.balancer.telemetry();
    {
        let telemetry = telemetry.lock();
        for node in telemetry.trust().nodes() {
            assert_eq!(node.reporter, Reporter::None);
            let senders: Vec<IpAddr> = node.foreign.iter().map(|foreign| foreign.sender).collect();
            assert_eq!(senders, [relay]);
        }
    }
    let every = ("*".to_owned(), vec![relay.into()]);
    telemetry.lock().set_node_senders([every].into());
    let decided = world.run(200).await;
    let last = changes(&decided).last().map(|(_, to)| *to);
    let right = need(800.0)..=need(800.0) + 1;
    assert!(last.is_some_and(|last| right.contains(&last)), "{last:?}");
}
