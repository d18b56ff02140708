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

mod containers;
mod host;
mod packets;

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
