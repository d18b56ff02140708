use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{FIREWALL, HOST_NETWORK, agents, nodes, readings, some};
use crate::config::{Collector, Config};
use crate::diagnose::facts::{EngineFacts, NotListening, TelemetryFacts};
use crate::diagnose::finding::{Findings, Level};
use crate::format::{count, counted};

const ABOUT: &str = "telemetry";

/// Reports why no telemetry could be received.
pub(super) fn not_listening(findings: &mut Findings, config: &Config, why: &NotListening) {
    let NotListening { address, error, .. } = why;
    let port = address.port();
    if why.is_in_use {
        findings.about(ABOUT).wrong(
            "port_in_use",
            format!("UDP port {port} is in use, so telemetry was not checked"),
            format!(
                "if elb is running here, see `curl http://{}/api/v1/agents`; otherwise find the \
                 process with `ss -ulpn sport = :{port}`",
                reachable(config.http.listen),
            ),
        );
    } else {
        findings.about(ABOUT).wrong(
            "port_unusable",
            format!("cannot listen on {address}: {error}"),
            "set collector.listen to an address of this machine, or to 0.0.0.0:6343",
        );
    }
}

/// The local address at which a server on all addresses can be queried.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

/// Checks the telemetry of the nodes and of each service.
pub(super) fn check(
    findings: &mut Findings,
    config: &Config,
    engines: &EngineFacts,
    telemetry: &TelemetryFacts,
) {
    refused_senders(findings, &config.collector, telemetry);
    unusable(findings, telemetry);
    if telemetry.agents.is_empty() {
        if telemetry.refused_senders.is_empty() {
            no_agent(findings, &config.collector, telemetry);
        }
        return;
    }
    findings.about(ABOUT).ok(
        "datagrams",
        format!(
            "{} of {} in {:.0} s on {}",
            counted(
                usize::try_from(telemetry.datagrams).unwrap_or(usize::MAX),
                "datagram"
            ),
            counted(telemetry.agents.len(), "agent"),
            telemetry.listened.as_secs_f64(),
            config.collector.listen
        ),
    );
    agents::silent(findings, telemetry);
    nodes::check(findings, engines, telemetry);
    if telemetry.is_settled() {
        for service in &telemetry.services {
            readings::check(findings, service, telemetry);
        }
        packet_samples(findings, telemetry);
    }
}

fn no_agent(findings: &mut Findings, collector: &Collector, telemetry: &TelemetryFacts) {
    let (address, port) = (collector.listen, collector.listen.port());
    let what = match telemetry.datagrams {
        0 => format!(
            "no datagram received on {address} in {:.0} s",
            telemetry.listened.as_secs_f64()
        ),
        datagrams => format!(
            "no agent reports on {address}; datagrams received: {}",
            count(datagrams)
        ),
    };
    let mut subject = findings.about(ABOUT);
    subject.wrong(
        "no_agent",
        what,
        format!(
            "check that an agent runs on each node, that it sends to an address of this \
             machine (`collector {{ ip = … }}` in hsflowd.conf, `--collector` of `elb agent`), \
             and that no firewall blocks UDP port {port}. `tcpdump -ni any udp port {port}` \
             shows what arrives"
        ),
    );
    subject.with([("port", port.into())]);
}

/// Reports the senders that `collector.agents` does not allow, and the configuration line that does.
fn refused_senders(findings: &mut Findings, collector: &Collector, telemetry: &TelemetryFacts) {
    /// Maximum number of senders in the message.
    const SENDERS: usize = 8;
    let refused = &telemetry.refused_senders;
    let refused = refused.get(..SENDERS).unwrap_or(refused);
    if refused.is_empty() {
        return other_protocols(findings, telemetry);
    }
    let mut senders: Vec<IpAddr> = refused.iter().map(|sender| sender.address).collect();
    senders.sort_unstable();
    let line = collector.agents_with(senders.iter().copied());
    let senders: Vec<String> = senders.iter().map(IpAddr::to_string).collect();
    let shared = refused.iter().find(|sender| sender.is_shared);
    let shared = shared.map(|sender| sender.address.to_string());
    let is_all = telemetry.agents.is_empty() || telemetry.refuses_all;
    let (level, part) = match is_all {
        true => (Level::Wrong, "all"),
        false => (Level::Note, "some"),
    };
    let datagrams = telemetry.refused_senders.iter().map(|it| it.datagrams);
    let what = format!(
        "{part} sFlow datagrams are refused: collector.agents does not contain {} ({} datagrams)",
        senders.join(", "),
        count(datagrams.sum())
    );
    let advice = match &shared {
        Some(sender) => format!(
            "several agents send from one address. {HOST_NETWORK}, set {line} under [collector] in \
             the configuration, and add \"*\" = [\"{sender}\"] under [collector.nodes]"
        ),
        None => format!(
            "if these are agents of the nodes, set {line} under [collector] in the configuration"
        ),
    };
    let mut subject = findings.about(ABOUT);
    subject.push(level, "sender_refused", what, advice);
    subject.with([
        ("senders", senders.into()),
        ("shared", shared.into()),
        ("is_all", is_all.into()),
        ("line", line.into()),
    ]);
}

fn other_protocols(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let datagrams: u64 = telemetry.not_allowed.values().sum();
    if datagrams > 0 {
        let senders = telemetry.not_allowed.keys().map(IpAddr::to_string);
        let senders: Vec<String> = senders.collect();
        findings.about(ABOUT).note(
            "other_protocol",
            format!(
                "ignored {datagrams} datagrams that are not sFlow, from {}",
                some(&senders)
            ),
            format!("{FIREWALL}; use other ports for other protocols"),
        );
    }
}

fn unusable(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let dropped = telemetry.dropped.unwrap_or(0);
    if dropped > 0 {
        findings.about(ABOUT).wrong(
            "kernel_drops",
            format!("the kernel dropped {dropped} datagrams because the receive buffer was full"),
            "raise net.core.rmem_max (`sysctl -w net.core.rmem_max=4194304`), or find the sender \
             of so many datagrams",
        );
    }
    // Drops by the kernel are reported above.
    let discarded = telemetry.discarded.iter();
    let causes: Vec<String> = discarded
        .filter(|(cause, _)| !cause.contains("overflow"))
        .map(|(cause, count)| format!("{count} × {cause}"))
        .collect();
    if !causes.is_empty() {
        findings.about(ABOUT).note(
            "unusable_datagrams",
            format!("datagrams that cannot be used: {}", causes.join(", ")),
            "restrict the port to the agents; use other ports for other protocols",
        );
    }
}

/// Checks whether packet samples are received if a rule uses bytes or packets.
fn packet_samples(findings: &mut Findings, telemetry: &TelemetryFacts) {
    let services = telemetry.services.iter();
    let mut signals = services.flat_map(|service| service.signals.iter().flatten());
    let is_used = signals.any(|signal| {
        let metric = &signal.metric;
        metric.contains("vir_bytes_") || metric.contains("vir_pkts_")
    });
    if is_used && telemetry.packet_samples == 0 {
        findings.about(ABOUT).note(
            "no_packet_samples",
            "no packet samples received: load is only known from counters, once per polling \
             interval",
            "if there is traffic, enable sampling (`sampling = 100` and a `pcap` line for \
             each bridge in hsflowd.conf)",
        );
    }
}
