//! Reports values of its own once a second: `cargo run -p sflow-agent --example agent HOST:PORT`
use std::time::{Duration, Instant};
use std::{env, error::Error, net::UdpSocket, thread};

use sflow_agent::{Agent, Config};
use sflow_v5::counter::{HostCpu, HostDescr};
use sflow_v5::{DataSource, enums::DataSourceKind};

fn main() -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(env::args().nth(1).ok_or("usage: agent HOST:PORT")?)?;
    let mut config = Config::new(socket.local_addr()?.ip());
    config.polling = Duration::from_secs(1);
    let started = Instant::now();
    let mut agent = Agent::new(config, Duration::ZERO);
    let host = DataSource::new(DataSourceKind::PHYSICAL, 1);
    agent.add("host", host, Duration::ZERO)?;
    let description = HostDescr {
        hostname: "example".into(),
        ..HostDescr::default()
    };
    loop {
        let now = started.elapsed();
        while let Some(source) = agent.next_source(now) {
            let cpu = HostCpu {
                load_one: 0.5.into(), // Measure something here.
                ..HostCpu::default()
            };
            agent.counters_sample(&source, now, |records| {
                records.push(&description)?;
                records.push(&cpu)
            })?;
        }
        while let Some(datagram) = agent.next_datagram(now) {
            let _ = socket.send(datagram); // An error means that the collector does not run.
        }
        let due = agent.next_due().unwrap_or(now + Duration::from_secs(1));
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
}
