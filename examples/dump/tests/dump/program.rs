//! Runs the program, and builds its inputs.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

/// The path of a file in `testdata/` of the workspace.
pub(super) fn testdata(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(name)
}

/// The path of a capture.
pub(super) fn capture(name: &str) -> String {
    let path = testdata("captures").join(name).with_extension("pcap");
    path.to_str().unwrap().to_owned()
}

pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dump"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(super) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The output of a successful run without errors.
pub(super) fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    text(&output.stdout).to_owned()
}

/// Runs the program with bytes on standard input.
pub(super) fn fed(arguments: &[&str], bytes: &[u8]) -> Output {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    write_stdin(&mut child, bytes);
    child.wait_with_output().unwrap()
}

/// Writes to standard input of the program from another thread, then closes it.
pub(super) fn write_stdin(child: &mut Child, bytes: &[u8]) {
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    std::thread::spawn(move || stdin.write_all(&bytes).ok());
}

pub(super) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

pub(super) fn json_lines(text: &str) -> Vec<Json> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A pcap file of datagrams to port 6343 in raw IPv4.
pub(super) fn pcap(datagrams: &[&[u8]]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2_u16, 4].map(u16::to_le_bytes).concat());
    file.extend([0_u32, 0, 262_144, 101].map(u32::to_le_bytes).concat());
    for datagram in datagrams {
        let length = u16::try_from(28 + datagram.len()).unwrap();
        let lengths = [u32::from(length); 2];
        file.extend([1_474_678_817_u32, 250_000].map(u32::to_le_bytes).concat());
        file.extend(lengths.map(u32::to_le_bytes).concat());
        file.extend([0x45, 0]);
        file.extend(length.to_be_bytes());
        file.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        file.extend(
            [50_000, 6343, length - 20, 0]
                .map(u16::to_be_bytes)
                .concat(),
        );
        file.extend(*datagram);
    }
    file
}

/// A datagram of the fuzzing corpus.
pub(super) fn corpus(name: &str) -> Vec<u8> {
    let path = testdata("corpus/datagram").join(name);
    std::fs::read(path.with_extension("bin")).unwrap()
}
