//! One line for each packet, output files, and documents.

use std::io::{BufRead as _, BufReader, Read as _};

use crate::program::{capture, command, fed, json_lines, pcap, printed, run, testdata, text};

#[test]
fn packets_are_lines_in_the_notation_of_tcpdump() {
    let swarm = printed(&["-1", &capture("hsflowd-swarm")]);
    let lines: Vec<_> = swarm.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "2026-11-23 04:05:44.565757 IP 172.17.0.2.80 > 10.99.0.254.47128: Flags [.], length 0 \
             (70 bytes, 1 in 400, in unknown, out 3, agent 10.99.0.2)",
            "2026-11-23 04:05:44.565757 IP 172.17.0.2.80 > 10.99.0.254.47254: Flags [P.], length 2896 \
             (2966 bytes, 1 in 400, in unknown, out 3, agent 10.99.0.2)",
        ]
    );
    // One for each sampled packet.
    let json = json_lines(&printed(&["--json", &capture("hsflowd-swarm")]));
    let samples = json
        .iter()
        .flat_map(|line| line["samples"].as_array().unwrap());
    let packets = samples
        .filter(|sample| sample["sampling_rate"].is_u64())
        .count();
    assert_eq!(lines.len(), packets);
    // The filters are those of the other formats.
    let one = printed(&[
        "--brief",
        "--filter",
        "10.99.0.3",
        "-n",
        "1",
        &capture("hsflowd-swarm"),
    ]);
    assert!(
        one.lines().all(|line| line.ends_with("agent 10.99.0.3)")),
        "{one}"
    );
}

#[test]
fn other_packets_have_their_protocol() {
    let packets = |name: &str| {
        let path = testdata("reported").join(name);
        let output = run(&["-1", "--port", "any", path.to_str().unwrap()]);
        text(&output.stdout).to_owned()
    };
    let all: String = std::fs::read_dir(testdata("reported"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter_map(|name| Some(packets(name.to_str().filter(|it| it.ends_with("pcap"))?)))
        .collect();
    for expected in [
        "IP 10.0.0.1.46622 > 239.42.42.4.58631: UDP, length 1316 (",
        "IP 10.0.0.1.2152 > 10.0.0.2.2152: gtp_u 4660: IP 10.9.0.1.12345 > 10.9.0.2.80: Flags [.], length 0 (",
    ] {
        assert!(all.contains(expected), "{expected} in {all}");
    }
}

#[test]
fn errors_count_from_the_start_of_the_datagram() {
    // A counters sample with `virt_cpu` of 8 instead of 12 bytes, from byte 28 on.
    let sample = [2u32, 36, 1, 2, 1, 2101, 8, 1, 2];
    let header = [5u32, 1, 0x0a00_0001, 0, 7, 1000, 1];
    let words = [&header[..], &sample[..1], &[28], &sample[2..]].concat();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let output = fed(&["-"], &pcap(&[&bytes]));
    let block = text(&output.stdout);
    assert_eq!(bytes.len(), 64);
    assert!(
        block.contains("virt_cpu 0:2101  malformed: virt_cpu.nrVirtCpu at byte 64: "),
        "{block}"
    );
    // The length of the sample exceeds the datagram: its content starts at byte 36.
    let words = [&header[..], &[2, 100], &sample[2..]].concat();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let output = fed(&["-"], &pcap(&[&bytes[..52]]));
    let block = text(&output.stdout);
    assert!(
        block.contains("malformed: sample at byte 36: length 100"),
        "{block}"
    );
}

#[test]
fn colour_is_on_request() {
    let path = capture("hsflowd-swarm");
    let plain = printed(&["-n", "1", &path]);
    assert!(!plain.contains('\u{1b}'));
    let colored = printed(&["-n", "1", "--color", "always", &path]);
    assert!(colored.starts_with("\u{1b}[1m2026-11-23T04:04:59.856"));
    assert_eq!(
        colored.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""),
        plain
    );
}

#[test]
fn closed_pipe_ends_the_program() {
    for arguments in [&["-1"][..], &["--json"], &[]] {
        let path = capture("hsflowd-swarm");
        let mut child = command(&[arguments, &[&path, &path, &path]].concat())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        drop(output);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut errors = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        assert_eq!(errors, "");
    }
}

#[test]
fn output_file_is_not_overwritten_silently() {
    let path = std::env::temp_dir().join(format!("dump-output-{}", std::process::id()));
    let arguments = [
        "-1",
        "-o",
        path.to_str().unwrap(),
        &capture("hsflowd-swarm"),
    ];
    assert_eq!(printed(&arguments), "");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap().lines().count(),
        8642
    );
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("exists; --force overwrites it"));
    assert_eq!(printed(&[&arguments[..], &["--force"]].concat()), "");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn completions_and_man_page_are_printed() {
    assert!(printed(&["--completions", "zsh"]).starts_with("#compdef dump"));
    assert!(printed(&["--man"]).contains(".TH dump 1"));
}
