//! Reports the counters of this host and of its interfaces:
//! `cargo run -p sflow-agent --features linux --example host 10.0.0.9`
#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::{Duration, Instant};
    use std::{env, net::UdpSocket, thread};

    use sflow_agent::linux::{Host, HostAgent};
    use sflow_agent::{CollectorAddress, Config};

    let collector = env::args().nth(1).ok_or("usage: host HOST[:PORT]")?;
    let collector: CollectorAddress = collector.parse()?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(collector.as_str())?;
    let config = Config::new(socket.local_addr()?.ip());
    let started = Instant::now();
    let mut agent = HostAgent::<()>::new(config, Host::default(), Duration::ZERO);
    agent.report_host(None, Duration::ZERO)?;
    loop {
        let now = started.elapsed();
        // No containers were added.
        while agent.next_container(now)?.is_some() {}
        while let Some(datagram) = agent.next_datagram(now) {
            let _ = socket.send(datagram);
        }
        thread::sleep(agent.next_due().saturating_sub(started.elapsed()));
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
