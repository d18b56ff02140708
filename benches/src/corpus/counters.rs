//! Data sources and their counters.

use sflow_v5::counter::{
    EthernetCounters, HostCpu, HostDiskIo, HostMemory, HostNetIo, HostParent, IfCounters,
    Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup, Processor, VirtCpu, VirtDiskIo,
    VirtMemory, VirtNetIo, VirtNode,
};
use sflow_v5::enums::{DataSourceKind, DomainState, IfDirection};
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, GaugeF32, Percentage};
use sflow_v5::{CounterRecord, Structure};

use super::random::Random;

const GIB: u64 = 1 << 30;

/// The counters of a port, which only increase.
#[derive(Clone, Debug)]
pub(super) struct Port {
    interface: IfCounters,
}

impl Port {
    pub(super) fn new(random: &mut Random, if_index: u32) -> Self {
        let speed = random.pick(&[10, 25, 100]) * 1_000_000_000;
        Self {
            interface: IfCounters {
                if_index,
                if_type: 6,
                if_speed: Gauge64(speed),
                if_direction: IfDirection::FULL_DUPLEX,
                if_status: 3.into(),
                if_in_octets: octets(random),
                if_in_ucast_pkts: counter(random, 31),
                if_in_multicast_pkts: counter(random, 31),
                if_in_broadcast_pkts: counter(random, 31),
                if_in_discards: 0.into(),
                if_in_errors: 0.into(),
                if_in_unknown_protos: 0.into(),
                if_out_octets: octets(random),
                if_out_ucast_pkts: counter(random, 31),
                if_out_multicast_pkts: counter(random, 31),
                if_out_broadcast_pkts: counter(random, 31),
                if_out_discards: 0.into(),
                if_out_errors: 0.into(),
                if_promiscuous_mode: 2.into(),
            },
        }
    }

    /// The counters after a random interval.
    pub(super) fn read(&mut self, random: &mut Random) -> Vec<CounterRecord<'static>> {
        let interface = &mut self.interface;
        for octets in [&mut interface.if_in_octets, &mut interface.if_out_octets] {
            octets.0 += random.bits(32);
        }
        for packets in [
            &mut interface.if_in_ucast_pkts,
            &mut interface.if_in_multicast_pkts,
            &mut interface.if_in_broadcast_pkts,
            &mut interface.if_out_ucast_pkts,
            &mut interface.if_out_multicast_pkts,
            &mut interface.if_out_broadcast_pkts,
        ] {
            packets.0 = packets.0.wrapping_add(random.bits(20) as u32);
        }
        let errors: EthernetCounters = filled(|| {
            if random.percent(20) {
                random.below(4)
            } else {
                0
            }
        });
        vec![(*interface).into(), errors.into()]
    }
}

/// The records of the processor of a switch.
pub(super) fn processor(random: &mut Random) -> Vec<CounterRecord<'static>> {
    let mut load = || percentage(random);
    let record = Processor {
        cpu_5s: load(),
        cpu_1m: load(),
        cpu_5m: load(),
        total_memory: Gauge64(8 * GIB),
        free_memory: Gauge64(random.bits(33)),
    };
    vec![record.into()]
}

/// The records of a host, without its description.
pub(super) fn host(random: &mut Random) -> Vec<CounterRecord<'static>> {
    vec![
        host_cpu(random).into(),
        host_memory(random).into(),
        host_disk(random).into(),
        HostNetIo {
            bytes_in: octets(random),
            pkts_in: counter(random, 31),
            errs_in: 0.into(),
            drops_in: 0.into(),
            bytes_out: octets(random),
            pkts_out: counter(random, 31),
            errs_out: 0.into(),
            drops_out: 0.into(),
        }
        .into(),
        VirtNode {
            mhz: 2400.into(),
            cpus: 32.into(),
            memory: Gauge64(128 * GIB),
            memory_free: Gauge64(random.bits(37)),
            num_domains: 40.into(),
        }
        .into(),
        mib2::<Mib2IpGroup>(random).into(),
        mib2::<Mib2IcmpGroup>(random).into(),
        mib2::<Mib2TcpGroup>(random).into(),
        mib2::<Mib2UdpGroup>(random).into(),
    ]
}

fn host_cpu(random: &mut Random) -> HostCpu {
    // Multiples of 1/4, which are exact.
    let [load_one, load_five, load_fifteen] =
        std::array::from_fn(|_| GaugeF32(random.below(32) as f32 / 4.0));
    HostCpu {
        load_one,
        load_five,
        load_fifteen,
        proc_run: random.below(8).into(),
        proc_total: random.between(200, 2000).into(),
        cpu_num: 32.into(),
        cpu_speed: 2400.into(),
        uptime: random.below(10_000_000).into(),
        cpu_user: counter(random, 31),
        cpu_nice: counter(random, 31),
        cpu_system: counter(random, 31),
        cpu_idle: counter(random, 31),
        cpu_wio: counter(random, 31),
        cpu_intr: counter(random, 31),
        cpu_sintr: counter(random, 31),
        interrupts: counter(random, 31),
        contexts: counter(random, 31),
        cpu_steal: Some(counter(random, 31)),
        cpu_guest: Some(counter(random, 31)),
        cpu_guest_nice: Some(counter(random, 31)),
    }
}

fn host_memory(random: &mut Random) -> HostMemory {
    let mut part = || Gauge64(random.bits(36));
    HostMemory {
        mem_total: Gauge64(128 * GIB),
        mem_free: part(),
        mem_shared: part(),
        mem_buffers: part(),
        mem_cached: part(),
        swap_total: part(),
        swap_free: part(),
        page_in: counter(random, 31),
        page_out: counter(random, 31),
        swap_in: counter(random, 31),
        swap_out: counter(random, 31),
    }
}

fn host_disk(random: &mut Random) -> HostDiskIo {
    HostDiskIo {
        disk_total: Gauge64(4096 * GIB),
        disk_free: Gauge64(random.bits(42)),
        part_max_used: percentage(random),
        reads: counter(random, 31),
        bytes_read: octets(random),
        read_time: counter(random, 31),
        writes: counter(random, 31),
        bytes_written: octets(random),
        write_time: counter(random, 31),
    }
}

fn mib2<T: for<'a> Structure<'a>>(random: &mut Random) -> T {
    filled(|| {
        let bits = random.pick(&[4, 16, 31]);
        random.bits(bits) as u32
    })
}

/// The records of a container, without its description.
pub(super) fn container(random: &mut Random) -> Vec<CounterRecord<'static>> {
    vec![
        HostParent {
            container_type: DataSourceKind::PHYSICAL,
            container_index: 1,
        }
        .into(),
        VirtCpu {
            state: DomainState::RUNNING,
            cpu_time: counter(random, 31),
            nr_virt_cpu: Gauge32(random.between(1, 9)),
        }
        .into(),
        VirtMemory {
            memory: Gauge64(random.bits(32)),
            max_memory: Gauge64(4 * GIB),
        }
        .into(),
        VirtDiskIo {
            capacity: Gauge64(40 * GIB),
            allocation: Gauge64(random.bits(35)),
            available: Gauge64(random.bits(35)),
            rd_req: counter(random, 31),
            rd_bytes: octets(random),
            wr_req: counter(random, 31),
            wr_bytes: octets(random),
            errs: 0.into(),
        }
        .into(),
        VirtNetIo {
            rx_bytes: octets(random),
            rx_packets: counter(random, 31),
            rx_errs: 0.into(),
            rx_drop: 0.into(),
            tx_bytes: octets(random),
            tx_packets: counter(random, 31),
            tx_errs: 0.into(),
            tx_drop: 0.into(),
        }
        .into(),
    ]
}

fn percentage(random: &mut Random) -> Percentage {
    Percentage(random.below(10_000).cast_signed())
}

fn octets(random: &mut Random) -> Counter64 {
    Counter64(random.bits(44))
}

fn counter(random: &mut Random, bits: u32) -> Counter32 {
    Counter32(random.bits(bits) as u32)
}

/// A structure that consists of 32-bit numbers.
fn filled<T: for<'a> Structure<'a>>(number: impl FnMut() -> u32) -> T {
    let numbers = std::iter::repeat_with(number).take(T::SIZE.minimum() / 4);
    let bytes: Vec<u8> = numbers.flat_map(u32::to_be_bytes).collect();
    T::from_bytes(&bytes).expect("the right length, and any number is valid")
}
