//! Labels, of bounded length and without surprises.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use sflow_metrics::{AgentKey, Entity};

/// A value is no longer than this, in bytes.
const LONGEST: usize = 200;

/// Names and values; those without a value are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(Vec<(&'static str, String)>);

impl Labels {
    pub(super) fn new<const N: usize>(labels: [(&'static str, String); N]) -> Self {
        let labels = labels
            .into_iter()
            .map(|(name, value)| (name, harmless(&value)));
        Self(labels.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Who an entity is. Agent and data source make it one of its kind, or the name does.
    pub(super) fn of_entity(entity: &Entity<'_>) -> Self {
        let AgentKey {
            sender,
            address,
            sub_agent,
        } = entity.agent();
        Self::new([
            ("kind", entity.kind().to_string()),
            ("name", entity.name().to_owned()),
            (
                "host",
                entity
                    .parent()
                    .map_or(String::new(), |host| host.name().to_owned()),
            ),
            ("agent", address.to_string()),
            ("sub_agent", sub_agent.to_string()),
            ("sender", sender.to_string()),
            (
                "data_source",
                entity
                    .data_source()
                    .map_or(String::new(), |source| source.to_string()),
            ),
            (
                "ifindex",
                entity
                    .if_index()
                    .map_or(String::new(), |index| index.to_string()),
            ),
        ])
    }

    pub(super) fn of_agent(agent: AgentKey) -> Self {
        Self::new([
            ("agent", agent.address.to_string()),
            ("sub_agent", agent.sub_agent.to_string()),
            ("sender", agent.sender.to_string()),
        ])
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

/// At most so long, and nothing in it that a terminal or a page would obey.
fn harmless(value: &str) -> String {
    let mut plain = String::new();
    for character in value.chars() {
        if plain.len() + character.len_utf8() > LONGEST {
            break;
        }
        plain.push(if character.is_control() {
            '\u{fffd}'
        } else {
            character
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_give_no_orders() {
        assert_eq!(harmless("web\n\u{1b}[2J\"\\"), "web\u{fffd}\u{fffd}[2J\"\\");
        assert_eq!(harmless(&"ß".repeat(200)).len(), LONGEST);
    }
}
