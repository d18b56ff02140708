//! Compressed captures, directories, encapsulations, and packets that are not used.

use std::fs;
use std::process::{Command, Output};

const REPORTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/reported");

fn query(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_query"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Standard output, standard error with the path as `FILE`, and the exit code.
fn bytes(path: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    let flows = ["--json", "--flows", "keys=agent;value=bytes", path];
    let output = query(&[&flows, arguments].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr).replace(path, "FILE"),
        output.status.code(),
    )
}

#[test]
fn reported_captures_have_the_right_totals_or_their_cause() {
    for (name, total, expected, code) in [
        ("capture-fragments", "354000.0", "", 0),
        ("capture-link-239", "5800.0", "", 0),
        ("capture-outer-gre", "5800.0", "", 0),
        ("capture-outer-vxlan", "5800.0", "", 0),
        (
            "capture-other-port-9995",
            "",
            "query: FILE: passed over 1 of 1 packet: 1 to UDP port 9995\n\
             query: FILE: no datagram to UDP port 6343; --port PORT reads another port\n",
            1,
        ),
        (
            "other-netflow9",
            "",
            "query: 1 datagram was not sFlow version 5: 1 NetFlow 9\n",
            0,
        ),
        (
            "other-sflow4",
            "",
            "query: 1 datagram was not sFlow version 5: 1 sFlow 4\n",
            0,
        ),
    ] {
        let (answer, error, exit) = bytes(&format!("{REPORTED}/{name}.pcap"), &[]);
        assert!(answer.contains(total), "{name}: {answer}");
        assert_eq!((error.as_str(), exit), (expected, Some(code)), "{name}");
    }
    let path = format!("{REPORTED}/capture-other-port-9995.pcap");
    let (answer, error, exit) = bytes(&path, &["--port", "9995"]);
    assert!(answer.contains("5800.0"), "{answer}");
    assert_eq!((error.as_str(), exit), ("", Some(0)));
}

#[test]
fn directories_are_read_and_errors_name_the_file() {
    let folder = std::env::temp_dir().join(format!("query-captures-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.to_str().unwrap();
    let (_, error, exit) = bytes(path, &[]);
    assert!(
        error.contains("FILE: the directory contains no files"),
        "{error}"
    );
    assert_eq!(exit, Some(1));
    let from = format!("{REPORTED}/capture-fragments.pcap");
    fs::copy(from, folder.join("1.pcap")).unwrap();
    fs::write(folder.join("2.txt"), "notes").unwrap();
    let (answer, error, exit) = bytes(path, &[]);
    assert_eq!(error, "query: FILE: 1 file is not a capture: 2.txt\n");
    assert!(answer.contains("354000.0"), "{answer}");
    assert_eq!(exit, Some(0));
    fs::write(folder.join("3.pcap.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let (answer, error, exit) = bytes(path, &[]);
    assert!(answer.contains("354000.0"), "{answer}");
    assert!(
        error.contains("3.pcap.gz: cannot decompress the gzip file"),
        "{error}"
    );
    assert_eq!(exit, Some(1));
    // Files after broken ones are read, also after a broken first one.
    fs::rename(folder.join("1.pcap"), folder.join("4.pcap")).unwrap();
    let first = "1\u{1b}[2J\u{202e}.pcap.gz";
    fs::write(folder.join(first), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let (answer, error, exit) = bytes(path, &[]);
    assert!(answer.contains("354000.0"), "{answer}");
    let lines: Vec<_> = error.lines().collect();
    assert!(
        lines[0].starts_with("query: FILE/1�[2J�.pcap.gz: cannot decompress the gzip file"),
        "{error}"
    );
    assert!(
        lines[1].contains("3.pcap.gz: cannot decompress the gzip file"),
        "{error}"
    );
    assert_eq!(lines.len(), 3, "{error}");
    assert_eq!(exit, Some(1));
    fs::remove_dir_all(&folder).unwrap();
}
