//! Reports the counters of this host and of its interfaces:
//! `cargo run -p sflow-agent --features linux --example host 10.0.0.9:6343`
#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::{Duration, Instant};
    use std::{env, net::UdpSocket, thread};

    use sflow_agent::linux::{Host, PHYSICAL_HOST};
    use sflow_agent::{Agent, Config};

    let collector = env::args().nth(1).ok_or("usage: host HOST:PORT")?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(collector)?;
    let config = Config::new(socket.local_addr()?.ip());
    let started = Instant::now();
    let mut agent = Agent::new(config, Duration::ZERO);
    let host = Host::default();
    agent.add(None, PHYSICAL_HOST, Duration::ZERO)?;
    for interface in host.interfaces() {
        let source = interface.source();
        agent.add(Some(interface), source, Duration::ZERO)?;
    }
    loop {
        let now = started.elapsed();
        while let Some(key) = agent.next_source(now) {
            match &key {
                None => {
                    let counters = host.counters(None, 0);
                    agent.counters_sample(&key, now, |records| counters.encode(records))?;
                }
                Some(interface) => {
                    if let Some(counters) = host.interface_counters(interface) {
                        agent.counters_sample(&key, now, |records| counters.encode(records))?;
                    }
                }
            }
        }
        while let Some(datagram) = agent.next_datagram(now) {
            let _ = socket.send(datagram);
        }
        let due = agent.next_due().unwrap_or(now + Duration::from_secs(1));
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
