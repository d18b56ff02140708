//! Receives sFlow for some seconds and prints all values in the text format of Prometheus.
//!
//! `cargo run -p sflow-metrics --example exporter -- 0.0.0.0:6343 30`
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

use sflow_metrics::{Metric, Registry};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let socket = UdpSocket::bind(arguments.next().ok_or("expected an address")?)?;
    let seconds = arguments.next().unwrap_or("30".into()).parse()?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut registry = Registry::default();
    let (start, mut buffer) = (Instant::now(), [0; 65_536]);
    while start.elapsed() < Duration::from_secs(seconds) {
        if let Ok((length, sender)) = socket.recv_from(&mut buffer) {
            // Packets that are not sFlow version 5 are ignored.
            let _ = registry.ingest_bytes(SystemTime::now().into(), sender, &buffer[..length]);
        }
    }
    let entities: Vec<_> = registry.entities(SystemTime::now().into()).collect();
    for metric in Metric::all() {
        let is_counter = metric.is_openmetrics_counter();
        let kind = if is_counter { "counter" } else { "gauge" };
        let suffix = if is_counter { "_total" } else { "" };
        let name = metric.openmetrics_name() + suffix;
        println!("# TYPE {name} {kind}\n# HELP {name} {}.", metric.origin());
        for entity in &entities {
            let count = entity.count(metric).map(|count| count as f64);
            let reading = entity.value(metric);
            if let Some(value) = if is_counter { count } else { reading } {
                let (id, value) = (entity.id(), metric.openmetrics_value(value));
                let label = entity.name().replace(['\\', '"', '\n'], "_");
                println!("{name}{{id=\"{id}\",name=\"{label}\"}} {value}");
            }
        }
    }
    Ok(())
}
