//! The program ends on request, and after a wrong clock.

#[path = "../../stop/tests/stalled/mod.rs"]
mod stalled;

use std::process::{Command, Stdio};

use stalled::{Folder, Running, absurd_capture, capture, run};

const TOP_FLOWS: &str = env!("CARGO_BIN_EXE_top-flows");

#[test]
fn top_flows_ends_at_fifo_without_writer() {
    stalled::ends_at_fifo_without_writer(TOP_FLOWS, |fifo| {
        ["--once", fifo].map(str::to_owned).to_vec()
    });
}

#[test]
fn top_flows_reads_absurd_times_to_the_end() {
    let folder = Folder::new("top-flows-absurd");
    let path = absurd_capture(&folder);
    let output = run(Command::new(TOP_FLOWS)
        .args(["--once", "--json"])
        .arg(&path));
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn top_flows_ends_while_a_replay_waits() {
    let folder = Folder::new("top-flows-gap");
    let path = folder.file("gap.pcapng", &capture(&[1_000, 4_500, 1 << 31]));
    let mut command = Command::new(TOP_FLOWS);
    let mut running = Running::start(
        command
            .args(["--web", "127.0.0.1:0", "--no-terminal"])
            .arg(&path)
            .stdout(Stdio::null()),
    );
    running.wait_until_ready();
    running.signal("TERM");
    running.wait();
}
