//! Counters of a host and its interfaces.

use super::*;

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
