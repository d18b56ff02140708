use std::fs::File;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pcap_file::pcap::PcapReader;
use serde_json::Value;
use sflow_v5::enums::DropReason;
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, Sample};

use crate::recording::{Recording, swarm};
use crate::{NAMED, OPENVSWITCH, PROGRAM, SWARM, TIMEOUT, run, text, unused_address};

fn document(arguments: &[&str]) -> Value {
    let output = run(&[&["--once", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is not a number"))
}

fn in_rows(document: &Value) -> f64 {
    let rows = document["rows"].as_array().unwrap();
    rows.iter().map(|row| number(&row["value"])).sum()
}

fn assert_near(found: f64, expected: f64) {
    let off = (found - expected).abs();
    assert!(off <= expected.abs() * 1e-9, "{found}, not {expected}");
}

/// Bytes and packets that the samples of a capture represent by their stated rates, computed without
/// the library.
fn sampled(path: &str) -> (f64, f64) {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let (mut bytes, mut packets) = (0.0, 0.0);
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        // Ethernet, IPv4 without options, UDP.
        let datagram = Datagram::parse(&packet.data[42..]).unwrap();
        for sample in datagram.samples() {
            if let Sample::Flow(sample) = sample {
                let header = sample.find::<SampledHeader<'_>>().unwrap();
                let rate = f64::from(sample.sampling_rate);
                bytes += f64::from(header.frame_length) * rate;
                packets += rate;
            }
        }
    }
    (bytes, packets)
}

#[test]
fn rows_and_other_add_up_to_sampled_total() {
    let (bytes, packets) = sampled(SWARM);
    for keys in [
        "",
        "end.src",
        "ip.src,ip.dst",
        "tcp.flags,port.src,port.dst",
        "service.src",
    ] {
        for top in ["1", "3", "1000"] {
            let whole = document(&[SWARM, "--keys", keys, "--top", top]);
            assert_near(number(&whole["total"]), bytes);
            assert_near(in_rows(&whole) + number(&whole["other"]), bytes);
            assert_eq!(whole["unit"], "bytes");
            let bits = document(&[SWARM, "--keys", keys, "--top", top, "--value", "bits"]);
            assert_near(number(&bits["total"]), bytes * 8.0);
            assert_near(in_rows(&bits) + number(&bits["other"]), bytes * 8.0);
        }
    }
    let network = document(&[
        OPENVSWITCH,
        "--keys",
        "ip.src,ip.dst,port.dst",
        "--top",
        "2",
    ]);
    assert_near(
        in_rows(&network) + number(&network["other"]),
        number(&network["total"]),
    );
    let frames = document(&[SWARM, "--value", "fps"]);
    assert_near(number(&frames["total"]), packets);
    assert_eq!(frames["value"], "frames");
    assert_eq!(frames["as_of"], "2026-11-23T04:08:05.203Z");
    assert_eq!(frames["stream"]["datagrams"], 1448);
    assert_eq!(frames["missed"], 0);
}

#[test]
fn flows_below_minimum_are_other() {
    let all = document(&[SWARM, "--keys", "ip.src"]);
    let heavy = document(&[SWARM, "--keys", "ip.src", "--least", "200e6"]);
    assert!(heavy["rows"].as_array().unwrap().len() < all["rows"].as_array().unwrap().len());
    for row in heavy["rows"].as_array().unwrap() {
        assert!(number(&row["value"]) >= 200e6, "{row}");
    }
    assert_near(
        in_rows(&heavy) + number(&heavy["other"]),
        number(&all["total"]),
    );
    let distinct = document(&[SWARM, "--keys", "ip.dst", "--value", "distinct(ip.src)"]);
    assert!(distinct.get("other").is_none(), "counts do not add up");
}

/// A packet that two data sources sample is counted once with `max`.
#[test]
fn max_is_value_of_largest_data_source() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    recording.traffic(1, 2, 5);
    recording.traffic_elsewhere(1, 2, 3);
    recording.traffic(1, 3, 1);
    recording.traffic_elsewhere(4, 3, 4);
    let path = recording.save(&folder);
    let path = path.to_str().unwrap();
    let sample = 100_000.0;
    for (mode, rows, total) in [
        ("max", [5.0, 4.0, 1.0], 10.0),
        ("sum", [8.0, 4.0, 1.0], 13.0),
    ] {
        let arguments = [path, "--keys", "ip.src,ip.dst", "--aggregate", mode];
        let found = document(&arguments);
        assert_eq!(found["aggregate"], mode);
        for (row, samples) in found["rows"].as_array().unwrap().iter().zip(rows) {
            assert_eq!(row["keys"].as_object().unwrap().len(), 2, "{row}");
            assert_near(number(&row["value"]), samples * sample);
        }
        assert_near(number(&found["total"]), total * sample);
        let first = document(&[&arguments[..], &["--top", "1"]].concat());
        assert_near(number(&first["other"]), (total - rows[0]) * sample);
    }
}

#[test]
fn matrix_includes_outside() {
    let folder = tempfile::tempdir().unwrap();
    let path = swarm().save(&folder);
    let matrix = document(&["--matrix", path.to_str().unwrap()]);
    assert_eq!(
        matrix["parties"],
        serde_json::json!(["front", "back", "store", "(outside)"])
    );
    // Each sample represents a hundred packets of a thousand bytes.
    let expected = [
        [0.0, 30.0, 0.0, 0.0],
        [0.0, 0.0, 10.0, 0.0],
        [0.0, 0.0, 0.0, 0.0],
        [40.0, 0.0, 0.0, 0.0],
    ];
    for (row, expected) in matrix["cells"].as_array().unwrap().iter().zip(expected) {
        for (cell, samples) in row.as_array().unwrap().iter().zip(expected) {
            assert_near(number(cell), samples * 100_000.0);
        }
    }
    assert_near(number(&matrix["total"]), 80.0 * 100_000.0);
    assert_eq!(matrix["beyond"], 0.0);
}

#[test]
fn drops_are_listed_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    for reason in [DropReason::ACL, DropReason::ACL, DropReason::TTL_EXCEEDED] {
        recording.drop(reason);
    }
    let path = recording.save(&folder);
    let path = path.to_str().unwrap();
    let drops = document(&[path, "--keys", "drop.reason", "--value", "drops"]);
    let rows = drops["rows"].as_array().unwrap();
    assert_eq!(rows[0]["keys"]["drop.reason"], "acl");
    assert_eq!(
        (number(&rows[0]["value"]), number(&rows[1]["value"])),
        (2.0, 1.0)
    );
    assert_eq!(drops["unit"], "packets");
}

#[test]
fn datagrams_from_socket_are_reported_after_seconds() {
    let recording = swarm();
    // A busy machine needs more time.
    for seconds in ["4", "16", "64"] {
        let document = listened(seconds, recording.datagrams());
        let stream = |name: &str| document["stream"][name].as_f64().unwrap_or_default();
        let received = stream("datagrams") - stream("malformed");
        if seconds != "64" && received < recording.datagrams().count() as f64 {
            continue;
        }
        assert_near(number(&document["total"]), 80.0 * 100_000.0);
        assert_eq!(document["rows"][0]["keys"]["service.dst"], "front");
        assert!(
            number(&document["stream"]["malformed"]) >= 1.0,
            "{document}"
        );
        return;
    }
}

/// The document for datagrams that are sent once the program listens.
fn listened<'d>(seconds: &str, datagrams: impl Iterator<Item = &'d [u8]>) -> Value {
    let address = unused_address();
    let child = Command::new(PROGRAM)
        .args(["--once", "--json", "--smooth", "off", "--value", "bytes"])
        .args(["--seconds", seconds, "--listen", &address.to_string()])
        .args(["--keys", "service.src,service.dst"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Datagrams are refused before the program listens.
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.connect(address).unwrap();
    let begin = Instant::now();
    while sender.send(b"hello?").is_err() || sender.send(b"hello?").is_err() {
        assert!(begin.elapsed() < TIMEOUT, "it does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    for datagram in datagrams {
        sender.send(datagram).ok();
    }
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn readme_shows_matrix_of_recorded_swarm() {
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("```json\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown: Value = serde_json::from_str(shown).unwrap();
    let found = document(&["--matrix", NAMED]);
    for member in ["as_of", "unit", "parties"] {
        assert_eq!(shown[member], found[member], "{member}");
    }
    let cells = |document: &Value| {
        let rows = document["cells"].as_array().unwrap().clone();
        let cells = rows.iter().flat_map(|row| row.as_array().unwrap());
        cells.map(|cell| number(cell).round()).collect::<Vec<_>>()
    };
    assert_eq!(cells(&shown), cells(&found));
    assert_eq!(
        number(&shown["total"]).round(),
        number(&found["total"]).round()
    );
}

#[test]
fn invalid_option_is_reported_with_position() {
    const NO_CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (arguments, words) in [
        (&["--keys", "ip.sorce"][..], "unknown key `ip.sorce`"),
        (&["--filter", "xyzzy=1"], "--keys-help lists all keys"),
        (&["--filter", "vlan=x", SWARM], "`x` is not a number"),
        (&["--value", "octets"], "unknown value"),
        (&["--value", "bit"], "or bits, bits.net or drops.bits"),
        (&["--smooth", "soon"], "is not a duration"),
        (
            &["--smooth", "2s", "--value", "bits[1m tumbling]"],
            "exclude each other",
        ),
        (&["--top", "0"], "from 1 to 1000"),
        (&["--speed", "0", SWARM], "above 0"),
        (&["--speed", "2"], "CAPTURE"),
        (&["--json"], "--once"),
        (&["--web", "nowhere"], "expected a port"),
        (&[SWARM], "not a terminal"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(words), "{errors}");
    }
    for (arguments, words) in [
        (
            &["--once", "/does/not/exist.pcap"][..],
            "cannot play the capture: cannot open /does/not/exist.pcap: ",
        ),
        (
            &["--once", NO_CAPTURE],
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/Cargo.toml: not a capture file"
            ),
        ),
        (
            &["--once", "--seconds", "0.1", "--listen", "127.0.0.1:0"],
            "no datagrams received; check the port and the agents",
        ),
        (&["--presets", "/does/not/exist.json"], "cannot read"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains(words), "{errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_describes_all_options() {
    let help = run(&["--help"]);
    let output = text(&help.stdout);
    for part in [
        "Examples:",
        "Keys on the screen:",
        "Exit codes:",
        "6343",
        "--once --json",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let keys = text(&run(&["--keys-help"]).stdout);
    assert!(
        keys.contains("service.src") && keys.lines().count() > 80,
        "{keys}"
    );
    let presets: Value = serde_json::from_slice(&run(&["--presets-help"]).stdout).unwrap();
    assert!(presets.as_array().unwrap().len() > 40);
}

#[test]
fn table_has_no_escape_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    recording.request("http://x/\u{1b}[2J\u{202e}\n(total)");
    let path = recording.save(&folder);
    let output = run(&["--once", "--keys", "url", path.to_str().unwrap()]);
    let output = text(&output.stdout);
    assert!(output.contains("http://x/�[2J��(total)"), "{output}");
    assert_eq!(output.lines().count(), 5, "{output}");
}

/// One datagram in the middle has a time of another decade.
#[test]
fn single_wrong_time_is_tolerated() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    recording.traffic(1, 2, 3);
    recording.misdate(400_000_000);
    recording.traffic(1, 2, 3);
    let path = recording.save(&folder);
    let whole = document(&[path.to_str().unwrap(), "--keys", "ip.src"]);
    assert_near(number(&whole["total"]), 6.0 * 100_000.0);
    assert_eq!(whole["as_of"], "2026-01-01T00:00:00.600Z");
}

#[test]
fn capture_is_read_from_standard_input() {
    let child = Command::new(PROGRAM)
        .args(["--once", "--json", "-"])
        .stdin(File::open(SWARM).unwrap())
        .output();
    let document: Value = serde_json::from_slice(&child.unwrap().stdout).unwrap();
    assert_eq!(document["stream"]["source"], "standard input");
    assert_eq!(document["total"], 2_550_158_800.0);
}

#[test]
fn window_is_part_of_the_result() {
    let arguments = ["--value", "bytes[1m tumbling]", SWARM];
    let window = &document(&arguments)["window"];
    assert_eq!(window["start"], "2026-11-23T04:07:00.000Z");
    assert_eq!(window["end"], "2026-11-23T04:08:00.000Z");
    let table = run(&[&["--once"], &arguments[..]].concat());
    let table = text(&table.stdout);
    let expected = "window 2026-11-23T04:07:00.000Z to 2026-11-23T04:08:00.000Z\n";
    assert!(table.contains(expected), "{table}");
    assert!(document(&[SWARM]).get("window").is_none());
}

#[test]
fn matrix_is_text() {
    let output = run(&["--once", "--matrix", NAMED]);
    assert!(output.status.success());
    let table = text(&output.stdout);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 6, "{table}");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        [
            "from",
            "↓",
            "to",
            "→",
            "apache",
            "shop_web",
            "(outside)",
            "all"
        ]
    );
    assert!(lines[2].starts_with("apache "), "{table}");
    assert!(
        lines[5].starts_with("all ") && lines[5].ends_with("2.24G"),
        "{table}"
    );
    for line in lines {
        assert!(include_str!("../../README.md").contains(line), "{line}");
    }
}

#[test]
fn ports_have_the_names_of_services() {
    let keys = ["--keys", "port.src", "--top", "1"];
    let output = run(&[&["--once", SWARM][..], &keys].concat());
    assert!(text(&output.stdout).contains("\n80 http "), "{output:?}");
}

#[test]
fn output_file_is_not_overwritten_silently() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.json");
    let arguments = ["--once", "--json", "-o", path.to_str().unwrap(), NAMED];
    assert!(run(&arguments).status.success());
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("{\"as_of\"")
    );
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("exists; --force overwrites it"));
}

#[test]
fn completions_and_man_page_are_printed() {
    let output = run(&["--completions", "bash"]);
    assert!(
        text(&output.stdout).contains("complete -F _top__flows"),
        "{output:?}"
    );
    let output = run(&["--man"]);
    assert!(
        text(&output.stdout).contains(".TH top-flows 1"),
        "{output:?}"
    );
}
