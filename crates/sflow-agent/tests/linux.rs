//! Counters of a host and its containers, read from trees of files like those of the kernel.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use sflow_agent::linux::{
    Container, ContainerCounters, Delivery, Host, InterfaceKind, PHYSICAL_HOST, Packet,
    PacketSampler, Roots, container_uuid,
};
use sflow_agent::{Agent, Config};
use sflow_v5::counter::{HostAdapters, HostDescr, HostParent, PortName};
use sflow_v5::enums::{DataSourceKind, DomainState, IfDirection};
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::{Counter32, Counter64, GaugeF32};
use sflow_v5::{CounterRecord, Datagram, Mac, Sample};
use tempfile::TempDir;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const GROUP: &str = "system.slice/web.scope";

/// A host made of files.
struct Tree(TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn host(&self) -> Host {
        Host::new(Roots {
            proc: self.0.path().join("proc"),
            sys: self.0.path().join("sys"),
        })
    }

    fn interface(&self, name: &str, index: u32, mac: &str, kind: u32) {
        for (file, text) in [
            ("ifindex", index.to_string()),
            ("address", mac.to_owned()),
            ("type", kind.to_string()),
            ("operstate", "up".to_owned()),
            ("speed", "10000".to_owned()),
            ("duplex", "full".to_owned()),
            ("flags", "0x1103".to_owned()),
        ] {
            let path = format!("sys/class/net/{name}/{file}");
            self.write(path, &format!("{text}\n"));
        }
    }
}

const NET_DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0
  eth0:1000 100 1 2 0 0 0 5 2000 200 3 4 0 0 0 0
  eth1: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0
veth1a: 7 7 7 7 0 0 0 0 7 7 7 7 0 0 0 0
";

fn host() -> Tree {
    let tree = Tree::new(&[
        ("proc/sys/kernel/hostname", "node-7\n"),
        ("proc/sys/kernel/osrelease", "6.1.0-test\n"),
        (
            "proc/sys/kernel/random/boot_id",
            "00112233-4455-6677-8899-aabbccddeeff\n",
        ),
        ("proc/loadavg", "0.50 0.40 0.30 2/180 4711\n"),
        ("proc/uptime", "1000.25 1900.50\n"),
        (
            "proc/meminfo",
            "MemTotal:        4000000 kB\nMemFree:         1000000 kB\nCached:  5 kB\n",
        ),
        (
            "proc/vmstat",
            "pgpgin 11\npgpgout 12\npswpin 13\npswpout 14\n",
        ),
        (
            "proc/stat",
            "cpu  100 1 50 900 7 2 3 4 5 6\ncpu0 0 0 0 0\ncpu1 0 0 0 0\nintr 5 1\nctxt 9\n",
        ),
        ("proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2600.123\n"),
        (
            "proc/diskstats",
            "   8       0 sda 10 0 80 5 20 0 160 7 0 0 0\n   \
                8       1 sda1 9 0 9 9 9 0 9 9 0 0 0\n   \
                7       0 loop0 9 0 9 9 9 0 9 9 0 0 0\n",
        ),
        ("sys/class/block/sda1/partition", "1\n"),
        ("proc/net/dev", NET_DEV),
    ]);
    tree.interface("lo", 1, "00:00:00:00:00:00", 772);
    tree.interface("eth0", 2, "02:00:00:00:00:07", 1);
    tree.write("sys/class/net/eth0/device/vendor", "0x1af4\n");
    tree.interface("br0", 4, "02:00:00:00:00:04", 1);
    tree.write("sys/class/net/br0/bridge/stp_state", "0\n");
    tree.interface("veth1a", 9, "02:00:00:00:00:09", 1);
    tree
}

/// The records of a sample with these counters, in order.
fn sent(
    encode: impl FnOnce(
        &mut sflow_v5::sample::RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), sflow_v5::EncodeError>,
) -> Vec<u8> {
    let mut agent = Agent::new(Config::new(IpAddr::from([10, 0, 0, 7])), Duration::ZERO);
    agent.add_unscheduled("source", PHYSICAL_HOST).unwrap();
    agent
        .counters_sample(&"source", Duration::ZERO, encode)
        .unwrap();
    agent.flush();
    let bytes = agent.next_datagram(Duration::ZERO).unwrap().to_vec();
    Datagram::parse(&bytes).unwrap().validate().unwrap();
    bytes
}

fn sample(bytes: &[u8]) -> sflow_v5::CountersSample<'_> {
    match Datagram::parse(bytes).unwrap().samples().next() {
        Some(Sample::Counters(sample)) => sample,
        other => panic!("{other:?}"),
    }
}

#[test]
fn host_counters_are_those_of_its_files() {
    let tree = host();
    let counters = tree.host().counters(None, 3);
    assert_eq!(
        (&*counters.name, &*counters.os_release),
        ("node-7", "6.1.0-test")
    );
    assert_eq!(
        counters.uuid.to_string(),
        "00112233-4455-6677-8899-aabbccddeeff"
    );
    let macs = [(2, Mac([2, 0, 0, 0, 0, 7])), (4, Mac([2, 0, 0, 0, 0, 4]))];
    assert_eq!(counters.adapters, macs);
    let cpu = counters.cpu;
    assert_eq!(
        [cpu.load_one.0, cpu.load_five.0, cpu.load_fifteen.0],
        [0.5, 0.4, 0.3]
    );
    assert_eq!((cpu.proc_run.0, cpu.proc_total.0), (2, 180));
    assert_eq!(
        (cpu.cpu_num.0, cpu.cpu_speed.0, cpu.uptime.0),
        (2, 2_600, 1_000)
    );
    assert_eq!(
        (cpu.cpu_user.0, cpu.cpu_nice.0, cpu.cpu_system.0),
        (1_000, 10, 500)
    );
    assert_eq!((cpu.cpu_idle.0, cpu.cpu_wio.0), (9_000, 70));
    assert_eq!((cpu.cpu_intr.0, cpu.cpu_sintr.0), (20, 30));
    assert_eq!((cpu.interrupts.0, cpu.contexts.0), (5, 9));
    assert_eq!(cpu.cpu_steal, Some(40.into()));
    assert_eq!(
        (cpu.cpu_guest, cpu.cpu_guest_nice),
        (Some(50.into()), Some(60.into()))
    );
    assert_eq!(counters.memory.mem_total.0, 4_096_000_000);
    assert_eq!(
        (counters.memory.page_in.0, counters.memory.swap_out.0),
        (11, 14)
    );
    assert_eq!(
        (counters.disk.reads.0, counters.disk.bytes_read.0),
        (10, 80 * 512)
    );
    assert_eq!(
        (counters.disk.writes.0, counters.disk.bytes_written.0),
        (20, 160 * 512)
    );
    assert_eq!(counters.disk.disk_total.0, 0, "unknown without 1/root");
    // Only eth0 is hardware.
    assert_eq!(
        (counters.net.bytes_in.0, counters.net.pkts_out.0),
        (1_000, 200)
    );
    assert_eq!((counters.net.errs_in.0, counters.net.drops_out.0), (1, 4));
    assert_eq!((counters.node.cpus.0, counters.node.num_domains.0), (2, 3));

    let bytes = sent(|records| counters.encode(records));
    let formats: Vec<u32> = sample(&bytes)
        .frames()
        .map(|frame| frame.format.format())
        .collect();
    assert_eq!(formats, [2000, 2001, 2003, 2004, 2005, 2006, 2100]);
}

#[test]
fn missing_files_are_zero_or_unknown() {
    let tree = Tree::new(&[]);
    let counters = tree.host().counters(Some("given"), 0);
    assert_eq!(counters.name, "given");
    assert_eq!(counters.cpu.load_one, GaugeF32::UNKNOWN);
    assert_eq!(counters.memory.mem_total.0, 0);
    assert_eq!(tree.host().interfaces(), []);
    assert_eq!(tree.host().process_traffic(1), None);
}

#[test]
fn long_names_and_many_adapters_fit_into_a_datagram() {
    let tree = host();
    for index in 100..300 {
        tree.interface(&format!("tun{index}"), index, "02:00:00:00:01:00", 1);
    }
    let counters = tree.host().counters(Some(&"ä".repeat(100)), 0);
    assert_eq!(counters.name, "ä".repeat(32));
    let bytes = sent(|records| counters.encode(records));
    let adapters: HostAdapters<'_> = sample(&bytes).find().unwrap();
    assert_eq!(adapters.adapters.iter().count(), 40);

    let mut container = Container::new(ID, "c".repeat(100));
    container.adapters = vec![Mac([2, 0, 0, 0, 0, 1]); 100];
    let counters = ContainerCounters::new(&container);
    let bytes = sent(|records| counters.encode(records));
    let description: HostDescr<'_> = sample(&bytes).find().unwrap();
    assert_eq!(description.hostname.as_bytes().len(), 64);
}

#[test]
fn interface_status_is_administrative_and_operational() {
    let tree = host();
    let interface = &tree.host().interfaces()[0];
    for (flags, operstate, expected) in [
        ("0x1003", "up", 3),
        ("0x1003", "unknown", 3),
        ("0x1003", "down", 1),
        ("0x1002", "down", 0),
        ("0x1002", "unknown", 0),
    ] {
        tree.write("sys/class/net/eth0/flags", &format!("{flags}\n"));
        tree.write("sys/class/net/eth0/operstate", &format!("{operstate}\n"));
        let eth0 = tree.host().interface_counters(interface).unwrap();
        assert_eq!(eth0.counters.if_status.0, expected, "{flags} {operstate}");
    }
}

#[test]
fn interfaces_report_their_counters() {
    let tree = host();
    let interfaces = tree.host().interfaces();
    let found: Vec<_> = interfaces
        .iter()
        .map(|interface| (interface.index, &*interface.name, interface.kind))
        .collect();
    assert_eq!(
        found,
        [
            (2, "eth0", InterfaceKind::Device),
            (4, "br0", InterfaceKind::Bridge),
            (9, "veth1a", InterfaceKind::Container),
        ]
    );
    let eth0 = tree.host().interface_counters(&interfaces[0]).unwrap();
    assert_eq!(eth0.counters.if_index, 2);
    assert_eq!(eth0.counters.if_speed.0, 10_000_000_000);
    assert_eq!(eth0.counters.if_direction, IfDirection::FULL_DUPLEX);
    assert_eq!(eth0.counters.if_status.0, 3);
    assert_eq!(
        (eth0.counters.if_in_octets.0, eth0.counters.if_out_octets.0),
        (1_000, 2_000)
    );
    assert_eq!(eth0.counters.if_in_discards.0, 2);
    assert_eq!(eth0.counters.if_in_multicast_pkts, Counter32::UNKNOWN);
    assert_eq!(eth0.counters.if_promiscuous_mode.0, 1);
    let bytes = sent(|records| eth0.encode(records));
    let name: PortName<'_> = sample(&bytes).find().unwrap();
    assert_eq!(name.name.to_string(), "eth0");
    // br0 is not in net/dev.
    assert_eq!(tree.host().interface_counters(&interfaces[1]), None);
}

#[test]
fn disk_space_is_that_of_the_root_of_the_first_process() {
    let tree = host();
    fs::create_dir_all(tree.0.path().join("proc/1/root")).unwrap();
    let disk = tree.host().counters(None, 0).disk;
    assert!(disk.disk_total.0 > 0);
    assert!(disk.disk_total.0 >= disk.disk_free.0);
}

fn version_2() -> Tree {
    let tree = host();
    tree.write(
        "sys/fs/cgroup/cgroup.controllers",
        "cpuset cpu io memory pids\n",
    );
    for (file, text) in [
        (
            "cpu.stat",
            "usage_usec 12345678\nuser_usec 9\nsystem_usec 9\n",
        ),
        ("cpu.max", "250000 100000\n"),
        ("memory.current", "100000000\n"),
        ("memory.max", "536870912\n"),
        (
            "io.stat",
            "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n\
             8:16 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n",
        ),
        ("cgroup.events", "populated 1\nfrozen 0\n"),
    ] {
        tree.write(format!("sys/fs/cgroup/{GROUP}/{file}"), text);
    }
    tree.write("proc/4711/cgroup", &format!("0::/{GROUP}\n"));
    tree.write("proc/4711/net/dev", NET_DEV);
    tree
}

fn version_1() -> Tree {
    let tree = host();
    for (path, text) in [
        ("cpu,cpuacct/lxc/web/cpuacct.usage", "12345678901\n"),
        ("cpu,cpuacct/lxc/web/cpu.cfs_quota_us", "250000\n"),
        ("cpu,cpuacct/lxc/web/cpu.cfs_period_us", "100000\n"),
        ("memory/lxc/web/memory.usage_in_bytes", "100000000\n"),
        ("memory/lxc/web/memory.limit_in_bytes", "536870912\n"),
        (
            "blkio/lxc/web/blkio.throttle.io_service_bytes",
            "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\n8:16 Read 100\n8:16 Write 200\nTotal 12588\n",
        ),
        (
            "blkio/lxc/web/blkio.throttle.io_serviced",
            "8:0 Read 1\n8:0 Write 2\n8:16 Read 3\n8:16 Write 4\nTotal 10\n",
        ),
        ("freezer/lxc/web/freezer.state", "THAWED\n"),
    ] {
        tree.write(format!("sys/fs/cgroup/{path}"), text);
    }
    let membership = "12:pids:/lxc/web\n6:blkio:/lxc/web\n5:memory:/lxc/web\n\
                      4:cpu,cpuacct:/lxc/web\n3:freezer:/lxc/web\n1:name=systemd:/lxc/web\n0::/elsewhere\n";
    tree.write("proc/4711/cgroup", membership);
    tree.write("proc/4711/net/dev", NET_DEV);
    tree
}

fn by_process() -> Container {
    let mut container = Container::new(ID, "web.1");
    container.process = Some(4711);
    container.adapters = vec![Mac([2, 0x42, 10, 0, 0, 5])];
    container
}

fn by_group(path: &str) -> Container {
    let mut container = by_process();
    container.cgroup = Some(path.into());
    container
}

#[test]
fn container_counters_are_equal_in_both_versions() {
    let (second, first) = (version_2(), version_1());
    for (tree, group) in [(&second, GROUP), (&first, "lxc/web")] {
        let expected = tree.host().container_counters(&by_process()).unwrap();
        for path in [group.to_owned(), format!("/{group}")] {
            let counters = tree.host().container_counters(&by_group(&path));
            assert_eq!(counters.as_ref(), Some(&expected), "{path}");
        }
        assert_eq!(expected.name, "web.1");
        assert_eq!(expected.cpu.state, DomainState::RUNNING);
        assert_eq!(
            (expected.cpu.cpu_time.0, expected.cpu.nr_virt_cpu.0),
            (12_345, 3)
        );
        assert_eq!(expected.memory.memory.0, 100_000_000);
        assert_eq!(expected.memory.max_memory.0, 536_870_912);
        assert_eq!(
            (expected.disk.rd_req.0, expected.disk.rd_bytes.0),
            (4, 4_196)
        );
        assert_eq!(
            (expected.disk.wr_req.0, expected.disk.wr_bytes.0),
            (6, 8_392)
        );
        // Everything except loopback.
        assert_eq!(
            (expected.net.rx_bytes.0, expected.net.tx_bytes.0),
            (1_017, 2_027)
        );
        assert_eq!((expected.net.rx_errs.0, expected.net.tx_drop.0), (8, 11));
    }
    let counters = second.host().container_counters(&by_process()).unwrap();
    let bytes = sent(|records| counters.encode(records));
    let sample = sample(&bytes);
    let formats: Vec<u32> = sample.frames().map(|frame| frame.format.format()).collect();
    assert_eq!(formats, [2000, 2001, 2002, 2101, 2102, 2103, 2104]);
    let parent: HostParent = sample.find().unwrap();
    assert_eq!(
        (parent.container_type, parent.container_index),
        (DataSourceKind::PHYSICAL, 1)
    );
    assert_eq!(counters.ended().cpu.state, DomainState::SHUT_OFF);
}

#[test]
fn absent_limits_are_those_of_the_host() {
    let (second, first) = (version_2(), version_1());
    let group = format!("sys/fs/cgroup/{GROUP}");
    second.write(format!("{group}/memory.max"), "max\n");
    second.write(format!("{group}/cpu.max"), "max 100000\n");
    let group = "sys/fs/cgroup";
    let unlimited = "9223372036854771712\n";
    first.write(
        format!("{group}/memory/lxc/web/memory.limit_in_bytes"),
        unlimited,
    );
    first.write(
        format!("{group}/cpu,cpuacct/lxc/web/cpu.cfs_quota_us"),
        "-1\n",
    );
    for tree in [second, first] {
        let counters = tree.host().container_counters(&by_process()).unwrap();
        assert_eq!(counters.cpu.nr_virt_cpu.0, 0);
        assert_eq!(counters.memory.max_memory.0, 4_096_000_000);
    }
}

#[test]
fn frozen_containers_are_paused() {
    let (second, first) = (version_2(), version_1());
    second.write(
        format!("sys/fs/cgroup/{GROUP}/cgroup.events"),
        "populated 1\nfrozen 1\n",
    );
    first.write("sys/fs/cgroup/freezer/lxc/web/freezer.state", "FROZEN\n");
    for tree in [second, first] {
        let counters = tree.host().container_counters(&by_process()).unwrap();
        assert_eq!(counters.cpu.state, DomainState::PAUSED);
    }
}

#[test]
fn container_without_control_group_has_no_counters() {
    for tree in [version_2(), version_1(), Tree::new(&[])] {
        let host = tree.host();
        for path in ["gone", "../../../etc", ""] {
            assert_eq!(host.container_counters(&by_group(path)), None, "{path}");
        }
        let mut gone = by_process();
        gone.process = Some(1);
        assert_eq!(host.container_counters(&gone), None);
        gone.process = None;
        assert_eq!(host.container_counters(&gone), None);
    }
}

#[test]
fn traffic_is_unknown_without_a_network_of_its_own() {
    let tree = version_2();
    let mut shared = by_process();
    shared.host_network = true;
    let mut without_process = by_group(GROUP);
    without_process.process = None;
    for container in [shared, without_process] {
        let counters = tree.host().container_counters(&container).unwrap();
        assert_eq!(counters.net.rx_bytes, Counter64::UNKNOWN);
        assert_eq!(counters.net.tx_packets, Counter32::UNKNOWN);
    }
}

#[test]
fn container_ids_become_uuids() {
    let uuid = container_uuid(ID).unwrap();
    assert_eq!(uuid, Container::new(ID, "web").uuid);
    assert_eq!(container_uuid(&uuid.to_string()), Some(uuid));
    for invalid in [
        "",
        "0123",
        "0123456789abcdef0123456789abcdeg",
        "é123456789abcdef0123456789abcdef",
    ] {
        assert_eq!(container_uuid(invalid), None, "{invalid}");
    }
}

#[test]
fn packets_are_sampled_where_permitted() {
    const PAYLOAD: [u8; 300] = [0xa7; 300];
    const HEADERS: usize = 14 + 20 + 8;
    let sampler = match PacketSampler::open(1) {
        Ok(sampler) => sampler,
        Err(error) => {
            eprintln!("skipped: packets cannot be sampled here: {error}");
            return;
        }
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = socket.local_addr().unwrap();
    let is_own = |packet: &Packet| {
        packet.header.get(34..36) == Some(&own.port().to_be_bytes())
            && packet.header.ends_with(&PAYLOAD[..128 - HEADERS])
    };
    // Other programs may use the loopback interface.
    let sampled = (0..100).find_map(|_| {
        socket.send_to(&PAYLOAD, own).unwrap();
        let packets = std::iter::from_fn(|| sampler.next_packet().unwrap());
        packets.take(10_000).find(is_own)
    });
    let packet = sampled.expect("a packet of this test is sampled");
    assert_eq!(packet.length as usize, HEADERS + PAYLOAD.len());
    assert_eq!(packet.header.len(), 128);
    let sample = packet.flow_sample(400);
    assert_eq!(sample.sampling_rate, 400);
    let (known, unknown) = if packet.is_inbound {
        (sample.input, sample.output)
    } else {
        (sample.output, sample.input)
    };
    assert_eq!(known.if_index(), Some(packet.if_index));
    assert_eq!(unknown.if_index(), None);

    let mut agent = Agent::new(Config::new(own.ip()), Duration::ZERO);
    agent.add_unscheduled("lo", PHYSICAL_HOST).unwrap();
    agent
        .flow_sample(&"lo", Duration::ZERO, &sample, |records| {
            packet.encode(records)
        })
        .unwrap();
    agent.flush();
    let datagram = agent.next_datagram(Duration::ZERO).unwrap();
    let Some(Sample::Flow(sent)) = Datagram::parse(datagram).unwrap().samples().next() else {
        panic!()
    };
    let header: SampledHeader<'_> = sent.find().unwrap();
    assert_eq!(header.frame_length, packet.length + 4);
    assert_eq!((header.stripped, header.header.0), (4, &*packet.header));
}

#[test]
fn dropped_packets_are_counted_for_each_interface() {
    let sampler = match PacketSampler::open(1) {
        Ok(sampler) => sampler,
        Err(error) => {
            eprintln!("skipped: packets cannot be sampled here: {error}");
            return;
        }
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..10 {
        socket.send_to(&[7], socket.local_addr().unwrap()).unwrap();
    }
    let (mut delivered, mut expected) = (0, HashMap::new());
    let ended = sampler.run(|packet, dropped| {
        let before: &mut u32 = expected.entry(packet.if_index).or_default();
        assert_eq!(dropped, *before);
        delivered += 1;
        match delivered {
            1..=3 => {
                *before += 1;
                Delivery::Dropped
            }
            4..=6 => {
                *before = 0;
                Delivery::Accepted
            }
            _ => Delivery::Closed,
        }
    });
    ended.unwrap();
    assert_eq!(delivered, 7);
}

/// Reads the files of the machine on which the test runs.
#[test]
fn own_host_is_readable() {
    let host = Host::default();
    let counters = host.counters(None, 0);
    assert!(counters.cpu.cpu_num.0 >= 1);
    assert!(counters.memory.mem_total.0 > 0 && host.memory() == counters.memory.mem_total.0);
    for interface in host.interfaces() {
        assert!(
            host.interface_counters(&interface).is_some(),
            "{interface:?}"
        );
    }
    assert!(host.process_traffic(std::process::id()).is_some());
    sent(|records| counters.encode(records));
}
