//! The program from outside: its documents, its screen, its page.

mod once;
mod page;
mod recording;
mod reported;
mod screen;
mod terminal;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{self, Command, Output, Stdio};
use std::time::Duration;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// A UDP address that is unused until a test uses it. A port that was bound and closed again is
/// not: the kernel may give it to another process meanwhile. On Linux each process has loopback
/// addresses of its own, and the port is none that the kernel gives out.
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
