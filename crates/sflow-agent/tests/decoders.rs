//! sflowtool and Wireshark, where they are installed, decode the datagrams of the agent.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapWriter};
use sflow_agent::linux::{Container, ContainerCounters, Host, PHYSICAL_HOST};
use sflow_agent::{Agent, Config, Source};
use sflow_v5::counter::{IfCounters, PortName};
use sflow_v5::enums::{DataSourceKind, HeaderProtocol};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::types::Opaque;
use sflow_v5::{Address, DataSource, Datagram, FlowSample, Interface, Mac, Sample};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The bytes of a UDP packet from 10.0.0.2 port 68 to 10.0.0.3 port 67.
const FRAME: [u8; 46] = [
    2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 2, 8, 0, //
    0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0x26, 0xc7, 10, 0, 0, 2, 10, 0, 0, 3, //
    0, 68, 0, 67, 0, 12, 0, 0, 1, 2, 3, 4,
];

const PORT: DataSource = DataSource::new(DataSourceKind::INTERFACE, 7);

fn add_port_samples(agent: &mut Agent<u8>, key: u8, now: Duration) {
    let counters = IfCounters {
        if_index: PORT.index,
        if_in_octets: (now.as_millis() as u64).into(),
        ..IfCounters::default()
    };
    agent
        .counters_sample(&key, now, |records| records.push(&counters))
        .unwrap();
    agent.add_to_pool(&key, 400).unwrap();
    let sample = FlowSample {
        sampling_rate: 400,
        input: Interface::index(PORT.index),
        ..FlowSample::default()
    };
    let header = SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: FRAME.len() as u32 + 4,
        stripped: 4,
        header: Opaque(&FRAME),
    };
    agent
        .flow_sample(&key, now, &sample, |records| records.push(&header))
        .unwrap();
}

/// Datagrams of agents with IPv4 and IPv6 addresses, in both encodings. With `only_port`, of an
/// interface; otherwise of a host, a container, and an interface with its name.
fn datagrams(only_port: bool) -> Vec<Vec<u8>> {
    let host = Host::default();
    let mut container = Container::new(ID, "web.1");
    container.adapters = vec![Mac([2, 0x42, 10, 0, 0, 5])];
    let container = ContainerCounters::new(&container);
    let mut all = Vec::new();
    for address in [IpAddr::from([10, 0, 0, 7]), IpAddr::from([0x20; 16])] {
        for encoding in [Encoding::Compact, Encoding::Expanded] {
            let mut agent = Agent::new(Config::new(address), Duration::ZERO);
            let logical = agent.container_source(container.uuid);
            for (key, id) in [(0, PHYSICAL_HOST), (1, PORT), (2, logical)] {
                let mut source = Source::from(id);
                source.encoding = encoding;
                agent.add(key, source, Duration::ZERO).unwrap();
            }
            for second in 0..30 {
                let now = Duration::from_secs(second);
                while let Some(key) = agent.next_source(now) {
                    match key {
                        1 => add_port_samples(&mut agent, key, now),
                        _ if only_port => continue,
                        0 => {
                            let counters = host.counters(None, 1);
                            agent.counters_sample(&key, now, |records| counters.encode(records))
                        }
                        .unwrap(),
                        _ => agent
                            .counters_sample(&key, now, |records| {
                                container.encode(records)?;
                                records.push(&PortName {
                                    name: "eth0".into(),
                                })
                            })
                            .unwrap(),
                    }
                }
                agent.flush();
                while let Some(bytes) = agent.next_datagram(now) {
                    all.push(bytes.to_vec());
                }
            }
        }
    }
    all
}

/// Writes a capture of the datagrams, from 192.0.2.1 to 192.0.2.2.
fn capture(path: &Path, datagrams: &[Vec<u8>]) {
    let mut writer = PcapWriter::new(File::create(path).unwrap()).unwrap();
    for (second, payload) in datagrams.iter().enumerate() {
        let udp = (payload.len() as u16 + 8).to_be_bytes();
        let ip = (payload.len() as u16 + 28).to_be_bytes();
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, ip[0], ip[1], 0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0x9c, 0x40, 0x18, 0xc7, udp[0], udp[1], 0, 0]);
        frame.extend(payload);
        let at = Duration::from_secs(second as u64);
        let packet = PcapPacket::new(at, frame.len() as u32, &frame);
        writer.write_packet(&packet).unwrap();
    }
}

/// Output and errors of a program; `None`, with a message, if it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<(String, String)> {
    let Ok(Output {
        status,
        stdout,
        stderr,
    }) = Command::new(program).args(arguments).output()
    else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.success(), "{}", text(&stderr));
    Some((text(&stdout), text(&stderr)))
}

#[test]
fn sflowtool_reads_every_sample_and_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.pcap");
    let datagrams = datagrams(false);
    capture(&path, &datagrams);
    let Some((output, errors)) = run("sflowtool", &["-r", path.to_str().unwrap()]) else {
        return;
    };
    const FIELDS: [&str; 14] = [
        "agent",
        "agentSubId",
        "packetSequenceNo",
        "sysUpTime",
        "samplesInPacket",
        "sampleType_tag",
        "sampleSequenceNo",
        "sourceId",
        "counterBlock_tag",
        "flowBlock_tag",
        "meanSkipCount",
        "samplePool",
        "dropEvents",
        "headerLen",
    ];
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| {
            line.split_once(' ')
                .is_some_and(|(name, _)| FIELDS.contains(&name))
        })
        .collect();
    let mut expected = Vec::new();
    for bytes in &datagrams {
        describe(&Datagram::parse(bytes).unwrap(), &mut expected);
    }
    assert!(expected.len() > 200, "{}", expected.len());
    assert_eq!(lines, expected);
    assert!(!output.contains("skipping"), "{output}");
    let messages = errors
        .lines()
        .filter(|line| !line.starts_with("pcap version"));
    assert_eq!(messages.collect::<Vec<_>>(), [""; 0]);
    for line in [
        "hostname web.1",
        "UUID 01234567-89ab-cdef-0123-456789abcdef",
        "ifName eth0",
    ] {
        assert!(output.lines().any(|printed| printed == line), "{line}");
    }
}

/// The lines that sflowtool prints of these fields.
fn describe(datagram: &Datagram<'_>, lines: &mut Vec<String>) {
    let header = datagram.header;
    let agent = match header.agent_address {
        Address::V4(_) => header.agent_address.to_string(),
        _ => "2020:2020:2020:2020:2020:2020:2020:2020".to_owned(),
    };
    lines.push(format!("agentSubId {}", header.sub_agent_id));
    lines.push(format!("agent {agent}"));
    lines.push(format!("packetSequenceNo {}", header.sequence_number));
    lines.push(format!("sysUpTime {}", header.uptime));
    lines.push(format!("samplesInPacket {}", datagram.samples().count()));
    for sample in datagram.samples() {
        lines.push(format!("sampleType_tag {}", sample.format()));
        match sample {
            Sample::Counters(sample) => {
                lines.push(format!("sampleSequenceNo {}", sample.sequence_number));
                lines.push(format!("sourceId {}", sample.source_id));
                let records = sample.records();
                lines.extend(records.map(|record| format!("counterBlock_tag {}", record.format())));
            }
            Sample::Flow(sample) => {
                lines.push(format!("sampleSequenceNo {}", sample.sequence_number));
                lines.push(format!("sourceId {}", sample.source_id));
                lines.push(format!("meanSkipCount {}", sample.sampling_rate));
                lines.push(format!("samplePool {}", sample.sample_pool));
                lines.push(format!("dropEvents {}", sample.drops));
                for record in sample.records() {
                    lines.push(format!("flowBlock_tag {}", record.format()));
                    lines.push(format!("headerLen {}", FRAME.len()));
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Wireshark does not support the records of hosts and containers, and cannot skip them. It reads the
/// samples of interfaces.
#[test]
fn wireshark_reads_interfaces_and_packets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.pcap");
    let datagrams = datagrams(true);
    capture(&path, &datagrams);
    let read = |filter: &str, fields: &[&str]| {
        let mut arguments = vec!["-r", path.to_str().unwrap(), "-Y", filter, "-T", "fields"];
        for field in fields {
            arguments.extend(["-e", field]);
        }
        run("tshark", &arguments)
    };
    let Some((malformed, _)) = read("_ws.malformed", &["frame.number"]) else {
        return;
    };
    assert_eq!(malformed, "");
    let fields = [
        "sflow_245.sequence_number",
        "sflow_245.sysuptime",
        "sflow_245.ifinoct",
        "sflow.flow_sample.sampling_rate",
        "udp.dstport",
    ];
    let expected: Vec<String> = datagrams
        .iter()
        .map(|bytes| {
            let header = Datagram::parse(bytes).unwrap().header;
            let (number, uptime) = (header.sequence_number, header.uptime);
            // The time is also the counter; the ports are those of the datagram and the sample.
            format!("{number}\t{uptime}\t{uptime}\t400\t6343,67")
        })
        .collect();
    assert!(expected.len() >= 12, "{}", expected.len());
    let (read, _) = read("sflow", &fields).unwrap();
    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
}
