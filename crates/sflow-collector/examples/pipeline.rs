//! Decodes datagrams in four tasks and prints the samples of each sender every second:
//!
//! `cargo run -p sflow-collector --example pipeline --features tokio 0.0.0.0:6343`

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sflow_collector::udp::{AsyncUdpReceiver, SocketSettings, UdpReceiver, listen_address};
use sflow_v5::Datagram;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1).unwrap_or("6343".to_owned());
    let (sender, mut counts) = mpsc::channel(1024);
    // The kernel gives all datagrams of a sender to the same worker.
    let settings = SocketSettings::default();
    for receiver in UdpReceiver::bind_shared(listen_address(&argument)?, &settings, 4)? {
        tokio::spawn(decode(AsyncUdpReceiver::new(receiver)?, sender.clone()));
    }
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut samples = BTreeMap::<IpAddr, usize>::new();
    loop {
        tokio::select! {
            Some((source, count)) = counts.recv() => *samples.entry(source).or_default() += count,
            _ = second.tick() => println!("{:?}", std::mem::take(&mut samples)),
        }
    }
}

async fn decode(mut receiver: AsyncUdpReceiver, counts: mpsc::Sender<(IpAddr, usize)>) {
    while let Ok(received) = receiver.receive().await {
        let count =
            Datagram::parse(received.bytes).map_or(0, |datagram| datagram.samples().count());
        let source = received.source.ip();
        counts.send((source, count)).await.ok();
    }
}
