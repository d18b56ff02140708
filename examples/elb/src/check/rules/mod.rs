//! Rules that derive findings from facts.

mod agents;
mod configuration;
mod engines;
mod pools;
mod services;
mod telemetry;
#[cfg(test)]
mod tests;

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
        let managed = facts.engines.managed_services(config);
        services::check(&mut findings, config, &managed, &facts.engines);
        let telemetry = facts
            .telemetry
            .as_ref()
            .and_then(|telemetry| telemetry.as_ref().ok());
        pools::check(&mut findings, config, &facts.engines, telemetry);
        match &facts.telemetry {
            Some(Ok(telemetry)) => {
                telemetry::check(&mut findings, config, &managed, &facts.engines, telemetry);
                agents::check(&mut findings, config, telemetry);
            }
            Some(Err(why)) => telemetry::deaf(&mut findings, config, why),
            None => {}
        }
        findings
    }
}

/// Splits a message into its first sentence and the advice.
fn split_advice(text: &str) -> (&str, String) {
    let Some((what, advice)) = text.split_once(". ") else {
        return (
            text,
            "restrict the port to the agents with a firewall".to_owned(),
        );
    };
    let mut rest = advice.chars();
    let first = rest.next().map(|first| first.to_ascii_lowercase());
    (what, first.into_iter().chain(rest).collect())
}

/// The first few names and the number of further ones.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
