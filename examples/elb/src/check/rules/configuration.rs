use std::net::SocketAddr;

use super::split_advice;
use crate::check::facts::Facts;
use crate::check::finding::Findings;
use crate::config::{Config, ConfigError};
use crate::coverage::any_sender;
use crate::format::counted;

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
    findings.ok(
        "configuration",
        ABOUT,
        format!("{path}: {services}{labelled}, a decision every {interval:?}"),
    );
    addresses(findings, config);
    if config.collector.agents.is_empty() {
        let nodes = facts.engines.addresses.iter();
        let known = nodes.flat_map(|node| node.addresses.iter().copied());
        let text = any_sender(&config.collector, known).to_string();
        let (what, advice) = split_advice(&text);
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
            "name the file with --config, or create one with `elb run --example > elb.toml`",
        ),
        other => findings.wrong(
            "configuration-refused",
            ABOUT,
            format!("{path}: {other}"),
            "correct the error; an invalid configuration is not applied",
        ),
    }
}

fn addresses(findings: &mut Findings, config: &Config) {
    let listen = config.collector.listen;
    if listen.ip().is_loopback() {
        findings.note(
            "collector-loopback",
            ABOUT,
            format!(
                "telemetry is received on {listen}, which only agents on this machine can reach"
            ),
            "set collector.listen = \"0.0.0.0:6343\" to receive from other machines",
        );
    }
    let page = config.http.listen;
    if !page.ip().is_loopback() && config.http.token.is_none() {
        findings.note(
            "page-open",
            ABOUT,
            format!(
                "every client that can reach {page} can read everything; without a token only \
                 clients on this machine can change modes"
            ),
            "restrict access with a firewall or a proxy, and set http.token_file",
        );
    }
    for endpoint in &config.docker.endpoints {
        if config.docker.tls.is_none() && is_open(endpoint) {
            findings.note(
                "docker-unencrypted",
                ABOUT,
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
