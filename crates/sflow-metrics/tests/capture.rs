//! A recorded swarm, compared with the counters of the kernels of its nodes.

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use sflow_metrics::{Config, Registry, Timestamp, entity, query::Query};
use sflow_v5::Datagram;
use support::metric;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures");

/// Phases of the recording in seconds since the Unix epoch, without the starts and stops between
/// them.
const IDLE: [(f64, f64); 2] = [(1795406707.0, 1795406736.0), (1795406847.0, 1795406876.0)];
const LOADED: [(f64, f64); 2] = [(1795406747.0, 1795406787.0), (1795406803.0, 1795406837.0)];

#[test]
fn containers_exist_while_they_run() {
    let matched = "count:vir_cpu_cores{container=apache.*}".parse().unwrap();
    let mut counts = BTreeMap::new();
    replay(1.0, |registry, now| {
        let summary = registry.query(now, &matched)[0];
        counts.insert(
            now.as_nanos() / 1_000_000_000,
            (summary.matched, summary.contributing),
        );
    });
    // Two containers run when the recording begins. Two more start at 791 s, are reported from 792
    // and 795 s, and have a rate at their second sample; three stop at 842 s.
    let phases = [
        (1795406708, 1795406716, (2, 0)),
        (1795406718, 1795406790, (2, 2)),
        (1795406796, 1795406797, (4, 3)),
        (1795406798, 1795406840, (4, 4)),
        (1795406844, 1795406885, (1, 1)),
    ];
    for (from, until, expected) in phases {
        for (second, count) in counts.range(from..until) {
            assert_eq!(*count, expected, "at {second}");
        }
    }
}

#[test]
fn loaded_phases_agree_with_kernel() {
    let truth = Truth::read();
    let intervals = intervals();
    for (phase, expected_containers) in LOADED.into_iter().zip([2, 4]) {
        let mut containers = 0;
        for (name, intervals) in &intervals {
            let inside: Vec<_> = intervals
                .iter()
                .filter(|known| known.lies_in(phase))
                .collect();
            let (Some(first), Some(last)) = (inside.first(), inside.last()) else {
                continue;
            };
            containers += 1;
            let seconds: f64 = inside.iter().map(|known| known.seconds()).sum();
            let rate = |rate: &dyn Fn(&Interval) -> f64| {
                inside
                    .iter()
                    .map(|known| rate(known) * known.seconds())
                    .sum::<f64>()
                    / seconds
            };
            let kernel = |column| truth.rate(name, first.from, last.until, column);
            assert_close(name, "cores", rate(&|known| known.cores), kernel(CPU) / 1e9);
            for (place, (what, column)) in TRAFFIC.into_iter().enumerate() {
                assert_close(
                    name,
                    what,
                    rate(&|known| known.traffic[place]),
                    kernel(column),
                );
            }
        }
        assert_eq!(containers, expected_containers);
    }
}

/// In idle phases both values are equal. Under load the memory of a container varies by a factor of
/// 2.5 within moments, and the kernel was read at other moments than the agent. The value is
/// therefore compared with the range of values in the same phase.
#[test]
fn memory_agrees_with_kernel() {
    let truth = Truth::read();
    let mut counted = [0, 0];
    for (name, intervals) in &intervals() {
        for known in intervals {
            let inside = |phase: &(f64, f64)| known.lies_in(*phase);
            if IDLE.iter().any(inside) {
                counted[0] += 1;
                let kernel = truth.at(name, known.until, MEMORY);
                assert_close(name, "memory", known.memory, kernel);
            } else if let Some((from, until)) = LOADED.into_iter().find(inside) {
                counted[1] += 1;
                let (least, most) = truth.range(name, from, until, MEMORY);
                assert!(
                    (least / 2.0..=most * 2.0).contains(&known.memory),
                    "{name}: {} bytes where the kernel showed {least} to {most}",
                    known.memory
                );
            }
        }
    }
    assert_eq!(counted, [8, 20], "intervals, idle and loaded");
}

#[test]
fn idle_is_exactly_zero() {
    let mut containers = 0;
    for (name, intervals) in intervals() {
        for known in intervals
            .iter()
            .filter(|known| IDLE.iter().any(|idle| known.lies_in(*idle)))
        {
            containers += 1;
            assert_eq!((known.cores, known.traffic), (0.0, [0.0; 4]), "{name}");
        }
    }
    assert_eq!(
        containers,
        2 * 3 + 2,
        "intervals: three of two containers, two of one"
    );
}

#[test]
fn watched_window_agrees_with_kernel() {
    let truth = Truth::read();
    let query: Query = "sum:vir_cpu_cores,sum:vir_bytes_out{container=apache.*}[35s]"
        .parse()
        .unwrap();
    let mut registry = Registry::new(Config::default());
    registry.watch(&query);
    let mut answers = BTreeMap::new();
    replay_into(&mut registry, 1.0, |registry, now| {
        let [cores, bytes] = registry.query(now, &query)[..] else {
            panic!("two")
        };
        answers.insert(now.as_nanos() / 1_000_000_000, (cores.value, bytes.value));
    });
    let (from, until) = (1795406746.4, 1795406786.5);
    let total = |column| {
        let names = [
            "apache.1.rsm0h0ay4dbn6zbusp3ta9pf7",
            "apache.2.oqtqmjcikzag3dgfumgkfqljs",
        ];
        names
            .iter()
            .map(|name| truth.rate(name, from, until, column))
            .sum::<f64>()
    };
    let (cores, bytes) = *answers.range(..1795406790).next_back().unwrap().1;
    assert_close("window", "cores", cores.unwrap(), total(CPU) / 1e9);
    assert_close("window", "bytes out", bytes.unwrap(), total(BYTES_OUT));
}

#[test]
fn hosts_and_interfaces_are_entities() {
    let mut registry = Registry::new(Config::default());
    let mut end = Timestamp::ZERO;
    replay_into(&mut registry, 10.0, |_, now| end = now);
    let of_kind = |kind| {
        registry
            .entities(end)
            .filter(move |entity| entity.kind() == kind)
    };
    let mut hosts: Vec<_> = of_kind(entity::Kind::Host)
        .map(|host| host.name())
        .collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["node1", "node2", "node3"]);
    for host in of_kind(entity::Kind::Host) {
        let value = |name: &str| host.value(metric(name)).unwrap();
        assert_eq!(value("cpu_num"), 2.0);
        assert_eq!(value("mem_total"), 25_276_502_016.0);
        assert!((0.0..=100.0).contains(&value("cpu_utilization")));
        let shares = [
            "user", "nice", "system", "idle", "wio", "intr", "sintr", "steal",
        ];
        let sum: f64 = shares
            .iter()
            .map(|share| value(&format!("cpu_{share}")))
            .sum();
        assert!((sum - 100.0).abs() < 1e-9, "{sum}");
        assert!((69.0..70.0).contains(&value("part_max_used")));
    }
    assert!(of_kind(entity::Kind::Interface).count() >= 6);
    assert!(of_kind(entity::Kind::Interface).all(|interface| interface.parent().is_some()));

    let health = registry.health();
    assert_eq!((health.datagrams, health.datagrams_lost), (1448, 0));
    assert_eq!((health.malformed_samples, health.malformed_records), (0, 0));
    // These agents add up the interfaces of a host: when the interfaces of two containers were
    // removed, four sums decreased on two hosts.
    assert_eq!((health.counter_resets, health.counter_jumps), (8, 0));
    assert_eq!(
        (
            health.stopped,
            health.agent_restarts,
            health.source_restarts
        ),
        (3, 0, 0)
    );
}

#[test]
fn software_switch_has_interfaces_and_datapath() {
    let mut registry = Registry::new(Config::default());
    let mut end = Timestamp::ZERO;
    replay_file("openvswitch.pcap", &mut registry, 0.0, |_, now| end = now);
    let query: Query = "max:ifinoctets,max:ifinpkts,any:ovs_dp_missrate,any:app_mem_used"
        .parse()
        .unwrap();
    for (summary, expression) in registry.query(end, &query).iter().zip(query.expressions()) {
        assert!(
            summary.value.is_some_and(f64::is_finite),
            "{expression}: {summary:?}"
        );
        println!("{expression} {summary:?}");
    }
    let names: Vec<_> = registry.entities(end).map(|entity| entity.name()).collect();
    println!("{names:?} {:?}", registry.health());
    assert_eq!(
        (
            registry.health().counter_resets,
            registry.health().counter_jumps
        ),
        (0, 0)
    );
}

/// The answer of the registry for a container between two of its samples.
struct Interval {
    from: f64,
    until: f64,
    cores: f64,
    memory: f64,
    /// As in [`TRAFFIC`].
    traffic: [f64; 4],
}

impl Interval {
    fn seconds(&self) -> f64 {
        self.until - self.from
    }

    fn lies_in(&self, (from, until): (f64, f64)) -> bool {
        from - 1.0 <= self.from && self.until <= until + 1.0
    }
}

fn intervals() -> BTreeMap<String, Vec<Interval>> {
    let mut intervals: BTreeMap<String, Vec<Interval>> = BTreeMap::new();
    let mut last_seen = BTreeMap::new();
    replay(0.0, |registry, now| {
        for container in registry
            .entities(now)
            .filter(|known| known.kind() == entity::Kind::Container)
        {
            let seen = container.last_seen();
            let Some(before) = last_seen.insert(container.name().to_owned(), seen) else {
                continue;
            };
            let value = |name: &str| container.value(metric(name));
            if before == seen {
                continue;
            }
            intervals
                .entry(container.name().to_owned())
                .or_default()
                .push(Interval {
                    from: before.as_secs_f64(),
                    until: seen.as_secs_f64(),
                    cores: value("vir_cpu_cores").unwrap(),
                    memory: value("vir_mem_used").unwrap(),
                    traffic: ["bytes_in", "bytes_out", "pkts_in", "pkts_out"]
                        .map(|column| value(&format!("vir_{column}")).unwrap()),
                });
        }
    });
    intervals
}

/// Calls `each` after every `every` seconds of the recording.
fn replay(every: f64, each: impl FnMut(&Registry, Timestamp)) {
    replay_into(&mut Registry::new(Config::default()), every, each);
}

fn replay_into(registry: &mut Registry, every: f64, each: impl FnMut(&Registry, Timestamp)) {
    replay_file("hsflowd-swarm.pcap", registry, every, each);
}

fn replay_file(
    name: &str,
    registry: &mut Registry,
    every: f64,
    mut each: impl FnMut(&Registry, Timestamp),
) {
    let file = File::open(format!("{CAPTURES}/{name}")).unwrap();
    let mut reader = PcapReader::new(file).unwrap();
    let every = Duration::from_secs_f64(every);
    let mut next = Timestamp::ZERO;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let now = Timestamp::from(packet.timestamp);
        let (sender, bytes) = sflow_of(&packet.data);
        registry.ingest(now, sender, &Datagram::parse(bytes).unwrap());
        if now >= next {
            each(registry, now);
            next = now + every;
        }
    }
}

fn sflow_of(frame: &[u8]) -> (IpAddr, &[u8]) {
    let sliced = etherparse::SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::NetSlice::Ipv4(ip)) = sliced.net else {
        panic!("not IPv4")
    };
    let Some(etherparse::TransportSlice::Udp(udp)) = sliced.transport else {
        panic!("not UDP")
    };
    (ip.header().source_addr().into(), udp.payload())
}

/// Counters of the kernel: for each container, rows of time and columns.
struct Truth(BTreeMap<String, Vec<(f64, [f64; 6])>>);

/// Nanoseconds.
const CPU: usize = 0;
/// Current number of bytes.
const MEMORY: usize = 1;
const BYTES_IN: usize = 2;
const BYTES_OUT: usize = 3;
const PACKETS_IN: usize = 4;
const PACKETS_OUT: usize = 5;

const TRAFFIC: [(&str, usize); 4] = [
    ("bytes in", BYTES_IN),
    ("bytes out", BYTES_OUT),
    ("packets in", PACKETS_IN),
    ("packets out", PACKETS_OUT),
];

impl Truth {
    fn read() -> Self {
        let text = std::fs::read_to_string(format!("{CAPTURES}/hsflowd-swarm.truth.csv")).unwrap();
        let mut containers: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for line in text.lines().skip(1) {
            let fields: Vec<_> = line.split(',').collect();
            let number = |place: usize| fields[place].parse::<f64>().unwrap();
            let counts = [3, 4, 5, 6, 7, 8].map(number);
            containers
                .entry(fields[2].to_owned())
                .or_default()
                .push((number(0), counts));
        }
        Self(containers)
    }

    fn rate(&self, name: &str, from: f64, until: f64, column: usize) -> f64 {
        (self.at(name, until, column) - self.at(name, from, column)) / (until - from)
    }

    /// Minimum and maximum of a column in this time.
    fn range(&self, name: &str, from: f64, until: f64, column: usize) -> (f64, f64) {
        let lines = self.0[name].iter();
        let inside = lines.filter(|(time, _)| (from..=until).contains(time));
        inside.fold((f64::INFINITY, 0.0), |(least, most), (_, counts)| {
            (least.min(counts[column]), most.max(counts[column]))
        })
    }

    /// The value at a time, interpolated linearly between two rows.
    fn at(&self, name: &str, time: f64, column: usize) -> f64 {
        let lines = &self.0[name];
        let after = lines.partition_point(|(known, _)| *known <= time);
        let ((before, low), (behind, high)) = (lines[after - 1], lines[after]);
        let part = (time - before) / (behind - before);
        low[column] + part * (high[column] - low[column])
    }
}

#[track_caller]
fn assert_close(name: &str, what: &str, measured: f64, truth: f64) {
    let error = (measured / truth - 1.0).abs();
    println!(
        "{name} {what}: {measured:.3}, the kernel {truth:.3}, {:.2} %",
        error * 100.0
    );
    assert!(
        error < 0.02,
        "{name} {what}: {measured} where the kernel counted {truth}"
    );
}
