use sflow_v5::counter::{
    Adapter, HostAdapters, HostCpu, HostDiskIo, HostMemory, HostNetIo, Mib2IcmpGroup, Mib2IpGroup,
    Mib2TcpGroup, Mib2UdpGroup, VirtNode,
};
use sflow_v5::enums::TcpRtoAlgorithm;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, GaugeF32, List, Percentage, Uuid};
use sflow_v5::{CounterRecord, EncodeError, Mac};

use super::{HostInterface, counter32, counter64, identity};
use crate::cluster::Cluster;
use crate::host::Host;
use crate::packet::mac;

/// Counters of a host.
#[derive(Clone, Debug)]
pub(crate) struct HostReading {
    name: String,
    uuid: Uuid,
    macs: [Mac; 2],
    node: VirtNode,
    udp: Mib2UdpGroup,
    ip: Mib2IpGroup,
    disk: HostDiskIo,
    memory: HostMemory,
    cpu: HostCpu,
    net: HostNetIo,
}

const MHZ: u32 = 2_600;

impl HostReading {
    /// `sent`: number of datagrams that the host's agent has sent.
    pub(crate) fn new(cluster: &Cluster, host: usize, sent: u32) -> Option<Self> {
        let here = cluster.hosts.get(host)?;
        let containers = cluster.containers(host);
        let used: f64 = containers.clone().map(|task| task.usage.memory).sum();
        let own = here.spec.memory / 16;
        let cached = here.spec.memory / 8;
        let free = here.spec.memory.saturating_sub(own + cached + used as u64);
        let running = Gauge32(containers.count() as u32);
        let (uplink, bridge) = (&here.uplink, &here.bridge);
        Some(Self {
            name: here.spec.name.clone(),
            uuid: Uuid(here.uuid),
            macs: [mac(here.spec.address), mac([172, 18, 0, 1].into())].map(Mac),
            node: VirtNode {
                mhz: Gauge32(MHZ),
                cpus: Gauge32(here.spec.cores),
                memory: Gauge64(here.spec.memory),
                memory_free: Gauge64(free),
                num_domains: running,
            },
            udp: Mib2UdpGroup {
                udp_out_datagrams: Counter32(sent),
                ..Mib2UdpGroup::default()
            },
            ip: Mib2IpGroup {
                ip_forwarding: Gauge32(1),
                ip_default_ttl: Gauge32(64),
                ip_in_receives: counter32(uplink.in_packets + bridge.in_packets),
                ip_forw_datagrams: counter32(bridge.packets()),
                ..Mib2IpGroup::default()
            },
            disk: disk(here),
            memory: HostMemory {
                mem_total: Gauge64(here.spec.memory),
                mem_free: Gauge64(free),
                mem_cached: Gauge64(cached),
                page_in: Counter32(0),
                page_out: counter32(here.disk_bytes / 1024.0),
                swap_in: Counter32(0),
                swap_out: Counter32(0),
                ..HostMemory::default()
            },
            cpu: cpu(here),
            net: HostNetIo {
                bytes_in: counter64(uplink.in_bytes + bridge.in_bytes),
                pkts_in: counter32(uplink.in_packets + bridge.in_packets),
                errs_in: Counter32(0),
                drops_in: Counter32(0),
                bytes_out: counter64(uplink.out_bytes + bridge.out_bytes),
                pkts_out: counter32(uplink.out_packets + bridge.out_packets),
                errs_out: Counter32(0),
                drops_out: Counter32(0),
            },
        })
    }

    pub(crate) fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        let [uplink, bridge] = &self.macs;
        let adapters = [
            adapter(HostInterface::Uplink, std::slice::from_ref(uplink)),
            adapter(HostInterface::Bridge, std::slice::from_ref(bridge)),
        ];
        records.push(&self.node)?;
        records.push(&HostAdapters {
            adapters: List::from(&adapters[..]),
        })?;
        records.push(&self.udp)?;
        records.push(&tcp())?;
        records.push(&Mib2IcmpGroup::default())?;
        records.push(&self.ip)?;
        records.push(&self.disk)?;
        records.push(&self.memory)?;
        records.push(&self.cpu)?;
        records.push(&self.net)?;
        records.push(&identity(&self.name, self.uuid))
    }
}

/// TCP settings; connections are not simulated.
fn tcp() -> Mib2TcpGroup {
    Mib2TcpGroup {
        tcp_rto_algorithm: TcpRtoAlgorithm::OTHER,
        tcp_rto_min: Gauge32(200),
        tcp_rto_max: Gauge32(120_000),
        ..Mib2TcpGroup::default()
    }
}

fn adapter(interface: HostInterface, macs: &[Mac]) -> Adapter<'_> {
    Adapter {
        if_index: interface.index(),
        mac_address: List::from(macs),
    }
}

fn cpu(host: &Host) -> HostCpu {
    // The kernel counts in ticks of 10 ms.
    let ticks = |seconds: f64| Counter32(((seconds * 100.0) as u64).wrapping_mul(10) as u32);
    let [one, five, fifteen] = host.load.map(|load| GaugeF32(load as f32));
    let interrupts = 250.0 * host.uptime + host.uplink.packets() + host.bridge.packets();
    HostCpu {
        load_one: one,
        load_five: five,
        load_fifteen: fifteen,
        proc_run: Gauge32(host.cores_used.round() as u32),
        proc_total: Gauge32(180),
        cpu_num: Gauge32(host.spec.cores),
        cpu_speed: Gauge32(MHZ),
        uptime: Gauge32(host.uptime as u32),
        cpu_user: ticks(0.6 * host.busy),
        cpu_nice: Counter32(0),
        cpu_system: ticks(0.3 * host.busy),
        cpu_idle: ticks(host.idle()),
        cpu_wio: Counter32(0),
        cpu_intr: Counter32(0),
        cpu_sintr: ticks(0.1 * host.busy),
        interrupts: counter32(interrupts),
        contexts: counter32(2.0 * interrupts),
        cpu_steal: host.spec.reports_steal.then(|| ticks(host.stolen)),
        cpu_guest: host.spec.reports_steal.then_some(Counter32(0)),
        cpu_guest_nice: host.spec.reports_steal.then_some(Counter32(0)),
    }
}

fn disk(host: &Host) -> HostDiskIo {
    const TOTAL: u64 = 100 << 30;
    let free = (TOTAL / 2).saturating_sub(host.disk_bytes as u64);
    HostDiskIo {
        disk_total: Gauge64(TOTAL),
        disk_free: Gauge64(free),
        part_max_used: Percentage(((TOTAL - free) * 10_000 / TOTAL) as i32),
        reads: Counter32(0),
        bytes_read: Counter64(0),
        read_time: Counter32(0),
        writes: counter32(host.disk_writes()),
        bytes_written: counter64(host.disk_bytes),
        write_time: counter32(host.disk_writes() * 0.5),
    }
}
