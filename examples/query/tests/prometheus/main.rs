//! The metrics that the program serves.

mod grammar;
mod serving;
mod workers;

use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use serving::Serving;
use sflow_collector::capture::Capture;
use sflow_v5::counter::{HostDescr, VirtNetIo};
use sflow_v5::enums::DataSourceKind;
use sflow_v5::types::Text;
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Datagram, Encoder, Header, Records, Sample,
};

const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

#[test]
fn all_metrics_of_a_capture_are_served() {
    let serving = Serving::all_of(&[SWARM]);
    let exposition = serving.scrape();
    let bytes = exposition.of("sflow_vir_bytes_in_bytes_total", "name", "apache.1.");
    assert_eq!(bytes, [last_bytes_in("apache.1.") as f64]);
    assert_eq!(
        exposition.of("sflow_vir_bytes_in_bytes_total", "host", "node2"),
        bytes
    );
    assert_eq!(
        exposition
            .of("sflow_vir_cpu_utilization", "kind", "container")
            .len(),
        1
    );
    assert_eq!(exposition.of("sflow_cpu_num", "kind", "host"), [2.0; 3]);
    let octets = exposition.of("sflow_ifinoctets_bytes_total", "ifindex", "3");
    assert_eq!(octets.len(), 3, "an interface on each host");
    let gone = exposition.of("sflow_vir_bytes_in_bytes_total", "name", "apache.2.");
    assert!(gone.is_empty(), "absent is not zero");

    let of_agents = |name| exposition.of(name, "agent", "10.99.0.").iter().sum::<f64>();
    assert_eq!(of_agents("sflow_agent_datagrams_total"), 1448.0);
    assert_eq!(of_agents("sflow_agent_datagrams_lost_total"), 0.0);
    for (name, value) in [
        ("sflow_stream_datagrams_total", Some(1448.0)),
        ("sflow_stream_datagrams_malformed_total", Some(0.0)),
        ("sflow_stream_counters_reset_total", Some(8.0)),
        ("sflow_stream_kernel_drops_total", None),
        ("sflow_series_left_out", Some(0.0)),
    ] {
        assert_eq!(exposition.single(name), value, "{name}");
    }
    assert_eq!(exposition.of("sflow_entities", "kind", "host"), [3.0]);
    assert!(exposition.single("sflow_scrape_seconds").unwrap() > 0.0);
    assert_eq!(exposition.count("sflow_answer"), 0);
    let again = serving.scrape();
    assert!(
        exposition.labels().eq(again.labels()),
        "scrapes change nothing"
    );
}

#[test]
fn other_paths_and_methods_are_rejected() {
    let serving = Serving::all_of(&[SWARM]);
    for (request, status) in [
        ("POST /metrics", "405"),
        ("DELETE /", "405"),
        ("GET /elsewhere", "404"),
    ] {
        let (head, _) = serving.request(request, "");
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    let (head, body) = serving.request("GET /", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("text/plain") && body.contains("/metrics"),
        "{body}"
    );
}

#[test]
fn format_depends_on_accept_header() {
    let serving = Serving::all_of(&[SWARM]);
    let open_metrics = "# TYPE sflow_vir_bytes_in_bytes counter\n";
    let text = "# TYPE sflow_vir_bytes_in_bytes_total counter\n";
    for (headers, media_type, line) in [
        ("", "text/plain; version=0.0.4", text),
        ("Accept: */*\r\n", "text/plain; version=0.0.4", text),
        (
            "Accept: application/openmetrics-text\r\n",
            "application/openmetrics-text; version=1.0.0",
            open_metrics,
        ),
    ] {
        let (head, body) = serving.request("GET /metrics", headers);
        let content_type = format!("content-type: {media_type}; charset=utf-8\r\n");
        assert!(head.contains(&content_type), "{headers}: {head}");
        assert!(head.contains("vary: accept"), "{headers}: {head}");
        assert!(body.contains(line), "{headers}");
        assert_eq!(body.ends_with("# EOF\n"), line == open_metrics, "{headers}");
    }
}

#[test]
fn promtool_accepts_the_response() {
    let query = "avg:vir_cpu_utilization,sum:vir_mem_total,sum:bytes_in by host";
    for arguments in [&[SWARM][..], &[query, SWARM]] {
        let (_, body) = Serving::all_of(arguments).request("GET /metrics", "");
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped());
        promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match promtool.spawn() {
            Ok(child) => child,
            Err(error) => {
                eprintln!(
                    "skipped: promtool cannot be run ({error}); Debian's package prometheus has it"
                );
                return;
            }
        };
        let mut input = child.stdin.take().unwrap();
        input.write_all(body.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && complaints.is_empty(),
            "{complaints}"
        );
    }
}

#[test]
fn query_limits_metrics_and_entities() {
    let query = "max:vir_bytes_in,avg:vir_mem_used{vir_host_name=apache.*} by host_name";
    let exposition = Serving::all_of(&[query, SWARM]).scrape();
    let bytes = exposition.of("sflow_vir_bytes_in_bytes_total", "kind", "");
    assert_eq!(bytes, [last_bytes_in("apache.1.") as f64]);
    assert_eq!(
        exposition
            .of("sflow_vir_mem_used_bytes", "name", "apache.1.")
            .len(),
        1
    );
    for other in [
        "sflow_cpu",
        "sflow_if",
        "sflow_vir_bytes_out",
        "sflow_vir_cpu",
    ] {
        assert_eq!(exposition.count(other), 0, "{other}");
    }
    assert_eq!(
        exposition.of("sflow_answer", "group", "node2"),
        [344_064.0, 0.0]
    );
    let contributing = exposition.of("sflow_answer_contributing", "expression", "max:");
    assert_eq!(contributing, [1.0]);
    assert_eq!(
        exposition.of("sflow_answer_matched", "group", "node2"),
        [1.0; 2]
    );

    let unmatched = "avg:vir_cpu_cores,avg:vir_cpu_cores{vir_host_name=nobody}";
    let exposition = Serving::all_of(&[unmatched, SWARM]).scrape();
    assert_eq!(exposition.count("sflow_vir"), 0);
    assert!(exposition.of("sflow_answer", "expression", "").is_empty());
    assert_eq!(
        exposition.of("sflow_answer_matched", "expression", "avg:"),
        [0.0]
    );
}

/// The output exceeds the capacity of the pipe, so that the program waits for its reader.
#[test]
fn blocked_output_does_not_delay_scrapes() {
    let query = "sum:vir_cpu_cores";
    let serving = Serving::start(&[query, SWARM, "--every", "10ms"]);
    let datagrams = || {
        serving
            .scrape()
            .single("sflow_stream_datagrams_total")
            .unwrap()
    };
    let (mut before, mut now) = (-1.0, datagrams());
    while now != before || now == 0.0 {
        std::thread::sleep(Duration::from_millis(100));
        (before, now) = (now, datagrams());
    }
    assert!(now < 1448.0, "the output was not blocked");
}

#[test]
fn number_of_series_is_limited() {
    let all = Serving::all_of(&[SWARM]).scrape();
    let few = Serving::all_of(&[SWARM, "--prometheus-series", "40"]).scrape();
    let fixed = |exposition: &grammar::Exposition| {
        let names = [
            "sflow_stream_",
            "sflow_entities",
            "sflow_series_",
            "sflow_scrape_",
        ];
        names
            .map(|name| exposition.count(name))
            .iter()
            .sum::<usize>()
    };
    assert_eq!(few.count("") - fixed(&few), 40);
    let left_out = few.single("sflow_series_left_out").unwrap();
    assert_eq!(left_out, (all.count("") - fixed(&all) - 40) as f64);
    assert_eq!(few.of("sflow_agent_datagrams_total", "agent", "").len(), 3);
}

/// Names that would end their quotes early, and two containers with one name.
#[test]
fn hostile_names_are_escaped() {
    let hostile = "web\"} 1\n# EOF\n\\\u{1b}[2J";
    let long = "x".repeat(250);
    let not_text = b"\xff\xfe\0caf\xe9".as_slice();
    let mut serving = Serving::start(&["--listen", "127.0.0.1:0"]);
    let line = serving.wait_for("listening on");
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let names = [
        hostile.as_bytes(),
        hostile.as_bytes(),
        long.as_bytes(),
        not_text,
    ];
    for sequence in 1..=3 {
        for (index, name) in (1..).zip(names) {
            let bytes = report(sequence * 4 + index, sequence, index, name);
            socket.send_to(&bytes, &address).unwrap();
        }
        socket.send_to(b"not sFlow", &address).unwrap();
    }
    let mut values = vec![
        ("sflow_stream_datagrams_total", 12.0),
        ("sflow_stream_datagrams_malformed_total", 3.0),
    ];
    if cfg!(target_os = "linux") {
        values.push(("sflow_stream_kernel_drops_total", 0.0));
    }
    let exposition = serving.scrape_until(&values);
    let bytes = |label, begin| exposition.of("sflow_vir_bytes_in_bytes_total", label, begin);
    let escaped = "web\"} 1\\n# EOF\\n\\\\u{1b}[2J";
    assert_eq!(bytes("name", escaped), [3000.0; 2], "data sources differ");
    assert_eq!(bytes("data_source", "3:1"), [3000.0]);
    assert_eq!(bytes("name", &long[..200]), [3000.0]);
    assert!(bytes("name", &long[..201]).is_empty());
    assert_eq!(bytes("name", "\u{fffd}\u{fffd}").len(), 1);
    let mut values = exposition.labels().flat_map(|labels| labels.values());
    assert!(values.all(|value| !value.contains(char::is_control)));
}

#[test]
fn unusable_address_is_named() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = used.local_addr().unwrap().to_string();
    for (address, code, words) in [
        (address.as_str(), 1, "end the program that uses it"),
        ("192.0.2.1:0", 1, "give --prometheus another address"),
        (SWARM, 2, "come before --prometheus"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_query"))
            .args([SWARM, "--prometheus", address])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code));
        assert!(text.contains(address) && text.contains(words), "{text}");
    }
}

/// The counter in the last sample of a container, without the registry.
fn last_bytes_in(name: &str) -> u64 {
    let mut capture = Capture::open(SWARM).unwrap();
    let mut last = None;
    while let Some(received) = capture.next_datagram().unwrap() {
        let datagram = Datagram::parse(received.bytes).unwrap();
        for sample in datagram.samples() {
            let Sample::Counters(sample) = sample else {
                continue;
            };
            let host = sample.find::<HostDescr<'_>>();
            if host.is_some_and(|host| host.hostname.to_string().starts_with(name)) {
                last = sample
                    .find::<VirtNetIo>()
                    .and_then(|net| net.rx_bytes.known())
                    .or(last);
            }
        }
    }
    last.expect("a sample")
}

fn report(datagram: u32, sequence: u32, index: u32, name: &[u8]) -> Vec<u8> {
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
