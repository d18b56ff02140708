use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::config::{Collector, Config, ConfigError};
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Findings;
use crate::format::counted;
use sflow_autoscale::observe::Reporter;

const ABOUT: &str = "configuration";

/// Checks the configuration; `None` if it is invalid.
pub(super) fn check<'f>(findings: &mut Findings, facts: &'f Facts) -> Option<&'f Config> {
    let path = &facts.path;
    let config = match &facts.configuration {
        Ok(config) => config,
        Err(error) => {
            refused(findings, path, error);
            return None;
        }
    };
    let services = counted(config.services.len(), "service");
    let labelled = match config.discovery.enabled {
        true => " and those with labels",
        false => "",
    };
    let interval = config.control.interval;
    findings.about(ABOUT).ok(
        "configuration",
        format!("{path}: {services}{labelled}, a decision every {interval:?}"),
    );
    addresses(findings, config);
    if config.collector.agents.is_empty() {
        any_sender(findings, &config.collector, facts);
    }
    Some(config)
}

fn refused(findings: &mut Findings, path: &str, error: &ConfigError) {
    match error {
        ConfigError::Unreadable { error, .. } => findings.about(ABOUT).wrong(
            "configuration_unreadable",
            format!("{path} cannot be read: {error}"),
            "name the file with --config, or create one with `elb run --example > elb.toml`",
        ),
        ConfigError::Invalid(errors) => {
            for error in errors {
                let separator = if error.place.is_some() { "," } else { ":" };
                findings.about(ABOUT).wrong(
                    "configuration_refused",
                    format!("{path}{separator} {error}"),
                    "correct the error; an invalid configuration is not applied",
                );
            }
        }
    }
}

/// Recommends to allow only the nodes and the senders of `[collector.nodes]`.
fn any_sender(findings: &mut Findings, collector: &Collector, facts: &Facts) {
    let nodes = facts.engines.addresses.iter();
    let mut addresses: Vec<IpAddr> = nodes.flat_map(|node| node.addresses.clone()).collect();
    for node in facts.received().into_iter().flat_map(|it| &it.nodes) {
        addresses.extend(&node.report.addresses);
        if let Reporter::Agent(agent) = &node.report.reporter {
            addresses.push(agent.sender);
        }
    }
    let networks: BTreeSet<_> = collector.nodes.values().flatten().copied().collect();
    let line = match (networks.is_empty(), addresses.is_empty()) {
        (true, true) => "agents = [\"ADDRESS\", \"NETWORK/LENGTH\"]".to_owned(),
        _ => {
            let restricted = Collector {
                agents: networks.into_iter().collect(),
                ..collector.clone()
            };
            restricted.agents_with(addresses)
        }
    };
    let mut subject = findings.about(ABOUT);
    subject.note(
        "any_sender",
        "collector.agents is empty: datagrams of every sender are accepted",
        format!("set {line} under [collector]"),
    );
    subject.with([("line", line.into())]);
}

fn addresses(findings: &mut Findings, config: &Config) {
    let listen = config.collector.listen;
    if listen.ip().is_loopback() {
        findings.about(ABOUT).note(
            "collector_loopback",
            format!(
                "telemetry is received on {listen}, which only agents on this machine can reach"
            ),
            "set collector.listen = \"0.0.0.0:6343\" to receive from other machines",
        );
    }
    let page = config.http.listen;
    if !page.ip().is_loopback() && config.http.token.is_none() {
        findings.about(ABOUT).note(
            "page_open",
            format!(
                "every client that can reach {page} can read everything; without a token only \
                 clients on this machine can change modes"
            ),
            "restrict access with a firewall or a proxy, and set http.token_file",
        );
    }
    for endpoint in &config.docker.endpoints {
        if config.docker.tls.is_none() && is_open(endpoint) {
            findings.about(ABOUT).note(
                "docker_unencrypted",
                format!(
                    "{endpoint} is not encrypted: every client that can reach it, or intercept the \
                     connection, has root privileges"
                ),
                "use TLS with a client certificate ([docker.tls]), or the engine's socket on this \
                 machine",
            );
        }
    }
}

/// Whether an endpoint is a network address without TLS.
fn is_open(endpoint: &str) -> bool {
    let host = endpoint
        .strip_prefix("tcp://")
        .or(endpoint.strip_prefix("http://"));
    host.is_some_and(|host| {
        let host = host.trim_end_matches('/');
        let is_loopback = host
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.ip().is_loopback());
        !is_loopback && !host.starts_with("localhost:")
    })
}
