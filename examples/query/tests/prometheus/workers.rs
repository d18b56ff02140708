//! The results of several workers are those of one.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};

use serde_json::Value as Json;
use sflow_v5::counter::{HostCpu, HostDescr, VirtCpu, VirtMemory, VirtNetIo};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::flow::SampledIpv4;
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, FlowSample, Header, Interface,
    Records, Sample,
};

use crate::grammar::Exposition;
use crate::serving::Serving;

const AGENTS: u8 = 24;
const CONTAINERS: u32 = 5;

/// Agents send three reports from one port each, then one from another port, which the kernel
/// may assign to another socket.
fn results(workers: &str, arguments: &[&str]) -> (Exposition, Vec<Json>) {
    let live = ["--json", "--listen", "127.0.0.1:0", "--every", "1h"];
    let workers = ["--workers", workers];
    let mut serving = Serving::start(&[arguments, &live, &workers].concat());
    let line = serving.wait_for("listening on");
    let collector = line.trim().rsplit(' ').next().unwrap().to_owned();
    let mut sent = 0.0;
    for reports in [1..=3, 4..=4] {
        for agent in 1..=AGENTS {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            for report in reports.clone() {
                socket
                    .send_to(&datagram(agent, report), &collector)
                    .unwrap();
                sent += 1.0;
            }
        }
        serving.scrape_until(&[("sflow_stream_datagrams_total", sent)]);
    }
    UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.send_to(b"not sFlow", &collector))
        .unwrap();
    let exposition = serving.scrape_until(&[("sflow_stream_datagrams_malformed_total", 1.0)]);
    let lines = serving.interrupt();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (exposition, lines.collect())
}

#[test]
fn four_workers_have_the_results_of_one() {
    let statistics = [
        "avg", "sum", "min", "max", "median", "q1", "q3", "iqr", "p95", "var", "sdev", "count",
    ];
    let expressions = statistics.map(|statistic| format!("{statistic}:vir_cpu_utilization"));
    let all = expressions.join(",");
    let by_host = format!("{all},max:vir_bytes_in,sum:vir_mem_used by container=(*).*.*");
    let windowed = format!("{all}[60s]");
    for arguments in [
        &[all.as_str()][..],
        &[&by_host],
        &[&windowed],
        &[
            "--flows",
            "keys=ip.src,port.dst;value=bytes;top=100;smooth=off",
        ],
        &["--flows", "keys=port.dst;value=distinct(ip.src);top=100"],
        &["--entities"],
        &["--agents"],
        &[],
    ] {
        let (expected, expected_lines) = results("1", arguments);
        let (exposition, lines) = results("4", arguments);
        assert_eq!(series(&exposition), series(&expected), "{arguments:?}");
        assert!(!lines.is_empty() || arguments.is_empty(), "{arguments:?}");
        if arguments.contains(&"--flows") {
            let rows = lines[0]["rows"].as_array().unwrap();
            assert!(rows.len() >= 3, "{rows:?}");
        }
        assert_eq!(
            comparable(lines),
            comparable(expected_lines),
            "{arguments:?}"
        );
    }
}

#[test]
fn agent_is_counted_once_after_its_port_changed() {
    let (exposition, lines) = results("4", &["sum:cpu_num,count:vir_mem_used"]);
    let answers = &lines.last().unwrap()["answers"];
    assert_eq!(answers[0]["value"], f64::from(AGENTS) * 2.0);
    assert_eq!(answers[1]["matched"], u32::from(AGENTS) * CONTAINERS);
    assert_eq!(
        exposition.of("sflow_agent_datagrams_total", "agent", "10."),
        [4.0; 24]
    );
}

#[test]
fn workers_need_a_socket() {
    for (arguments, words) in [
        (
            &["avg:load_one", "--workers", "2", "capture.pcap"][..],
            "--workers requires --listen",
        ),
        (&["avg:load_one", "--listen", "--workers", "0"], "1 to 64"),
        (&["avg:load_one", "--listen", "--workers", "x"], "1 to 64"),
    ] {
        let query = std::process::Command::new(env!("CARGO_BIN_EXE_query"))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&query.stderr);
        assert!(
            query.status.code() == Some(2) && text.contains(words),
            "{text}"
        );
    }
}

/// The kernel would divide the datagrams between both programs.
#[test]
fn workers_do_not_share_port_with_another_program() {
    let live = ["--agents", "--workers", "2", "--listen"];
    let mut serving = Serving::start(&[&live[..], &["127.0.0.1:0"]].concat());
    let line = serving.wait_for("listening on");
    let address = line.trim().rsplit(' ').next().unwrap();
    let query = std::process::Command::new(env!("CARGO_BIN_EXE_query"))
        .args(live)
        .arg(address)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&query.stderr);
    assert_eq!(query.status.code(), Some(1), "{text}");
    assert!(
        text.contains("stop the program that uses the port"),
        "{text}"
    );
    let datagram = datagram(1, 1);
    UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.send_to(&datagram, address))
        .unwrap();
    serving.scrape_until(&[("sflow_stream_datagrams_total", 1.0)]);
    serving.interrupt();
}

/// All series except those that depend on the time of the scrape, in 9 digits.
fn series(exposition: &Exposition) -> BTreeMap<String, String> {
    let series = exposition.series().filter(|((name, _), _)| {
        !["sflow_agent_age_seconds", "sflow_scrape_seconds"].contains(&name.as_str())
    });
    series
        .map(|(key, value)| (format!("{key:?}"), format!("{value:.9e}")))
        .collect()
}

/// Lines without what depends on the time of reception, numbers in 9 digits, in a fixed order.
fn comparable(lines: Vec<Json>) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|mut line| {
            without_times(&mut line);
            line.to_string()
        })
        .collect();
    lines.sort_unstable();
    lines
}

fn without_times(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            for name in ["time", "at", "newest", "oldest", "age", "interval", "id"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_times);
        }
        Json::Array(items) => items.iter_mut().for_each(without_times),
        Json::Number(number) => *value = format!("{:.9e}", number.as_f64().unwrap()).into(),
        _ => {}
    }
}

/// A host and its containers, whose counters advance differently.
fn datagram(agent: u8, report: u32) -> Vec<u8> {
    let header = Header {
        agent_address: Address::V4([10, 0, 0, agent]),
        sequence_number: report,
        // Not in whole seconds: these are measured by the time of reception.
        uptime: report * 1_007,
        ..Header::default()
    };
    let mut buffer = [0; 4_000];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    let host = HostCpu {
        load_one: (f32::from(agent) / 7.0).into(),
        cpu_num: 2.into(),
        ..HostCpu::default()
    };
    let host_name = format!("host{agent}");
    let mut push = |kind, index, records: &[CounterRecord<'_>]| {
        let sample = CountersSample {
            sequence_number: report,
            source_id: DataSource::new(kind, index),
            records: Records::from(records),
            ..CountersSample::default()
        };
        encoder.push(&Sample::Counters(sample)).unwrap();
    };
    let host = [host.into(), descr(&host_name, agent, 0).into()];
    push(DataSourceKind::PHYSICAL, 1, &host);
    for index in 1..=CONTAINERS {
        let speed = u32::from(agent) * 10 + index;
        let cpu = VirtCpu {
            state: DomainState::RUNNING,
            cpu_time: (report * speed).into(),
            nr_virt_cpu: 1.into(),
        };
        let memory = VirtMemory {
            memory: u64::from(speed * 1_000).into(),
            max_memory: (1 << 30).into(),
        };
        let network = VirtNetIo {
            rx_bytes: u64::from(report * speed * 100).into(),
            ..VirtNetIo::default()
        };
        let name = format!("service{}.{agent}.{index}", index % 3);
        let records = [
            cpu.into(),
            memory.into(),
            network.into(),
            descr(&name, agent, index).into(),
        ];
        push(DataSourceKind::LOGICAL, index, &records);
    }
    let sampled = SampledIpv4 {
        length: 100 * u32::from(agent),
        protocol: 6,
        src_ip: Ipv4Addr::new(10, 1, 0, agent % 7).into(),
        dst_ip: Ipv4Addr::new(10, 2, 0, agent).into(),
        src_port: 50_000,
        dst_port: 80 + u32::from(agent % 3),
        ..SampledIpv4::default()
    };
    let records = [sampled.into()];
    let sample = FlowSample {
        sequence_number: report,
        source_id: DataSource::new(DataSourceKind::INTERFACE, 3),
        sampling_rate: 100,
        sample_pool: report * 100,
        input: Interface::index(3),
        output: Interface::index(4),
        records: Records::from(&records[..]),
        ..FlowSample::default()
    };
    encoder.push(&Sample::Flow(sample)).unwrap();
    encoder.finish().to_vec()
}

fn descr(name: &str, agent: u8, index: u32) -> HostDescr<'_> {
    HostDescr {
        hostname: Text::from(name),
        uuid: Uuid((u128::from(agent) << 64 | u128::from(index) << 8 | 1).to_be_bytes()),
        ..HostDescr::default()
    }
}
