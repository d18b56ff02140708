//! Reports of a host and its containers.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use agent::run;
use sflow_metrics::query::Query;
use sflow_v5::counter::{HostAdapters, HostParent, IfCounters, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::{Datagram, Mac, Sample};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::host::*;
use crate::{MAX_WAIT, unused_address};

/// Runs in virtual time.
#[tokio::test(start_paused = true)]
async fn agent_reports_usage_of_host_and_containers() {
    let host = Host::new();
    host.start(WEB);
    host.serve();
    let collector = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = host.settings(collector.local_addr().unwrap());
    let datagrams = Mutex::new(Datagrams::new());
    listen(&host, settings, collector, &datagrams, async {
        sleep(Duration::from_secs(2)).await;
        host.start(JOB);
        sleep(Duration::from_secs(3)).await;
        host.stop(JOB);
        sleep(Duration::from_secs(2)).await;
    })
    .await;

    let datagrams = datagrams.into_inner().unwrap();
    let registry = validate(&datagrams, Duration::from_millis(500));
    let now = moment(datagrams.last().unwrap().0);
    let ask = |query: &str| {
        let query: Query = query.parse().unwrap();
        registry.query(now, &query)[0].value
    };
    for (query, expected) in RATES {
        let value = ask(query).unwrap_or_else(|| panic!("{query} has a value"));
        assert!(
            (value / expected - 1.0).abs() < 0.15,
            "{query}: {value}, not {expected}"
        );
    }

    let web = registry
        .entities(now)
        .find(|entity| entity.name() == "web.1.abc")
        .unwrap();
    let uuid: [u8; 16] =
        std::array::from_fn(|at| [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef][at % 8]);
    assert_eq!(web.uuid().unwrap().0, uuid);
    assert_eq!(web.parent().unwrap().name(), "node-7");

    // At once when the container is found, once per second, and once after it has stopped.
    let job = states(&datagrams, "job");
    let (first, last) = (job[0], job[job.len() - 1]);
    let seconds = |at: Duration| at.as_secs_f64();
    assert!((2.0..3.5).contains(&seconds(first.0)), "{job:?}");
    assert!((5.0..6.5).contains(&seconds(last.0)), "{job:?}");
    assert_eq!(last.1, DomainState::SHUT_OFF);
    let (_, running) = job.split_last().unwrap();
    assert!(running.len() >= 3, "{job:?}");
    assert!(
        running
            .iter()
            .all(|(_, state)| *state == DomainState::RUNNING),
        "{job:?}"
    );
    assert_eq!(ask("sum:vir_cpu_cores{vir_host_name=job}"), None);
    check_every_field(&datagrams);
    dissect(&datagrams);
}

/// Checks the fields that the registry does not expose.
fn check_every_field(datagrams: &Datagrams) {
    let (mut containers, mut ports) = (0, Vec::new());
    for (_, bytes) in datagrams {
        for sample in Datagram::parse(bytes).unwrap().samples() {
            let Sample::Counters(sample) = sample else {
                panic!("packet samples although sampling is off");
            };
            if sample.source_id.kind == DataSourceKind::INTERFACE {
                ports.push(sample.source_id.index);
            }
            if sample.source_id.kind != DataSourceKind::LOGICAL {
                continue;
            }
            containers += 1;
            assert!((100_000..150_000).contains(&sample.source_id.index));
            let parent: HostParent = sample.find().unwrap();
            assert_eq!(
                (parent.container_type, parent.container_index),
                (DataSourceKind::PHYSICAL, 1)
            );
            let adapters: HostAdapters<'_> = sample.find().unwrap();
            let macs: Vec<Mac> = adapters
                .adapters
                .iter()
                .flat_map(|adapter| adapter.mac_address.iter().collect::<Vec<_>>())
                .collect();
            assert_eq!(macs, [Mac([0x02, 0x42, 0x0a, 0, 0, 5])]);
            let cpu: VirtCpu = sample.find().unwrap();
            assert_eq!(cpu.nr_virt_cpu.0, 2);
        }
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports, [2, 9], "all interfaces except loopback");
    assert!(containers >= 10, "{containers}");
}

/// Lets Wireshark dissect the datagrams if it is installed. It does not support host structures
/// and cannot continue after an unknown structure.
fn dissect(datagrams: &Datagrams) {
    if Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("skipped: dissection by Wireshark; tshark is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (text, capture) = (folder.path().join("hex"), folder.path().join("pcap"));
    let mut lines = String::new();
    let mut expected = Vec::new();
    for (_, bytes) in datagrams {
        let datagram = Datagram::parse(bytes).unwrap();
        let counters = |sample: Sample<'_>| match sample {
            Sample::Counters(sample) => sample.find::<IfCounters>(),
            _ => None,
        };
        let known: Option<Vec<IfCounters>> = datagram.samples().map(counters).collect();
        let Some(known) = known else { continue };
        let values = |value: fn(&IfCounters) -> u64| {
            let values: Vec<String> = known.iter().map(|port| value(port).to_string()).collect();
            values.join(",")
        };
        expected.push(format!(
            "{}\t{}\t{}",
            datagram.header.sequence_number,
            values(|port| port.if_index.into()),
            values(|port| port.if_in_octets.0),
        ));
        for (row, sixteen) in bytes.chunks(16).enumerate() {
            let bytes: Vec<String> = sixteen.iter().map(|byte| format!("{byte:02x}")).collect();
            lines.push_str(&format!("{:06x} {}\n", row * 16, bytes.join(" ")));
        }
        lines.push('\n');
    }
    assert!(expected.len() > 3, "{expected:?}");
    fs::write(&text, lines).unwrap();
    let packed = Command::new("text2pcap")
        .args(["-q", "-u", "40000,6343"])
        .args([&text, &capture])
        .output()
        .unwrap();
    assert!(packed.status.success(), "{packed:?}");
    let read = |filter: &str| {
        let mut command = Command::new("tshark");
        command
            .arg("-r")
            .arg(&capture)
            .args(["-Y", filter, "-T", "fields"]);
        for field in [
            "sflow_245.sequence_number",
            "sflow_245.ifindex",
            "sflow_245.ifinoct",
        ] {
            command.args(["-e", field]);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(read("_ws.malformed"), "");
    assert_eq!(read("sflow").lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn agent_reports_once_engine_and_collector_are_available() {
    let host = Host::new();
    host.start(WEB);
    let address = unused_address();
    let settings = host.settings(address);
    let (end, ended) = oneshot::channel::<()>();
    let agent = tokio::spawn(run(settings, async {
        ended.await.ok();
    }));
    // At first, neither engine nor collector is available.
    sleep(Duration::from_millis(1_500)).await;
    assert!(!agent.is_finished());
    let collector = UdpSocket::bind(address).await.unwrap();
    host.serve();
    let mut buffer = [0; 2_048];
    let found = timeout(MAX_WAIT, async {
        loop {
            let length = collector.recv(&mut buffer).await.unwrap();
            let datagrams = vec![(Duration::ZERO, buffer[..length].to_vec())];
            if !states(&datagrams, "web.1.abc").is_empty() {
                return;
            }
        }
    });
    found.await.expect("the container is reported");
    end.send(()).unwrap();
    agent.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn unreachable_collector_does_not_affect_reachable_ones() {
    const DATAGRAMS: usize = 5;
    let host = Host::new();
    host.start(WEB);
    host.serve();
    let collectors = [
        UdpSocket::bind(("127.0.0.1", 0)).await.unwrap(),
        UdpSocket::bind(("127.0.0.1", 0)).await.unwrap(),
    ];
    let mut settings = host.settings(unused_address());
    for collector in &collectors {
        let address = collector.local_addr().unwrap();
        settings.collectors.push(address.into());
    }
    let (end, ended) = oneshot::channel::<()>();
    let agent = tokio::spawn(run(settings, async {
        ended.await.ok();
    }));
    let receive = async |collector: &UdpSocket| {
        let mut received = Vec::new();
        let mut buffer = [0; 2_048];
        while received.len() < DATAGRAMS {
            let length = collector.recv(&mut buffer).await.unwrap();
            received.push(buffer[..length].to_vec());
        }
        received
    };
    let both = async { tokio::join!(receive(&collectors[0]), receive(&collectors[1])) };
    let (first, second) = timeout(MAX_WAIT, both).await.unwrap();
    assert_eq!(first, second);
    end.send(()).unwrap();
    agent.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn container_that_cannot_be_inspected_does_not_hide_others() {
    let host = Host::new();
    host.start(BROKEN);
    host.start(WEB);
    host.serve();
    let collector = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = host.settings(collector.local_addr().unwrap());
    let datagrams = Mutex::new(Datagrams::new());
    listen(&host, settings, collector, &datagrams, async {
        let reported = async {
            while states(&datagrams.lock().unwrap(), "web.1.abc").is_empty() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(MAX_WAIT, reported).await.expect("it is reported");
    })
    .await;
}
