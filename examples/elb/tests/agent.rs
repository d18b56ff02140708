//! The agent between a scripted engine and a collector that records every datagram.
#![cfg(target_os = "linux")]

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use elb::agent::{Roots, Settings, run};
use serde_json::{Value, json};
use sflow_metrics::{Config, Registry, Timestamp, query::Query};
use sflow_v5::counter::{HostAdapters, HostDescr, HostParent, IfCounters, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Address, Datagram, FlowSample, Interface, Mac, Sample};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UdpSocket, UnixListener};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use support::{MAX_WAIT, unused_address};

const WEB: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const JOB: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// Constant usage of each container and of the host.
const CORES: f64 = 0.5;
const BYTES_IN: f64 = 1e6;
const BYTES_OUT: f64 = 4e6;
const HOST_BUSY: f64 = 0.25;
const HOST_BYTES_IN: f64 = 2e6;

/// Queries and their expected values.
const RATES: [(&str, f64); 7] = [
    ("sum:vir_cpu_cores{vir_host_name=web.1.abc}[5s]", CORES),
    ("sum:vir_bytes_in{vir_host_name=web.1.abc}[5s]", BYTES_IN),
    ("sum:vir_bytes_out{vir_host_name=web.1.abc}[5s]", BYTES_OUT),
    ("sum:vir_mem_used{vir_host_name=web.1.abc}", 1e8),
    (
        "sum:cpu_utilization{host_name=node-7}[5s]",
        100.0 * HOST_BUSY,
    ),
    ("sum:bytes_in{host_name=node-7}[5s]", HOST_BYTES_IN),
    ("sum:ifinoctets{ifname=eth0}[5s]", HOST_BYTES_IN),
];

/// Folders and engine socket of a host, as its agent sees them.
struct Host {
    folder: tempfile::TempDir,
    started: Instant,
    /// Running containers and when they started.
    running: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
            started: Instant::now(),
            running: Arc::default(),
        };
        let write = |path: &str, text: &str| write(&host.folder.path().join(path), text);
        // Differs from the engine's name: the agent may run in a container with its own host name.
        write("proc/sys/kernel/hostname", "3f2a9c0d1e4b\n");
        write("proc/sys/kernel/osrelease", "6.1.0-test\n");
        write(
            "proc/sys/kernel/random/boot_id",
            "00112233-4455-6677-8899-aabbccddeeff\n",
        );
        write("proc/loadavg", "0.50 0.40 0.30 2/180 4711\n");
        write("proc/uptime", "1000.25 1900.50\n");
        write(
            "proc/meminfo",
            "MemTotal:        4000000 kB\nMemFree:         1000000 kB\nCached:  5 kB\n",
        );
        write(
            "proc/diskstats",
            "   8       0 sda 10 0 80 5 20 0 160 7 0 0 0\n   7       0 loop0 9 0 9 9 9 0 9 9 0 0 0\n",
        );
        host.interface("lo", 1, "00:00:00:00:00:00", 772);
        host.interface("eth0", 2, "02:00:00:00:00:07", 1);
        write("sys/class/net/eth0/device/vendor", "0x1af4\n");
        host.interface("veth1a2b", 9, "02:00:00:00:00:09", 1);
        host.work();
        host
    }

    fn interface(&self, name: &str, index: u32, mac: &str, kind: u32) {
        let folder = self.folder.path().join("sys/class/net").join(name);
        for (file, text) in [
            ("ifindex", index.to_string()),
            ("address", mac.to_owned()),
            ("type", kind.to_string()),
            ("operstate", "up".to_owned()),
            ("speed", "10000".to_owned()),
            ("duplex", "full".to_owned()),
            ("flags", "0x1003".to_owned()),
        ] {
            write(&folder.join(file), &format!("{text}\n"));
        }
    }

    /// Writes the CPU counters of two processors up to now.
    fn work(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let ticks = |share: f64| (1_000.0 + 2.0 * share * seconds * 100.0) as u64;
        let (user, idle) = (ticks(HOST_BUSY), ticks(1.0 - HOST_BUSY));
        write(
            &self.folder.path().join("proc/stat"),
            &format!(
                "cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\nintr 5 1\nctxt 9\n"
            ),
        );
        let bytes = (HOST_BYTES_IN * seconds) as u64;
        write(
            &self.folder.path().join("proc/net/dev"),
            &format!(
                "Inter-|   Receive  |  Transmit\n face |bytes ...\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  \
                 eth0:{bytes} {packets} 0 0 0 0 0 0 7 1 0 0 0 0 0 0\nveth1a2b: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n",
                packets = bytes / 1_000
            ),
        );
    }

    fn start(&self, id: &str) {
        let mut running = self.running.lock().unwrap();
        running.insert(id.to_owned(), Instant::now());
    }

    fn stop(&self, id: &str) {
        self.running.lock().unwrap().remove(id);
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Starts the engine, which answers until the end of the test.
    fn serve(&self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let running = Arc::clone(&self.running);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or("");
                let (status, body) = match answer(&running.lock().unwrap(), path) {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", json!({"message": "No such container"})),
                };
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
    }

    fn settings(&self, collector: SocketAddr) -> Settings {
        Settings {
            collectors: vec![collector.into()],
            docker: format!("unix://{}", self.socket().display()),
            polling: Duration::from_secs(1),
            sampling: 0,
            address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7))),
            host_name: None,
            roots: Roots {
                proc: self.folder.path().join("proc"),
                sys: self.folder.path().join("sys"),
            },
        }
    }
}

/// Replaces the file atomically, so that the agent never reads a partial one.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let whole = path.with_extension("new");
    fs::write(&whole, text).unwrap();
    fs::rename(whole, path).unwrap();
}

fn answer(running: &BTreeMap<String, Instant>, path: &str) -> Option<Value> {
    if path == "/info" {
        return Some(json!({"Name": "node-7"}));
    }
    if path == "/containers/json" {
        let list = running
            .keys()
            .map(|id| json!({"Id": id, "State": "running"}));
        return Some(list.collect());
    }
    let (id, what) = path.strip_prefix("/containers/")?.split_once('/')?;
    let seconds = running.get(id)?.elapsed().as_secs_f64();
    let sum = |rate: f64| (1e5 + rate * seconds) as u64;
    let name = if id == WEB { "/web.1.abc" } else { "/job" };
    match what {
        "json" => Some(json!({
            "Id": id,
            "Name": name,
            "State": {"Pid": 4711, "Running": true},
            "HostConfig": {"NanoCpus": 2_000_000_000_u64, "Memory": 536_870_912, "NetworkMode": "default"},
            "NetworkSettings": {"Networks": {
                "backend": {"MacAddress": "02:42:0a:00:00:05"},
                "none": {"MacAddress": ""},
            }},
        })),
        "stats?stream=false&one-shot=true" => Some(json!({
            "cpu_stats": {"cpu_usage": {"total_usage": sum(CORES * 1e9)}},
            "memory_stats": {"usage": 100_000_000, "limit": 536_870_912},
            "networks": {
                "eth0": {"rx_bytes": sum(BYTES_IN * 0.75), "tx_bytes": sum(BYTES_OUT)},
                "eth1": {"rx_bytes": sum(BYTES_IN * 0.25), "tx_bytes": 0},
            },
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 8, "minor": 0, "op": "Read", "value": 4096},
                    {"major": 8, "minor": 0, "op": "write", "value": 8192},
                ],
                "io_serviced_recursive": null,
            },
        })),
        _ => None,
    }
}

/// The datagrams that a collector has received, with the time of arrival.
type Datagrams = Vec<(Duration, Vec<u8>)>;

/// Runs an agent until `story` ends, and records the datagrams that it sends.
async fn listen(
    host: &Host,
    settings: Settings,
    socket: UdpSocket,
    datagrams: &Mutex<Datagrams>,
    story: impl Future,
) {
    let begun = Instant::now();
    let (end, ended) = oneshot::channel::<()>();
    let agent = tokio::spawn(run(settings, async {
        ended.await.ok();
    }));
    let listening = async {
        let mut buffer = [0; 2_048];
        loop {
            let received = timeout(Duration::from_millis(20), socket.recv(&mut buffer)).await;
            if let Ok(length) = received {
                let bytes = buffer[..length.unwrap()].to_vec();
                datagrams.lock().unwrap().push((begun.elapsed(), bytes));
            } else if agent.is_finished() {
                return;
            }
            host.work();
        }
    };
    let story = async {
        story.await;
        end.send(()).unwrap();
    };
    timeout(3 * MAX_WAIT, async { tokio::join!(listening, story) })
        .await
        .expect("the agent ends when it is stopped");
    agent.await.unwrap().unwrap();
}

/// Asserts the invariants of all datagrams and ingests them into a registry. A datagram may arrive
/// up to `late` after the uptime that it contains.
fn validate(datagrams: &Datagrams, late: Duration) -> Registry {
    let mut registry = Registry::new(Config::default());
    for (query, _) in RATES {
        registry.watch(&query.parse().unwrap());
    }
    let mut sequences: HashMap<(bool, String), u32> = HashMap::new();
    for (position, (at, bytes)) in datagrams.iter().enumerate() {
        assert!(bytes.len() <= 1_400, "{} bytes", bytes.len());
        let datagram = Datagram::parse(bytes).unwrap();
        assert_eq!(datagram.validate(), Ok(()));
        assert_eq!(datagram.header.sequence_number, position as u32 + 1);
        assert_eq!(datagram.header.agent_address, Address::V4([10, 0, 0, 7]));
        let uptime = Duration::from_millis(datagram.header.uptime.into());
        assert!(uptime.abs_diff(*at) < late, "{uptime:?} {at:?}");
        for sample in datagram.samples() {
            let (is_flow, source, sequence) = match sample {
                Sample::Counters(sample) => (false, sample.source_id, sample.sequence_number),
                Sample::Flow(sample) => (true, sample.source_id, sample.sequence_number),
                other => panic!("{other:?}"),
            };
            let last = sequences.entry((is_flow, source.to_string())).or_default();
            assert_eq!(sequence, *last + 1, "{source}");
            *last = sequence;
        }
        registry.ingest(moment(*at), IpAddr::from([10, 0, 0, 7]), &datagram);
    }
    registry
}

fn moment(at: Duration) -> Timestamp {
    Timestamp::from_nanos((Duration::from_secs(1_000_000) + at).as_nanos() as u64)
}

/// The reported states of containers of this name, with the time of arrival.
fn states(datagrams: &Datagrams, name: &str) -> Vec<(Duration, DomainState)> {
    let mut states = Vec::new();
    for (at, bytes) in datagrams {
        for sample in Datagram::parse(bytes).unwrap().samples() {
            if let Sample::Counters(sample) = sample
                && let (Some(host), Some(cpu)) =
                    (sample.find::<HostDescr<'_>>(), sample.find::<VirtCpu>())
                && host.hostname == *name
            {
                states.push((*at, cpu.state));
            }
        }
    }
    states
}

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

/// Capturing needs a network namespace; the test runs the next one in a new namespace.
#[test]
fn packets_on_container_interfaces_are_sampled() {
    let inside = Command::new("unshare")
        .args(["--map-root-user", "--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sampling_in_own_network_namespace",
            "--ignored",
            "--nocapture",
        ])
        .env("ELB_TEST_INSIDE", "1")
        .output();
    let Ok(inside) = inside else {
        eprintln!("skipped: creating a network namespace needs unshare");
        return;
    };
    let errors = String::from_utf8_lossy(&inside.stderr);
    if errors.contains("unshare") && !inside.status.success() {
        eprintln!("skipped: {errors}");
        return;
    }
    let out = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success(), "{out}{errors}");
    assert!(out.contains("1 passed"), "{out}");
}

#[tokio::test]
#[ignore = "run by the test above, in a new network namespace"]
async fn sampling_in_own_network_namespace() {
    const PACKETS: u32 = 6_000;
    const RATE: u32 = 10;
    const PAYLOAD: usize = 500;
    const MARKER: usize = 200;
    if std::env::var_os("ELB_TEST_INSIDE").is_none() {
        return;
    }
    let set_up = "ip link set lo up && ip link add vethedge type veth peer name inside && \
                  ip link set vethedge up && ip link set inside up && \
                  ip addr add 10.9.0.1/24 dev vethedge && \
                  ip neigh add 10.9.0.2 lladdr 02:42:0a:09:00:02 dev vethedge && \
                  cat /proc/net/dev > /dev/null && ip -o link show vethedge";
    let set_up = Command::new("sh").args(["-c", set_up]).output().unwrap();
    if !set_up.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&set_up.stderr));
        return;
    }
    let line = String::from_utf8(set_up.stdout).unwrap();
    let index: u32 = line.split(':').next().unwrap().trim().parse().unwrap();

    let host = Host::new();
    host.interface("vethedge", index, "02:00:00:00:00:0a", 1);
    host.serve();
    let collector = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = Settings {
        sampling: RATE,
        ..host.settings(collector.local_addr().unwrap())
    };
    let datagrams = Mutex::new(Datagrams::new());
    let sent = Cell::new(0);
    listen(&host, settings, collector, &datagrams, async {
        let socket = UdpSocket::bind(("10.9.0.1", 0)).await.unwrap();
        let send = async |length: usize| {
            let packet = vec![7; length];
            socket.send_to(&packet, ("10.9.0.2", 9)).await.unwrap();
            sent.set(sent.get() + 1);
        };
        // The agent sends samples in the order of their packets: once a marker has been sampled and
        // sent, so have all packets before it, and the agent's buffers are empty.
        let drain = async || {
            let before = samples_of(&datagrams.lock().unwrap(), MARKER);
            while samples_of(&datagrams.lock().unwrap(), MARKER) == before {
                send(MARKER).await;
                sleep(Duration::from_millis(10)).await;
            }
        };
        drain().await;
        for packet in 1..=PACKETS {
            send(PAYLOAD).await;
            if packet % 500 == 0 {
                drain().await;
            }
        }
    })
    .await;

    let datagrams = datagrams.into_inner().unwrap();
    validate(&datagrams, MAX_WAIT);
    let mut last: Option<FlowSample<'_>> = None;
    let mut samples = 0;
    for (_, bytes) in &datagrams {
        for sample in Datagram::parse(bytes).unwrap().samples() {
            let Sample::Flow(sample) = sample else {
                continue;
            };
            assert_eq!(sample.source_id.index, index);
            assert_eq!(sample.sampling_rate, RATE);
            let header: SampledHeader<'_> = sample.find().unwrap();
            if header.frame_length as usize != frame_length(PAYLOAD) {
                // A marker, or a packet that the kernel sends on every new interface.
                continue;
            }
            assert_eq!((header.header.0.len(), header.stripped), (128, 4));
            assert_eq!(header.header.0[..6], [0x02, 0x42, 0x0a, 9, 0, 2]);
            assert_eq!(sample.output, Interface::index(index));
            samples += 1;
            last = Some(sample);
        }
    }
    // Five standard deviations of random sampling.
    let expected = f64::from(PACKETS / RATE);
    let difference = (f64::from(samples) - expected).abs();
    assert!(
        difference < 5.0 * (expected * 0.9).sqrt(),
        "{samples} of {PACKETS}"
    );
    let (pool, sent) = (last.unwrap().sample_pool, sent.get());
    assert!(pool.abs_diff(sent) < sent / 5, "{pool} of {sent}");
}

/// Length in bytes of an Ethernet frame with this length of UDP payload.
const fn frame_length(payload: usize) -> usize {
    14 + 20 + 8 + payload + 4
}

/// Number of samples of packets with this length of payload.
fn samples_of(datagrams: &Datagrams, payload: usize) -> usize {
    let is_one = |sample: &Sample<'_>| match sample {
        Sample::Flow(sample) => {
            let header = sample.find::<SampledHeader<'_>>();
            header.is_some_and(|header| header.frame_length as usize == frame_length(payload))
        }
        _ => false,
    };
    let datagrams = datagrams
        .iter()
        .map(|(_, bytes)| Datagram::parse(bytes).unwrap());
    datagrams
        .map(|datagram| datagram.samples().filter(is_one).count())
        .sum()
}
