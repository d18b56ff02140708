//! Rules that derive findings from facts.

mod agents;
mod configuration;
mod engines;
mod leader;
mod nodes;
mod pools;
mod readings;
mod services;
mod telemetry;

use super::facts::Facts;
use super::finding::Findings;

impl Findings {
    /// Derives the findings from these facts.
    pub fn of(facts: &Facts) -> Self {
        let mut findings = Self::default();
        let Some(config) = configuration::check(&mut findings, facts) else {
            return findings;
        };
        engines::check(&mut findings, config, &facts.engines);
        if let Some(leader) = &facts.leader {
            leader::check(&mut findings, leader);
        }
        services::check(&mut findings, config, &facts.engines);
        pools::check(&mut findings, config, facts);
        match &facts.telemetry {
            Some(Ok(telemetry)) => {
                telemetry::check(&mut findings, config, &facts.engines, telemetry);
                agents::check(&mut findings, config, telemetry);
            }
            Some(Err(why)) => telemetry::not_listening(&mut findings, config, why),
            None => {}
        }
        findings
    }
}

/// Advice if a proxy or NAT replaces the addresses of senders.
const HOST_NETWORK: &str = "a proxy (docker-proxy), NAT or a relay replaces the addresses of the \
                            agents: run elb in the host's network (networks: [host] in \
                            compose.yaml); if that is not possible";

/// The first few names and the number of further ones.
fn some<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
