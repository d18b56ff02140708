//! Captures of agents that deviate from the specification, and of packets that are easily
//! misinterpreted: one row per file, with the query and the correct value.

use std::process::Command;

use serde_json::Value as Json;

const REPORTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/reported");

/// The correct result of a query.
#[derive(Clone, Copy, Debug)]
enum Right {
    /// A value, and the tolerated relative error.
    Value(f64, f64),
    /// No value, although an entity matches.
    Unknown,
    /// The keys of the heaviest flow, separated by spaces; `-` for what is absent.
    Keys(&'static str),
    /// The total of the flows, and the tolerated relative error.
    Total(f64, f64),
}

const ROWS: &[(&str, &str, Right)] = &[
    (
        "interface-tap-10M-real-50M",
        "sum:ifinoctets",
        Right::Value(6.25e6, 0.01),
    ),
    (
        "interface-tap-10M-real-50M",
        "max:ifinutilization",
        Right::Unknown,
    ),
    (
        "interface-tap-10M-real-3G",
        "sum:ifinoctets",
        Right::Value(375e6, 0.01),
    ),
    (
        "interface-tap-10M-real-3G",
        "max:ifinutilization",
        Right::Unknown,
    ),
    (
        "interface-ovs-20G-cut",
        "sum:ifinoctets",
        Right::Value(1.875e9, 0.01),
    ),
    (
        "interface-ovs-20G-cut",
        "max:ifinutilization",
        Right::Unknown,
    ),
    (
        "interface-speed-32ones",
        "sum:ifinoctets",
        Right::Value(1e9, 0.01),
    ),
    (
        "interface-speed-32ones",
        "max:ifinutilization",
        Right::Unknown,
    ),
    (
        "stripped-is-what-was-not-sampled",
        "keys=agent;value=bytes.net",
        Right::Total(7.1e6, 0.01),
    ),
    (
        "frame-length-below-ip-length",
        "keys=agent;value=bytes",
        Right::Total(15.1e6, 0.01),
    ),
    (
        "802.3-length-as-ether-type-stp",
        "keys=ether.type,mac.src;value=frames",
        Right::Keys("- 02:00:00:00:00:01"),
    ),
    (
        "pseudowire-with-control-word",
        "keys=ip.src,inner.ip.src,inner.ip.dst,tunnel,tunnel.id;value=frames",
        Right::Keys("- 10.9.0.1 10.9.0.2 pseudowire 100"),
    ),
    (
        "pseudowire-no-control-word-mac-60",
        "keys=ip.src,inner.mac.dst,inner.ip.src,inner.ip.dst;value=frames",
        Right::Keys("- 60:5e:0c:11:22:33 10.9.0.1 10.9.0.2"),
    ),
    (
        "agent-ipv4-mapped",
        "count:ifspeed{agent=192.0.2.9}",
        Right::Value(1.0, 0.0),
    ),
    (
        "agent-ipv4-mapped",
        "count:ifspeed{agent=192.0.2.*}",
        Right::Value(1.0, 0.0),
    ),
    (
        "agent-ipv4-mapped",
        "count:ifspeed{agent=::ffff:192.0.2.9}",
        Right::Value(1.0, 0.0),
    ),
    (
        "tunnel-gtpu",
        "keys=ip.src,inner.ip.src,inner.ip.dst,tunnel,tunnel.id;value=frames",
        Right::Keys("10.0.0.1 10.9.0.1 10.9.0.2 gtp_u 4660"),
    ),
    (
        "tunnel-vxlan-gpe",
        "keys=ip.src,inner.ip.src,inner.ip.dst,tunnel,tunnel.id;value=frames",
        Right::Keys("10.0.0.1 10.9.0.1 10.9.0.2 vxlan_gpe 4242"),
    ),
];

#[test]
fn reported_captures_give_the_right_values() {
    let mut wrong = Vec::new();
    for (file, query, right) in ROWS {
        let answer = answer(file, query);
        let is_near = |found: &Json, value: f64, part: f64| {
            let found = found.as_f64();
            found.is_some_and(|found| (found - value).abs() <= part * value)
        };
        let is_right = match *right {
            Right::Value(value, part) => is_near(&answer["answers"][0]["value"], value, part),
            Right::Unknown => {
                answer["answers"][0]["value"].is_null() && answer["answers"][0]["matched"] == 1
            }
            Right::Keys(expected) => {
                let keys = answer["rows"][0]["keys"].as_array().unwrap().iter();
                let keys = keys.map(|key| match key {
                    Json::Null => "-".to_owned(),
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                });
                keys.collect::<Vec<_>>().join(" ") == expected
            }
            Right::Total(value, part) => is_near(&answer["total"], value, part),
        };
        if !is_right {
            wrong.push(format!("{file}, {query}: {right:?}, found {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The last line that the program prints.
fn answer(file: &str, query: &str) -> Json {
    let mut command = Command::new(env!("CARGO_BIN_EXE_query"));
    command.arg("--json");
    if query.starts_with("keys=") {
        command.arg("--flows");
    }
    let output = command.arg(query).arg(format!("{REPORTED}/{file}.pcap"));
    let output = output.output().unwrap();
    assert!(output.status.success(), "{file}, {query}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}
