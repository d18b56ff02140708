//! Labels of bounded length, without control characters.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use sflow_metrics::{AgentKey, entity::Entity, query::Expression};

use untrusted::escaped;

/// Bytes of a name from the network; the rest is cut off.
const MAX_LENGTH: usize = 200;

/// Names and values, without those whose value is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Labels(Vec<(&'static str, String)>);

impl Labels {
    pub(super) fn new<const N: usize>(labels: [(&'static str, String); N]) -> Self {
        let labels = labels
            .into_iter()
            .map(|(name, value)| (name, bounded(&value)));
        Self(labels.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Bytes of the labels in a response.
    pub(super) fn encoded_len(&self) -> usize {
        // `="",` around each, and a backslash before escaped characters.
        let label = |(name, value): &(&str, String)| {
            let escaped = value
                .bytes()
                .filter(|byte| matches!(byte, b'"' | b'\\' | b'\n'));
            name.len() + value.len() + escaped.count() + 4
        };
        self.0.iter().map(label).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels of an entity. Agent and data source identify it; agent and name identify an
    /// application without a data source.
    pub(super) fn of_entity(entity: &Entity<'_>) -> Self {
        let AgentKey {
            sender,
            address,
            sub_agent,
            instance,
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
            ("sub_agent", stream(sub_agent, instance)),
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

    /// The labels of a result. The expression is not cut: it is from the command line.
    pub(super) fn of_answer(expression: &Expression, group: &str) -> Self {
        let mut labels = Self::new([("group", group.to_owned())]);
        labels.0.insert(0, ("expression", expression.to_string()));
        labels
    }

    pub(super) fn of_agent(agent: AgentKey) -> Self {
        Self::new([
            ("agent", agent.address.to_string()),
            ("sub_agent", stream(agent.sub_agent, agent.instance)),
            ("sender", agent.sender.to_string()),
        ])
    }
}

/// The sub-agent, with the number of the agent where several have the same address.
fn stream(sub_agent: u32, instance: u32) -> String {
    match instance {
        0 => sub_agent.to_string(),
        instance => format!("{sub_agent}#{instance}"),
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

/// The labels of an entity, and the name of a custom metric.
pub(super) struct OfMetric<'l>(pub(super) &'l Labels, pub(super) Option<&'l str>);

impl EncodeLabelSet for OfMetric<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.0.encode(encoder)?;
        match self.1 {
            Some(metric) => [("metric", metric)].encode(encoder),
            None => Ok(()),
        }
    }
}

/// At most [`MAX_LENGTH`] bytes, with control and invisible characters escaped.
pub(super) fn bounded(value: &str) -> String {
    let mut bounded = escaped(value).into_owned();
    let end = (0..=MAX_LENGTH.min(bounded.len())).rev();
    let end = end.into_iter().find(|end| bounded.is_char_boundary(*end));
    bounded.truncate(end.unwrap_or_default());
    bounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bounded_and_escaped() {
        assert_eq!(bounded("web\n\u{1b}[2J\"\\"), "web\\n\\u{1b}[2J\"\\");
        assert_eq!(bounded(&"ß".repeat(200)).len(), MAX_LENGTH);
        assert_eq!(bounded(&"€".repeat(200)).len(), 198);
        assert_eq!(bounded(""), "");
    }
}
