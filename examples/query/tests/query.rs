//! The program on the command line.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

/// The agents of this capture name containers in packet samples.
const NAMED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-marktraffic.pcap"
);

/// The capture has two loaded containers, then four, then an idle one.
#[test]
fn query_prints_results_at_each_interval() {
    let lines = json(&[
        "--json",
        "avg:vir_cpu_utilization,count:vir_cpu_cores{vir_host_name=apache.*}",
        SWARM,
        "--every",
        "60s",
    ]);
    let answers = |line: &Json| line["answers"].as_array().unwrap().clone();
    let matched: Vec<_> = lines
        .iter()
        .map(|line| answers(line)[0]["matched"].as_u64().unwrap())
        .collect();
    assert_eq!(matched, [2, 4, 1, 1], "{lines:?}");
    let busy = &answers(&lines[0])[0];
    assert!(
        (40.0..50.0).contains(&busy["value"].as_f64().unwrap()),
        "{busy}"
    );
    assert_eq!(busy["unit"], "%");
    assert!(busy["newest"].as_f64().unwrap() <= busy["oldest"].as_f64().unwrap());
    assert_eq!(answers(&lines[1])[1]["value"], 4.0);
    let unmatched = json(&["--json", "avg:vir_cpu_cores{vir_host_name=none}", SWARM]);
    let unmatched = &answers(&unmatched[0])[0];
    assert_eq!(unmatched["value"], Json::Null, "absent is not zero");
    assert_eq!(unmatched["matched"], 0);
}

#[test]
fn statistics_are_over_the_whole_capture() {
    let lines = json(&["--json", "avg:vir_cpu_utilization", SWARM]);
    let answer = &lines[0]["answers"][0];
    assert_eq!(answer["last"], 0.0, "the containers are idle at the end");
    let value = |name: &str| answer[name].as_f64().unwrap();
    assert!((15.0..25.0).contains(&value("value")), "{answer}");
    assert!(
        value("max") > 40.0 && value("p95") <= value("max"),
        "{answer}"
    );
    assert_eq!(answer["matched"], 4);
    // In one minute, by time and by duration after the start, which is at 04:04:59.856.
    for (since, until) in [("04:06", "2026-11-23T04:07:00Z"), ("60.144s", "120.144s")] {
        let range = ["--since", since, "--until", until];
        let lines = json(&[&["--json", "avg:vir_cpu_utilization", SWARM][..], &range].concat());
        assert_eq!(lines[0]["since"], "2026-11-23T04:06:00.019Z");
        assert_eq!(lines[0]["time"], "2026-11-23T04:06:59.985Z");
        assert!(lines[0]["answers"][0]["min"].as_f64().unwrap() > 5.0);
    }
    let output = run(&["avg:load_one", SWARM, "--since", "3h"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("no datagrams in this time; the captures are from"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn flows_of_each_minute_add_up_to_the_capture() {
    const FLOWS: [&str; 3] = ["--json", "--flows", "keys=end.src;value=bits;top=3"];
    let whole = json(&[&FLOWS[..], &[NAMED]].concat());
    let minutes = json(&[&FLOWS[..], &[NAMED, "--every", "1m"]].concat());
    let total = |line: &Json| line["total"].as_f64().unwrap();
    let times: Vec<_> = minutes.iter().map(|line| line["time"].clone()).collect();
    assert_eq!(
        times,
        ["2026-11-30T04:00:00.000Z", "2026-11-30T04:00:34.549Z"]
    );
    let sum: f64 = minutes.iter().map(total).sum();
    assert!((sum / total(&whole[0]) - 1.0).abs() < 0.01, "{sum}");
    // A part has the names that agents reported before it.
    let part = json(&[&FLOWS[..], &[NAMED, "--since", "60s"]].concat());
    assert!(total(&part[0]) < 0.5 * total(&whole[0]));
    assert!(
        part[0]["rows"][0]["keys"][0]
            .as_str()
            .unwrap()
            .starts_with("shop_web.")
    );
    let bytes = json(&["--json", "--flows", "keys=end.src;value=bytes;top=3", NAMED]);
    assert_eq!(8.0 * total(&bytes[0]), total(&whole[0]));
}

#[test]
fn files_are_not_overwritten_silently() {
    let folder = new_folder();
    let [csv, svg] = ["a.csv", "a.svg"].map(|name| folder.join(name).display().to_string());
    let arguments = [
        "avg:load_one by host",
        SWARM,
        "--every",
        "1m",
        "--csv",
        "--output",
        &csv,
        "--plot",
        &svg,
    ];
    assert!(run(&arguments).status.success());
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(
        text.starts_with(
            "time,group,expression,unit,value\n2026-11-23T04:05:59.856Z,node1,avg:load_one,,"
        ),
        "{text}"
    );
    let image = std::fs::read_to_string(&svg).unwrap();
    assert!(
        image.starts_with("<svg ") && image.ends_with("</svg>\n"),
        "{image}"
    );
    assert_eq!(image.matches("<path ").count(), 3, "one line for each host");
    let output = run(&arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.ends_with("exists; --force overwrites it: File exists (os error 17)\n"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        run(&[&arguments[..], &["--force"]].concat())
            .status
            .success()
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn closed_pipe_ends_the_program() {
    for arguments in [
        &["--entities", "--json", "--every", "50ms"][..],
        &["avg:load_one", "--csv", "--every", "10ms"],
        &["--flows", "keys=ip.src", "--every", "50ms"],
    ] {
        let mut query = program()
            .args(arguments)
            .arg(SWARM)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(query.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        drop(output);
        let output = query.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn completions_and_man_page_are_printed() {
    for (arguments, expected) in [
        (&["--completions", "bash"][..], "complete -F _query"),
        (&["--completions", "fish"][..], "complete -c query -l since"),
        (&["--man"][..], ".TH query 1"),
    ] {
        let output = run(arguments);
        assert!(output.status.success() && output.stderr.is_empty());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn entities_and_agents_are_listed() {
    let entities = json(&["--json", "--entities", SWARM]);
    let count = |kind: &str| entities.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!(
        (count("host"), count("interface"), count("container")),
        (3, 6, 1)
    );
    let container = entities.iter().find(|line| line["kind"] == "container");
    assert_eq!(container.unwrap()["parent"], "node2");

    let agents = json(&["--json", "--agents", SWARM]);
    let agents = agents[0]["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 3);
    assert!(agents.iter().all(|agent| agent["lost"] == 0));
}

/// Between a client outside and containers by name.
#[test]
fn heaviest_flows_are_printed() {
    let lines = json(&[
        "--json",
        "--flows",
        "keys=end.src,end.dst;value=bytes",
        NAMED,
    ]);
    assert_eq!(lines.len(), 1);
    let rows = lines[0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    assert_eq!(rows[0]["keys"][0], "apache.3.tl5ovgpxv3qz4g2nyz66ukep7");
    assert_eq!(rows[0]["keys"][1], "10.99.0.254");
    let sum: f64 = rows.iter().map(|row| row["value"].as_f64().unwrap()).sum();
    let other = lines[0]["other"].as_f64().unwrap();
    let total = lines[0]["total"].as_f64().unwrap();
    assert!(
        (sum + other - total).abs() < 1.0,
        "{sum} and {other} of {total}"
    );

    let top = json(&[
        "--json",
        "--flows",
        "keys=port.dst;value=frames;filter=ip.dst=172.17.0.0/16;top=1",
        SWARM,
        "--every",
        "60s",
    ]);
    assert_eq!(top[0]["rows"][0]["keys"][0], 80);

    let text = String::from_utf8(run(&["--flows", "keys=ip.src;top=1", SWARM]).stdout).unwrap();
    let line = |begin: &str| text.lines().any(|line| line.starts_with(begin));
    assert!(
        line("ip.src  ") && line("172.17.0.2  ") && line("(other)  ") && line("(all)  "),
        "{text}"
    );
    let keys = String::from_utf8(run(&["--flow-keys"]).stdout).unwrap();
    assert!(
        keys.contains("\ncontainer.dst ") && keys.contains("value=bytes | "),
        "{keys}"
    );
}

#[test]
fn flows_of_last_complete_window_are_printed() {
    const WINDOW: &str = "keys=;value=frames[1m tumbling]";
    let lines = json(&["--json", "--flows", WINDOW, SWARM]);
    let window = &lines[0]["window"];
    let minute = serde_json::json!({"start": 1_795_406_820.0, "end": 1_795_406_880.0});
    assert_eq!(*window, minute, "in seconds");
    assert!(lines[0]["total"].as_f64().unwrap() > 0.0);
    let text = String::from_utf8(run(&["--flows", WINDOW, SWARM]).stdout).unwrap();
    assert_eq!(text.trim_end().lines().count(), 3, "{text}");
    assert!(
        text.contains(
            "[60s tumbling], window 2026-11-23T04:07:00.000Z to 2026-11-23T04:08:00.000Z"
        ) && text.contains("frames/s"),
        "{text}"
    );
}

#[test]
fn distinct_values_have_no_remainder() {
    const DISTINCT: &str = "keys=ip.dst;value=distinct(ip.src);top=1";
    let text = String::from_utf8(run(&["--flows", DISTINCT, SWARM]).stdout).unwrap();
    assert!(text.contains("\n(all) "), "{text}");
    assert!(!text.contains("(other)"), "{text}");
}

#[test]
fn results_are_grouped_by_service() {
    let lines = json(&[
        "--json",
        "max:vir_cpu_cores,count:vir_cpu_cores by vir_host_name=(*).*.*",
        SWARM,
        "--every",
        "60s",
    ]);
    assert_eq!(lines[1]["group"], "apache");
    assert_eq!(lines[1]["answers"][1]["value"], 4.0);
    let winner = lines[1]["answers"][0]["winner"].as_str().unwrap();
    assert!(winner.starts_with("apache.1."), "{winner}");
    let hosts = json(&["--json", "p100:cpu_utilization by host_name", SWARM]);
    let names: Vec<_> = hosts.iter().map(|line| line["group"].clone()).collect();
    assert_eq!(names, ["node1", "node2", "node3"]);
}

#[test]
fn metrics_are_listed() {
    let output = run(&["--metrics"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 400, "{}", text.lines().count());
    assert!(text.contains("0.1 × vir_cpu_time"), "{text}");
}

#[test]
fn mistakes_on_the_command_line_are_explained() {
    for (arguments, code, expected) in [
        (&["avg:load_on", SWARM][..], 2, "did you mean `load_one`?"),
        (&["avg:load", SWARM][..], 2, "--metrics lists all metrics"),
        (&[SWARM][..], 2, "give the query before it"),
        (&["avg:load_one"][..], 2, "give a capture, or --listen"),
        (
            &["avg:load_one", SWARM, "--every", "0s"][..],
            2,
            "a duration above zero",
        ),
        (
            &["--prometheus", "--prometheus-series", "many"][..],
            2,
            "expected a number of series",
        ),
        (&["avg:load_one", SWARM, "--listen"][..], 2, "not both"),
        (&["mean:load_one", SWARM][..], 2, "did you mean `avg`?"),
        (
            &["avg:load_one", SWARM, "--csv"][..],
            2,
            "--csv requires --every",
        ),
        (
            &["--agents", SWARM, "--csv"][..],
            2,
            "--csv is for a query or --flows",
        ),
        (
            &["avg:load_one", SWARM, "--since", "noon"][..],
            2,
            "expected a time as in",
        ),
        (&["avg:load_one", "missing.pcap"][..], 1, "missing.pcap"),
        (
            &["--flows", "keys=ip.scr", SWARM][..],
            2,
            "did you mean `ip.src`?",
        ),
        (
            &["--flows", "keys=ip.src", "--agents", SWARM][..],
            2,
            "cannot be used with",
        ),
    ] {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

/// The program ends when the reader of its output does.
#[test]
fn datagrams_are_received_live() {
    let mut query = program()
        .args([
            "avg:load_one",
            "--listen",
            "127.0.0.1:0",
            "--every",
            "100ms",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut errors = BufReader::new(query.stderr.take().unwrap());
    errors.read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // A datagram without samples.
    let fields = [5u32, 1, 0x0a00_0001, 0, 1, 1000, 0];
    let bytes: Vec<u8> = fields
        .iter()
        .flat_map(|field| field.to_be_bytes())
        .collect();
    socket.send_to(&bytes, address).unwrap();
    let mut answer = String::new();
    let mut answers = BufReader::new(query.stdout.take().unwrap());
    answers.read_line(&mut answer).unwrap();
    assert!(
        answer.contains("avg:load_one  no value  from 0 of 0"),
        "{answer}"
    );
    drop(answers);
    assert!(query.wait().unwrap().code().is_some());
}

/// A new directory.
fn new_folder() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("query-output-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn json(arguments: &[&str]) -> Vec<Json> {
    let output = run(arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_query"))
}
