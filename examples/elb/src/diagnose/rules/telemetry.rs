use std::net::{IpAddr, Ipv4Addr};

use super::{HOST_NETWORK, agents, nodes, readings, some};
use crate::config::{Collector, Config};
use crate::diagnose::facts::{EngineFacts, NotListening, TelemetryFacts};
use crate::diagnose::finding::{Finding, Findings, Level};
use crate::diagnose::kinds as kind;
use crate::format::{count, counted};

const ABOUT: &str = "telemetry";

/// Reports why no telemetry could be received.
pub(super) fn not_listening(findings: &mut Findings, config: &Config, why: &NotListening) {
    let NotListening { address, error, .. } = why;
    findings.add(if why.is_in_use {
        let (port, mut page) = (address.port(), config.http.listen);
        if page.ip().is_unspecified() {
            page.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let what = format!("UDP port {port} is in use, so telemetry was not checked");
        kind::PORT_IN_USE.of(ABOUT, what).advise(format!(
            "if elb is running here, see `curl http://{page}/api/v1/agents`; otherwise find the \
             process with `ss -ulpn sport = :{port}`"
        ))
    } else {
        kind::PORT_UNUSABLE.of(ABOUT, format!("cannot listen on {address}: {error}"))
    });
}

/// Checks the telemetry of the nodes and of each service.
pub(super) fn check(
    findings: &mut Findings,
    config: &Config,
    engines: &EngineFacts,
    telemetry: &TelemetryFacts,
) {
    match telemetry.refused_senders.is_empty() {
        true => findings.extend(other_protocols(telemetry)),
        false => findings.add(refused_senders(&config.collector, telemetry)),
    }
    unusable(findings, telemetry);
    if telemetry.agents.is_empty() {
        if telemetry.refused_senders.is_empty() {
            findings.add(no_agent(&config.collector, telemetry));
        }
        return;
    }
    let datagrams = usize::try_from(telemetry.datagrams).unwrap_or(usize::MAX);
    let what = format!(
        "{} of {} in {:.0} s on {}",
        counted(datagrams, "datagram"),
        counted(telemetry.agents.len(), "agent"),
        telemetry.listened.as_secs_f64(),
        config.collector.listen
    );
    findings.add(kind::DATAGRAMS.of(ABOUT, what));
    agents::silent(findings, telemetry);
    nodes::check(findings, engines, telemetry);
    if telemetry.is_settled() {
        for service in &telemetry.services {
            readings::check(findings, service, telemetry);
        }
        findings.extend(no_packet_samples(telemetry));
    }
}

fn no_agent(collector: &Collector, telemetry: &TelemetryFacts) -> Finding {
    let (address, port) = (collector.listen, collector.listen.port());
    let seconds = telemetry.listened.as_secs_f64();
    let what = match telemetry.datagrams {
        0 => format!("no datagram received on {address} in {seconds:.0} s"),
        datagrams => format!(
            "no agent reports on {address}; datagrams received: {}",
            count(datagrams)
        ),
    };
    let finding = kind::NO_AGENT.of(ABOUT, what).detail("port", port);
    finding.advise(format!(
        "check that an agent runs on each node, that it sends to an address of this machine \
         (`collector {{ ip = … }}` in hsflowd.conf, `--collector` of `elb agent`), and that no \
         firewall blocks UDP port {port}. `tcpdump -ni any udp port {port}` shows what arrives"
    ))
}

/// The senders that `collector.agents` does not allow, and the configuration line that does.
fn refused_senders(collector: &Collector, telemetry: &TelemetryFacts) -> Finding {
    /// Maximum number of senders in the message.
    const SENDERS: usize = 8;
    let refused = &telemetry.refused_senders;
    let datagrams = count(refused.iter().map(|it| it.datagrams).sum());
    let refused = refused.get(..SENDERS).unwrap_or(refused);
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
    let advice = match &shared {
        Some(sender) => format!(
            "several agents send from one address. {HOST_NETWORK}, set {line} under [collector] in \
             the configuration, and add \"*\" = [\"{sender}\"] under [collector.nodes]"
        ),
        None => format!(
            "if these are agents of the nodes, set {line} under [collector] in the configuration"
        ),
    };
    let listed = senders.join(", ");
    let what = format!(
        "{part} sFlow datagrams are refused: collector.agents does not contain {listed} \
         ({datagrams} datagrams)"
    );
    let finding = kind::SENDER_REFUSED.of(ABOUT, what).level(level);
    let finding = finding.advise(advice).detail("senders", senders);
    let finding = finding.detail("shared", shared).detail("is_all", is_all);
    finding.detail("line", line)
}

fn other_protocols(telemetry: &TelemetryFacts) -> Option<Finding> {
    let datagrams: u64 = telemetry.not_allowed.values().sum();
    let senders = telemetry.not_allowed.keys().map(IpAddr::to_string);
    let senders = some(&senders.collect::<Vec<_>>());
    let what = format!("refused {datagrams} datagrams that are not sFlow, from {senders}");
    (datagrams > 0).then(|| kind::OTHER_PROTOCOL.of(ABOUT, what))
}

fn unusable(findings: &mut Findings, telemetry: &TelemetryFacts) {
    if let Some(dropped @ 1..) = telemetry.dropped {
        let what =
            format!("the kernel dropped {dropped} datagrams because the receive buffer was full");
        findings.add(kind::KERNEL_DROPS.of(ABOUT, what));
    }
    // Drops by the kernel are reported above.
    let discarded = telemetry.discarded.iter();
    let causes: Vec<String> = discarded
        .filter(|(cause, _)| !cause.contains("overflow"))
        .map(|(cause, count)| format!("{count} × {cause}"))
        .collect();
    if !causes.is_empty() {
        let what = format!("datagrams that cannot be used: {}", causes.join(", "));
        findings.add(kind::UNUSABLE_DATAGRAMS.of(ABOUT, what));
    }
}

/// Checks whether packet samples are received if a rule uses bytes or packets.
fn no_packet_samples(telemetry: &TelemetryFacts) -> Option<Finding> {
    let services = telemetry.services.iter();
    let mut signals = services.flat_map(|service| service.signals.iter().flatten());
    let is_traffic = |metric: &str| metric.contains("vir_bytes_") || metric.contains("vir_pkts_");
    let is_used = signals.any(|signal| is_traffic(&signal.metric));
    let what = "no packet samples received: load is only known from counters, once per polling \
                interval";
    let is_missing = is_used && telemetry.packet_samples == 0;
    is_missing.then(|| kind::NO_PACKET_SAMPLES.of(ABOUT, what))
}
