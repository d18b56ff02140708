//! Counters of containers.

use super::*;

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
