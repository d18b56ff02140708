//! Sends one datagram with the counters of a container.
//!
//! `cargo run -p sflow-v5 --example sender -- 127.0.0.1:6343`

use std::{env, net::UdpSocket};

use sflow_v5::counter::{HostDescr, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::{Address, CountersSample, DataSource, Encoder, Header};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let collector = env::args().nth(1).unwrap_or("127.0.0.1:6343".to_owned());
    let header = Header {
        agent_address: Address::V4([127, 0, 0, 1]),
        sequence_number: 1,
        uptime: 60_000, // milliseconds
        ..Header::default()
    };
    let sample = CountersSample {
        sequence_number: 1,
        source_id: DataSource::new(DataSourceKind::LOGICAL, 100_001),
        ..CountersSample::default()
    };
    let mut buffer = [0; 1400];
    let mut encoder = Encoder::new(&mut buffer, &header)?;
    encoder.counters_sample(&sample, |records| {
        records.push(&HostDescr {
            hostname: "web-1".into(),
            ..HostDescr::default()
        })?;
        records.push(&VirtCpu {
            state: DomainState::RUNNING,
            cpu_time: 1_250.into(), // milliseconds
            nr_virt_cpu: 2.into(),
        })
    })?;
    UdpSocket::bind("0.0.0.0:0")?.send_to(encoder.finish(), collector)?;
    Ok(())
}
