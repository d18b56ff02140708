//! The program, run as a user runs it.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

/// The loaded phase of the capture: two containers, then four, then one that is idle.
#[test]
fn a_question_every_minute() {
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
    let nobody = json(&["--json", "avg:vir_cpu_cores{vir_host_name=nobody}", SWARM]);
    let nobody = &answers(&nobody[0])[0];
    assert_eq!(nobody["value"], Json::Null, "absent is not zero");
    assert_eq!(nobody["matched"], 0);
}

#[test]
fn everybody_who_is_heard() {
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

#[test]
fn what_can_be_asked_for() {
    let output = run(&["--metrics"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 400, "{}", text.lines().count());
    assert!(text.contains("0.1 × vir_cpu_time"), "{text}");
}

#[test]
fn mistakes_are_pointed_at() {
    for (arguments, code, expected) in [
        (&["avg:load_on", SWARM][..], 2, "is it `load_one`?"),
        (&[SWARM][..], 2, "the question comes before it"),
        (&["avg:load_one"][..], 2, "name a capture, or --listen"),
        (
            &["avg:load_one", SWARM, "--every", "0s"][..],
            2,
            "more than nothing",
        ),
        (
            &["avg:load_one", SWARM, "--listen"][..],
            2,
            "exclude each other",
        ),
        (&["avg:load_one", "missing.pcap"][..], 1, "missing.pcap"),
    ] {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

/// Asks a live port, and stops reading: the program ends by itself.
#[test]
fn a_live_port() {
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
    let mut told = String::new();
    let mut errors = BufReader::new(query.stderr.take().unwrap());
    errors.read_line(&mut told).unwrap();
    let address = told.trim().rsplit(' ').next().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // A datagram without samples: enough to have been heard.
    let words = [5u32, 1, 0x0a00_0001, 0, 1, 1000, 0];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
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
