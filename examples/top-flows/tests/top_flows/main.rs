//! The program from outside: its documents, its screen, its page.

mod once;
mod page;
mod recording;
mod screen;
mod terminal;

use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_top-flows");
const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);
const OPENVSWITCH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/openvswitch.pcap"
);

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
