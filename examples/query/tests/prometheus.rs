//! What Prometheus gets to see.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sflow_v5::counter::{HostDescr, VirtNetIo};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, DataSourceKind, Encoder, Header, Records,
    Sample, Text,
};

const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

/// The program, serving; ended when the test is over.
struct Serving {
    child: Child,
    address: String,
    errors: BufReader<std::process::ChildStderr>,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_query"))
            .args(arguments)
            .args(["--prometheus", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let told = line(&mut errors);
        let address = told
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        Self {
            address: address.unwrap_or_else(|| panic!("{told}")).to_owned(),
            child,
            errors,
        }
    }

    /// Waits for the next thing that it says.
    fn hear(&mut self, words: &str) -> String {
        let told = line(&mut self.errors);
        assert!(told.contains(words), "{told}");
        told
    }

    fn request(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn scrape(&self) -> Exposition {
        let (head, body) = self.request("GET /metrics");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(
            head.contains("application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        Exposition::read(&body)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn line(errors: &mut impl std::io::BufRead) -> String {
    let mut told = String::new();
    errors.read_line(&mut told).unwrap();
    told
}

/// Series by name and labels, read strictly.
struct Exposition(BTreeMap<(String, BTreeMap<String, String>), f64>);

impl Exposition {
    fn read(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect("the end");
        let (mut families, mut series) = (BTreeSet::new(), BTreeMap::new());
        let (mut name, mut kind) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                name = rest.split(' ').next().unwrap().to_owned();
                assert!(families.insert(name.clone()), "{name} stands twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (of, is) = rest.split_once(' ').unwrap();
                assert_eq!(of, name);
                assert!(["counter", "gauge"].contains(&is), "{line}");
                kind = is.to_owned();
            } else {
                let (id, labels, value) = sample(line);
                let suffix = if kind == "counter" { "_total" } else { "" };
                assert_eq!(id, format!("{name}{suffix}"), "{line}");
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                assert!(id.bytes().all(is_plain), "{id}");
                let before = series.insert((id, labels), value);
                assert_eq!(before, None, "{line}: stands twice");
            }
        }
        Self(series)
    }

    /// The values of the series of this name with this label.
    fn of(&self, name: &str, label: &str, begin: &str) -> Vec<f64> {
        let of_it = self.0.iter().filter(|((known, labels), _)| {
            known == name
                && labels
                    .get(label)
                    .is_some_and(|value| value.starts_with(begin))
        });
        of_it.map(|(_, value)| *value).collect()
    }

    fn single(&self, name: &str) -> Option<f64> {
        self.0.get(&(name.to_owned(), BTreeMap::new())).copied()
    }
}

/// `name{label="value",…} number`
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("{line}"));
    let mut labels = BTreeMap::new();
    let mut characters = rest.chars().peekable();
    while characters.peek() != Some(&'}') {
        let label: String = characters.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(characters.next(), Some('"'), "{line}");
        let mut value = String::new();
        loop {
            match characters.next().expect("a quote") {
                '"' => break,
                '\\' => value.push(match characters.next().unwrap() {
                    'n' => '\n',
                    escaped @ ('"' | '\\') => escaped,
                    other => panic!("\\{other} in {line}"),
                }),
                plain => value.push(plain),
            }
        }
        assert_eq!(labels.insert(label, value), None, "{line}");
        if characters.peek() == Some(&',') {
            characters.next();
        }
    }
    let rest: String = characters.skip(1).collect();
    (name.to_owned(), labels, rest.trim().parse().unwrap())
}

#[test]
fn everything_of_a_capture() {
    let mut serving = Serving::start(&[SWARM]);
    serving.hear("all is read");
    let told = serving.scrape();
    // What the last counters sample of apache.1 says, as sflowtool reads it.
    let bytes = told.of("sflow_vir_bytes_in_total", "name", "apache.1.");
    assert_eq!(bytes.len(), 1);
    assert!(bytes[0] > 1e6, "{bytes:?}");
    assert_eq!(told.of("sflow_vir_bytes_in_total", "host", "node2"), bytes);
    assert_eq!(told.of("sflow_cpu_num", "kind", "host"), [2.0; 3]);
    assert_eq!(
        told.of("sflow_agent_datagrams_total", "agent", "10.99.0.")
            .iter()
            .sum::<f64>(),
        1448.0
    );
    assert_eq!(told.single("sflow_stream_datagrams_total"), Some(1448.0));
    assert_eq!(told.single("sflow_series_left_out"), Some(0.0));
    assert!(
        told.of("sflow_vir_bytes_in_total", "name", "apache.2.")
            .is_empty(),
        "it is gone"
    );

    let (head, _) = serving.request("POST /metrics");
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
    let (head, body) = serving.request("GET /");
    assert!(
        head.starts_with("HTTP/1.1 200") && body.contains("/metrics"),
        "{head}"
    );
}

#[test]
fn only_what_a_query_is_about() {
    let query = "max:vir_bytes_in,avg:vir_mem_used{vir_host_name=apache.*} by host_name";
    let mut serving = Serving::start(&[query, SWARM]);
    serving.hear("all is read");
    let told = serving.scrape();
    assert_eq!(
        told.of("sflow_vir_bytes_in_total", "kind", "container")
            .len(),
        1
    );
    assert!(told.of("sflow_cpu_num", "kind", "").is_empty());
    assert!(told.of("sflow_vir_bytes_out_total", "kind", "").is_empty());
    assert_eq!(told.of("sflow_answer", "group", "node2"), [344_064.0, 0.0]);
    assert_eq!(
        told.of("sflow_answer_contributing", "expression", "max:"),
        [1.0]
    );

    let mut few = Serving::start(&[SWARM, "--prometheus-series", "10"]);
    few.hear("all is read");
    assert!(few.scrape().single("sflow_series_left_out").unwrap() > 100.0);
}

/// Names that would break out of their quotes, and two containers with one name.
#[test]
fn strangers_cannot_break_out() {
    let hostile = "web\"} 1\n# EOF\n\\\u{1b}[2J";
    let long = "x".repeat(250);
    let mut serving = Serving::start(&["--listen", "127.0.0.1:0"]);
    let told = serving.hear("listening on");
    let address = told.trim().rsplit(' ').next().unwrap().to_owned();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for sequence in 1..=3 {
        for (index, name) in (1..).zip([hostile, hostile, &long]) {
            let bytes = report(sequence * 3 + index, sequence, index, name);
            socket.send_to(&bytes, &address).unwrap();
        }
    }
    let mut tries = 0;
    let told = loop {
        let told = serving.scrape();
        if told.single("sflow_stream_datagrams_total") == Some(9.0) {
            break told;
        }
        tries += 1;
        assert!(tries < 200, "datagrams do not arrive");
        std::thread::sleep(Duration::from_millis(20));
    };
    let name = "sflow_vir_bytes_in_total";
    assert_eq!(
        told.of(name, "name", "web\"} 1\u{fffd}# EOF\u{fffd}\\\u{fffd}[2J"),
        [3000.0; 2]
    );
    assert_eq!(told.of(name, "name", &"x".repeat(200)), [3000.0]);
    assert!(told.of(name, "name", &"x".repeat(201)).is_empty());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_query"))
        .args([SWARM, "--prometheus", &address])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains(&address) && text.contains("somebody else"),
        "{text}"
    );
}

fn report(datagram: u32, sequence: u32, index: u32, name: &str) -> Vec<u8> {
    let header = Header {
        agent_address: Address::V4([127, 0, 0, 1]),
        sequence_number: datagram,
        uptime: sequence * 1000,
        ..Header::default()
    };
    let net = VirtNetIo {
        rx_bytes: u64::from(sequence * 1000).into(),
        ..VirtNetIo::default()
    };
    let descr = HostDescr {
        hostname: Text::from(name),
        ..HostDescr::default()
    };
    let records = [CounterRecord::from(net), descr.into()];
    let mut buffer = [0; 2000];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    encoder
        .push(&Sample::Counters(CountersSample {
            sequence_number: sequence,
            source_id: DataSource::new(DataSourceKind::LOGICAL, index),
            records: Records::from(&records[..]),
            ..CountersSample::default()
        }))
        .unwrap();
    encoder.finish().to_vec()
}
