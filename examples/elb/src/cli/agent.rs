use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Log, end_requested, runtime};
use crate::agent::{Roots, Settings, run};
use crate::config::duration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of a collector; the default port is 6343. Repeat it for several, each of which
    /// receives every datagram.
    #[arg(long = "collector", value_name = "HOST[:PORT]", required = true, value_parser = with_port)]
    collectors: Vec<String>,

    /// The engine of this host.
    #[arg(
        long,
        value_name = "ENDPOINT",
        default_value = "unix:///var/run/docker.sock"
    )]
    docker: String,

    /// Time between two readings of the same counters, such as `10s`; at least 1 s.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = polling)]
    polling: Duration,

    /// Sample one packet in N; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 400)]
    sampling: u32,

    /// The address that identifies the agent; default: the one from which it reaches the first
    /// collector.
    #[arg(long, value_name = "IP")]
    agent_address: Option<IpAddr>,

    /// Name of this host; default: the one that its engine has for it, which `docker node ls`
    /// shows.
    #[arg(long, value_name = "NAME")]
    host_name: Option<String>,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("info")?;
        let settings = Settings {
            collectors: self.collectors,
            docker: self.docker,
            polling: self.polling,
            sampling: self.sampling,
            address: self.agent_address,
            host_name: self.host_name,
            roots: Roots::default(),
        };
        runtime()?.block_on(async { run(settings, end_requested()).await })
    }
}

/// The address with the default port if it has none.
fn with_port(collector: &str) -> Result<String, &'static str> {
    const PORT: u16 = 6343;
    if let Ok(address) = collector.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, PORT).to_string());
    }
    let is_address = collector.starts_with('[') && collector.ends_with(']');
    match collector.rsplit_once(':').filter(|_| !is_address) {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|it| it > 0) => {
            Ok(collector.to_owned())
        }
        None if !collector.is_empty() => Ok(format!("{collector}:{PORT}")),
        _ => Err("expected a host and a port from 1 to 65535, such as elb.example:6343"),
    }
}

fn polling(text: &str) -> Result<Duration, &'static str> {
    let expected = "expected a time from 1 s to 1 h, such as 10s";
    let time = duration(text).ok_or(expected)?;
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    range.contains(&time).then_some(time).ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::with_port;

    #[test]
    fn collector_without_port_gets_the_default_port() {
        for (given, expected) in [
            ("elb", "elb:6343"),
            ("elb:7000", "elb:7000"),
            ("10.0.0.1", "10.0.0.1:6343"),
            ("10.0.0.1:7000", "10.0.0.1:7000"),
            ("::1", "[::1]:6343"),
            ("[::1]", "[::1]:6343"),
            ("[::1]:7000", "[::1]:7000"),
        ] {
            assert_eq!(with_port(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn collector_with_invalid_port_is_rejected() {
        for given in [
            "",
            ":6343",
            "elb:",
            "elb:x",
            "elb:0",
            "elb:70000",
            "[::1]:x",
        ] {
            assert!(with_port(given).is_err(), "{given}");
        }
    }
}
