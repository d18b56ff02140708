//! The program ends on request, and does not wait for absurd times in a capture.

#[path = "../../stop/tests/stalled/mod.rs"]
mod stalled;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use stalled::{Folder, Running, absurd_capture, absurd_times, capture, run, stalled_writer};

const DUMP: &str = env!("CARGO_BIN_EXE_dump");
const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

#[test]
fn dump_ends_at_fifo_without_writer() {
    stalled::ends_at_fifo_without_writer(DUMP, |fifo| vec!["--json".into(), fifo.into()]);
}

#[test]
fn dump_ends_at_stalled_output() {
    let arguments = vec!["--json".to_owned(), SWARM.to_owned()];
    stalled::ends_at_stalled_output(DUMP, &arguments);
}

#[test]
fn dump_shows_content_of_stalled_fifo() {
    let folder = Folder::new("dump-stalled-fifo");
    let fifo = folder.fifo("fifo");
    let mut bytes = capture(&[1_000, 1_001, 1_002]);
    let whole = bytes.len();
    bytes.truncate(whole - 10);
    let mut command = Command::new(DUMP);
    let mut running = Running::start(command.args(["--json"]).arg(&fifo).stdout(Stdio::piped()));
    let writer = stalled_writer(&fifo, &bytes);
    running.wait_until_ready();
    let writer = writer.join().unwrap();
    running.signal("TERM");
    let status = running.wait();
    let stdout = BufReader::new(running.0.stdout.take().unwrap());
    let lines = stdout.lines().count();
    // The third datagram is incomplete. The number of datagrams read before the signal varies.
    assert!(lines <= 2, "{lines}");
    assert!(!running.complaints().contains("panicked"), "{status}");
    drop(writer);
}

#[test]
fn dump_shows_absurd_times_at_once() {
    let folder = Folder::new("dump-absurd");
    let path = absurd_capture(&folder);
    let output = run(Command::new(DUMP).args(["--json", "--time"]).arg(&path));
    assert!(output.status.success(), "{output:?}");
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, absurd_times().len());
}
