//! A host made of files, its scripted engine, and the datagrams that a collector receives.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::{Roots, Settings, run};
use serde_json::{Value, json};
use sflow_metrics::{Config, Registry, Timestamp};
use sflow_v5::counter::{HostDescr, VirtCpu};
use sflow_v5::enums::DomainState;
use sflow_v5::{Address, Datagram, Sample};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UdpSocket, UnixListener};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::MAX_WAIT;

pub(crate) const WEB: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// A container that the engine lists and cannot inspect.
pub(crate) const BROKEN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
pub(crate) const JOB: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// Constant usage of each container and of the host.
pub(crate) const CORES: f64 = 0.5;
pub(crate) const BYTES_IN: f64 = 1e6;
pub(crate) const BYTES_OUT: f64 = 4e6;
pub(crate) const HOST_BUSY: f64 = 0.25;
pub(crate) const HOST_BYTES_IN: f64 = 2e6;

/// Queries and their expected values.
pub(crate) const RATES: [(&str, f64); 7] = [
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
pub(crate) struct Host {
    folder: tempfile::TempDir,
    started: Instant,
    /// Running containers and when they started.
    running: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Host {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn interface(&self, name: &str, index: u32, mac: &str, kind: u32) {
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
    pub(crate) fn work(&self) {
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

    pub(crate) fn start(&self, id: &str) {
        let mut running = self.running.lock().unwrap();
        running.insert(id.to_owned(), Instant::now());
    }

    pub(crate) fn stop(&self, id: &str) {
        self.running.lock().unwrap().remove(id);
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Starts the engine, which answers until the end of the test.
    pub(crate) fn serve(&self) {
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
                    _ if path.contains(BROKEN) => ("500 Internal Server Error", json!({})),
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

    pub(crate) fn settings(&self, collector: SocketAddr) -> Settings {
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
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let whole = path.with_extension("new");
    fs::write(&whole, text).unwrap();
    fs::rename(whole, path).unwrap();
}

pub(crate) fn answer(running: &BTreeMap<String, Instant>, path: &str) -> Option<Value> {
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
pub(crate) type Datagrams = Vec<(Duration, Vec<u8>)>;

/// Runs an agent until `story` ends, and records the datagrams that it sends.
pub(crate) async fn listen(
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
pub(crate) fn validate(datagrams: &Datagrams, late: Duration) -> Registry {
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

pub(crate) fn moment(at: Duration) -> Timestamp {
    Timestamp::from_nanos((Duration::from_secs(1_000_000) + at).as_nanos() as u64)
}

/// The reported states of containers of this name, with the time of arrival.
pub(crate) fn states(datagrams: &Datagrams, name: &str) -> Vec<(Duration, DomainState)> {
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
