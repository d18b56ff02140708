//! Packet samples of recorded swarms, compared with counters of containers and kernels.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;

use pcap_file::pcap::PcapReader;
use sflow_metrics::{
    Config, Registry, Timestamp,
    entity::{self, Entity},
    flow,
};
use sflow_v5::{Datagram, Mac};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures");

const APACHE_1: &str = "apache.1.rsm0h0ay4dbn6zbusp3ta9pf7";
const APACHE_2: &str = "apache.2.oqtqmjcikzag3dgfumgkfqljs";
const APACHE_3: &str = "apache.3.1igor9c0n11v23qb1gxvyjcb3";
const APACHE_4: &str = "apache.4.b4txb8c1nyzjzbdh1dkfeqh0q";

/// Agents of this version report containers without adapters. An orchestrator knows the addresses;
/// the recording does not contain them, so the two containers of one host may be swapped here.
const ADDRESSES: [(&str, Mac); 4] = [
    (APACHE_1, Mac([0x02, 0x42, 0xac, 0x11, 0x00, 0x02])),
    (APACHE_2, Mac([0x02, 0x42, 0xac, 0x11, 0x00, 0x02])),
    (APACHE_3, Mac([0x02, 0x42, 0xac, 0x11, 0x00, 0x02])),
    (APACHE_4, Mac([0x02, 0x42, 0xac, 0x11, 0x00, 0x03])),
];

#[test]
fn containers_at_both_ends_are_named() {
    let matrix = "keys=container.src,end.src,container.dst,end.dst;value=frames;smooth=off";
    let mut replay = Replay::of(&[matrix]);
    replay.run(|_, _| {});
    let answer = replay.answer(0);
    let names = |row: &[flow::Value]| {
        let [from, from_end, to, to_end] = row else {
            panic!("four")
        };
        assert!(*from == flow::Value::Absent || from == from_end);
        assert!(*to == flow::Value::Absent || to == to_end);
        (from_end.to_string(), to_end.to_string())
    };
    let mut found: Vec<_> = answer.rows.iter().map(|row| names(&row.keys)).collect();
    found.sort();
    let mut expected = Vec::new();
    for name in [APACHE_1, APACHE_2, APACHE_3, APACHE_4] {
        expected.push(("10.99.0.254".to_owned(), name.to_owned()));
        expected.push((name.to_owned(), "10.99.0.254".to_owned()));
    }
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(
        (answer.total, answer.other, answer.evicted),
        (8642.0 * 400.0, 0.0, 0)
    );
    assert_eq!(answer.samples, 8642);
    print(&answer);
}

#[test]
fn container_without_address_is_not_named_by_elimination() {
    let mut replay =
        Replay::of(&["keys=agent,container.src,service.src,ip.src;value=frames;smooth=off"]);
    replay.unassigned.clear();
    replay.run(|_, _| {});
    let mut found: Vec<_> = replay
        .answer(0)
        .rows
        .iter()
        .map(|row| {
            row.keys
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    found.sort();
    let expected = [
        "10.99.0.1 - - 10.99.0.254",
        "10.99.0.1 - - 172.17.0.2",
        "10.99.0.1 - - 172.17.0.3",
        "10.99.0.2 - - 10.99.0.254",
        "10.99.0.2 - - 172.17.0.2",
        "10.99.0.3 - - 10.99.0.254",
        "10.99.0.3 - - 172.17.0.2",
    ];
    assert_eq!(found, expected);
}

#[test]
fn services_and_hosts_are_named() {
    let mut replay = Replay::of(&[
        "keys=service.src,service.dst;value=frames;smooth=off",
        "keys=host.src,host.dst,input.name,host;value=frames;smooth=off;filter=direction=out",
    ]);
    replay.run(|_, _| {});
    let services = rows(&replay.answer(0));
    assert_eq!(services, ["- apache", "apache -"]);
    let hosts = rows(&replay.answer(1));
    assert_eq!(
        hosts,
        ["node1 - - node1", "node2 - - node2", "node3 - - node3"]
    );
}

/// Compares bytes from samples with the counters of each container, in each polling interval.
#[test]
fn sampled_bytes_agree_with_counters_within_stated_error() {
    let mut comparisons = Vec::new();
    for (end, column) in [("dst", "rx"), ("src", "tx")] {
        let definition = format!("keys=container.{end};value=bytes.net;smooth=off");
        let counted = Counted::between_polls(&definition, column);
        comparisons.extend(counted);
    }
    let (mut inside, mut within_twice) = (0, 0);
    for Counted {
        name,
        column,
        seconds,
        estimate,
        error,
        counter,
    } in &comparisons
    {
        let off = (estimate - counter).abs();
        inside += usize::from(off <= *error);
        within_twice += usize::from(off <= 2.0 * error);
        println!(
            "{name} {column} {seconds:5.1} s: {estimate:12.0} ± {error:9.0}, counted {counter:12.0}, \
             {:+.1} %, {:.2} of the error",
            (estimate / counter - 1.0) * 100.0,
            off / error,
        );
    }
    let count = comparisons.len();
    println!("{inside} and {within_twice} of {count}");
    assert!(count >= 40, "{count}");
    assert!(
        inside * 100 >= count * 90,
        "{inside} of {count} within the stated error"
    );
    assert!(
        within_twice == count,
        "{within_twice} of {count} within twice the stated error"
    );
}

/// Compares with the counters of the kernel over the whole recording.
#[test]
fn sampled_bytes_agree_with_kernel() {
    let rows = compare_with_the_kernel("hsflowd-swarm");
    assert_eq!(rows, 4 * 4);
}

/// These agents report the containers in packet samples, and lost samples without counting them.
#[test]
fn samples_of_marked_traffic_agree_with_kernel() {
    let rows = compare_with_the_kernel("hsflowd-marktraffic");
    // Five of six containers had traffic.
    assert_eq!(rows, 5 * 4);
    let mut replay = Replay::file(
        "hsflowd-marktraffic.pcap",
        &["keys=service.src,service.dst;value=frames;smooth=off"],
    );
    replay.run(|_, _| {});
    assert_eq!(
        self::rows(&replay.answer(0)),
        ["- apache", "- shop_web", "apache -", "shop_web -"]
    );
}

/// Asserts that bytes and packets of each container agree with the kernel within the stated error.
/// Returns the number of comparisons; flows with less than one expected sample are skipped.
fn compare_with_the_kernel(recording: &str) -> usize {
    let definitions = [
        "keys=container.dst;value=bytes.net;smooth=off",
        "keys=container.src;value=bytes.net;smooth=off",
        "keys=container.dst;value=frames;smooth=off",
        "keys=container.src;value=frames;smooth=off",
    ];
    let mut replay = Replay::file(&format!("{recording}.pcap"), &definitions);
    replay.run(|_, _| {});
    let text = std::fs::read_to_string(format!("{CAPTURES}/{recording}.truth.csv")).unwrap();
    let mut truth: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let counts: Vec<f64> = fields[5..]
            .iter()
            .map(|field| field.parse().unwrap())
            .collect();
        let known = truth
            .entry(fields[2])
            .or_insert_with(|| (counts.clone(), Vec::new()));
        known.1 = counts;
    }
    let mut compared = 0;
    for (column, definition) in definitions.iter().enumerate() {
        let answer = replay.answer(column);
        for row in &answer.rows {
            let name = row.keys[0].to_string();
            assert!(name == "-" || truth.contains_key(&name[..]), "{name}");
        }
        for (name, (first, last)) in &truth {
            let counted = last[column] - first[column];
            let mut rows = answer.rows.iter();
            let Some(row) = rows.find(|row| row.keys[0].to_string() == *name) else {
                let packets = last[column | 2] - first[column | 2];
                assert!(packets < 400.0, "{name} {definition}: {packets}");
                continue;
            };
            let off = (row.value - counted) / row.sampling_error;
            println!(
                "{name} {definition}: {:.0} ± {:.0} of {counted:.0}: {off:+.2}",
                row.value, row.sampling_error
            );
            assert!(off.abs() < 1.0, "{name} {definition}");
            compared += 1;
        }
    }
    compared
}

/// Every second datagram of this recording is missing, and half of the samples with them.
#[test]
fn effective_rate_includes_missing_samples() {
    let definition = "keys=input,output;value=frames;smooth=off;filter=source=2:1000";
    let mut replay = Replay::file("openvswitch.pcap", &[definition]);
    replay.run(|_, _| {});
    let answer = replay.answer(0);
    print(&answer);
    assert_eq!(rows(&answer), ["56 57", "57 56"]);
    // The growth of the pool.
    let off = answer.total / (1021.0 * 20.0) - 1.0;
    assert!(off.abs() < 0.02, "{off}");
    let mut samplers = replay.registry.samplers();
    let bridge = samplers
        .find(|known| known.data_source.index == 1000)
        .unwrap();
    assert_eq!((bridge.stated_rate, bridge.samples), (Some(20), 523));
    assert_eq!(bridge.missing + bridge.samples, 1021);
    assert!(
        (35.0..42.0).contains(&bridge.effective_rate.unwrap()),
        "{bridge:?}"
    );
    assert!(replay.registry.health().flow_samples_lost >= bridge.missing);
}

struct Replay {
    registry: Registry,
    file: String,
    ids: Vec<flow::Id>,
    unassigned: Vec<(&'static str, Mac)>,
    end: Timestamp,
}

impl Replay {
    fn of(definitions: &[&str]) -> Self {
        Self::file("hsflowd-swarm.pcap", definitions)
    }

    fn file(name: &str, definitions: &[&str]) -> Self {
        let mut registry = Registry::new(Config::default());
        registry.group_containers_by(crate::world::service_of);
        let watch = |definition: &&str| {
            let definition = definition.parse().unwrap_or_else(|error| panic!("{error}"));
            registry.watch_flows(definition).unwrap()
        };
        Self {
            ids: definitions.iter().map(watch).collect(),
            registry,
            file: format!("{CAPTURES}/{name}"),
            unassigned: ADDRESSES.to_vec(),
            end: Timestamp::ZERO,
        }
    }

    /// Calls `each` after every datagram.
    fn run(&mut self, mut each: impl FnMut(&Self, Timestamp)) {
        let mut reader = PcapReader::new(File::open(&self.file).unwrap()).unwrap();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            self.end = Timestamp::from(packet.timestamp);
            let (sender, bytes) = sflow_of(&packet.data);
            let datagram = Datagram::parse(bytes).unwrap();
            self.registry.ingest(self.end, sender, &datagram);
            self.assign_addresses();
            each(self, self.end);
        }
    }

    /// Assigns the addresses of containers that have appeared.
    fn assign_addresses(&mut self) {
        let mut left = Vec::new();
        for (name, mac) in self.unassigned.drain(..) {
            let id = self
                .registry
                .entities(self.end)
                .find(|entity| entity.name() == name);
            match id.map(|entity| entity.id()) {
                Some(id) => assert!(self.registry.assign_address(id, mac)),
                None => left.push((name, mac)),
            }
        }
        self.unassigned = left;
    }

    fn answer(&self, place: usize) -> flow::Answer {
        self.registry.flows(self.end, self.ids[place]).unwrap()
    }
}

/// Estimate and counter of a container between two of its counter samples.
struct Counted {
    name: String,
    column: &'static str,
    seconds: f64,
    estimate: f64,
    error: f64,
    counter: f64,
}

impl Counted {
    fn between_polls(definition: &str, column: &'static str) -> Vec<Self> {
        let metric = match column {
            "rx" => "vir_bytes_in",
            _ => "vir_bytes_out",
        };
        let metric = crate::support::metric(metric);
        let mut replay = Replay::of(&[definition]);
        let mut before: BTreeMap<String, (Timestamp, f64, f64)> = BTreeMap::new();
        let mut found = Vec::new();
        replay.run(|replay, now| {
            let answer = replay.answer(0);
            let containers = replay.registry.entities(now);
            let containers = containers.filter(|known| known.kind() == entity::Kind::Container);
            for container in containers.filter(|known: &Entity<'_>| known.last_seen() == now) {
                let name = container.name().to_owned();
                let row = answer
                    .rows
                    .iter()
                    .find(|row| row.keys[0].to_string() == name);
                let (sum, error) = row.map_or((0.0, 0.0), |row| (row.value, row.sampling_error));
                let rate = container.value(metric);
                let last = before.insert(name.clone(), (now, sum, error));
                let (Some((since, sum_before, error_before)), Some(rate)) = (last, rate) else {
                    continue;
                };
                let seconds = (now - since).as_secs_f64();
                let counter = rate * seconds;
                if counter > 0.0 && sum > sum_before {
                    found.push(Self {
                        name,
                        column,
                        seconds,
                        estimate: sum - sum_before,
                        // The difference of variances is the variance of the interval.
                        error: (error.powi(2) - error_before.powi(2)).sqrt(),
                        counter,
                    });
                }
            }
        });
        found
    }
}

fn rows(answer: &flow::Answer) -> Vec<String> {
    let line = |values: &[flow::Value]| {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        values.join(" ")
    };
    let mut rows: Vec<_> = answer.rows.iter().map(|row| line(&row.keys)).collect();
    rows.sort();
    rows
}

fn print(answer: &flow::Answer) {
    for row in &answer.rows {
        let keys: Vec<_> = row.keys.iter().map(ToString::to_string).collect();
        let (keys, error) = (keys.join(" "), row.sampling_error);
        println!(
            "{keys:90} {:12.0} ± {error:.0} of {} samples",
            row.value, row.samples
        );
    }
    println!("total {:.0}, other {:.0}", answer.total, answer.other);
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
