use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::config::{Collector, Config, ConfigError};
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Findings;
use crate::diagnose::kinds as kind;
use crate::format::counted;
use sflow_autoscale::observe::Reporter;

const ABOUT: &str = "configuration";

/// Checks the configuration; `None` if it is invalid.
pub(super) fn check<'f>(findings: &mut Findings, facts: &'f Facts) -> Option<&'f Config> {
    let config = match &facts.configuration {
        Ok(config) => config,
        Err(error) => {
            refused(findings, &facts.path, error);
            return None;
        }
    };
    let services = counted(config.services.len(), "service");
    let labelled = match config.discovery.enabled {
        true => " and those with labels",
        false => "",
    };
    let (path, interval) = (&facts.path, config.control.interval);
    let what = format!("{path}: {services}{labelled}, a decision every {interval:?}");
    findings.add(kind::CONFIGURATION.of(ABOUT, what));
    addresses(findings, config);
    if config.collector.agents.is_empty() {
        any_sender(findings, &config.collector, facts);
    }
    Some(config)
}

fn refused(findings: &mut Findings, path: &str, error: &ConfigError) {
    let mut refuse = |what: String| findings.add(kind::CONFIGURATION_REFUSED.of(ABOUT, what));
    match error {
        ConfigError::Unreadable { error, .. } => {
            let what = format!("{path} cannot be read: {error}");
            findings.add(kind::CONFIGURATION_UNREADABLE.of(ABOUT, what));
        }
        ConfigError::Invalid(errors) => {
            for error in errors {
                let separator = if error.place.is_some() { "," } else { ":" };
                refuse(format!("{path}{separator} {error}"));
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
    let what = "collector.agents is empty: datagrams of every sender are accepted";
    let finding = kind::ANY_SENDER.of(ABOUT, what).detail("line", &*line);
    findings.add(finding.advise(format!("set {line} under [collector]")));
}

fn addresses(findings: &mut Findings, config: &Config) {
    let listen = config.collector.listen;
    if listen.ip().is_loopback() {
        let what = format!(
            "telemetry is received on {listen}, which only agents on this machine can reach"
        );
        findings.add(kind::COLLECTOR_LOOPBACK.of(ABOUT, what));
    }
    let page = config.http.listen;
    if !page.ip().is_loopback() && config.http.token.is_none() {
        let what = format!(
            "every client that can reach {page} can read everything; without a token only clients \
             on this machine can change modes"
        );
        findings.add(kind::PAGE_OPEN.of(ABOUT, what));
    }
    let has_tls = config.docker.tls.is_some();
    let endpoints = config.docker.endpoints.iter();
    for endpoint in endpoints.filter(|endpoint| !has_tls && is_open(endpoint)) {
        let what = format!(
            "{endpoint} is not encrypted: every client that can reach it, or intercept the \
             connection, has root privileges"
        );
        findings.add(kind::DOCKER_UNENCRYPTED.of(ABOUT, what));
    }
}

/// Whether an endpoint is a network address without TLS.
fn is_open(endpoint: &str) -> bool {
    let host = endpoint
        .strip_prefix("tcp://")
        .or(endpoint.strip_prefix("http://"));
    host.is_some_and(|host| {
        let host = host.trim_end_matches('/');
        let address = host.parse::<SocketAddr>();
        let is_loopback = address.is_ok_and(|address| address.ip().is_loopback());
        !is_loopback && !host.starts_with("localhost:")
    })
}
