//! Captures: complete, damaged, several, and on standard input.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use crate::program::{capture, command, corpus, fed, json_lines, pcap, printed, run, text};

#[test]
fn text_contains_names_and_units() {
    let output = fed(&["-"], &pcap(&[&corpus("vector-4-killed-container")]));
    let block = text(&output.stdout);
    let expected = "\
2016-09-24T01:00:17.25Z  agent 127.0.0.1  sub-agent 100001  sequence 7  uptime 21.179 s
  counters_sample_expanded 0:4  source 3:138618 (entLogicalEntry)  sequence 1
    host_adapters 0:2001
      adapters: []
    virt_disk_io 0:2103
      capacity: 0 bytes
";
    assert!(block.starts_with(expected), "{block}");
    for line in [
        "      state: being shut down (4)",
        "      cpuTime: 0 ms",
        "      maxMemory: 67108864 bytes",
        "      container_type: physical",
        "      hostname: \"web.1\"",
        "      uuid: 4c1a8f97-8f36-e1e7-c558-06010454d08e",
        "      os_name: linux (2)",
    ] {
        let line = line.replace("physical", "entPhysicalEntry (2)");
        assert!(block.contains(&line), "{line} in {block}");
    }
    assert!(block.ends_with("\n\n"));

    let vectors = [
        (
            "vector-1-compact-flow",
            "rate 1 in 1000  pool 5000  drops 0  input 1  output 2",
        ),
        (
            "vector-1-compact-flow",
            "dst_as_path: [sequence [65010, 65011], set [65012]]",
        ),
        ("vector-1-compact-flow", "communities: [65000:666]"),
        ("vector-1-compact-flow", "dst_priority: unknown"),
        ("vector-1-compact-flow", "protocol: ethernet (1)"),
        ("vector-2-discarded-packet", "reason unresolved_neigh (279)"),
        ("vector-5-rtmetric-rtflow", "\"g\": 2.5 (double)"),
        ("vector-5-rtmetric-rtflow", "\"proto\": \"tcp\" (string)"),
        (
            "record-1-short-of-its-fixed-part",
            "virt_memory 0:2102  malformed: virt_memory.maxMemory",
        ),
        ("netflow-5", "from 192.0.2.1:50000  not sFlow 5 (NetFlow 5)"),
    ];
    for (name, expected) in vectors {
        let output = fed(&["-"], &pcap(&[&corpus(name)]));
        let block = text(&output.stdout);
        assert!(block.contains(expected), "{expected} in {block}");
    }
}

/// The last sample is truncated: its complete records are shown, and the error of the rest.
#[test]
fn truncated_sample_shows_complete_records() {
    let whole = corpus("vector-4-killed-container");
    let records = |bytes: &[u8]| {
        let line = json_lines(text(&fed(&["-j", "-"], &pcap(&[bytes])).stdout));
        let samples = line[0]["samples"].as_array().unwrap().clone();
        let count = samples[0]["records"].as_array().map_or(0, Vec::len);
        (count, samples.last().unwrap()["error"].is_string())
    };
    let (all, is_cut) = records(&whole);
    assert!(all > 2 && !is_cut);
    for length in whole.len() - 100..whole.len() {
        let (count, is_cut) = records(&whole[..length]);
        assert!(count > 0 && count < all && is_cut, "{length}: {count}");
    }
    let output = fed(&["-"], &pcap(&[&whole[..whole.len() - 1]]));
    let block = text(&output.stdout);
    for line in ["    virt_disk_io 0:2103", "0:4  malformed: sample at byte "] {
        assert!(block.contains(line), "{line} in {block}");
    }
}

#[test]
fn several_files_are_shown_in_order() {
    let (one, other) = (capture("openvswitch"), capture("hsflowd-swarm"));
    let lines = json_lines(&printed(&["-j", &one, &other, &one]));
    assert_eq!(lines.len(), 106 + 1448 + 106);
    assert_eq!(lines[0], lines[106 + 1448]);
    assert_eq!(lines[0]["agent_address"], "127.0.0.1");
    assert_eq!(lines[106]["agent_address"], "10.99.0.2");
}

#[test]
fn limit_counts_shown_datagrams() {
    let capture = capture("hsflowd-swarm");
    assert_eq!(json_lines(&printed(&["-j", "-n", "3", &capture])).len(), 3);
    // Datagrams that do not match the filter are not counted.
    let filtered = ["-j", "-n", "3", "-f", "virt_cpu", &capture, &capture];
    assert_eq!(json_lines(&printed(&filtered)).len(), 3);
    for limit in ["0", "x"] {
        let output = run(&["-n", limit, &capture]);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(error.contains("expected a number above 0"), "{error}");
    }
}

#[test]
fn standard_input_equals_file() {
    let path = capture("openvswitch");
    let file = fs::read(&path).unwrap();
    let output = fed(&["--json", "-"], &file);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), printed(&["--json", &path]));
}

#[test]
fn datagram_is_shown_before_the_input_ends() {
    let mut child = command(&["--json", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let datagram = corpus("vector-4-killed-container");
    let file = pcap(&[&datagram, &datagram]);
    let half = 24 + (file.len() - 24) / 2;
    stdin.write_all(&file[..half]).unwrap();
    lines.next().unwrap().unwrap();
    stdin.write_all(&file[half..]).unwrap();
    lines.next().unwrap().unwrap();
    drop(stdin);
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn truncated_file_shows_complete_datagrams() {
    let datagram = corpus("vector-4-killed-container");
    let mut file = pcap(&[&datagram, &datagram]);
    file.truncate(file.len() - 7);
    let output = fed(&["--json", "-"], &file);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(json_lines(text(&output.stdout)).len(), 1);
    assert!(
        error.starts_with("dump: standard input: the capture was cut off"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn unreadable_file_does_not_stop_the_next_files() {
    let good = capture("openvswitch");
    let missing = env!("CARGO_MANIFEST_DIR").to_owned() + "/no-such.pcap";
    let text_file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = run(&["--json", &missing, text_file, &good]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(json_lines(text(&output.stdout)).len(), 106);
    assert!(
        error.contains("dump: cannot open ") && error.contains("no-such.pcap"),
        "{error}"
    );
    assert!(error.contains("not a capture file"), "{error}");
    // The summary includes the other files.
    let output = run(&["--count", &missing, &good]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("ovs_dp_stats"));
}

/// File names are printed without control characters, and files after damaged ones are read.
#[test]
fn damaged_files_are_named_without_control_characters() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-files");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    let name = "1\u{1b}[2J\u{202e}.pcap";
    fs::write(folder.join(name), &pcap(&[])[..9]).unwrap();
    fs::write(folder.join("2\u{202e}.txt"), "notes").unwrap();
    let file = pcap(&[&corpus("vector-4-killed-container")]);
    fs::write(folder.join("3.pcap"), file).unwrap();
    let path = folder.to_str().unwrap();
    let output = run(&["--json", path]);
    let error = text(&output.stderr).replace(path, "FILE");
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(json_lines(text(&output.stdout)).len(), 1);
    let lines: Vec<_> = error.lines().collect();
    assert!(
        lines[0].starts_with("dump: FILE/1�[2J�.pcap: the capture was cut off"),
        "{error}"
    );
    assert_eq!(
        lines[1..],
        ["dump: FILE: 1 file is not a capture: 2�.txt"],
        "{error}"
    );
}

#[test]
fn closed_output_is_success() {
    let capture = capture("hsflowd-swarm");
    for view in [&["--json"][..], &[]] {
        let files = [capture.as_str(); 4];
        let mut child = command(&[view, &files].concat()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        drop(stdout);
        let mut error = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut error)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), error.as_str()),
            (Some(0), "")
        );
    }
    // Also for a summary, which is written at the end.
    let mut child = command(&["--count", &capture]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn malformed_data_is_an_exit_code_with_strict() {
    let good = corpus("vector-4-killed-container");
    for (name, expected) in [
        ("vector-4-killed-container", 0),
        ("record-1-short-of-its-fixed-part", 3),
        ("netflow-5", 3),
    ] {
        let file = pcap(&[&good, &corpus(name), &good]);
        for view in ["--json", "--count", "--null"] {
            let output = fed(&[view, "-"], &file);
            assert_eq!(output.status.code(), Some(0), "{name}");
            let output = fed(&[view, "--strict", "-"], &file);
            assert_eq!(output.status.code(), Some(expected), "{name}");
        }
        // Datagrams of other agents are not checked.
        let output = fed(&["--strict", "-f", "192.0.2.77", "-"], &file);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    }
}

#[test]
fn invalid_command_line_is_explained() {
    let capture = capture("openvswitch");
    for (arguments, expected) in [
        (&[][..], "Usage: dump"),
        (&["--json"], "<FILE|--listen [<ADDRESS>]>"),
        (&["--json", "--count", &capture], "cannot be used with"),
        (&["--listen", "0", "--", &capture], "cannot be used with"),
        (&["--listen", "here"], "6343, 127.0.0.1"),
        (&["--time", &capture], "--json"),
        (&["--port", "x", &capture], "`any`"),
    ] {
        let output = run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(error.contains(expected), "{error}");
    }
    let help = printed(&["--help"]);
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
}

#[test]
fn other_ports_are_shown_on_request() {
    let capture = capture("openvswitch");
    let output = run(&["--json", "--port", "9343", &capture]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
    let error = text(&output.stderr);
    let expected = "passed over 106 of 106 packets: 106 to UDP port 6343 (--port PORT reads";
    assert!(error.contains(expected), "{error}");
    assert_eq!(
        json_lines(&printed(&["--json", "--port", "any", &capture])).len(),
        106
    );
    let summary = printed(&["--count", "--port", "9343", &capture]);
    assert!(
        summary.contains("datagrams to other ports (--port)    106"),
        "{summary}"
    );
}
