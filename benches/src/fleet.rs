//! Hosts and containers whose counters grow with each poll.
//!
//! The corpora, for decoders, contain independent random numbers. Rates need consistent counters.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sflow_agent::{Agent, Config};
use sflow_v5::counter::{
    HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, HostParent, VirtCpu,
    VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{CounterRecord, DataSource};

use crate::Datagrams;

/// The polling interval in seconds.
pub const INTERVAL: u32 = 10;

/// Hosts with containers and an agent each.
#[derive(Debug)]
pub struct Fleet {
    agents: Vec<Agent<Key>>,
    names: Vec<String>,
    polls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Host,
    Container(u32),
}

/// The datagrams of all agents of a [`Fleet`] at one time.
#[derive(Debug, Default)]
pub struct Poll {
    /// Seconds since the first poll.
    pub second: u32,
    /// The sender of each datagram.
    pub senders: Vec<IpAddr>,
    /// The datagrams.
    pub datagrams: Datagrams,
}

impl Fleet {
    /// A fleet of hosts with `containers` containers each.
    pub fn new(hosts: u32, containers: u32) -> Self {
        let agents = (0..hosts).map(|host| {
            let mut config = Config::new(address(host));
            config.sub_agent_id = 100_000;
            let mut agent = Agent::new(config, Duration::ZERO);
            let physical = DataSource::new(DataSourceKind::PHYSICAL, 1);
            let containers = (0..containers).map(|task| {
                let source = DataSource::new(DataSourceKind::LOGICAL, 100_000 + task);
                (Key::Container(task), source)
            });
            for (key, source) in [(Key::Host, physical)].into_iter().chain(containers) {
                agent
                    .add_unscheduled(key, source)
                    .expect("keys and data sources are unique");
            }
            agent
        });
        let names = (0..containers).map(|task| format!("apache.{task}.rsm0h0ay4dbn6zbusp3ta9pf7"));
        Self {
            agents: agents.collect(),
            names: names.collect(),
            polls: 0,
        }
    }

    /// Polls all agents. The counters of a host are in a separate datagram, in front of those of
    /// its containers.
    pub fn poll(&mut self) -> Poll {
        const FITS: &str = "the source exists, and its sample fits into a datagram";
        self.polls += 1;
        let mut poll = Poll {
            second: (self.polls - 1) * INTERVAL,
            ..Poll::default()
        };
        let ms = self.polls * INTERVAL * 1_000;
        let now = Duration::from_millis(ms.into());
        for (host, agent) in (0..).zip(&mut self.agents) {
            let mut send = |agent: &mut Agent<Key>| {
                agent.flush();
                while let Some(datagram) = agent.next_datagram(now) {
                    poll.datagrams.push(datagram);
                    poll.senders.push(address(host));
                }
            };
            agent
                .counters_sample(&Key::Host, now, |records| {
                    host_records(ms, host)
                        .iter()
                        .try_for_each(|record| records.push_record(record))
                })
                .expect(FITS);
            send(agent);
            for (task, name) in (0..).zip(&self.names) {
                agent
                    .counters_sample(&Key::Container(task), now, |records| {
                        container_records(ms, host, task, name)
                            .iter()
                            .try_for_each(|record| records.push_record(record))
                    })
                    .expect(FITS);
            }
            send(agent);
        }
        poll
    }
}

fn address(host: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0ac8_0001 + host).into()
}

fn host_records(ms: u32, host: u32) -> [CounterRecord<'static>; 6] {
    let bytes = u64::from(ms) * 1_000;
    let cpu = HostCpu {
        load_one: 1.5.into(),
        load_five: 1.0.into(),
        load_fifteen: 0.5.into(),
        proc_run: 2.into(),
        proc_total: 600.into(),
        cpu_num: 64.into(),
        cpu_speed: 2_400.into(),
        uptime: (ms / 1_000).into(),
        cpu_user: (ms * 4).into(),
        cpu_nice: 0.into(),
        cpu_system: ms.into(),
        cpu_idle: (ms * 50).into(),
        cpu_wio: (ms / 100).into(),
        cpu_intr: (ms / 1_000).into(),
        cpu_sintr: (ms / 1_000).into(),
        interrupts: (ms * 3).into(),
        contexts: (ms * 7).into(),
        ..HostCpu::default()
    };
    let memory = HostMemory {
        mem_total: (1 << 38).into(),
        mem_free: (1 << 36).into(),
        mem_shared: 0.into(),
        mem_buffers: (1 << 30).into(),
        mem_cached: (1 << 35).into(),
        swap_total: 0.into(),
        swap_free: 0.into(),
        page_in: ms.into(),
        page_out: ms.into(),
        swap_in: 0.into(),
        swap_out: 0.into(),
    };
    let disk = HostDiskIo {
        disk_total: (1 << 40).into(),
        disk_free: (1 << 39).into(),
        reads: ms.into(),
        bytes_read: bytes.into(),
        read_time: (ms / 10).into(),
        writes: ms.into(),
        bytes_written: bytes.into(),
        write_time: (ms / 10).into(),
        ..HostDiskIo::default()
    };
    let net = HostNetIo {
        bytes_in: bytes.into(),
        pkts_in: ms.into(),
        errs_in: 0.into(),
        drops_in: 0.into(),
        bytes_out: bytes.into(),
        pkts_out: ms.into(),
        errs_out: 0.into(),
        drops_out: 0.into(),
    };
    let descr = HostDescr {
        hostname: Text::from("node.example.net"),
        uuid: uuid(host, u32::MAX),
        ..HostDescr::default()
    };
    [
        net.into(),
        memory.into(),
        cpu.into(),
        disk.into(),
        HostAdapters::default().into(),
        descr.into(),
    ]
}

/// The records of a container, in the order of an agent.
fn container_records(ms: u32, host: u32, task: u32, name: &str) -> [CounterRecord<'_>; 7] {
    let ms = ms + task;
    let bytes = u64::from(ms) * 1_000;
    let disk = VirtDiskIo {
        capacity: 0.into(),
        allocation: 0.into(),
        available: 0.into(),
        rd_req: ms.into(),
        rd_bytes: bytes.into(),
        wr_req: ms.into(),
        wr_bytes: bytes.into(),
        errs: 0.into(),
    };
    let memory = VirtMemory {
        memory: (1 << 28).into(),
        max_memory: (1 << 30).into(),
    };
    let cpu = VirtCpu {
        state: DomainState::RUNNING,
        cpu_time: (ms / 3).into(),
        nr_virt_cpu: 0.into(),
    };
    let net = VirtNetIo {
        rx_bytes: bytes.into(),
        rx_packets: ms.into(),
        rx_errs: 0.into(),
        rx_drop: 0.into(),
        tx_bytes: bytes.into(),
        tx_packets: ms.into(),
        tx_errs: 0.into(),
        tx_drop: 0.into(),
    };
    let parent = HostParent {
        container_type: DataSourceKind::PHYSICAL,
        container_index: 1,
    };
    let descr = HostDescr {
        hostname: Text::from(name),
        uuid: uuid(host, task),
        os_release: Text::from("6.1.0-18-amd64"),
        ..HostDescr::default()
    };
    [
        HostAdapters::default().into(),
        disk.into(),
        memory.into(),
        cpu.into(),
        net.into(),
        parent.into(),
        descr.into(),
    ]
}

fn uuid(host: u32, task: u32) -> Uuid {
    let number = u128::from(host) << 64 | u128::from(task) << 32 | 0xcafe;
    Uuid(number.to_be_bytes())
}
