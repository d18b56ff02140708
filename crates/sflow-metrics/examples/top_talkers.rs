//! Prints the ten heaviest pairs of hosts every minute.
//!
//! `cargo run -p sflow-metrics --example top_talkers -- 0.0.0.0:6343`
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use sflow_metrics::{Registry, flow};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("0.0.0.0:6343".into());
    let pairs: flow::Definition = "keys=end.src,end.dst;value=bytes;top=10;smooth=60s".parse()?;
    let mut registry = Registry::default();
    let id = registry.watch_flows(pairs)?;
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 65_536];
    let mut printed = Instant::now();
    loop {
        let received = socket.recv_from(&mut buffer);
        let now = SystemTime::now().into();
        if let Ok((length, sender)) = received {
            // Packets that are not sFlow version 5 are ignored.
            let _ = registry.ingest_bytes(now, sender, &buffer[..length]);
        }
        if printed.elapsed() >= Duration::from_secs(60) {
            printed = Instant::now();
            registry.expire(now);
            let Some(answer) = registry.flows(now, id) else {
                continue;
            };
            for row in &answer.rows {
                println!(
                    "{} -> {}: {:.0} bytes/s",
                    row.keys[0], row.keys[1], row.value
                );
            }
            println!("all: {:.0} bytes/s", answer.total);
        }
    }
}
