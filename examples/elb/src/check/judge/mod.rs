//! Judging: from facts to what a person should know.

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
    /// What these facts amount to.
    pub fn of(facts: &Facts) -> Self {
        let mut findings = Self::default();
        let Some(config) = configuration::judge(&mut findings, facts) else {
            return findings;
        };
        engines::judge(&mut findings, config, &facts.engines);
        let wishes = facts.engines.wishes(config);
        services::judge(&mut findings, config, &wishes, &facts.engines);
        let heard = facts.heard.as_ref().and_then(|heard| heard.as_ref().ok());
        pools::judge(&mut findings, config, &facts.engines, heard);
        match &facts.heard {
            Some(Ok(heard)) => {
                telemetry::judge(&mut findings, config, &wishes, &facts.engines, heard);
                agents::judge(&mut findings, config, heard);
            }
            Some(Err(why)) => telemetry::deaf(&mut findings, config, why),
            None => {}
        }
        findings
    }
}

/// A message in two parts: its first sentence, and what to do.
fn in_two(words: &str) -> (&str, &str) {
    let parts = words.split_once(". ");
    parts.unwrap_or((words, "let nobody but the agents reach the port"))
}

/// The first few of many, and how many more there are.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
