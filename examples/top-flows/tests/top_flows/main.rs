//! Tests of the program: documents, screen and page.

mod once;
mod page;
mod playback;
mod recording;
mod reported;
mod screen;
mod terminal;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{self, Command, Output, Stdio};
use std::time::Duration;

/// Sufficient for every step on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

const PROGRAM: &str = env!("CARGO_BIN_EXE_top-flows");
const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-swarm.pcap"
);

/// Its agents name the containers in packet samples.
const NAMED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-marktraffic.pcap"
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

/// A UDP address that stays unused until the test uses it. A port that was bound and closed may be
/// assigned to another process. On Linux each process uses loopback addresses of its own, and ports
/// outside the ephemeral range.
fn unused_address() -> SocketAddr {
    if !cfg!(target_os = "linux") {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        return socket.local_addr().unwrap();
    }
    let [_, high, middle, low] = process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high | 0x80, middle, low);
    let mut addresses = (20_000..30_000).map(|port| SocketAddr::from((own, port)));
    let unused = addresses.find(|address| UdpSocket::bind(address).is_ok());
    unused.expect("a port is unused")
}
