use std::net::SocketAddr;

use super::in_two;
use crate::check::facts::Facts;
use crate::check::finding::Findings;
use crate::config::{Config, ConfigError};
use crate::presence::any_sender;
use crate::words::counted;

const ABOUT: &str = "configuration";

/// Judges the configuration by itself; `None` if there is none to go on with.
pub(super) fn judge<'f>(findings: &mut Findings, facts: &'f Facts) -> Option<&'f Config> {
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
    findings.ok(
        "configuration",
        ABOUT,
        format!("{path}: {services}{labelled}, decided every {interval:?}"),
    );
    addresses(findings, config);
    if config.collector.agents.is_empty() {
        let nodes = facts.engines.addresses.iter();
        let known = nodes.flat_map(|node| node.addresses.iter().copied());
        let words = any_sender(&config.collector, known).to_string();
        let (what, advice) = in_two(&words);
        findings.note("agents-unrestricted", ABOUT, what, advice);
    }
    Some(config)
}

fn refused(findings: &mut Findings, path: &str, error: &ConfigError) {
    match error {
        ConfigError::Unreadable { error, .. } => findings.wrong(
            "configuration-unreadable",
            ABOUT,
            format!("{path} cannot be read: {error}"),
            "name another file with --config, or begin with `elb run --example > elb.toml`",
        ),
        other => findings.wrong(
            "configuration-refused",
            ABOUT,
            format!("{path}: {other}"),
            "correct it: a configuration is taken as a whole or not at all",
        ),
    }
}

fn addresses(findings: &mut Findings, config: &Config) {
    let listen = config.collector.listen;
    if listen.ip().is_loopback() {
        findings.note(
            "collector-loopback",
            ABOUT,
            format!("telemetry is taken on {listen}, which only agents of this machine reach"),
            "set collector.listen = \"0.0.0.0:6343\" for agents of other machines",
        );
    }
    let page = config.http.listen;
    if !page.ip().is_loopback() && config.http.token.is_none() {
        findings.note(
            "page-open",
            ABOUT,
            format!(
                "who reaches {page} can read everything; without a token only this machine can \
                 change modes"
            ),
            "let a firewall or a proxy decide who reaches it, and set http.token_file",
        );
    }
    for endpoint in &config.docker.endpoints {
        if config.docker.tls.is_none() && is_open(endpoint) {
            findings.note(
                "docker-unencrypted",
                ABOUT,
                format!(
                    "{endpoint} is spoken to without encryption: who reaches it, or is on the \
                     way, can do everything that root can"
                ),
                "use TLS with a client certificate ([docker.tls]), or the socket of the engine on this machine",
            );
        }
    }
}

/// Whether an endpoint is one in the network, without protection.
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
