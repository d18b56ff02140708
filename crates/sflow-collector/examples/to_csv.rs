//! Prints the interface counters in a capture as CSV:
//!
//! `cargo run -p sflow-collector --example to_csv swarm.pcap > counters.csv`

use std::error::Error;
use std::io::{self, Write as _};
use std::time::UNIX_EPOCH;

use sflow_collector::capture::Capture;
use sflow_v5::counter::IfCounters;
use sflow_v5::{Datagram, Sample};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: to_csv CAPTURE")?;
    let mut capture = Capture::open(path)?;
    let mut out = io::BufWriter::new(io::stdout());
    writeln!(out, "time,agent,if_index,if_in_octets,if_out_octets")?;
    while let Some(received) = capture.next_datagram()? {
        let time = received.received_at.duration_since(UNIX_EPOCH)?;
        let time = time.as_secs_f64();
        let Ok(datagram) = Datagram::parse(received.bytes) else {
            continue;
        };
        let agent = datagram.header.agent_address;
        for sample in datagram.samples() {
            if let Sample::Counters(sample) = sample
                && let Some(counters) = sample.find::<IfCounters>()
            {
                let (index, octets_in) = (counters.if_index, counters.if_in_octets);
                let octets_out = counters.if_out_octets;
                writeln!(out, "{time:.6},{agent},{index},{octets_in},{octets_out}")?;
            }
        }
    }
    let passed_over = capture.passed_over();
    if !passed_over.is_empty() {
        eprintln!("{passed_over}"); // Packets that are not sFlow, by cause.
    }
    Ok(())
}
