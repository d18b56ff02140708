//! The program ends on SIGINT, and reads captures with absurd times in bounded time.

#[path = "../../stop/tests/stalled/mod.rs"]
mod stalled;

use std::process::{Command, Stdio};

use stalled::{Folder, Running, absurd_capture, absurd_times, capture, run, stalled_writer};

const QUERY: &str = env!("CARGO_BIN_EXE_query");
const LOAD: &str = "avg:load_one";
const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

#[test]
fn query_ends_at_fifo_without_writer() {
    stalled::ends_at_fifo_without_writer(QUERY, |fifo| vec![LOAD.into(), fifo.into()]);
}

#[test]
fn query_ends_at_stalled_output() {
    let arguments = ["--entities", "--json", "--every", "0.05s", SWARM].map(str::to_owned);
    stalled::ends_at_stalled_output(QUERY, &arguments);
}

#[test]
fn query_answers_what_a_stalled_fifo_contained() {
    let folder = Folder::new("query-stalled-fifo");
    let fifo = folder.fifo("fifo");
    let mut command = Command::new(QUERY);
    let mut running = Running::start(
        command
            .args(["--json", LOAD])
            .arg(&fifo)
            .stdout(Stdio::null()),
    );
    let writer = stalled_writer(&fifo, &capture(&[1_000, 1_001]));
    running.wait_until_ready();
    let writer = writer.join().unwrap();
    running.signal("INT");
    running.wait();
    assert!(!running.complaints().contains("panicked"));
    drop(writer);
}

#[test]
fn query_reports_few_times_in_gaps_of_centuries() {
    let folder = Folder::new("query-absurd");
    let path = absurd_capture(&folder);
    for every in ["1s", "0.001s"] {
        let output = run(Command::new(QUERY)
            .args(["--json", "--every", every, LOAD])
            .arg(&path));
        assert!(output.status.success(), "{output:?}");
        let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        let most = 201 * absurd_times().len();
        assert!((5..most).contains(&lines), "{lines}");
    }
}
