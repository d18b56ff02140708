//! Hosts and containers whose counters grow with each poll.
//!
//! The corpora, for decoders, contain independent random numbers. Rates need consistent counters.

use std::net::{IpAddr, Ipv4Addr};

use sflow_v5::counter::{
    HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, HostParent, VirtCpu,
    VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, Header, Records, Sample,
};

use crate::Datagrams;

/// Containers per datagram.
const TOGETHER: u32 = 4;

/// The polling interval in seconds.
pub const INTERVAL: u32 = 10;

/// Hosts with containers and an agent each.
#[derive(Debug)]
pub struct Fleet {
    hosts: u32,
    containers: u32,
    names: Vec<String>,
    polls: u32,
    sequence: u32,
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
        let names = (0..containers).map(|task| format!("apache.{task}.rsm0h0ay4dbn6zbusp3ta9pf7"));
        Self {
            hosts,
            containers,
            names: names.collect(),
            polls: 0,
            sequence: 0,
        }
    }

    /// Polls all agents.
    pub fn poll(&mut self) -> Poll {
        self.polls += 1;
        let mut poll = Poll {
            second: (self.polls - 1) * INTERVAL,
            ..Poll::default()
        };
        let before = self.sequence;
        for host in 0..self.hosts {
            self.sequence = before;
            let address = Ipv4Addr::from_bits(0x0ac8_0001 + host);
            let mut send = |fleet: &mut Self, samples: &[Sample<'_>]| {
                fleet.sequence += 1;
                let header = Header {
                    agent_address: Address::V4(address.octets()),
                    sub_agent_id: 100_000,
                    sequence_number: fleet.sequence,
                    uptime: fleet.polls * INTERVAL * 1_000,
                };
                let mut buffer = [0; 1400];
                let mut encoder = Encoder::new(&mut buffer, &header).expect("a header fits");
                for sample in samples {
                    encoder.push(sample).expect("four containers fit");
                }
                poll.datagrams.push(encoder.finish());
                poll.senders.push(address.into());
            };
            let records = self.host(host);
            send(self, &[self.sample(DataSourceKind::PHYSICAL, 1, &records)]);
            let mut task = 0;
            while task < self.containers {
                let last = self.containers.min(task + TOGETHER);
                let names = self.names.clone();
                let records: Vec<_> = (task..last)
                    .map(|task| self.container(host, task, &names[task as usize]))
                    .collect();
                let samples: Vec<_> = (task..)
                    .zip(&records)
                    .map(|(task, records)| {
                        self.sample(DataSourceKind::LOGICAL, 100_000 + task, records)
                    })
                    .collect();
                send(self, &samples);
                task = last;
            }
        }
        poll
    }

    fn sample<'r>(
        &self,
        kind: DataSourceKind,
        index: u32,
        records: &'r [CounterRecord<'r>],
    ) -> Sample<'r> {
        Sample::Counters(CountersSample {
            sequence_number: self.polls,
            source_id: DataSource::new(kind, index),
            encoding: Encoding::Expanded,
            records: Records::from(records),
        })
    }

    fn host(&self, host: u32) -> [CounterRecord<'static>; 6] {
        let ms = self.polls * INTERVAL * 1_000;
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
    fn container<'n>(&self, host: u32, task: u32, name: &'n str) -> [CounterRecord<'n>; 7] {
        let ms = self.polls * INTERVAL * 1_000 + task;
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
}

fn uuid(host: u32, task: u32) -> Uuid {
    let number = u128::from(host) << 64 | u128::from(task) << 32 | 0xcafe;
    Uuid(number.to_be_bytes())
}
